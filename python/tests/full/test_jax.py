"""JAX takes tensors by DLPack."""

import ml_dtypes
import numpy as np
import pytest
import tensorfile

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bfloat16", "float8_e4m3fn", "bool"])
@pytest.mark.parametrize("store", [{}, {"codec": "zstd:1", "chunks": 2}], ids=["plain", "chunked"])
def test_dlpack(path, dtype, store):
    a = (np.arange(12) % 2 if dtype == "bool" else np.arange(12)).reshape(3, 4).astype(getattr(ml_dtypes, dtype, dtype))
    tensorfile.save(path, {"a": a}, **store)
    with tensorfile.open(path) as f:
        x = jax.dlpack.from_dlpack(f["a"])
    assert x.dtype == a.dtype and np.asarray(x).tobytes() == a.tobytes()
    assert (np.asarray(jax.numpy.asarray(x) + x)).shape == (3, 4)

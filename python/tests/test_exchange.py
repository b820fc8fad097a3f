"""Arrays to other libraries: the array protocol of NumPy 2, DLPack, buffers."""

import ctypes
import io
import sys

import ml_dtypes
import numpy as np
import pytest
from conftest import HAS_LIBRARY

import tensorfile
from tensorfile import _dlpack

pytestmark = pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")


@pytest.fixture
def f(path, rng):
    a = rng.standard_normal((20, 30)).astype("f4")
    tensorfile.save(path, {"a": a, "t": a.T, "b": rng.random((5, 4)).astype(ml_dtypes.bfloat16), "n": np.arange(12).reshape(3, 4).astype(ml_dtypes.int4), "s": ["x"]})
    with tensorfile.open(path, "a") as w:
        w.write("c", a, chunks=[7, 30], codec="zstd:1")
        w.write("big", np.arange(5), dims=["x"])
    f = tensorfile.open(path)
    f.array = a
    yield f
    f.close()


def of_file(f, x):
    return np.shares_memory(x, f._reader().mapping)


def test_array_protocol(f):
    a, t, c = f.array, f["a"], f["c"]
    assert of_file(f, np.asarray(t)) and of_file(f, np.array(t, copy=None)) and of_file(f, np.asarray(t, copy=False))
    own = np.array(t)
    assert not of_file(f, own) and own.flags.writeable and np.array_equal(own, a)
    assert np.asarray(t, "f8").dtype == np.float64 and np.array_equal(np.asarray(t, "f8"), a.astype("f8"))
    with pytest.raises(ValueError):
        np.asarray(t, "f8", copy=False)
    assert np.array_equal(np.asarray(c), a) and np.asarray(c).flags.writeable
    with pytest.raises(ValueError):
        np.asarray(c, copy=False)
    assert np.array_equal(np.sin(t), np.sin(a)) and np.array_equal(np.concatenate([t, c]), np.concatenate([a, a]))
    assert np.asarray(f["t"]).strides == a.T.strides


def test_dlpack(f):
    a, t, c = f.array, f["a"], f["c"]
    assert t.__dlpack_device__() == (1, 0)
    x = np.from_dlpack(t)
    assert of_file(f, x) and not x.flags.writeable and np.array_equal(x, a)
    x = np.from_dlpack(f["t"])
    assert of_file(f, x) and x.strides == a.T.strides
    y = np.from_dlpack(c)
    assert not of_file(f, y) and np.array_equal(y, a)
    assert not of_file(f, np.from_dlpack(t, copy=True)) and np.from_dlpack(t, copy=True).flags.writeable
    with pytest.raises(BufferError):
        np.from_dlpack(c, copy=False)
    with pytest.raises(BufferError):
        t.__dlpack__(dl_device=(2, 0))
    with pytest.raises(ValueError):
        t.__dlpack__(stream=1)
    for name in ("s",):
        with pytest.raises(BufferError):
            f[name].__dlpack__(max_version=(1, 0))


def test_dlpack_holds_the_mapping(path, rng):
    a = rng.integers(0, 99, 1000)
    tensorfile.save(path, {"a": a})
    f = tensorfile.open(path)
    x = np.from_dlpack(f["a"])
    f.close()
    del f
    assert np.array_equal(x, a)


def test_dlpack_of_old_consumers_is_a_copy(f):
    """They cannot be told that memory is read-only."""
    made = f["a"].__dlpack__()
    assert _dlpack._is(made, b"dltensor")
    held = _dlpack._Tensor.from_address(_dlpack._get(made, b"dltensor"))
    x = np.ctypeslib.as_array(ctypes.cast(held.data, ctypes.POINTER(ctypes.c_float)), (20, 30))
    assert not of_file(f, x) and np.array_equal(x, f.array)


@pytest.mark.parametrize("name, code, bits", [("bfloat16", 4, 16), ("float8_e4m3fn", 10, 8), ("float8_e4m3fnuz", 11, 8), ("float8_e5m2", 12, 8), ("float8_e5m2fnuz", 13, 8), ("float8_e8m0fnu", 14, 8),
                                              ("float32", 2, 32), ("int16", 0, 16), ("uint8", 1, 8), ("complex64", 5, 64), ("bool", 6, 8)])  # fmt: skip
def test_dlpack_types(path, name, code, bits):
    """The codes of dlpack.h, of the types that NumPy lacks, too, and the flag that memory is read-only."""
    d = np.dtype(getattr(ml_dtypes, name, name))
    a = np.arange(6).reshape(2, 3).astype(d)
    tensorfile.save(path, {"a": a})
    f = tensorfile.open(path)
    made = f["a"].__dlpack__(max_version=(1, 0))
    held = _dlpack._Versioned.from_address(_dlpack._get(made, b"dltensor_versioned"))
    t = held.tensor
    assert (held.major, held.flags & 1) == (1, 1)
    assert (t.dtype.code, t.dtype.bits, t.dtype.lanes, t.device_type, t.ndim) == (code, bits, 1, 1, 2)
    assert ctypes.string_at(t.data + t.byte_offset, a.nbytes) == a.tobytes()
    assert (ctypes.c_int64 * 2).from_address(t.shape)[:] == [2, 3]


def test_buffer(f):
    m = memoryview(f["a"][...])
    assert m.readonly and m.shape == (20, 30) and m.format == "f"
    buffer = memoryview if sys.version_info >= (3, 12) else lambda t: t.__buffer__(0)
    m = buffer(f["a"])
    assert m.readonly and m.shape == (20, 30) and bytes(m) == f.array.tobytes() and of_file(f, np.asarray(m))
    assert buffer(f["t"]).strides == f.array.T.strides
    for name in ("c", "b", "n", "s"):
        with pytest.raises(BufferError):
            buffer(f[name])
    if sys.version_info >= (3, 12):
        with pytest.raises((BufferError, TypeError)):
            io.BytesIO(bytes(2400)).readinto(f["a"])
    assert np.asarray(f["b"]).dtype == ml_dtypes.bfloat16


def test_read_into(f):
    a = f.array
    for name in ("a", "c"):
        out = np.empty((4, 15), "f4")
        assert f[name].read(np.s_[2:10:2, ::2], out=out) is out and np.array_equal(out, a[2:10:2, ::2])
        wide = np.zeros((20, 60), "f4")
        f[name].read(out=wide[:, ::2])
        assert np.array_equal(wide[:, ::2], a) and not wide[:, 1::2].any()
        for bad, error in [(np.empty((3, 3), "f4"), ValueError), (np.empty((20, 30)), TypeError), ([0], TypeError)]:
            with pytest.raises(error):
                f[name].read(out=bad)
        out = np.empty((20, 30), "f4")
        out.flags.writeable = False
        with pytest.raises(ValueError):
            f[name].read(out=out)


def test_mapped_arrays_cannot_be_written(f):
    x = f["a"][...]
    with pytest.raises(ValueError):
        x[0] = 1
    with pytest.raises(ValueError):
        x.flags.writeable = True

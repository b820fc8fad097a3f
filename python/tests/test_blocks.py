"""Blocks of ggml: the numbers that the package gguf makes of them, in quant/testdata/blocks.jsonl.gz; and words of types
that NumPy lacks, without ml_dtypes."""

import base64
import gzip
import json
import os
import subprocess
import sys

import ml_dtypes
import numpy as np
import pytest
from conftest import HAS_LIBRARY, ROOT

import tensorfile
from tensorfile import DType

pytestmark = pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")

with gzip.open(os.path.join(ROOT, "quant", "testdata", "blocks.jsonl.gz"), "rt") as f:
    CASES = [json.loads(line) for line in f]


def test_numbers(path):
    assert len({c["type"] for c in CASES}) == 13
    wanted = {}
    with tensorfile.open(path, "w") as f:
        for i, c in enumerate(CASES[:130]):
            d = DType.named(c["type"])
            units = np.frombuffer(base64.b64decode(c["blocks"]), "V%d" % d.unit_bytes)
            name = "%s.%d" % (c["type"], i)
            wanted[name] = units, np.frombuffer(base64.b64decode(c["floats"]), "<f4")
            f.write(name, units, type=d, **({"codec": "zstd:1", "chunks": d.unit_elems} if i % 2 else {}))
    with tensorfile.open(path) as f:
        for name, (units, x) in wanted.items():
            t = f[name]
            assert t.shape == x.shape and t.dtype == np.float32 and t.units().tobytes() == units.tobytes() and t.type.name == name.split(".")[0]
            same(t[...], x)
            for key in (slice(3, None, 7), slice(None, None, -1), [31, 0, 5], 17, slice(5, 5), slice(20, 40)):
                same(t[key], x[key])


def same(a, b):
    """Bit for bit, but for which NaN it is."""
    a, b = np.asarray(a), np.asarray(b)
    assert a.shape == b.shape and a.dtype == b.dtype
    np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
    assert np.where(np.isnan(a), 0, a).tobytes() == np.where(np.isnan(b), 0, b).tobytes()


def test_rows(path):
    d = DType.named("q8_0")
    units = np.frombuffer(np.random.default_rng(1).integers(0, 64, 4 * 3 * 34, np.uint8).tobytes(), "V34").reshape(4, 3)
    with tensorfile.open(path, "w") as f:
        f.write("a", units, type=d)
    t = tensorfile.open(path)["a"]
    x = t[...]
    assert x.shape == (4, 96) and t.units().shape == (4, 3)
    same(t[1:3, 40:50], x[1:3, 40:50])
    same(t[[3, 0], ::31], x[[3, 0], ::31])
    same(t[2, -1], x[2, -1])


def test_kinds_that_are_not_known(path):
    d = DType.named("iq2_xxs")
    with tensorfile.open(path, "w") as f:
        f.write("a", np.zeros((2, 1), "V66"), type=d)
    t = tensorfile.open(path)["a"]
    with pytest.raises(tensorfile.Error) as e:
        t[...]
    assert e.value.kind == "unsupported" and t.units().shape == (2, 1)
    with pytest.raises(tensorfile.Error):
        tensorfile.open(path, engine="python")["a"][...]


def test_bad_units(path):
    with tensorfile.open(path, "w") as f:
        for value, name, error in [(np.zeros(3, "V17"), "q4_0", TypeError), (np.zeros((), "V18"), "q4_0", ValueError), (np.zeros(3, "f4"), "bf16", TypeError), (np.zeros(3, object), "f64", TypeError)]:
            with pytest.raises(error):
                f.write("a", value, type=DType.named(name))
        f["b"] = 1
    for bad, error in [("f3", tensorfile.Error), (5, TypeError), ("f4", tensorfile.Error)]:
        with pytest.raises(error):
            DType.named(bad)


def test_words_without_ml_dtypes(path):
    """Where ml_dtypes is not installed types that take it say so, and units() has the words."""
    a = np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16)
    tensorfile.save(path, {"a": a, "i": np.arange(4).astype(ml_dtypes.int4)})
    code = """
import sys
sys.modules["ml_dtypes"] = None
import numpy as np, tensorfile
f = tensorfile.open(%r)
t = f["a"]
assert t.shape == (2, 3) and t.type.name == "bf16" and "bf16" in repr(t)
for use in (lambda: t.dtype, lambda: t[...], lambda: t.read(), lambda: np.asarray(t), lambda: f["i"][...]):
    try:
        use()
        assert False
    except TypeError as e:
        assert "pip install ml_dtypes" in str(e), e
u = t.units()
assert u.dtype == np.uint16 and (u.astype("u4") << 16).view("f4").tolist() == [[0, 1, 2], [3, 4, 5]]
assert f["i"].units().tolist() == [0x10, 0x32]
with tensorfile.open(%r, "w") as w:
    w.write("a", u, type=t.type)
print("done")
""" % (path, path + "2")
    p = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert p.stdout == "done\n", p.stderr
    assert tensorfile.load(path + "2")["a"].tobytes() == a.tobytes()

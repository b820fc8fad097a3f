"""Code for safetensors runs with one changed import: its results are compared with those of the real library."""

import importlib.util
import os
import re

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy
from conftest import HAS_LIBRARY, ROOT

import tensorfile
import tensorfile.numpy

pytestmark = pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")


@pytest.fixture
def tensors(rng):
    return {
        "w": rng.standard_normal((4, 6)).astype("f4"),
        "b": rng.standard_normal(6).astype("f2"),
        "i": rng.integers(-9, 9, (2, 3, 4)),
        "bf": rng.standard_normal((3, 3)).astype(ml_dtypes.bfloat16),
        "scalar": np.float64(0.5),
        "empty": np.zeros((0, 4), "f4"),
        "mask": rng.random(9) < 0.5,
    }


def program(safe_open, save_file, load_file, path, tensors):
    """A program for safetensors.numpy."""
    save_file(tensors, path, metadata={"format": "np", "epoch": "3"})
    out = []
    with safe_open(path, framework="np") as f:
        out.append(sorted(f.keys()))
        out.append(f.metadata())
        for k in sorted(f.keys()):
            s = f.get_slice(k)
            out += [s.get_shape(), s.get_dtype(), f.get_tensor(k)]
        w = f.get_slice("w")
        out += [w[1:3], w[:, 2:], w[0], w[:, 1]]
    out.append(load_file(path))
    return out


def same(a, b):
    if isinstance(a, dict):
        return sorted(a) == sorted(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return a == b


@pytest.mark.parametrize("name", ["x.tensor", "x.safetensors"])
def test_one_changed_import(tmp_path, tensors, name):
    theirs = {k: np.asarray(v) for k, v in tensors.items()}
    want = program(safetensors.safe_open, safetensors.numpy.save_file, safetensors.numpy.load_file, str(tmp_path / "their.safetensors"), theirs)
    got = program(tensorfile.safe_open, tensorfile.numpy.save_file, tensorfile.numpy.load_file, str(tmp_path / name), tensors)
    assert len(want) == len(got)
    for a, b in zip(want, got):
        assert same(a, b), (a, b)


def test_their_files(tmp_path, tensors):
    """What the real library wrote is opened, too."""
    path = str(tmp_path / "x.safetensors")
    safetensors.numpy.save_file({k: np.asarray(v) for k, v in tensors.items()}, path, metadata={"epoch": "3"})
    with safetensors.safe_open(path, framework="np") as a, tensorfile.safe_open(path, framework="np") as b:
        assert sorted(a.keys()) == b.keys() == list(b) and a.metadata() == b.metadata()
        for k in a.keys():
            assert same(a.get_tensor(k), b.get_tensor(k)) and a.get_slice(k).get_dtype() == b.get_slice(k).get_dtype()


def test_bytes(tensors):
    raw = tensorfile.numpy.save(tensors, metadata={"a": "b"})
    got = tensorfile.numpy.load(raw)
    assert all(same(np.asarray(v), got[k]) for k, v in tensors.items())


def test_results_are_of_ones_own(path, tensors):
    tensorfile.numpy.save_file(tensors, path)
    with tensorfile.safe_open(path) as f:
        x = f.get_tensor("w")
    x[0] = 1
    assert x.flags.writeable and x[0, 0] == 1 and f.metadata is not None


def test_page():
    """The imports that docs/python.md shows beside those of safetensors."""
    with open(os.path.join(ROOT, "docs", "python.md"), encoding="utf-8") as f:
        block = re.search(r"test_safetensors.py -->\n```python\n(.*?)```", f.read(), re.S).group(1)
    lines = block.splitlines()
    assert len(lines) == 3
    for line in lines:
        ours, theirs = line.split("#")
        module, names = re.fullmatch(r"from (\S+) import (.*?) *", ours).groups()
        assert module.replace("tensorfile", "safetensors") in theirs
        if module == "tensorfile.torch" and importlib.util.find_spec("torch") is None:
            continue
        for n in names.split(", "):
            assert callable(getattr(importlib.import_module(module), n))


def test_bad_arguments(path, tensors):
    tensorfile.numpy.save_file(tensors, path)
    for kw in ({"framework": "tf"}, {"framework": "np", "device": "cuda"}):
        with pytest.raises(ValueError):
            tensorfile.safe_open(path, **kw)
    with pytest.raises(FileNotFoundError):
        tensorfile.safe_open(path + "x", framework="np")
    with tensorfile.safe_open(path, framework="np") as f:
        for call in (f.get_tensor, f.get_slice):
            with pytest.raises(KeyError):
                call("none")
        assert f.metadata() is None and sorted(f.offset_keys()) == f.keys()
        with pytest.raises(IndexError):
            f.get_slice("w")[9]

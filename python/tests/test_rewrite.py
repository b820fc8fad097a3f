"""Files that are written anew: repacked, and recovered from damage."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import HAS_LIBRARY

import tensorfile

pytestmark = pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")


@pytest.fixture
def history(path, rng):
    """Three generations: a, then a of other values beside b, then more rows of a."""
    a, b, more = rng.standard_normal((700, 9)), rng.integers(0, 99, 5000), rng.standard_normal((3, 9))
    tensorfile.save(path, {"a": a}, codec="shuffle|zstd:1", chunks=64)
    with tensorfile.open(path, "a") as w:
        w.write("a", -a, codec="shuffle|zstd:1", chunks=64, replace=True)
        w["b"] = b
        w.commit()
        w.append("a", more)
    return path, a, b, more


def test_repack_in_place(history):
    path, a, b, more = history
    f = tensorfile.open(path)
    held, size = f["b"][...], os.path.getsize(path)
    r = tensorfile.repack(path)
    assert (r.generations, r.tensors, r.before, r.after) == ([3], 2, size, os.path.getsize(path)) and r.after < r.before
    with tensorfile.open(path) as g:
        assert [x.number for x in g.generations()] == [3] and g.verify()
        assert np.array_equal(g["a"][...], np.concatenate([-a, more])) and np.array_equal(g["b"][...], b)
    assert np.array_equal(held, b) and np.array_equal(f["a"][5], -a[5]) and f.changed(), "a reader keeps the old file"


def test_repack_to_another(history, tmp_path):
    path, a, b, _ = history
    to = tmp_path / "y.tensor"
    before = Path(path).read_bytes()
    assert tensorfile.repack(path, to, keep=[1]).generations == [1, 3]
    assert Path(path).read_bytes() == before
    assert np.array_equal(tensorfile.open(to, generation=1)["a"][...], a)
    with pytest.raises(FileExistsError):
        tensorfile.repack(path, to)
    assert tensorfile.repack(path, to, keep_all=True, overwrite=True, durable=False).generations == [1, 2, 3]
    r = tensorfile.repack(path, to, generation=2, overwrite=True, deterministic=True)
    assert r.generations == [2] and np.array_equal(tensorfile.load(to)["a"], -a)
    first = to.read_bytes()
    tensorfile.repack(path, to, generation=2, overwrite=True, deterministic=True)
    assert to.read_bytes() == first
    for bad, error in [({"keep": [9]}, KeyError), ({"keep": [0]}, ValueError), ({"generation": 7}, KeyError)]:
        with pytest.raises(error):
            tensorfile.repack(path, to, overwrite=True, **bad)
    assert to.read_bytes() == first


def test_repack_while_one_writes(history):
    path, *_ = history
    with tensorfile.open(path, "a") as w:
        with pytest.raises(BlockingIOError):
            tensorfile.repack(path)
        w.discard()
    assert tensorfile.repack(path).generations == [3]


def test_repack_of_a_damaged_file(history, tmp_path):
    """It is an error that names the tensor, and nothing is written."""
    path, *_ = history
    with tensorfile.open(path) as f:
        at = f["b"]._record.offset
    flip(path, at + 800)
    with pytest.raises(tensorfile.Error, match="b") as e:
        tensorfile.repack(path, tmp_path / "y.tensor")
    assert (e.value.kind, e.value.rule) == ("corrupt", "storage.crc") and os.listdir(tmp_path) == ["x.tensor"]


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        x = f.read(1)[0]
        f.seek(at)
        f.write(bytes([x ^ 16]))


def test_recover(history, tmp_path):
    path, a, b, more = history
    to = tmp_path / "y.tensor"
    with open(path, "r+b") as f:
        f.write(os.urandom(3 * 4096))  # header and root records
    with pytest.raises(tensorfile.Error):
        tensorfile.open(path, native_only=True)
    r = tensorfile.recover(path)
    assert r and r.tensors == 2 and r.lost == [] and r.damage and os.listdir(tmp_path) == ["x.tensor"]
    r = tensorfile.recover(path, to)
    assert r.whole and r.generation == 3 and r.unnamed_entries == r.unreadable == 0
    got = tensorfile.load(to)
    assert np.array_equal(got["a"], np.concatenate([-a, more])) and np.array_equal(got["b"], b)
    with pytest.raises(FileExistsError):
        tensorfile.recover(path, to)
    with pytest.raises(tensorfile.Error) as e:
        tensorfile.recover(path, path, overwrite=True)
    assert e.value.kind == "unsafe path"
    with pytest.raises(FileNotFoundError):
        tensorfile.recover(tmp_path / "none", to, overwrite=True)


def test_recover_says_what_is_lost(history, tmp_path):
    """A raw tensor with a wrong bit is lost; of a chunked one the other chunks are kept."""
    path, a, b, more = history
    to = tmp_path / "y.tensor"
    with tensorfile.open(path) as f:
        at = f["b"]._record.offset
        whole = f["a"][...]
    flip(path, at + 39999)
    r = tensorfile.recover(path, to)
    assert not r and [(x["name"], x["kind"], x["rule"]) for x in r.lost] == [("b", "corrupt", "storage.crc")] and r.damaged_chunks == 0
    assert list(tensorfile.open(to)) == ["a"] and np.array_equal(tensorfile.load(to)["a"], whole)
    # The first byte of the file at which a chunk of "a" breaks.
    raw = Path(path).read_bytes()
    for at in range(3 * 4096, len(raw), 977):
        flip(path, at)
        r = tensorfile.recover(path, to, overwrite=True, durable=False)
        flip(path, at)
        if r.damaged_chunks:
            break
    assert not r and r.damaged_chunks == 1 and "a" not in [x["name"] for x in r.lost]
    t, bad = tensorfile.open(to)["a"], 0
    for i in range(0, 703, 64):
        try:
            assert np.array_equal(t[i : i + 64], whole[i : i + 64])
        except tensorfile.Error as e:
            assert e.kind == "corrupt"
            bad += 1
    assert bad == 1
    assert Path(path).read_bytes() == raw


def test_what_is_no_file(tmp_path):
    (tmp_path / "x").write_bytes(b"nothing of the kind" * 1000)
    for call in (lambda: tensorfile.recover(tmp_path / "x", tmp_path / "y"), lambda: tensorfile.repack(tmp_path / "x")):
        with pytest.raises(tensorfile.Error):
            call()
    assert os.listdir(tmp_path) == ["x"]

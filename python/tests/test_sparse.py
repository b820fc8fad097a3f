"""Sparse tensors to and from SciPy, and what is wrong with hostile ones."""

import numpy as np
import pytest
import scipy.sparse
from conftest import HAS_LIBRARY

import tensorfile
from tensorfile import DType, Sparse

written = pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")


@written
@pytest.mark.parametrize("layout", ["csr", "csc", "bsr", "coo", "lil", "dia"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "c8"])
@pytest.mark.parametrize("store", [{}, {"codec": "shuffle|zstd:1", "chunks": 7}], ids=["plain", "chunked"])
def test_scipy(path, rng, layout, dtype, store, engine):
    a = (rng.integers(-9, 9, (12, 20)) * (rng.random((12, 20)) < 0.2)).astype(dtype)
    m = scipy.sparse.csr_array(a)
    m = m.tobsr(blocksize=(3, 4)) if layout == "bsr" else m.asformat(layout)
    tensorfile.save(path, {"m": m}, **store)
    with tensorfile.open(path, engine=engine) as f:
        t = f["m"]
        assert t.layout == (layout if layout in ("csr", "csc", "bsr", "coo") else "csr") and t.shape == (12, 20) and t.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(t[...], a)
        np.testing.assert_array_equal(t[2:5, ::3], a[2:5, ::3])
        s = t.scipy()
        assert s.format == t.layout and s.dtype == a.dtype
        np.testing.assert_array_equal(s.toarray(), a)
        x = rng.integers(0, 5, 20).astype(dtype)
        np.testing.assert_array_equal(s @ x, a @ x)
    np.testing.assert_array_equal(s.toarray(), a, "after the file is closed")
    assert tensorfile.load(path)["m"].nnz == (m.data.size if layout in ("csr", "csc", "bsr", "coo") else m.tocsr().nnz)


@written
def test_parts_are_not_copied(path):
    m = scipy.sparse.random_array((50, 50), density=0.1, format="csr", rng=1)
    tensorfile.save(path, {"m": m})
    with tensorfile.open(path) as f:
        s = f["m"].scipy()
        for x in (s.data, s.indices, s.indptr):
            assert np.shares_memory(x, f._reader().mapping)


@written
def test_rows_are_appended(path):
    m = scipy.sparse.random_array((6, 9), density=0.4, format="csr", rng=2)
    with tensorfile.open(path, "w") as f:
        f["m"] = m
        f.commit()
        f.append("m", m[:2])
    np.testing.assert_array_equal(tensorfile.load(path)["m"].dense(), np.vstack([m.toarray(), m[:2].toarray()]))


def test_duplicates_structure_fill():
    v = np.array([1.0, 2, -0.0, 4])
    s = Sparse.coo([[0, 1], [0, 1], [1, 0], [1, 1]], v, (2, 2))
    assert s.dense().tolist() == [[0, 3], [-0.0, 4]] and np.signbit(s.dense()[1, 0])
    s = Sparse("coo", (2, 2), DType.of("f8"), {**s.parts, "fill": np.array(-1.0)})
    assert s.dense().tolist() == [[-1, 3], [-0.0, 4]] and s.fill == -1
    with pytest.raises(ValueError, match="SciPy"):
        s.scipy()
    at, low = np.array([[0, 0], [1, 0], [2, 1]]), np.array([1 + 1j, 2 + 2j, 3 + 3j])
    for k, (name, other) in enumerate([("symmetric", low), ("skew", -low), ("hermitian", np.conj(low))], 1):
        entries, values, mirrored = (at[1:], low[1:], other[1:]) if name == "skew" else (at, low, other)
        s = Sparse("coo", (3, 3), DType.of("c16"), {"indices": entries, "values": values}, k << 4)
        want = np.zeros((3, 3), complex)
        for (i, j), x, y in zip(entries, values, mirrored):
            want[i, j] = x
            if i != j:
                want[j, i] = y
        assert s.structure == name
        np.testing.assert_array_equal(s.dense(), want)
        np.testing.assert_array_equal(s.scipy().toarray(), want)
    b = Sparse.coo([[0], [0], [1]], np.array([True, True, False]), (2,))
    assert b.dense().tolist() == [True, False]


def csr(indptr, indices, values=None, flags=0, shape=(2, 3)):
    values = np.ones(len(indices)) if values is None else np.asarray(values)
    return Sparse("csr", shape, DType.of(values.dtype), {"indptr": np.array(indptr), "indices": np.array(indices), "values": values}, flags)


HOSTILE = {
    "index above": (csr([0, 1, 2], [0, 3]), "composite.index"),
    "index below": (csr([0, 1, 2], [0, -1]), "composite.index"),
    "pointer falls": (csr([0, 2, 1, 2], [0, 1], shape=(3, 3)), "composite.pointer"),
    "pointer begins late": (csr([1, 1, 2], [0, 1]), "composite.pointer"),
    "pointer ends early": (csr([0, 1, 1], [0, 1]), "composite.pointer"),
    "pointer ends late": (csr([0, 1, 3], [0, 1]), "composite.pointer"),
    "pointers too few": (csr([0, 2], [0, 1]), "composite.part"),
    "values too few": (csr([0, 1, 2], [0, 1], [1.0]), "composite.part"),
    "indices are floats": (csr([0, 1, 2], [0.0, 1.0]), "composite.part"),
    "unsorted": (csr([0, 2, 2], [1, 0], flags=1), "composite.index"),
    "twice": (csr([0, 2, 2], [1, 1], flags=2), "composite.index"),
    "twice, sorted": (csr([0, 2, 2], [1, 1], flags=3), "composite.index"),
    "flags": (csr([0, 1, 2], [0, 1], flags=4), "composite.flags"),
    "symmetric, not square": (csr([0, 1, 2], [0, 0], flags=16), "composite.flags"),
    "hermitian of floats": (csr([0, 1, 2], [0, 0], flags=48, shape=(2, 2)), "composite.flags"),
    "above the triangle": (csr([0, 1, 1], [1], flags=16, shape=(2, 2)), "composite.index"),
    "on the diagonal of skew": (csr([0, 1, 1], [0], flags=32, shape=(2, 2)), "composite.index"),
    "huge index": (csr([0, 1, 1], np.array([2**63], np.uint64)), "composite.index"),
    "no part": (Sparse("coo", (2,), DType.of("f8"), {"values": np.ones(1)}), "composite.part"),
    "mask": (Sparse("bitmap", (2,), DType.of("f8"), {"mask": np.array([True, True]), "values": np.ones(1)}, 3), "composite.index"),
    "mask of bytes": (Sparse("bitmap", (2,), DType.of("f8"), {"mask": np.array([1, 1], "u1"), "values": np.ones(2)}, 3), "composite.part"),
    "blocks that do not fit": (Sparse("bsr", (3, 4), DType.of("f8"), {"indptr": np.array([0, 1]), "indices": np.array([0]), "values": np.ones((1, 2, 2))}), "composite.part"),
    "order": (Sparse("csf", (2, 2), DType.of("f8"), {"order": np.array([0, 0], "u1"), "idx0": np.array([0]), "idx1": np.array([0]), "ptr0": np.array([0, 1]), "values": np.ones(1)}, 3), "composite.index"),
    "no child": (Sparse("csf", (2, 2), DType.of("f8"), {"order": np.array([0, 1], "u1"), "idx0": np.array([0, 1]), "idx1": np.array([0]), "ptr0": np.array([0, 1, 1]), "values": np.ones(1)}, 3), "composite.pointer"),
    "siblings": (Sparse("csf", (2, 2), DType.of("f8"), {"order": np.array([0, 1], "u1"), "idx0": np.array([0]), "idx1": np.array([1, 0]), "ptr0": np.array([0, 2]), "values": np.ones(2)}, 3), "composite.index"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile(what):
    """Nothing reaches SciPy or an array before it is checked."""
    s, rule = HOSTILE[what]
    for use in (s.validate, s.dense, s.scipy, s.entries):
        with pytest.raises(tensorfile.Error) as e:
            use()
        assert e.value.rule == rule


def test_hostile_ragged_strings_quantised():
    for make, rule in [
        (lambda: tensorfile.Ragged([0, 2, 1], np.arange(2)), "composite.pointer"),
        (lambda: tensorfile.Ragged([0, 2], np.arange(3)), "composite.pointer"),
        (lambda: tensorfile.Ragged([0, 3], np.arange(3), longest=2), "composite.pointer"),
        (lambda: tensorfile.Strings([0, 2], b"abc"), "composite.pointer"),
        (lambda: tensorfile.Strings([0, 1], b"\xff")[0], "composite.utf8"),
        (lambda: tensorfile.Quantised(np.ones((2, 4), "i1"), np.ones((2, 2), "f4"), group=(1, 3, 1)), "composite.part"),
        (lambda: tensorfile.Quantised(np.ones((2, 4), "i1"), np.ones((2, 3), "f4"), group=(1, 2)), "composite.part"),
        (lambda: tensorfile.Quantised(np.ones((2, 4), "i1"), np.ones((2, 3), "f4"), group=(1, 0)), "composite.index"),
        (lambda: tensorfile.Quantised(np.ones((2, 4), "?"), np.ones((2, 4), "f4"), group=(1, 1)), "composite.part"),
    ]:
        with pytest.raises(tensorfile.Error) as e:
            make()
        assert e.value.rule == rule
    for bad in (lambda: tensorfile.Ragged([0.0, 1.0], np.arange(1)), lambda: tensorfile.Ragged([], np.arange(0)), lambda: tensorfile.Strings([0, 1], b"a", (2, 2)), lambda: Sparse("x", (), DType.of("f4"), {})):
        with pytest.raises(ValueError):
            bad()
    with pytest.raises(TypeError):
        tensorfile.Strings.of(["a", 1])

#!/usr/bin/env python3
"""Exchanges random sparse arrays in .npz files with SciPy.

scipy_npz_interop.py write SEED COUNT DIR   DIR gets COUNT files by save_npz
scipy_npz_interop.py check SEED COUNT DIR   for each file DIR has NAME.bin, the
                                            coordinates (int64, entry by entry)
                                            and values that were read, and
                                            out.NAME, written anew
"""
import os
import sys

import numpy as np
import scipy.sparse as sp

FORMATS = ["csr", "csc", "bsr", "coo", "dia", "coo1", "coo3"]
DTYPES = "bool int8 uint8 int16 uint16 int32 uint32 int64 uint64 float32 float64 complex64 complex128".split()


def make(rng, i):
    fmt = FORMATS[i % len(FORMATS)]
    dtype = np.dtype(DTYPES[int(rng.integers(len(DTYPES)))])
    rank = {"coo1": 1, "coo3": 3}.get(fmt, 2)
    shape = tuple(int(x) for x in rng.integers(0 if i % 5 == 0 else 1, 13, rank))
    if fmt == "bsr":
        shape = tuple(2 * x for x in shape)
    n = int(rng.integers(0, 40)) if 0 not in shape else 0
    coords = tuple(rng.integers(0, max(e, 1), n) for e in shape)
    values = rng.integers(0, 256, 16 * n, dtype=np.uint8).view(dtype)[:n] if dtype.kind in "iu" else rng.standard_normal(n).astype(dtype)
    if dtype.kind == "c":
        values = values + (1j * rng.standard_normal(n)).astype(dtype)
    if dtype.kind == "b":
        values = np.ones(n, bool)
    if n and i % 4 == 0:
        values[0] = 0  # an explicit zero
    m = sp.coo_array((values, coords), shape=shape)
    if fmt == "bsr":
        m = m.tobsr(blocksize=(2, 1 + int(shape[1] % 2 == 0)))
    elif rank == 2:
        m = m.asformat(fmt)
    if rank == 2 and i % 3 == 0:  # the older class
        m = getattr(sp, fmt + "_matrix")(m)
    return m, bool(rng.integers(2))


def entries(m):
    """Coordinates and values in the order of the file, zeros included."""
    if m.format == "dia":
        rows, cols = m.shape
        r, c, v = [], [], []
        for k, off in enumerate(m.offsets):
            for j in range(m.data.shape[1]):
                if 0 <= j - off < rows and j < cols:
                    r.append(j - off), c.append(j), v.append(m.data[k, j])
        return np.array([r, c], np.int64).reshape(2, -1).T, np.array(v, m.dtype)
    if m.format == "coo":
        return np.stack(m.coords, axis=1).astype(np.int64).reshape(-1, m.ndim), m.data
    if m.format == "bsr":
        h, w = m.blocksize
        e = [(b * h + y, int(m.indices[k]) * w + x, m.data[k, y, x])
             for b in range(len(m.indptr) - 1) for k in range(m.indptr[b], m.indptr[b + 1]) for y in range(h) for x in range(w)]
        return np.array([p[:2] for p in e], np.int64).reshape(-1, 2), np.array([p[2] for p in e], m.dtype)
    c = m.tocoo(copy=True)
    return np.stack([c.row, c.col], axis=1).astype(np.int64).reshape(-1, 2), c.data


def ordered(c, v):
    o = np.lexsort(c.T[::-1]) if len(v) else []
    return c[o], v[o]


def main():
    verb, seed, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    for i in range(count):
        m, compressed = make(np.random.default_rng([seed, i]), i)
        path = os.path.join(folder, f"m{i}.npz")
        if verb == "write":
            sp.save_npz(path, m, compressed=compressed)
            continue
        c, v = ordered(*entries(m))
        with open(path + ".bin", "rb") as f:
            data = f.read()
        n = len(v)
        assert len(data) == 8 * n * m.ndim + v.nbytes, (i, m, len(data))
        gc = np.frombuffer(data, np.int64, n * m.ndim).reshape(n, m.ndim)
        gv = np.frombuffer(data, v.dtype, n, 8 * n * m.ndim)
        gc, gv = ordered(gc, gv)
        assert np.array_equal(c, gc) and np.array_equal(v, gv), (i, m, c[:4], gc[:4], v[:4], gv[:4])
        b = sp.load_npz(os.path.join(folder, f"out.m{i}.npz"))
        want = m if m.format != "dia" else m.tocoo()
        assert b.format == want.format and b.dtype == m.dtype and b.shape == m.shape, (i, m, b)
        assert isinstance(b, sp.sparray) == isinstance(m, sp.sparray), (i, m, b)
        bc, bv = ordered(*entries(b))
        assert np.array_equal(c, bc) and np.array_equal(v, bv), (i, m, b)


main()

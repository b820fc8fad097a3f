#!/usr/bin/env python3
"""Exchanges random matrices in Matrix Market files with SciPy.

mtx_interop.py write SEED COUNT DIR   DIR gets COUNT files that SciPy wrote
mtx_interop.py check SEED COUNT DIR   for each file DIR has NAME.bin, the rows,
                                      columns (int64) and values that were read,
                                      and out.NAME, written anew: both are
                                      compared with what was made
"""
import gzip
import os
import sys

import numpy as np
import scipy.io
import scipy.sparse as sp

FIELDS = ["real", "integer", "unsigned-integer", "complex", "pattern", "f32", "special"]
SYMMETRIES = ["general", "symmetric", "skew-symmetric", "hermitian"]


def make(rng, i):
    """A matrix, the arguments that write it, and its field."""
    field = FIELDS[i % len(FIELDS)]
    symmetry = SYMMETRIES[rng.integers(4)] if i % 3 == 0 else "general"
    rows, cols = (int(x) for x in rng.integers(0, 40, 2))
    if i % 11 == 0:
        rows, cols = 3_000_000_000 + i, 7  # indices of 64 bits
    if symmetry != "general":
        cols = rows = min(rows, 40)
    if symmetry == "hermitian":
        field = "complex"
    if symmetry == "skew-symmetric" and field in ("pattern", "unsigned-integer"):
        field = "real"
    n = int(rng.integers(0, 60)) if rows and cols else 0
    r = rng.integers(0, max(rows, 1), n)
    c = rng.integers(0, max(cols, 1), n)
    if symmetry != "general" or field == "pattern":  # each place once
        if symmetry != "general":
            r, c = np.maximum(r, c), np.minimum(r, c)
        keep = np.unique(np.stack([r, c]), axis=1)
        if symmetry == "skew-symmetric":
            keep = keep[:, keep[0] != keep[1]]
        r, c = keep
        n = len(r)
    if field == "integer":
        v = rng.integers(-(2**63), 2**63 - 1, n, dtype=np.int64)
    elif field == "unsigned-integer":
        v = rng.integers(0, 2**64, n, dtype=np.uint64)
    elif field == "complex":
        v = rng.standard_normal(n) + 1j * rng.standard_normal(n)
        if symmetry == "hermitian":
            v[r == c] = v[r == c].real
    elif field == "pattern":
        v = np.ones(n, np.float64)
    elif field == "f32":
        v = rng.standard_normal(n).astype(np.float32)
    elif field == "special":
        v = rng.integers(0, 2**64, n, dtype=np.uint64).view(np.float64).copy()
        v[np.isnan(v)] = np.nan
        v[::5] = [np.inf, -np.inf, np.nan, -0.0, 5e-324][i % 5]
    else:
        v = rng.standard_normal(n) * 10.0 ** rng.integers(-30, 30, n)
    return r, c, v, rows, cols, field, symmetry


def write(path, case):
    r, c, v, rows, cols, field, symmetry = case
    if symmetry != "general":  # mmwrite takes both halves and keeps the lower
        off = r != c
        mirror = {"symmetric": v, "skew-symmetric": -v, "hermitian": np.conj(v)}[symmetry]
        r, c, v = np.concatenate([r, c[off]]), np.concatenate([c, r[off]]), np.concatenate([v, mirror[off]])
    m = sp.coo_array((v, (r, c)), shape=(rows, cols))
    known = field if field in ("pattern",) else None
    opened = gzip.open(path, "wb") if path.endswith(".gz") else open(path, "wb")
    with opened as f:
        scipy.io.mmwrite(f, m, field=known, symmetry=symmetry, comment=f"made {len(v)}", precision=17 if v.dtype == np.float64 else None)


def name(i):
    return f"m{i}.mtx" + (".gz" if i % 4 == 0 else "")


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and np.array_equal(a.view(np.uint8).reshape(-1), b.view(np.uint8).reshape(-1)) or (
        a.dtype.kind in "fc" and np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a.real), np.signbit(b.real)))


def main():
    verb, seed, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    for i in range(count):
        case = make(np.random.default_rng([seed, i]), i)
        path = os.path.join(folder, name(i))
        if verb == "write":
            write(path, case)
            continue
        r, c, v, rows, cols, field, symmetry = case
        v = np.ones(len(r), np.bool_) if field == "pattern" else v
        with open(path + ".bin", "rb") as f:
            data = f.read()
        n = len(r)
        gr = np.frombuffer(data, np.int64, n)
        gc = np.frombuffer(data, np.int64, n, 8 * n)
        stored = np.dtype(np.float64) if field == "f32" else v.dtype
        assert len(data) == (16 + stored.itemsize) * n, (i, len(data), n)
        gv = np.frombuffer(data, stored, n, 16 * n).astype(v.dtype)  # text of float32 is the shortest for float32
        order, mine = np.lexsort((c, r)), np.lexsort((gc, gr))
        assert np.array_equal(r[order], gr[mine]) and np.array_equal(c[order], gc[mine]), (i, field, symmetry)
        # Places that occur twice keep their order in both.
        assert same(np.ascontiguousarray(v[order]), np.ascontiguousarray(gv[mine])), (i, field, symmetry, v[order][:5], gv[mine][:5])
        out = os.path.join(folder, "out." + name(i))
        info = scipy.io.mminfo(out)
        assert info[:3] == (rows, cols, n) and info[3] == "coordinate" and info[5] == symmetry, (i, info, case)
        a, b = scipy.io.mmread(path).tocoo(), scipy.io.mmread(out).tocoo()
        assert np.array_equal(a.row, b.row) and np.array_equal(a.col, b.col) and same(a.data, b.data), (i, field, symmetry)


main()

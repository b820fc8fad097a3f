#!/usr/bin/env python3
"""Exchanges random arrays in IDX files with NumPy.

idx_interop.py write SEED COUNT DIR   DIR gets COUNT files
idx_interop.py check SEED COUNT DIR   for each file NAME, DIR has NAME.bin, the
                                      elements that were read, and out.NAME,
                                      written anew: both are compared with what
                                      was made
"""
import gzip
import os
import sys

import numpy as np

CODES = {8: "u1", 9: "i1", 11: "i2", 12: "i4", 13: "f4", 14: "f8"}


def make(rng, i):
    code = list(CODES)[i % 6]
    rank = 32 if i % 37 == 0 else int(rng.integers(1, 7))
    shape = rng.integers(1, 3 if rank > 6 else 6, rank)
    if rank > 6:
        shape[10:] = 1
    if i % 23 == 0:
        shape[rng.integers(rank)] = 0
    d = np.dtype(CODES[code])
    return code, np.frombuffer(rng.bytes(int(np.prod(shape)) * d.itemsize), d).reshape(shape)


def name(i):
    return f"a{i}.idx" + (".gz" if i % 3 == 0 else "")


def opened(path, mode):
    return gzip.open(path, mode) if path.endswith(".gz") else open(path, mode)


def read(path):
    with opened(path, "rb") as f:
        b = f.read()
    assert b[:2] == b"\0\0", path
    shape = np.frombuffer(b, ">u4", b[3], 4)
    d = np.dtype(CODES[b[2]]).newbyteorder(">")
    assert len(b) == 4 + 4 * b[3] + int(np.prod(shape)) * d.itemsize, (path, len(b), shape)
    return np.frombuffer(b, d, -1, 4 + 4 * b[3]).reshape(shape)


def main():
    verb, seed, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    compared = 0
    for i in range(count):
        code, a = make(np.random.default_rng([seed, i]), i)
        path = os.path.join(folder, name(i))
        if verb == "write":
            with opened(path, "wb") as f:
                f.write(bytes([0, 0, code, a.ndim]) + np.array(a.shape, ">u4").tobytes() + a.astype(a.dtype.newbyteorder(">")).tobytes())
            continue
        with open(path + ".bin", "rb") as f:
            assert f.read() == a.tobytes(), (i, a.dtype, a.shape)
        b = read(os.path.join(folder, "out." + name(i)))
        assert b.shape == a.shape and b.dtype.newbyteorder("<") == a.dtype.newbyteorder("<"), (i, a.shape, b.shape)
        assert b.astype(a.dtype).tobytes() == a.tobytes(), (i, a.dtype, a.shape)
        compared += 1
    print(f"compared {compared}")


main()

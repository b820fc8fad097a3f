#!/usr/bin/env python3
"""Writes casts.gz: astype between all pairs of numeric dtypes.

Needs numpy and ml_dtypes (made with numpy 2.4.6, ml_dtypes 0.6.0):

    python3 gen_cast.py

For each pair FROM/TO two arrays, "FROM/TO/in" and "FROM/TO/out", as gen_floats.py
writes them: the bits of the values, sub-byte types one to the byte, 128-bit
types as two 64-bit words. Only values that NumPy defines: floats that an
integer type holds once truncated, integers that it holds, and for sources wider
than float32 (which ml_dtypes goes through) values that float32 holds exactly.
"""
import gzip
import math
import os

import ml_dtypes as m
import numpy as np

TYPES = {
    "bool": np.bool_, "i4": m.int4, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u4": m.uint4, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
    "f16": np.float16, "bf16": m.bfloat16, "f32": np.float32, "f64": np.float64,
    "f8_e4m3fn": m.float8_e4m3fn, "f8_e5m2": m.float8_e5m2, "f8_e4m3fnuz": m.float8_e4m3fnuz,
    "f8_e5m2fnuz": m.float8_e5m2fnuz, "f8_e8m0": m.float8_e8m0fnu, "f4_e2m1": m.float4_e2m1fn,
    "f6_e2m3": m.float6_e2m3fn, "f6_e3m2": m.float6_e3m2fn, "c64": np.complex64, "c128": np.complex128,
}
INTS = {"i4": (-8, 7), "u4": (0, 15)}
for b in (8, 16, 32, 64):
    INTS[f"i{b}"] = (-(1 << b - 1), (1 << b - 1) - 1)
    INTS[f"u{b}"] = (0, (1 << b) - 1)
WIDE = {"i32", "i64", "u32", "u64", "f64", "c128"}
NUMPY = {"bool", "f32", "f64", "f16", "c64", "c128"}
rng = np.random.default_rng(7)


def values(name):
    """Source values as an array of the type."""
    if name in INTS:
        lo, hi = INTS[name]
        near = [lo, hi, 0, 1, 7, 8, 15, 16, 100, 127, 128, 255, 256, 1000, 65504, 65519, 65520, 2049, 2051, 1 << 24, 33554434, -1, -8, -100, -128, -129, -2049]
        near += [int(x) for x in rng.integers(max(lo, -300), min(hi, 300), 12)] + [int(x) for x in rng.integers(max(lo, -(2**40)), min(hi, 2**40), 12)]
        near += [(1 << 53) + 1, (1 << 62) + (1 << 40) + 1, (1 << 63) - 1025]
        return np.array([v for v in near if lo <= v <= hi], dtype=np.uint64 if name == "u64" else np.int64).astype(TYPES[name])
    f = [0.0, -0.0, 0.5, -0.5, 1, -1, 1.5, 2.5, 3.5, -2.75, 6, 7.9, -8.9, 15.5, 27.9, 28, 100.25, 127.5, 240, 248, 255.99, 448, 464, 465, 1e3, 57344, 61440, 65504, 65519, 65520, 1e6, 2**31 - 128, -(2.0**31), 2.0**31, 1e12, -3e9, 1e20, 1e38, 3e-8, 6e-8, 1e-40, 1e-5, -1e-3, math.inf, -math.inf, math.nan]
    f += list((rng.standard_normal(20) * np.exp2(rng.integers(-12, 12, 20))))
    a = np.array(f, np.float64)
    if name in ("f64", "c128"):
        a = np.concatenate([a, [1 / 3, 1e-300, 1e300, 2.0**53, 2.0**62, 2.0**63]])
    if name == "bool":
        return np.array([False, True])
    if name[0] == "c":
        return (a + 1j * np.where(np.isfinite(a), a[::-1], 2)).astype(TYPES[name])
    if name == "f64":
        return a
    return a.astype(np.float32).astype(TYPES[name])


def bits(a):
    if a.itemsize == 16:
        return np.ascontiguousarray(a).view(np.uint64)
    return np.ascontiguousarray(a).view({1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}[a.itemsize])


def exact(x):
    """The Python number of a scalar."""
    if isinstance(x, (np.integer, np.bool_)):
        return int(x)
    if isinstance(x, np.complexfloating):
        return float(x.real)
    return float(x)


def defined(src, dst, x):
    v = exact(x)
    if dst in INTS:
        return math.isfinite(v) and INTS[dst][0] <= int(v) <= INTS[dst][1]
    if src in WIDE and dst not in NUMPY and dst not in INTS and math.isfinite(v):
        return abs(v) < 3e38 and int(np.float32(v)) == v if isinstance(v, int) else float(np.float32(v)) == v
    return True


def main():
    out = []

    def put(name, a):
        planes = a.view(np.uint8).reshape(a.size, a.itemsize).T.tobytes()
        out.append(f"{name} {a.itemsize} {a.size}\n".encode() + planes)

    for s in TYPES:
        for d in TYPES:
            a = values(s)
            a = a[[defined(s, d, x) for x in a]]
            if s not in ("bool",) and len(a) > 32:
                a = a[np.sort(rng.choice(len(a), 32, replace=False))]
            try:
                b = a.astype(TYPES[d])
            except TypeError:  # no direct cast between two types of ml_dtypes
                b = a.astype(np.float32).astype(TYPES[d])
                print("through float32:", s, d)
            put(f"{s}/{d}/in", bits(a))
            put(f"{s}/{d}/out", bits(b))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "casts.gz")
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
        f.write(b"".join(out))
    print(os.path.getsize(path))


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        import warnings

        warnings.simplefilter("ignore")
        main()

#!/usr/bin/env python3
"""Writes floats.gz: what NumPy and ml_dtypes make of the small float types.

Needs numpy and ml_dtypes (made with numpy 2.4.6, ml_dtypes 0.6.0):

    python3 gen_floats.py

Per type: decode/T, the float32 bits of every code; encode32/T, the codes of the
float32 inputs; encode64/T, the codes of the float64 inputs. NumPy rounds
float64 to float16 directly, ml_dtypes goes through float32 and rounds twice.
So encode64 comes from exact rational arithmetic here, which is first compared
with the library on every float32 input.

Arrays follow one another as a line "name itemsize count" and the bytes, first
all lowest bytes, then all second ones and so on (that compresses better).
"""
import bisect
import gzip
import os
from fractions import Fraction

import ml_dtypes
import numpy as np

TYPES = {
    "f16": np.float16,
    "bf16": ml_dtypes.bfloat16,
    "f8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "f8_e5m2": ml_dtypes.float8_e5m2,
    "f8_e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "f8_e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "f8_e8m0": ml_dtypes.float8_e8m0fnu,
    "f4_e2m1": ml_dtypes.float4_e2m1fn,
    "f6_e2m3": ml_dtypes.float6_e2m3fn,
    "f6_e3m2": ml_dtypes.float6_e3m2fn,
}
BITS = {"f16": 16, "bf16": 16, "f4_e2m1": 4, "f6_e2m3": 6, "f6_e3m2": 6}


def word(name):
    return np.uint16 if BITS.get(name, 8) == 16 else np.uint8


def codes(name):
    return np.arange(1 << BITS.get(name, 8)).astype(word(name))


def decode(name):
    return codes(name).view(TYPES[name]).astype(np.float32)


def encode(name, x):
    return x.astype(TYPES[name]).view(word(name))


def midpoints(values):
    """Midpoints of neighbours, and where the value past the largest would be."""
    v = np.unique(values[np.isfinite(values)].astype(np.float64))
    m = (v[1:] + v[:-1]) / 2
    ends = np.array([v[-1] + (v[-1] - v[-2]) / 2, v[-1] + (v[-1] - v[-2]), v[0] - (v[1] - v[0]) / 2])
    return np.concatenate([m, v, ends])


def around(x, dtype):
    """x and its two neighbours in dtype, of both signs."""
    x = x.astype(dtype)
    up, down = np.nextafter(x, dtype(np.inf)), np.nextafter(x, dtype(-np.inf))
    y = np.concatenate([x, up, down])
    return np.concatenate([y, -y])


class Exact:
    """Rounds rationals to the finite values of a type, ties to the even code."""

    def __init__(self, name):
        self.name = name
        v = decode(name)
        c = codes(name)
        half = 1 << (BITS.get(name, 8) - 1)
        pos = [(Fraction(float(v[i])), int(c[i])) for i in range(len(c)) if np.isfinite(v[i]) and (i < half or name == "f8_e8m0")]
        pos.sort()
        self.values = [p[0] for p in pos]
        self.codes = [p[1] for p in pos]
        # One step past the largest finite value: rounding to it is overflow.
        self.values.append(self.values[-1] * 2 if name == "f8_e8m0" else 2 * self.values[-1] - self.values[-2])
        self.codes.append(self.codes[-1] + 1)
        self.half = half
        self.over = int(encode(name, np.array([np.inf], np.float32))[0])
        self.saturates = name[:2] in ("f4", "f6")

    def __call__(self, x):
        f = np.array([x], np.float32)
        if np.isnan(x) or np.isinf(x) or x == 0:
            return int(encode(self.name, f)[0])
        if self.name == "f8_e8m0":
            return self.e8m0(x)
        mag = abs(Fraction(float(x)))
        i = min(bisect.bisect_left(self.values, mag), len(self.values) - 1)
        if i and mag < self.values[i]:
            lo, hi = mag - self.values[i - 1], self.values[i] - mag
            if lo < hi or lo == hi and self.codes[i - 1] % 2 == 0:
                i -= 1
        if i == len(self.values) - 1:
            code = self.over
            if code == self.half:
                return code  # fnuz: one NaN
        else:
            code = self.codes[i]
        if x < 0:
            if code == 0 and "fnuz" in self.name:
                return 0
            code |= self.half
        return code

    def e8m0(self, x):
        if x < 0:
            return 255
        mag = Fraction(float(x))
        if mag <= self.values[0]:
            return 0
        if mag < self.values[1]:
            return 1
        if mag >= self.values[-1]:
            return 255
        i = bisect.bisect_right(self.values, mag) - 1
        return i + (mag >= self.values[i] * 3 / 2)


def main():
    rng = np.random.default_rng(20240501)
    out = []

    def put(name, a):
        a = np.ascontiguousarray(a)
        planes = a.view(np.uint8).reshape(a.size, a.itemsize).T.tobytes()
        out.append(f"{name} {a.itemsize} {a.size}\n".encode() + planes)

    special = np.array([0.0, np.inf, np.nan, 1e-45, 1.1754944e-38, 1.17549435e-38 / 2, 3.4028235e38, 65504, 65519.996, 65520, 61440, 448, 464, 480], np.float32)
    small = [around(midpoints(decode(n)), np.float32) for n in TYPES if BITS.get(n, 8) <= 8]
    wide = [rng.choice(around(midpoints(decode(n)), np.float32), 6000) for n in ("f16", "bf16")]
    bits = rng.integers(0, 1 << 32, 4000, dtype=np.uint32).view(np.float32)
    near = (rng.standard_normal(6000) * np.exp2(rng.integers(-30, 20, 6000))).astype(np.float32)
    x32 = np.concatenate([special, -special, *small, *wide, bits, near])
    # NaN payloads stay out: what is left of them differs between processors.
    x32[np.isnan(x32)] = np.float32(np.nan)
    x32 = np.concatenate([x32, np.array([0xffc00000], np.uint32).view(np.float32)])
    x32 = np.unique(x32.view(np.uint32)).view(np.float32)

    big = np.array([0.0, 1e300, 1e-300, 5e-324, np.inf, np.nan, 3.4028235677973366e38, 2.0**128, 65519.99999999999], np.float64)
    small = [around(midpoints(decode(n)), np.float64) for n in TYPES if BITS.get(n, 8) <= 8]
    wide = [rng.choice(around(midpoints(decode(n)), np.float64), 4000) for n in ("f16", "bf16")]
    tiny = [np.ldexp(1.0, rng.integers(-150, 16, 1000)) * (1 + rng.integers(0, 2048, 1000) / 1024.0) * (1 + rng.integers(-1, 2, 1000) * 2.0**-40)]
    x64 = np.concatenate([big, -big, *small, *wide, *tiny])
    x64 = np.unique(x64[~np.isnan(x64)].view(np.uint64)).view(np.float64)
    x64 = np.concatenate([x64, [np.nan]])

    put("in32", x32.view(np.uint32))
    put("in64", x64.view(np.uint64))
    for n in TYPES:
        put("decode/" + n, decode(n).view(np.uint32))
        e32 = encode(n, x32)
        exact = Exact(n)
        ref = np.array([exact(x) for x in x32], e32.dtype)
        nan = np.isnan(x32)
        assert (ref == e32)[~nan].all(), n
        put("encode32/" + n, e32)
        e64 = np.array([exact(x) for x in x64], e32.dtype)
        if n == "f16":
            assert (e64 == encode(n, x64))[~np.isnan(x64)].all()
        put("encode64/" + n, e64)
        print(n, "library rounds twice on", int((e64 != encode(n, x64)).sum()), "of", len(x64))
    # Every halfway case of the 16-bit types: midpoints of neighbours and their
    # float32 neighbours. The reader makes the inputs from decode/T; of the
    # codes only their distance from the lower neighbour is kept.
    for n in ("f16", "bf16"):
        v = decode(n)[: 0x7C01 if n == "f16" else 0x7F81].astype(np.float64)
        v[-1] = 2 * v[-2] - v[-3]
        m = ((v[1:] + v[:-1]) / 2).astype(np.float32)
        lower = np.arange(len(m))
        for tag, x in (("below", np.nextafter(m, np.float32(0))), ("tie", m), ("above", np.nextafter(m, np.float32(np.inf)))):
            put(f"half/{tag}/{n}", (encode(n, x).astype(np.int64) - lower).astype(np.uint8))
            neg = encode(n, -x).astype(np.int64) - 0x8000 - lower
            assert (neg == encode(n, x).astype(np.int64) - lower).all()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "floats.gz")
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
        f.write(b"".join(out))
    print(len(x32), len(x64), os.path.getsize(path))


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main()

"""Writes quant.jsonl.gz: quantised tensors, and what NumPy and ml_dtypes make of them."""

import gzip
import json
import pathlib
import random
import struct

from quant_ops import EMAX, answers

rng = random.Random(31)
BITS = {"i4": 4, "u4": 4, "i8": 8, "u8": 8, "i16": 16, "f16": 16, "bf16": 16, "f32": 32, "f4_e2m1": 4, "f6_e2m3": 6, "f6_e3m2": 6,
        "f8_e4m3fn": 8, "f8_e5m2": 8, "f8_e4m3fnuz": 8, "f8_e5m2fnuz": 8, "f8_e8m0": 8}


def bits(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def shape_and_group():
    rank = rng.choice([0, 1, 1, 2, 2, 2, 3, 4])
    shape = [rng.randint(1, {1: 150, 2: 30, 3: 8, 4: 4}[rank]) for _ in range(rank)]
    group = [rng.choice([1, n, n + 5, 32, rng.randint(1, n)]) for n in shape]
    return shape, group, [-(-n // g) for n, g in zip(shape, group)]


def product(s):
    n = 1
    for e in s:
        n *= e
    return n


def pick(names, shape):
    return rng.choice([d for d in names if shape or BITS[d] >= 8])


def codes(d, shape):
    if d == "f32":
        return [bits(rng.gauss(0, 1) * 2 ** rng.randint(-30, 30)) for _ in range(product(shape))]
    return [rng.getrandbits(BITS[d]) for _ in range(product(shape))]


def dequantised():
    shape, group, count = shape_and_group()
    c = {"shape": shape, "group": group, "values": pick([d for d in BITS if d not in ("f32", "f8_e8m0")], shape),
         "scales": pick(["f32", "f16", "bf16", "f8_e8m0", "f8_e4m3fn"], count)}
    c["codes"], c["scale_codes"] = codes(c["values"], shape), codes(c["scales"], count)
    if rng.random() < 0.4:
        c["zeros"] = pick(["i4", "u4", "i8", "u8", "bf16", "f32"], count)
        c["zero_codes"] = codes(c["zeros"], count)
    return c


def quantised():
    shape, group, _ = shape_and_group()
    rule = rng.choice(["absmax", "minmax", "mx"])
    values = {"absmax": ["i4", "i8", "f4_e2m1", "f6_e2m3", "f6_e3m2", "f8_e4m3fn", "f8_e5m2", "f8_e4m3fnuz", "f8_e5m2fnuz"],
              "minmax": ["i4", "i8", "u4", "u8"], "mx": list(EMAX)}[rule]
    width, shift = 2.0 ** rng.choice([-140, -60, -3, 0, 5, 90]), rng.choice([0, 0, 3, -2])
    x = [(rng.gauss(0, 1) + shift) * width if rng.random() < 0.9 else 0.0 for _ in range(product(shape))]
    if rng.random() < 0.1:
        x = [0.0] * len(x)
    if rng.random() < 0.3:  # numbers that lie half way between values
        x = [float(round(v / width * 2)) / 2 * width for v in x]
    return {"shape": shape, "group": group, "values": pick(values, shape), "rule": rule, "x": [bits(v) for v in x],
            "scales": "f8_e8m0" if rule == "mx" else rng.choice(["f32", "f32", "f16", "bf16"])}


def fits(c):
    """Scales that f16 does not hold are another rule, which Go tests have."""
    x = [abs(struct.unpack("<f", struct.pack("<I", v))[0]) for v in c["x"]]
    return c["scales"] == "f8_e8m0" or c["scales"] != "f16" and max(x) > 1e-30 or 1e-2 < max(x) < 1e5


def many(n, make, ok=lambda c: True):
    out = []
    while len(out) < n:
        if ok(c := make()):
            out.append(c)
    return out


if __name__ == "__main__":
    cases = many(120, dequantised) + many(180, quantised, fits)
    text = "".join(json.dumps({"case": c, "want": answers(c)}, separators=(",", ":")) + "\n" for c in cases)
    path = pathlib.Path(__file__).parent / "quant.jsonl.gz"
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))

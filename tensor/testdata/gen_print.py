#!/usr/bin/env python3
"""Writes prints.jsonl.gz: arrays and what numpy.array2string makes of them.

Needs numpy and ml_dtypes (made with numpy 2.4.6, ml_dtypes 0.6.0):

    python3 gen_print.py

One JSON object a line: dtype, shape, data (base64 of the C-order image,
little-endian, sub-byte rows packed), opts (FormatOptions by field name), text.
4-bit integers are printed as NumPy prints int8, packed booleans as bool.
"""
import base64
import gzip
import hashlib
import json
import os

import ml_dtypes as m
import numpy as np

rng = np.random.default_rng(11)
SHORT = {
    "bf16": m.bfloat16, "f8_e4m3fn": m.float8_e4m3fn, "f8_e5m2": m.float8_e5m2, "f8_e4m3fnuz": m.float8_e4m3fnuz,
    "f8_e5m2fnuz": m.float8_e5m2fnuz, "f8_e8m0": m.float8_e8m0fnu, "f4_e2m1": m.float4_e2m1fn, "f6_e2m3": m.float6_e2m3fn, "f6_e3m2": m.float6_e3m2fn,
}
FLOATS = {"f16": np.float16, "f32": np.float32, "f64": np.float64}
COMPLEX = {"c64": np.complex64, "c128": np.complex128}
BITS = {"f4_e2m1": 4, "f6_e2m3": 6, "f6_e3m2": 6, "i4": 4, "u4": 4, "bool1": 1}
out = []


def image(name, a):
    if name not in BITS:
        return a.tobytes()
    bits = BITS[name]
    per = {1: 8, 4: 2, 6: 4}[bits]
    codes = a.view(np.uint8).reshape(-1, a.shape[-1]) & ((1 << bits) - 1)
    data = b""
    for row in codes:
        for i in range(0, len(row), per):
            unit = sum(int(c) << (bits * k) for k, c in enumerate(row[i : i + per]))
            data += unit.to_bytes(per * bits // 8, "little")
    return data


def case(name, a, **opts):
    a = np.asarray(a)
    kw = {}
    if "Precision" in opts:
        kw["precision"] = max(opts["Precision"], 0)
    if "Threshold" in opts:
        kw["threshold"] = opts["Threshold"]
    if opts.get("Full"):
        kw["threshold"] = 1 << 60
    if "EdgeItems" in opts:
        kw["edgeitems"] = opts["EdgeItems"]
    if "LineWidth" in opts:
        kw["max_line_width"] = opts["LineWidth"]
    if opts.get("Suppress"):
        kw["suppress_small"] = True
    text = np.array2string(a, **kw)
    out.append({"dtype": name, "shape": list(a.shape), "data": base64.b64encode(image(name, a)).decode(), "opts": opts, "text": text})


def shapes():
    return [(), (1,), (5,), (2, 3), (3, 2, 2), (2, 1, 2, 3), (40,)]


def floats():
    def draws(n):
        yield rng.integers(-9, 10, n).astype(float)
        yield rng.standard_normal(n)
        yield rng.standard_normal(n) * 1e3
        yield rng.standard_normal(n) * 10.0 ** rng.integers(-3, 4, n)
        yield rng.standard_normal(n) * 10.0 ** rng.integers(-12, 12, n)
        yield np.round(rng.standard_normal(n) * 100, 2)
        yield np.abs(rng.standard_normal(n)) * 1e-6
        yield rng.choice([0.0, -0.0, 1.0, 0.5, np.nan], n)
        yield rng.choice([np.nan, np.inf, -np.inf, 2.5, 1e10], n)
        yield rng.choice([np.nan, np.inf, 1.0], n)
        yield rng.choice([np.nan, -np.inf], n)
        yield rng.choice([5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.4e-45, 3.4028235e38, 6e-8, 65504, 1e-40], n)
        yield rng.choice([99999999.0, 1e8, 0.0001, 9.9e-5, 1e5, 999999.0, 1e6, 1000.0, 1.0, 0.1, 999.0], n)
        yield rng.choice([0.1, 0.2, 0.3, 1 / 3, 2 / 3, 0.125, 2.675, 1.005], n)

    for name, t in FLOATS.items():
        for shape in shapes():
            n = int(np.prod(shape))
            for d in draws(n):
                if len(out) % 2 or n < 10:
                    case(name, d.astype(t).reshape(shape))
        for precision in (-1, 1, 2, 3, 5, 7, 10, 16, 20):
            for d in draws(6):
                if rng.random() < 0.7:
                    case(name, d.astype(t), Precision=precision)
        for precision in (0, 3):
            for d in draws(5):
                case(name, d.astype(t), Suppress=True, **({"Precision": precision} if precision else {}))
    # Neighbouring float16 codes: every kind of shortest digits and boundary.
    for start in range(0, 0x7C00, 97):
        case("f16", np.arange(start, start + 4, dtype=np.uint16).view(np.float16))
    for start in range(0, 0x7C00, 1024):
        for d in (-1, 0, 1):
            case("f16", np.array([max(start + d, 0)], np.uint16).view(np.float16), Precision=18)
    for e in list(range(-1074, 1023, 61)):
        case("f64", np.ldexp(1.0, e) * np.array([1, 1.5, 1 - 2.0**-53]), Precision=18)
    for e in range(-149, 127, 11):
        case("f32", np.array([np.ldexp(1.0, e)], np.float32), Precision=12)
        case("f32", np.nextafter(np.array([np.ldexp(1.0, e)], np.float32), np.float32(0)))
    for name, t in COMPLEX.items():
        for shape in [(), (1,), (4,), (2, 3), (9,)]:
            n = int(np.prod(shape))
            draw = zip(draws(n), list(draws(n))[::-1])
            for re, im in draw:
                z = np.empty(n, t)
                z.real, z.imag = re, im
                case(name, z.reshape(shape), **({"Precision": 3} if rng.random() < 0.3 else {}))


def short_floats():
    for name, t in SHORT.items():
        bits = BITS.get(name, 8)
        if name == "bf16":
            case(name, rng.integers(0, 1 << 16, 900, dtype=np.uint16).view(t))
            case(name, rng.standard_normal((3, 4)).astype(t))
            case(name, np.array(2.5, t))
            continue
        codes = np.arange(1 << bits, dtype=np.uint8).view(t)
        case(name, codes)
        case(name, codes[: 3 * 5].reshape(3, 5))
        if bits == 8:
            case(name, codes[60], Precision=2)
        case(name, np.resize(codes, (50, 98)), Threshold=100)


def integers():
    for name, t in [("i8", np.int8), ("i16", np.int16), ("i32", np.int32), ("i64", np.int64), ("u8", np.uint8), ("u16", np.uint16), ("u32", np.uint32), ("u64", np.uint64)]:
        info = np.iinfo(t)
        case(name, np.array([info.min, info.max, 0], t))
        case(name, np.array(info.min, t))
        for shape in [(), (1,), (7,), (3, 4), (2, 2, 3), (2, 0, 3), (0,), (60,)]:
            case(name, rng.integers(info.min, info.max, shape, dtype=t, endpoint=True))
            case(name, rng.integers(max(info.min, -9), 100, shape).astype(t))
    for name, lo, hi in (("i4", -8, 8), ("u4", 0, 16)):
        for shape in [(1,), (5,), (3, 3), (2, 2, 8), (41,)]:
            case(name, rng.integers(lo, hi, shape).astype(np.int8))
    for name in ("bool", "bool1"):
        for shape in [(1,), (3,), (2, 9), (30,), (2, 2, 2)]:
            case(name, rng.integers(0, 2, shape).astype(bool))
    case("bool", np.array(True))
    case("bool", np.array(False))


def layouts():
    for shape in [(1000,), (1001,), (7, 200), (200, 7), (6, 6, 40), (7, 7, 30), (3, 500), (2, 3, 4, 60), (5, 1, 300), (1100, 1), (30, 40)]:
        n = int(np.prod(shape))
        case("u8" if n > 1000 else "i16", np.arange(n).astype(np.uint8 if n > 1000 else np.int16).reshape(shape))
        case("f32", (np.arange(n) / 8 * (-1.0) ** np.arange(n)).astype(np.float32).reshape(shape))
    a = np.arange(7 * 9 * 8, dtype=np.int16).reshape(7, 9, 8)
    f = (rng.standard_normal((6, 20)) * 100).astype(np.float32)
    for width in (1, 8, 20, 33, 60, 75, 100, 200):
        case("i16", a, LineWidth=width, Threshold=100)
        case("f32", f, LineWidth=width)
        case("c64", f[:, :6] + 1j * f[:, 6:12], LineWidth=width)
        case("i16", a[0, 0], LineWidth=width)
        case("bf16", f[:2].astype(m.bfloat16), LineWidth=width)
    for edge in (1, 2, 4, 5):
        for threshold in (1, 5, 70, 600):
            case("i16", a, EdgeItems=edge, Threshold=threshold)
            case("f32", f, EdgeItems=edge, Threshold=threshold, Precision=2)
    case("i16", np.arange(1200, dtype=np.int16).reshape(30, 40), Full=True)
    # Only what is shown counts for the widths.
    b = np.ones(1500, np.float64)
    b[700] = 1e300
    case("f64", b)
    b[1] = 1.25
    case("f64", b)


def texts():
    words = [b"", b"a", b"abc", b"it's", b'say "x"', b"'\"", b"\x00\x01z", b"tab\tnl\n\r\\", b"\x7f\x80\xff", b"abcdefgh"]
    case("S8", np.array(words, "S8"))
    case("S8", np.array(words[:6], "S8").reshape(2, 3))
    case("S3", np.array(b"xyz", "S3"))
    case("S1", np.array([b"a"] * 1200, "S1"))
    uni = ["", "a", "grün", "it's", '"', "'\"", "日本語", "\U0001f600", "e\u0301", "\u200b\u00ad\u2028", "\x1b[31m", "\ue000", "\t\n\\", "x" * 9, "\xa0\u3000", "\U000e0001", "\u0378"]
    case("<U9", np.array(uni, "U9"))
    case("<U9", np.array(uni[:6], "U9").reshape(3, 2), LineWidth=20)
    case("<U9", np.array("ab", "U9"))
    case("<U2", np.array(["é", "日本"] * 40, "U2"))
    v = rng.integers(0, 256, (5, 3), dtype=np.uint8)
    case("V3", np.frombuffer(v.tobytes(), "V3"))
    case("V1", np.frombuffer(b"abc\x00\xff\n", "V1").reshape(2, 3))
    case("V2", np.frombuffer(b"ab", "V2").reshape(()))
    case("V4", np.frombuffer(bytes(range(40)), "V4"), LineWidth=40)


def main():
    floats()
    short_floats()
    integers()
    layouts()
    texts()
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prints.jsonl.gz")
    text = "".join(json.dumps(c, separators=(",", ":")) + "\n" for c in out)
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
        f.write(text.encode())
    print(len(out), len(text), os.path.getsize(path))
    # TestShortestFloat16 has this sum of all positive finite codes.
    every = np.arange(0x7C00, dtype=np.uint16).view(np.float16)
    lines = "".join(np.format_float_scientific(x, trim="-", exp_digits=2) + "\n" for x in every)
    print("shortest f16:", hashlib.sha256(lines.encode()).hexdigest())


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    with np.errstate(all="ignore"):
        main()

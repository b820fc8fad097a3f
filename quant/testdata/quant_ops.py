"""What NumPy and ml_dtypes make of cases of quantised tensors, one a line of JSON on standard input."""

import json
import sys

import ml_dtypes
import numpy as np

DTYPES = {
    "i8": np.int8, "u8": np.uint8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "f16": np.float16, "bf16": ml_dtypes.bfloat16, "f32": np.float32, "f64": np.float64,
    "f8_e4m3fn": ml_dtypes.float8_e4m3fn, "f8_e5m2": ml_dtypes.float8_e5m2, "f8_e8m0": ml_dtypes.float8_e8m0fnu,
    "f8_e4m3fnuz": ml_dtypes.float8_e4m3fnuz, "f8_e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "f4_e2m1": ml_dtypes.float4_e2m1fn, "f6_e2m3": ml_dtypes.float6_e2m3fn, "f6_e3m2": ml_dtypes.float6_e3m2fn,
}
EMAX = {"i8": 6, "f4_e2m1": 2, "f6_e2m3": 2, "f6_e3m2": 4, "f8_e4m3fn": 8, "f8_e5m2": 15}
UINTS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def decode(name, codes, shape):
    """Bits of elements as float32."""
    if name in ("i4", "u4"):
        a = np.array(codes, np.int64)
        if name == "i4":
            a = np.where(a > 7, a - 16, a)
    else:
        d = np.dtype(DTYPES[name])
        a = np.array(codes, UINTS[d.itemsize]).view(d)
    return a.astype(np.float32).reshape(shape)


def encode(name, a):
    """Elements, whose values the dtype has, as their bits."""
    if name in ("i4", "u4"):
        return (a.astype(np.int64) & 15).ravel().tolist()
    d = np.dtype(DTYPES[name])
    return a.astype(d).ravel().view(UINTS[d.itemsize]).tolist()


def spread(a, shape, group):
    """One number for each element of each group."""
    return a[np.ix_(*(np.arange(n) // g for n, g in zip(shape, group)))] if shape else a


def dequantise(values, scales, zeros, group):
    d = values
    if zeros is not None:
        d = d - spread(zeros, values.shape, group)
    return d * spread(scales, values.shape, group)


def limits(name, rule):
    if name[0] in "iu":
        bits = int(name[1:])
        if name[0] == "u":
            return 0, 2**bits - 1
        hi = 2 ** (bits - 1) - 1
        return (-hi - 1 if rule == "minmax" else -hi), hi
    hi = float(ml_dtypes.finfo(DTYPES[name]).max)
    return -hi, hi


def up(s, name):
    """The least number of the dtype that is not below s."""
    d = np.dtype(DTYPES[name])
    r = np.array(s).astype(d)
    if name in ("f16", "bf16") and r.astype(np.float64) < np.float64(s):
        r = (r.view(np.uint16) + np.uint16(1)).view(d)
    return np.float32(r)


def quantise(c):
    x = decode("f32", c["x"], c["shape"])
    name, rule, group = c["values"], c["rule"], c["group"]
    lo, hi = limits(name, rule)
    count = [-(-n // g) for n, g in zip(c["shape"], group)]
    scales, zeros, q = np.ones(count, np.float32), np.zeros(count, np.float32), np.zeros(c["shape"], np.float32)
    for at in np.ndindex(*count):
        part = tuple(slice(j * g, (j + 1) * g) for j, g in zip(at, group))
        v = x[part]
        most = np.abs(v).max()
        z = np.float32(0)
        if rule == "mx":
            e = int(np.frexp(most.astype(np.float64))[1]) - 1 - EMAX[name] if most > 0 else -127
            s = np.float32(2.0 ** max(e, -127))
        elif most == 0:
            s = np.float32(1)
            z = np.float32(lo if rule == "minmax" else 0)
        elif rule == "minmax":
            least, greatest = np.float64(min(v.min(), 0)), np.float64(max(v.max(), 0))
            s = up(np.float32((greatest - least) / (hi - lo)), c["scales"])
            z = np.float32(np.clip(np.rint(lo - np.float64(np.float32(least) / s)), lo, hi))
        else:
            s = up(most / np.float32(hi), c["scales"])
        y = v / s
        if name[0] in "iu":
            y = np.rint(y) + z
        q[part] = np.clip(y, np.float32(lo), np.float32(hi))
        scales[at], zeros[at] = s, z
    out = {"values": encode(name, q), "scales": encode(c["scales"], scales)}
    if rule == "minmax":
        out["zeros"] = encode(name, zeros)
    return out


def answers(c):
    with np.errstate(all="ignore"):
        if "x" in c:
            return quantise(c)
        count = [-(-n // g) for n, g in zip(c["shape"], c["group"])]
        zeros = decode(c["zeros"], c["zero_codes"], count) if c.get("zeros") else None
        x = dequantise(decode(c["values"], c["codes"], c["shape"]), decode(c["scales"], c["scale_codes"], count), zeros, c["group"])
        return {name: encode(name, x) for name in ("f32", "bf16", "f16")}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answers(json.loads(line))), flush=True)

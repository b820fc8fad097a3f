"""What NumPy makes of arrays with pad, roll and a scale and bias, for
TestEqualsNumPy.

Each line is one case: a base array with a step and a permutation of its axes,
an operation, and the shape and checksum of the result, or that NumPy refuses.

    gen_transform.py               writes numpy.jsonl.gz; the seed is fixed
    gen_transform.py SEED COUNT    prints COUNT other cases
"""

import random
import sys
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "internal" / "golden"))
from golden import write  # noqa: E402

CASES = 3000
DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "S3", "U2", "V5"]
REAL = [d for d in DTYPES if d[0] in "?iuf"]


def base(dtype, shape):
    """A C-order array whose bytes the Go test can make too. Floats are
    multiples of 1/8: any bytes would be NaNs, whose bits are nobody's."""
    dt = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64))
    if dt.kind in "fc":
        parts = 2 if dt.kind == "c" else 1
        i = np.arange(n * parts, dtype=np.int64)
        x = ((i * 167 + (i >> 4) * 13 + 11) % 509 - 254) / 8
        return x.astype(dt.newbyteorder("<").str.replace("c16", "f8").replace("c8", "f4")).view(dt.newbyteorder("<")).astype(dt).reshape(shape)
    i = np.arange(n * dt.itemsize, dtype=np.int64)
    b = ((i * 167 + (i >> 8) * 13 + 11) & (1 if dt.kind == "b" else 255)).astype(np.uint8)
    return b.view(dt).reshape(shape) if n else np.zeros(shape, dt)


def scaled(rng, a):
    to = rng.choice(REAL)
    axis = rng.randrange(-a.ndim, a.ndim) if a.ndim else 0
    channels = a.shape[axis] if a.ndim else 1

    def numbers(choices):
        k = rng.choice([0, 1, 1, channels if a.ndim else 1])
        if rng.random() < 0.02:
            k = channels + 1
        return [rng.choice(choices) for _ in range(k)]

    scale = numbers([1, 0.5, -2, 1 / 255, 255, 3.7, 0.1, 1e-3, 0.0])
    bias = numbers([0, 0.5, -1, 127.5, 1 / 3, -1000, 1e6])
    clamp = rng.choice([None, None, [0, 255], [-1, 1], [0.3, 7.9], [0, 0]])
    # What has more bits than a float32 is computed with in float64.
    wide = {"i4", "u4", "i8", "u8", "f8"}
    p = np.float64 if {to, a.dtype.str[1:]} & wide else np.float32

    def run():
        if max(len(scale), len(bias)) > 1:
            if not a.ndim or any(len(x) not in (0, 1, channels) for x in (scale, bias)):
                raise ValueError
        shape = [1] * a.ndim
        if a.ndim:
            shape[axis] = -1

        def spread(x, without):
            x = np.array(x or [without], np.float64).astype(p)
            return x.reshape(shape) if len(x) > 1 else x[0]

        y = a.astype(p) * spread(scale, 1) + spread(bias, 0)
        if clamp:
            y = np.clip(y, p(clamp[0]), p(clamp[1]))
        if to == "?":
            return y != 0
        if to[0] == "f":
            with np.errstate(over="ignore"):
                return np.asarray(y).astype(to)
        info = np.iinfo(to)
        y = np.asarray(np.rint(y))
        return np.array([min(max(int(x), info.min), info.max) for x in y.ravel()], to).reshape(y.shape)

    return {"op": "scale", "to": to, "axis": axis, "scale": scale, "bias": bias, "clamp": clamp}, run


def operation(rng, a):
    kind = rng.choice(["pad"] * 6 + ["roll"] * 2 + ["scale"] * 4)
    if kind == "scale" and a.dtype.kind in "biuf":
        return scaled(rng, a)
    if kind == "roll":
        axes = [rng.randint(-a.ndim, a.ndim - 1) if rng.random() < 0.97 else a.ndim for _ in range(rng.randint(0, 3) if a.ndim else 0)]
        shift = [rng.choice([0, 1, -1, 2, -3, 7, 100, -1000003, 2**40]) for _ in axes]
        return {"op": "roll", "shift": shift, "axes": axes}, lambda: np.roll(a, shift, axes) if axes else a
    mode = rng.choice(["constant", "edge", "reflect", "symmetric", "wrap"])
    if a.dtype.kind in "SUV":
        mode = rng.choice(["edge", "reflect", "symmetric", "wrap"])
    pad = [[rng.choice([0, 0, 1, 2, 3, 5, 13]) for _ in range(2)] if rng.random() < 0.8 else [0, 0] for _ in range(a.ndim)]
    if pad and rng.random() < 0.03:
        rng.choice(pad)[0] = -1
    args = {"op": "pad", "mode": mode, "pad": pad}
    if mode != "constant":
        return args, lambda: np.pad(a, pad, mode) if a.ndim else a
    args["fill"] = fill = rng.choice([0, 0, 1, 3, 100])
    return args, lambda: np.pad(a, pad, mode, constant_values=fill) if a.ndim else a


def case(rng):
    code = rng.choice(DTYPES)
    order = ">" if rng.random() < 0.3 else "<"
    dtype = code if code in ("?", "i1", "u1") or code[0] in "SV" else order + code
    shape = [rng.choice([1, 2, 3, 4, 5, 6, 7, 9] if rng.random() < 0.98 else [0]) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 3, 4]))]
    steps = [rng.choice([1, 1, 1, -1, 2]) for _ in shape]
    stored = [n * abs(k) for n, k in zip(shape, steps)]
    perm = list(range(len(shape)))
    if rng.random() < 0.4:
        rng.shuffle(perm)
    a = base(dtype, stored)[tuple(slice(None, None, k) for k in steps)].transpose(perm)
    out, run = operation(rng, a)
    out.update(d=dtype, n=stored, k=steps, p=perm)
    try:
        b = run()
    except (ValueError, IndexError, TypeError, OverflowError):
        out["err"] = True
        return out
    if b.size > 20000:
        return case(rng)
    out["s"] = list(b.shape)
    out["c"] = zlib.crc32(b.astype(b.dtype.newbyteorder("<")).tobytes())
    return out


if __name__ == "__main__":
    write(__file__, "numpy.jsonl.gz", case, CASES, 20260413, random.Random)

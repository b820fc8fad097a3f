"""Means and extremes of pixels, as NumPy makes them.

    gen_reduce.py                numpy.jsonl.gz, beside this file
    gen_reduce.py SEED COUNT     as many cases as lines of JSON
"""

import base64
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "internal" / "golden"))
from golden import write  # noqa: E402

CASES = 160
DTYPES = ["<f4", ">f4", "<f8", ">f8", "<f2", "|u1", "<u2", "<i4", ">i8", "<c8", "<c16", "|b1"]


def b64(a):
    return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()


def starts(n, pixels):
    """The first element of each pixel: those with floor(i * pixels / n) = p."""
    p = np.arange(n, dtype=object) * pixels // n
    return np.searchsorted(p.astype(np.int64), np.arange(pixels))


def values(rng, dtype, shape):
    if dtype == "|b1":
        return rng.random(shape) < 0.4
    if dtype[1] in "ui":
        info = np.iinfo(dtype)
        return rng.integers(max(info.min, -10**6), min(info.max, 10**6), shape).astype(dtype)
    x = np.cumsum(rng.standard_normal(shape), -1) if min(shape) else np.zeros(shape)
    if dtype[1] == "c":
        x = x + 1j * rng.standard_normal(shape)
    x = x.astype(dtype)
    if rng.random() < 0.3 and x.size:
        for bad in (np.nan, np.inf, -np.inf):
            if rng.random() < 0.6:
                x.reshape(-1)[rng.integers(0, x.size, rng.integers(1, 4))] = bad
    if dtype in ("<f8", ">f8") and rng.random() < 0.2:
        x *= 1e307 if rng.random() < 0.5 else 1e-310
    return x


def case(rng):
    op = rng.choice(["grid", "envelope"])
    dtype = str(rng.choice(DTYPES))
    size = lambda: int(rng.choice([1, 2, 3, 7, 10, 16, 23]))
    shape = [size(), size()] if op == "grid" else [int(rng.choice([1, 2, 5, 33, 100, 257]))]
    a = values(rng, dtype, shape)
    turned = op == "grid" and rng.random() < 0.4
    out = {"op": str(op), "dtype": dtype, "shape": shape, "turned": bool(turned), "data": b64(a)}
    if turned:
        a = a.T
    x = (np.abs(a) if dtype[1] == "c" else a).astype(np.float64)
    if dtype[1] == "c":
        x = np.hypot(a.real.astype(np.float64), a.imag.astype(np.float64))
    with np.errstate(all="ignore"):
        if op == "grid":
            h, w = int(rng.integers(1, 12)), int(rng.integers(1, 12))
            rows, columns = starts(x.shape[0], min(h, x.shape[0])), starts(x.shape[1], min(w, x.shape[1]))
            n = np.add.reduceat(np.add.reduceat(np.ones_like(x), rows, 0), columns, 1)
            share = x / np.repeat(np.repeat(n, np.diff(np.append(rows, x.shape[0])), 0), np.diff(np.append(columns, x.shape[1])), 1)
            mean = np.add.reduceat(np.add.reduceat(share, rows, 0), columns, 1)
            out.update(h=h, w=w, out=b64(mean), nan=int(np.isnan(x).sum()), pos=int(np.isposinf(x).sum()), neg=int(np.isneginf(x).sum()))
        else:
            w = int(rng.integers(1, 60))
            at = starts(len(x), min(w, len(x)))
            good = np.isfinite(x)
            out.update(w=w, lo=b64(np.minimum.reduceat(np.where(good, x, np.inf), at)), hi=b64(np.maximum.reduceat(np.where(good, x, -np.inf), at)),
                       nan=int(np.isnan(x).sum()), pos=int(np.isposinf(x).sum()), neg=int(np.isneginf(x).sum()))
    return out


if __name__ == "__main__":
    write(__file__, "numpy.jsonl.gz", case, CASES, 20261121, np.random.default_rng)

"""What SciPy makes of convolutions, for TestEqualsSciPy.

Each line is one case: shapes, dtypes and options, and the result of
scipy.signal.correlate and convolve of padded inputs or, where the kernel has an
origin, of scipy.ndimage.correlate and convolve, in float64, with a bound on the
sums of magnitudes. Or it is an error: so SciPy says, or the definition.

    gen_conv.py               writes scipy.jsonl.gz; the seed is fixed
    gen_conv.py SEED COUNT    prints COUNT other cases
"""

import base64
import random
import sys
from pathlib import Path

import numpy as np
from scipy import ndimage, signal

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "internal" / "golden"))
from golden import write  # noqa: E402

CASES = 400
DTYPES = ["<f4", "<f4", "<f4", ">f4", "<f8", ">f8", "<f2", "u1", "<i2", ">i2", "?"]


def base(dtype, shape, salt):
    """Numbers without a period that the Go test can make too."""
    n = int(np.prod(shape, dtype=np.int64))
    x = ((np.arange(n, dtype=np.int64) + 1000003 * salt) * 2654435761 % 2**32) / 2**32 - 0.5
    dt = np.dtype(dtype)
    if dt.kind == "b":
        x = x > 0
    elif dt.kind in "iu":
        x = np.floor((x + (0.5 if dt.kind == "u" else 0)) * 250)
    return x.astype(dt).reshape(shape)


def dilated(w, dilation):
    out = np.zeros([(n - 1) * d + 1 for n, d in zip(w.shape, dilation)])
    out[tuple(slice(None, None, d) for d in dilation)] = w
    return out


def one(x, w, c, flip):
    """One channel through one kernel."""
    w = dilated(w, c["dilation"])
    steps = tuple(slice(None, None, s) for s in c["stride"])
    if c.get("origin"):
        origin = [o * d - n // 2 for o, d, n in zip(c["origin"], c["dilation"], w.shape)]
        run = ndimage.convolve if flip else ndimage.correlate
        return run(x, w, mode="constant", origin=origin)[steps]
    x = np.pad(x, c["pad"])
    if any(a > b for a, b in zip(w.shape, x.shape)):
        raise ValueError
    run = signal.convolve if flip else signal.correlate
    return run(x, w, mode="valid", method="direct")[steps]


def compute(c, x, w, b):
    batch = x.ndim == w.ndim
    x = x if batch else x[None]
    groups = c["groups"]
    if x.shape[1] % groups or w.shape[0] % groups or x.shape[1] // groups != w.shape[1]:
        raise ValueError
    per = w.shape[0] // groups
    out = []
    for sample in x:
        maps = []
        for f in range(w.shape[0]):
            first = f // per * w.shape[1]
            maps.append(sum(one(sample[first + k], w[f, k], c, c["flip"]) for k in range(w.shape[1])) + (0 if b is None else b[f]))
        out.append(maps)
    out = np.array(out)
    return out if batch else out[0]


def case(rng):
    spatial = rng.choice([1, 1, 2, 2, 2, 2, 3, 3, 4])
    groups = rng.choice([1, 1, 1, 2, 3])
    channels = groups * rng.choice([1, 1, 2, 3])
    filters = groups * rng.choice([1, 1, 2, 4])
    most = {1: 150, 2: 24, 3: 9, 4: 6}[spatial]
    size = [rng.randint(1, most) for _ in range(spatial)]
    kernel = [rng.randint(1, {1: 9, 2: 7, 3: 3, 4: 2}[spatial]) for _ in range(spatial)]
    some = lambda choices: [rng.choice(choices) for _ in range(spatial)]
    c = {"groups": groups, "flip": rng.random() < 0.5}
    c["stride"] = some([1, 1, 1, 2, 3, 5]) if rng.random() < 0.5 else [1] * spatial
    c["dilation"] = some([1, 1, 2, 3]) if rng.random() < 0.5 else [1] * spatial
    c["pad"] = [[rng.choice([0, 0, 1, 2, 5]) for _ in range(2)] for _ in range(spatial)]
    if rng.random() < 0.4:
        c["origin"] = [rng.randrange(n) for n in kernel]
        c["pad"] = []
    if rng.random() < 0.03:
        channels += 1
    lead = rng.choice([[], [], [1], [2], [3]])
    c["in"] = lead + [channels] + size
    c["w"] = [filters, max(channels // groups, 1)] + kernel
    c["d"], c["wd"] = rng.choice(DTYPES), rng.choice(DTYPES[:7])
    c["last"] = rng.random() < 0.3  # channels last in memory
    c["bias"] = rng.random() < 0.4
    stored = lead + size + [channels] if c["last"] else c["in"]
    x = base(c["d"], stored, 1).astype(np.float64)
    if c["last"]:
        x = np.moveaxis(x, -1, len(lead))
    w = base(c["wd"], c["w"], 2).astype(np.float64)
    b = base("<f4", [filters], 3).astype(np.float64) if c["bias"] else None
    try:
        y = compute(c, x, w, b)
    except ValueError:
        c["err"] = True
        return c
    if y.size > 250:
        return case(rng)
    c["s"] = list(y.shape)
    c["m"] = float(np.max(compute(c, abs(x), abs(w), None if b is None else abs(b)), initial=0))
    c["y"] = base64.b64encode(y.astype("<f8").tobytes()).decode()
    return c


if __name__ == "__main__":
    write(__file__, "scipy.jsonl.gz", case, CASES, 20260414, random.Random)

"""What NumPy does when it joins, cuts and windows arrays, for
TestPartsEqualNumPy: stack, concatenate, sliding_window_view, diagonal, split.

Each line is one case: base arrays with a permutation and a step for each axis,
an operation, and either the shape and the checksum of each result (for views
the strides, too) or that NumPy refuses.

    gen_parts.py               writes parts.jsonl.gz; the seed is fixed
    gen_parts.py SEED COUNT    prints COUNT other cases
"""

import random
import sys
import zlib
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "internal" / "golden"))
from golden import write  # noqa: E402

CASES = 3000
DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "S3", "U2", "V5"]


def base(dtype, shape, salt):
    """A C-order array whose bytes the Go test can make too."""
    dt = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64)) * dt.itemsize
    i = np.arange(n, dtype=np.int64)
    b = ((i * 167 + (i >> 8) * 13 + 11 + 59 * salt) & (1 if dt.kind == "b" else 255)).astype(np.uint8)
    return b.view(dt).reshape(shape) if n else np.zeros(shape, dt)


def axis_of(rng, rank):
    lo = -rank if rng.random() < 0.3 else 0
    return rng.randint(lo, max(rank - 1, 0)) if rng.random() < 0.97 else rank + rng.randint(0, 1)


def shape_of(rng):
    return [rng.choice([1, 2, 3, 4, 5, 6, 7, 9] if rng.random() < 0.97 else [0]) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 3, 4]))]


def windows(a, axes, size, stride, dilation):
    """sliding_window_view with a stride and a dilation along each axis, one
    axis after the other. With ones it is sliding_window_view."""
    if len(axes) != len(size):
        raise ValueError
    plain = sliding_window_view(a, size, axes) if set(stride) | set(dilation) <= {1} else None
    rank = a.ndim
    for ax, k, s, d in zip(axes, size, stride, dilation):
        if not -rank <= ax < rank or s < 1 or d < 1:
            raise ValueError
        ax %= rank
        span = (k - 1) * d + 1 if k else 0
        if k < 0 or span > a.shape[ax]:
            raise ValueError
        shape, strides = list(a.shape), list(a.strides)
        shape[ax] = (shape[ax] - span) // s + 1
        strides[ax] *= s if shape[ax] > 1 else 1  # as_strided refuses what does not fit 63 bits
        a = as_strided(a, shape + [k], strides + [a.strides[ax] * d])
    assert plain is None or plain.shape == a.shape and plain.strides == a.strides and (plain.tobytes() == a.tobytes())
    return a


def operation(rng, arrays):
    a = arrays[0]
    rank = a.ndim
    kind = rng.choice(["stack", "concatenate", "windows", "windows", "windows", "diagonal", "split", "array_split", "split_at"])
    if kind == "stack":
        ax = rng.randint(-rank - 1, rank) if rng.random() < 0.95 else rank + 1
        return ["stack", ax], lambda: [np.stack(arrays, ax)]
    if kind == "concatenate":
        ax = axis_of(rng, rank)
        return ["concatenate", ax], lambda: [np.concatenate(arrays, ax)]
    if kind == "windows":
        axes = rng.sample(range(rank), rng.randint(0, rank))
        if axes and rng.random() < 0.1:
            axes.append(axes[0])
        if axes and rng.random() < 0.2:
            axes[0] -= rank
        if rng.random() < 0.03:
            axes.append(rank)
        size, stride, dilation = [], [], []
        ones = rng.random() < 0.4
        for ax in axes:
            n = a.shape[ax] if -rank <= ax < rank else 2
            size.append(rng.randint(1, max(n, 1)) if rng.random() < 0.9 else rng.choice([0, n + 1, -1, 2**62]))
            stride.append(1 if ones or rng.random() < 0.3 else rng.choice([1, 2, 3, 5, 2**62]))
            dilation.append(1 if ones or rng.random() < 0.4 else rng.choice([1, 1, 2, 2, 3]))
            if not ones and rng.random() < 0.01:
                rng.choice([stride, dilation])[-1] = rng.choice([0, -1])
        return ["windows", axes, size, stride, dilation], lambda: [windows(a, axes, size, stride, dilation)]
    if kind == "diagonal":
        k = rng.choice([0, 0, 1, -1, 2, -2, 3, rng.randint(-9, 9)])
        x, y = axis_of(rng, rank), axis_of(rng, rank)
        return ["diagonal", k, x, y], lambda: [np.diagonal(a, k, x, y)]
    ax = axis_of(rng, rank)
    n = a.shape[ax] if -rank <= ax < rank else 4
    if kind == "split_at":
        at = [rng.randint(-n - 2, n + 2) for _ in range(rng.randint(0, 4))]
        if rng.random() < 0.6:
            at.sort()
        return ["split_at", ax, at], lambda: np.split(a, at, ax)
    m = rng.randint(1, n + 2) if rng.random() < 0.95 else rng.choice([0, -1])
    if kind == "split" and rng.random() < 0.7 and n:
        m = rng.choice([d for d in range(1, n + 1) if n % d == 0])
    return [kind, ax, m], lambda: getattr(np, kind)(a, m, ax)


def case(rng):
    code = rng.choice(DTYPES)
    order = ">" if rng.random() < 0.25 else "<"
    dtype = code if code in ("?", "i1", "u1") or code[0] in "SV" else order + code
    shape = shape_of(rng)
    out, arrays = {"d": dtype, "in": []}, []
    for salt in range(rng.choice([1, 2, 2, 3])):
        s = list(shape)
        if salt and s and rng.random() < 0.5:
            s[rng.randrange(len(s))] = rng.randint(0, 7)
        if salt and rng.random() < 0.04:
            s.append(2)
        perm = list(range(len(s)))
        inverse = perm
        if rng.random() < 0.4:
            rng.shuffle(perm)
            inverse = [perm.index(i) for i in range(len(s))]
        steps = [rng.choice([1, 1, 1, -1, 2]) for _ in s]
        stored = [s[i] * abs(steps[j]) for j, i in enumerate(inverse)]
        a = base(dtype, stored, salt)[tuple(slice(None, None, k) for k in steps)].transpose(perm)
        out["in"].append({"n": stored, "k": steps, "p": perm})
        arrays.append(a)
    op, run = operation(rng, arrays)
    out["op"] = op
    try:
        results = run()
    except (ValueError, IndexError, TypeError, OverflowError, MemoryError, ZeroDivisionError):
        out["err"] = True
        return out
    if sum(b.size for b in results) > 20000:
        return case(rng)
    copied = op[0] in ("stack", "concatenate")
    for b in results:
        little = b.astype(b.dtype.newbyteorder("<"))
        o = {"s": list(b.shape), "c": zlib.crc32(little.tobytes())}
        if not copied:
            o["t"] = list(b.strides)
        out.setdefault("out", []).append(o)
    return out


if __name__ == "__main__":
    write(__file__, "parts.jsonl.gz", case, CASES, 20260412, random.Random)

"""Writes views.jsonl.gz: what NumPy does to views, for TestViewsEqualNumPy.

Each line is one case: a base array, a chain of operations, and either the
shape, the strides and checksums of the result, or that NumPy refuses the last
operation (for reshape also: that it would have to copy).

    python -m venv VENV && VENV/bin/pip install numpy==2.3.5
    VENV/bin/python gen_views.py

The seed is fixed: the same NumPy writes the same file.
"""

import gzip
import io
import json
import random
import zlib
from pathlib import Path

import numpy as np

CASES = 5000
DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "S3", "U2", "V5"]

rng = random.Random(20240229)


def base(dtype, shape):
    """A C-order array whose bytes the Go test can make too."""
    dt = np.dtype(dtype)
    n = int(np.prod(shape, dtype=np.int64)) * dt.itemsize
    i = np.arange(n, dtype=np.int64)
    b = ((i * 167 + (i >> 8) * 13 + 11) & (1 if dt.kind == "b" else 255)).astype(np.uint8)
    return np.frombuffer(b.tobytes(), dtype=np.uint8).view(dt).reshape(shape) if n else np.zeros(shape, dt)


def bound(n):
    """An end of a slice: open, inside, on the edge or far outside."""
    return rng.choice([None, rng.randint(0, n), rng.randint(-n - 2, n + 2), rng.choice([-(10**6), 10**6, 2**62, -(2**62)])])


def step():
    return rng.choice([None, 1, 1, 2, 3, -1, -1, -2, -5, 7, 2**61, -(2**61)])


def text(v):
    return "" if v is None else str(v)


def axis_of(a):
    lo = -a.ndim if rng.random() < 0.3 else 0
    return rng.randint(lo, max(a.ndim - 1, 0)) if rng.random() < 0.97 else a.ndim + rng.randint(0, 1)


def selection(a):
    items, axes, ellipsis = [], 0, False
    want = rng.randint(0, a.ndim) if rng.random() < 0.96 else a.ndim + 1
    while axes < want or rng.random() < 0.25:
        r = rng.random()
        n = a.shape[min(axes, a.ndim - 1)] if a.ndim else 1
        if axes < want and r < 0.55:
            s = [text(bound(n)), text(bound(n))]
            if rng.random() < 0.6:
                s.append(text(step()))
            items.append(rng.choice([":", " : "]).join(s))
            axes += 1
        elif axes < want and r < 0.85:
            items.append(str(rng.randint(-n, max(n - 1, 0)) if rng.random() < 0.95 else n))
            axes += 1
        elif not ellipsis and r < 0.95:
            items.append("...")
            ellipsis = True
        else:
            items.append(rng.choice(["newaxis", "None"]))
        if len(items) > 10:
            break
    return "[" + ",".join(rng.choice(["", " "]) + i for i in items) + rng.choice(["", "", " ", ","] if items else [""]) + "]"


def factors(n):
    """A random shape with n elements."""
    out = []
    while n > 1 and len(out) < 5:
        d = rng.choice([d for d in range(1, n + 1) if n % d == 0])
        out.append(d)
        n //= d
    if n > 1:
        out.append(n)
    if rng.random() < 0.2:
        out.insert(rng.randint(0, len(out)), 1)
    return out


def operation(a):
    """A random operation and its result; the result raises what NumPy raises."""
    kind = rng.choice("ssssxxxxiippffbbrrreqv")
    if kind == "s":
        ax = axis_of(a)
        n = a.shape[ax] if -a.ndim <= ax < a.ndim else 3
        b, e, s = bound(n), bound(n), step()
        if rng.random() < 0.01:
            s = 0

        def run():
            if not -a.ndim <= ax < a.ndim:
                raise IndexError
            return a[(slice(None),) * (ax % a.ndim) + (slice(b, e, s),)]

        return ["s", ax, b, e, s], run
    if kind == "x":
        sel = selection(a)

        def run():
            items = eval("np.index_exp" + sel, {"np": np, "newaxis": None}) if sel != "[]" else ()
            # With an ellipsis NumPy returns an array of rank 0, not a scalar.
            return a[items if ... in items else items + (...,)]

        return ["x", sel], run
    if kind == "i":
        ax = axis_of(a)
        n = a.shape[ax] if -a.ndim <= ax < a.ndim else 3
        i = rng.randint(-n - 1, n) if rng.random() < 0.3 else rng.randint(-n, max(n - 1, 0))

        def run():
            if not -a.ndim <= ax < a.ndim:
                raise IndexError
            return a[(slice(None),) * (ax % a.ndim) + (i, ...)]

        return ["i", ax, i], run
    if kind == "p":
        axes = list(range(a.ndim))
        rng.shuffle(axes)
        if axes and rng.random() < 0.3:
            axes[0] -= a.ndim
        if axes and rng.random() < 0.05:
            axes[-1] = axes[0]
        if not axes:
            return ["p", []], lambda: a.transpose()
        return ["p", axes], lambda: a.transpose(axes)
    if kind == "f":
        axes = rng.sample(range(a.ndim), rng.randint(0, a.ndim))
        if axes and rng.random() < 0.05:
            axes.append(axes[0])
        return ["f", axes], lambda: np.flip(a, tuple(axes) if axes else None) if a.ndim else a
    if kind == "b":
        shape = [rng.choice([2, 3, 0, 1, 4]) if n == 1 else n for n in a.shape]
        shape = [rng.choice([1, 2, 3]) for _ in range(rng.choice([0, 0, 1, 2]))] + shape
        if shape and rng.random() < 0.1:
            shape[rng.randrange(len(shape))] = rng.choice([2, 5, -1])
        if shape and rng.random() < 0.03:
            shape = shape[1:]
        return ["b", shape], lambda: np.broadcast_to(a, shape)
    if kind == "r":
        shape = factors(a.size) if a.size else [rng.choice([0, 2, 3]), 0][:: rng.choice([1, -1])]
        if shape and rng.random() < 0.3:
            shape[rng.randrange(len(shape))] = -1
        if shape and rng.random() < 0.05:
            shape[rng.randrange(len(shape))] = rng.choice([-1, 7, 0])
        return ["r", shape], lambda: np.reshape(a, shape, copy=False)
    if kind == "e":
        ax = rng.randint(-a.ndim - 1, a.ndim) if rng.random() < 0.95 else a.ndim + 1
        return ["e", ax], lambda: np.expand_dims(a, ax)
    if kind == "q":
        ones = [i for i, n in enumerate(a.shape) if n == 1]
        axes = rng.sample(ones, rng.randint(0, len(ones)))
        if a.ndim and rng.random() < 0.1:
            axes.append(rng.randrange(a.ndim))
        return ["q", axes], lambda: np.squeeze(a, tuple(axes) if axes else None)
    to = rng.choice(["u1", "u2", "f4", "c8", "c16", "i8", "V5"])
    order = a.dtype.byteorder
    dt = np.dtype(to) if order in "|=" else np.dtype(to).newbyteorder(order)
    return ["v", to], lambda: a.view(dt)


def case():
    code = rng.choice(DTYPES)
    order = ">" if rng.random() < 0.25 else "<"
    dtype = code if code in ("?", "i1", "u1") or code[0] in "SV" else order + code
    shape = [rng.choice([1, 2, 3, 4, 5, 6, 7] if rng.random() < 0.97 else [0]) for _ in range(rng.choice([0, 1, 1, 2, 2, 2, 3, 3, 4, 5]))]
    a = base(dtype, shape)
    ops, out = [], {"d": dtype, "n": shape, "ops": []}
    for _ in range(rng.randint(1, 5)):
        op, run = operation(a)
        ops.append(op)
        out["ops"].append(op)
        try:
            b = run()
            assert isinstance(b, np.ndarray)
        except (ValueError, IndexError, TypeError, OverflowError) as e:
            if rng.random() < 0.6:
                out["ops"].pop()
                continue
            out["err"] = "copy" if "avoid creating a copy" in str(e) else "no"
            return out
        if b.dtype == object or b.size > 20000 or b.ndim > 12:
            out["ops"].pop()
            break
        a = b
    out["s"] = list(a.shape)
    out["t"] = list(a.strides)
    out["c"] = zlib.crc32(a.tobytes())
    le = a.astype(a.dtype.newbyteorder("<")) if a.dtype.byteorder == ">" else a
    out["l"] = zlib.crc32(le.tobytes())
    return out


def main():
    lines = []
    while len(lines) < CASES:
        c = case()
        if c["ops"]:
            lines.append(json.dumps(c, separators=(",", ":")))
    raw = ("\n".join(lines) + "\n").encode()
    buf = io.BytesIO()
    with gzip.GzipFile(fileobj=buf, mode="wb", mtime=0, compresslevel=9) as z:
        z.write(raw)
    path = Path(__file__).with_name("views.jsonl.gz")
    path.write_bytes(buf.getvalue())
    print(path.name, len(lines), "cases,", len(raw), "bytes,", path.stat().st_size, "compressed")


if __name__ == "__main__":
    main()

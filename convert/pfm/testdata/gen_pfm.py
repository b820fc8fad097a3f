"""PFM files by a writer of its own, and what is in them.

    gen_pfm.py                 pfm.jsonl.gz, beside this file
    gen_pfm.py SEED COUNT      COUNT cases as lines of JSON
    gen_pfm.py check DIR       compares DIR/*.pfm, as NumPy and Pillow read
                               them, with DIR/*.npy

The expected elements are those that the files were made of. Pillow reads grey
ones, with which they are compared.
"""

import base64
import glob
import gzip
import io
import json
import os
import sys

import numpy as np
from PIL import Image


def bits(x):
    return np.ascontiguousarray(x, "<f4").view("<u4")


def read(data):
    """A reader in NumPy."""
    magic, width, height, scale = data.split(None, 4)[:4]
    head = data.index(scale, data.index(height, data.index(width, 2) + len(width)) + len(height)) + len(scale) + 1
    shape = (int(height), int(width)) + ((3,) if magic == b"PF" else ())
    return np.frombuffer(data, "<f4" if float(scale) < 0 else ">f4", offset=head).reshape(shape)[::-1]


def by_pillow(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def white(rng):
    return "".join(" \t\n\r"[rng.integers(4)] for _ in range(int(rng.integers(1, 4))))


def cases(seed, count):
    rng = np.random.default_rng(seed)
    for i in range(count):
        shape = (int(rng.integers(1, 9)), int(rng.integers(1, 12)))
        grey = bool(rng.integers(2))
        x = rng.integers(0, 1 << 32, shape + (() if grey else (3,)), dtype=np.uint64).astype(np.uint32)
        if rng.integers(2):
            x = bits(rng.standard_normal(x.shape).astype(np.float32))
        x.flat[0] = (0x7FC01234, 0x7F800000, 0x80000000, 1)[rng.integers(4)]
        scale = (1.0, 1.0, 0.5, 3.25, 1e-3, 1e10)[rng.integers(6)]
        little = bool(rng.integers(2))
        text = (f"{-scale if little else scale}", f"{-scale if little else scale:e}", f"{'-' if little else '+'}{scale:.6f}")[rng.integers(3)]
        if i % 4 == 0 and grey:
            im, scale = Image.fromarray(x.view(np.float32)), 1.0
            out = io.BytesIO()
            im.save(out, "PPM")
            data = out.getvalue()
        else:
            head = ("Pf" if grey else "PF") + white(rng) + f"{shape[1]}" + white(rng) + f"{shape[0]}" + white(rng) + text + " \n\t"[rng.integers(3)]
            data = head.encode() + x[::-1].astype("<u4" if little else ">u4").tobytes()
        y = read(data)
        assert y.shape == x.shape and (y.astype(y.dtype.newbyteorder("<")).view("<u4") == x).all()
        # It may change the bits of NaN, and takes no longer words.
        seen = bool(grey and not np.isnan(x.view(np.float32)).any() and (i % 4 == 0 or len(text) <= 10))
        if seen:
            y = by_pillow(data)
            assert y.dtype == np.float32 and y.shape == x.shape and (bits(y) == x).all(), data[:60]
        yield dict(file=base64.b64encode(data).decode(), shape=x.shape, scale=scale, data=base64.b64encode(x.astype("<u4").tobytes()).decode(), pillow=seen)


def check(where):
    n = 0
    for path in sorted(glob.glob(os.path.join(where, "*.pfm"))):
        with open(path, "rb") as f:
            data = f.read()
        want = np.load(path[:-3] + "npy")
        assert want.dtype == np.float32
        got = read(data)
        assert got.shape == want.shape and (bits(got) == bits(want)).all(), path
        if want.ndim == 2 and len(data.split(None, 4)[3]) <= 10 and not np.isnan(want).any():
            assert (bits(by_pillow(data)) == bits(want)).all(), path
        n += 1
    print("compared", n)


if len(sys.argv) == 3 and sys.argv[1] == "check":
    check(sys.argv[2])
elif len(sys.argv) > 1:
    for c in cases(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(c))
else:
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pfm.jsonl.gz")
    text = "".join(json.dumps(c) + "\n" for c in cases(1, 40))
    with open(path, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as f:
        f.write(text.encode())

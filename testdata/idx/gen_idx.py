"""Writes the golden IDX files beside this script, and manifest.json, which says
what a reader must find in each.

The elements are laid out by NumPy (testdata/requirements.txt has the version)
and compressed by Python's gzip; the files are the same on every run.

Manifest: for each file
  file    its name
  name    the tensor's name
  dtype   u8, i8, i16, i32, f32, f64
  shape   extents
  sha256  of the logical bytes: C order, little-endian
"""

import gzip
import hashlib
import json
import os

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(19981111)
CODES = {"u1": (0x08, "u8"), "i1": (0x09, "i8"), "i2": (0x0B, "i16"), "i4": (0x0C, "i32"), "f4": (0x0D, "f32"), "f8": (0x0E, "f64")}
files = []


def idx(a):
    code = CODES[a.dtype.str[1:]][0]
    head = bytes([0, 0, code, a.ndim]) + np.array(a.shape, ">u4").tobytes()
    return head + a.astype(a.dtype.newbyteorder(">")).tobytes()


def put(file, name, a, parts=None):
    """Writes a; parts are the places where gzip members of it end."""
    b = idx(a)
    if parts is not None:
        cuts = [0, *parts, len(b)]
        b = b"".join(gzip.compress(b[i:j], mtime=0) for i, j in zip(cuts, cuts[1:]))
    with open(os.path.join(here, file), "wb") as f:
        f.write(b)
    little = np.ascontiguousarray(a).astype(a.dtype.newbyteorder("<")).tobytes()
    files.append({"file": file, "name": name, "dtype": CODES[a.dtype.str[1:]][1], "shape": list(a.shape), "sha256": hashlib.sha256(little).hexdigest()})


def random(t, shape):
    d = np.dtype(t)
    return np.frombuffer(rng.bytes(int(np.prod(shape)) * d.itemsize), d).reshape(shape)  # NaNs, infinities, all bits


for t, (_, word) in CODES.items():
    for shape in [(7,), (3, 5), (2, 3, 4), (1, 2, 1, 3, 2)]:
        put(f"{word}-{len(shape)}.idx", f"{word}-{len(shape)}", random(t, shape))
    put(f"{word}-2.idx.gz", f"{word}-2", random(t, (5, 4)), [])

put("train-images-idx3-ubyte", "train-images", random("u1", (3, 28, 28)))
put("t10k-labels.idx1-ubyte", "t10k-labels", (random("u1", (100,)) % 10).astype("u1"))
put("train-images-idx3-ubyte.gz", "train-images", np.tile(np.arange(28, dtype="u1"), (4, 28, 1)), [])
put("t10k-labels-idx1-ubyte.gz", "t10k-labels", (random("u1", (50,)) % 10).astype("u1"), [])
put("members.idx.gz", "members", random("i4", (9, 11)), [3, 4, 10, 200])
put("rank32.idx", "rank32", random("i2", (2,) + (1,) * 30 + (3,)))
put("none.idx", "none", np.zeros((0, 28, 28), "u1"))
put("none.idx.gz", "none", np.zeros((4, 0), "f4"), [])
put("one.idx", "one", random("f8", (1,)))

with open(os.path.join(here, "manifest.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(x) for x in files) + "\n]\n")

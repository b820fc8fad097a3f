#!/usr/bin/env python3
"""Exchanges rows of different lengths and strings with Awkward Array.

ragged_interop.py write SEED COUNT DIR   DIR gets the buffers of COUNT arrays: offsets, and values or bytes
ragged_interop.py check SEED COUNT DIR   for each DIR has NAME.tensor, made of these, which the reader of the
                                         specification opens; its elements, and an array made of its parts,
                                         are compared with what was made
"""
import os
import sys

import awkward as ak
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "spec", "reader"))
import composites
import tensorfile
import verify

DTYPES = ["i1", "u1", "i2", "u4", "i8", "f2", "f4", "f8", "c8", "c16", "?"]
LETTERS = "aZ~\x00\u0080\u07ff\u0800\u20ac\ud7ff\ue000\uffff\U00010000\U0001f600\U0010ffff"


def make(rng, i):
    """An array of Awkward's, packed, with offsets of 32 or 64 bits."""
    n = int(rng.integers(0, 40))
    if i % 3 == 2:
        words = ["".join(LETTERS[k] for k in rng.integers(0, len(LETTERS), rng.integers(0, 9))) for _ in range(n)]
        a = ak.Array(words) if n else ak.Array([""])[:0]
    else:
        counts = rng.integers(0, 8, n) * rng.integers(0, 2, n)
        inner = [int(k) for k in rng.integers(1, 4, i % 2 * rng.integers(0, 3))]
        values = rng.integers(0, 100, (int(counts.sum()), *inner)).astype(DTYPES[i % len(DTYPES)])
        a = ak.unflatten(ak.from_numpy(values, regulararray=False), counts)
        a = a[rng.permutation(n)]  # rows that no longer follow each other
    a = ak.to_packed(a)
    d = np.int32 if i % 5 == 0 else np.int64
    if i % 3 != 2:
        lists = a.layout.to_ListOffsetArray64(True)
        return lists.offsets.data.astype(d), lists.content.to_backend_array(), a
    return a.layout.offsets.data.astype(d), a.layout.content.data, a


def write(rng, count, folder):
    for i in range(count):
        offsets, content, _ = make(rng, i)
        np.save(os.path.join(folder, "%d.offsets.npy" % i), offsets)
        np.save(os.path.join(folder, "%d.content.npy" % i), content)


def check(rng, count, folder):
    for i in range(count):
        _, _, want = make(rng, i)
        f = tensorfile.File.open(os.path.join(folder, "%d.tensor" % i))
        errors = verify.verify(f)
        assert not errors, (i, [str(e) for e in errors])
        n = len(want)
        for name, part in ("whole", want), ("part", want[n // 3:2 * n // 3 + 1]):
            t = f[name]
            got = composites.elements(t)
            p = composites.parts(t)
            offsets = ak.index.Index64(p["offsets"].array().astype(np.int64))
            if i % 3 == 2:
                assert list(got) == ak.to_list(part), (i, name)
                content = ak.contents.NumpyArray(p["bytes"].array(), parameters={"__array__": "char"})
                again = ak.Array(ak.contents.ListOffsetArray(offsets, content, parameters={"__array__": "string"}))
            else:
                assert [x.tolist() for x in got] == ak.to_list(part), (i, name)
                assert t.shape[1] == (int(ak.max(ak.num(part))) if len(part) else 0), (i, name)
                again = ak.Array(ak.contents.ListOffsetArray(offsets, ak.contents.NumpyArray(p["values"].array())))
            assert ak.to_list(again) == ak.to_list(part), (i, name)
        if i % 3 != 2 and n and len(f["whole"].shape) == 2:
            length = f["whole"].shape[1]
            dense = ak.to_numpy(ak.fill_none(ak.pad_none(want, length, axis=1, clip=True), 1)).astype(want.layout.content.dtype)
            assert np.array_equal(f["dense"].array(), dense.reshape(n, length)), i


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](np.random.default_rng(int(sys.argv[2])), int(sys.argv[3]), sys.argv[4])
    print(sys.argv[1], sys.argv[3])

#!/usr/bin/env python3
"""Random matrices that the tool writes, as the reference implementation of
Binsparse in Python reads them: the attribute "layout" of a tensor is the
descriptor, its parts are the arrays, without a change to either.

    binsparse_interop.py TOOL [COUNT]
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import scipy.io
import scipy.sparse as sp

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "spec", "reader"))
import tensorfile
from binsparse.container import InMemoryBinsparseContainer
from binsparse.conversions.scipy import from_scipy, to_scipy
from binsparse.tensor import BinsparseTensor, CVECVector, DCSRMatrix

DTYPES = "f4 f8 c8 c16 i1 i2 i4 i8 u1 u2 u4 u8 ?".split()


def make(g, i):
    d = np.dtype(DTYPES[i % len(DTYPES)])
    rows, columns = (int(x) for x in g.integers(1, 40, 2))
    n = int(g.integers(0, 60))
    if d.kind == "b":
        v = np.ones(n, d)
    elif d.kind in "iu":
        v = g.integers(1, 100, n).astype(d)
    else:
        v = g.standard_normal(n).astype(d)
    a = sp.coo_array((v, (g.integers(0, rows, n), g.integers(0, columns, n))), shape=(rows, columns))
    a = a.tocsr()
    a.sum_duplicates()
    return a


def arrays(t, header):
    """The arrays that a descriptor names, from the parts of a tensor."""
    at = {k[len(t.key) + 1:].decode(): p.array() for k, p in t.root.tensors.items() if k.startswith(t.key + b"\0")}
    for name, kind in header["data_types"].items():
        if name == "fill_value":
            x = at["fill"].reshape(1)
        elif name == "values":
            x = at["values"]
            x = x[:1] if kind.startswith("iso[") else x
        elif "idx0" in at:
            level = int(name.rsplit("_", 1)[1])
            x = at["idx%d" % level] if name.startswith("indices") else at["ptr%d" % (level - 1)]
        elif name == "pointers_to_1":
            x = at["indptr"]
        elif "indptr" in at:
            x = at["indices"]
        else:
            x = at["indices"][:, int(name.rsplit("_", 1)[1])]
        if x.dtype == bool:
            x = x.view("u1")
        if x.dtype.kind == "c":
            x = np.ascontiguousarray(x).view("f4" if x.dtype.itemsize == 8 else "f8")
        yield x


def read(path, name):
    t = tensorfile.File.open(path)[name]
    header = t.attributes()["layout"]["binsparse"]
    return header, BinsparseTensor.parse(InMemoryBinsparseContainer(header, list(arrays(t, header))))


def main(tool, count=60):
    g = np.random.default_rng(2611)
    equal = named = 0
    with tempfile.TemporaryDirectory() as folder:
        npz, native = os.path.join(folder, "m.npz"), os.path.join(folder, "m.tensor")

        def run(*args):
            p = subprocess.run([tool, *args], capture_output=True, text=True)
            assert p.returncode == 0, (args, p.stderr)

        for i in range(count):
            a = make(g, i)
            sp.save_npz(npz, a)
            for layout in "coo", "csr", "csc", "csf":
                run("convert", "-f", npz, native, "--layout", layout)
                header, b = read(native, "m")
                if layout == "csf":
                    assert isinstance(b, DCSRMatrix), header
                    row = np.repeat(b.indices_0, np.diff(b.pointers_to_1.astype("i8")))
                    got = sp.coo_array((b.values, (row, b.indices_1)), shape=b.shape)
                else:
                    got = to_scipy(b)
                    own = InMemoryBinsparseContainer()
                    from_scipy(got).serialize(own)
                    assert own.header == header, (own.header, header)
                    named += 1
                assert np.array_equal(got.toarray(), a.toarray()), (layout, a.dtype)
                equal += 1
        # One value for all, a triangle, a vector.
        scipy.io.mmwrite(os.path.join(folder, "p.mtx"), sp.coo_array((np.ones(3), ([0, 1, 2], [0, 0, 1])), shape=(3, 3)), field="pattern", symmetry="general")
        run("convert", os.path.join(folder, "p.mtx"), os.path.join(folder, "p.tensor"))
        header, b = read(os.path.join(folder, "p.tensor"), "p")
        assert header["data_types"]["values"] == "iso[bint8]" and b.values.tolist() == [True] * 3, header
        scipy.io.mmwrite(os.path.join(folder, "s.mtx"), sp.coo_array(np.array([[2.0, 1], [1, 0]])), symmetry="symmetric")
        run("convert", os.path.join(folder, "s.mtx"), os.path.join(folder, "s.tensor"), "--layout", "csr")
        assert read(os.path.join(folder, "s.tensor"), "s")[0]["structure"] == "symmetric_lower"
        run("convert", "-f", npz, native, "--select", "0")
        assert isinstance(read(native, "m")[1], CVECVector)
    print("binsparse: %d arrays equal, %d descriptors as Binsparse writes them" % (equal, named))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

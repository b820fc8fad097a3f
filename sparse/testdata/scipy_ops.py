"""What SciPy makes of a sparse array: one case a line of JSON on standard input,
the answers as a line on standard output. gen_scipy.py keeps some of both."""

import json
import sys

import numpy as np
import scipy.sparse as sp


def numbers(x):
    x = np.asarray(x).reshape(-1)
    if x.dtype.kind == "c":
        return {"re": x.real.tolist(), "im": x.imag.tolist()}
    return {"re": x.astype(np.float64).tolist()}


def compressed(a):
    return {"indptr": a.indptr.tolist(), "indices": a.indices.tolist(), "values": numbers(a.data)}


def coordinates(a):
    a = a.copy()
    a.sum_duplicates()
    # SciPy orders by the last axis first; the file format by the first.
    order = np.lexsort(a.coords[::-1])
    return {"indices": np.stack(a.coords, 1)[order].reshape(-1).tolist(), "values": numbers(a.data[order])}


def selected(a, sel):
    key = tuple(i if isinstance(i, int) else slice(*i) for i in sel)
    try:
        r = a[key]
    except (NotImplementedError, TypeError):  # layouts that SciPy does not cut
        r = a.toarray()[key]
    r = r.toarray() if sp.issparse(r) else r
    return {"shape": list(r.shape), "values": numbers(r)}


def answers(c):
    dtype = np.dtype(c["dtype"])
    data = np.array(c["re"], np.float64)
    if dtype.kind == "c":
        data = data + 1j * np.array(c["im"], np.float64)
    data = data.astype(dtype)
    shape = tuple(c["shape"])
    index = np.array(c["indices"], np.int64).reshape(-1, len(shape))
    coo = sp.coo_array((data, tuple(index.T.astype(np.int32))), shape=shape)
    out = {"coo": coordinates(coo), "dense": numbers(coo.toarray()), "axes": coordinates(coo.transpose(c["axes"]))}
    out["select"] = [selected(coo if len(shape) != 2 else coo.tocsr(), s) for s in c["select"]]
    if len(shape) != 2:
        return out
    # With duplicates, as they come.
    order = np.argsort(index[:, 0], kind="stable")
    indptr = np.searchsorted(index[order, 0], np.arange(shape[0] + 1))
    raw = sp.csr_array((data[order], index[order, 1], indptr), shape=shape)
    out["raw"] = compressed(raw)
    out["raw_csc"] = compressed(raw.tocsc())
    csr = raw.copy()
    csr.sum_duplicates()
    out["csr"], out["csc"] = compressed(csr), compressed(csr.tocsc())
    bsr = csr.tobsr(blocksize=tuple(c["block"]))
    bsr.sort_indices()
    out["bsr"] = compressed(bsr)
    x = np.array(c["x"], np.float64).astype(dtype)
    out["vector"] = numbers(raw @ x)
    out["matrix"] = numbers(raw.tocsc() @ np.stack([x, x[::-1], 2 * x], 1))
    out["rows"], out["columns"] = np.diff(raw.indptr).tolist(), np.diff(raw.tocsc().indptr).tolist()
    return out


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answers(json.loads(line))) + "\n")
        sys.stdout.flush()

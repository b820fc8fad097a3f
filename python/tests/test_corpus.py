"""The corpora of testdata by both engines: what is to be read is read bit for bit, what is to be refused is refused."""

import glob
import hashlib
import json
import os

import numpy as np
import pytest
from conftest import TESTDATA

import tensorfile
from tensorfile import DType, Ragged, Sparse, Strings

ACCEPT = sorted(glob.glob(os.path.join(TESTDATA, "accept", "*.tensor")))
REJECT = sorted(glob.glob(os.path.join(TESTDATA, "reject", "*.tensor")))


KINDS = {"Format": "malformed", "Limit": "limit exceeded"}


def test_corpora_are_there():
    assert len(ACCEPT) >= 19 and len(REJECT) >= 150


def walk(name, t):
    """A tensor and its parts, by key."""
    yield name, t
    for role, p in t.parts.items():
        yield from walk(name + "\0" + role, p)


def image(t):
    """The elements in C order, little-endian, the last unit of a packed row padded with zero bits."""
    if t.type.packed and t.type.bits:
        return t.type.pack_units(t[...]).tobytes()
    return t.units().tobytes()


def json_of(f, record):
    """Attributes as the file has them, where NaN equals itself."""
    return json.loads(f._reader().attributes(record))


def plain(x):
    if isinstance(x, list):
        return [plain(v) for v in x]
    return [x.real, x.imag] if isinstance(x, complex) else x


def wanted(path):
    with open(path[: -len("tensor")] + "json", encoding="utf-8") as f:
        return json.load(f)


@pytest.mark.parametrize("path", ACCEPT, ids=os.path.basename)
@pytest.mark.parametrize("mmap", [True, False], ids=["mapped", "read"])
def test_accept(path, engine, mmap):
    want = wanted(path)
    with tensorfile.open(path, engine=engine, mmap=mmap) as f:
        assert f.engine == engine and f.generation == want["generation"] and f.info["mapped"] == mmap
        assert json_of(f, None) == want["attributes"] and len(f.attrs) == len(want["attributes"])
        found = dict(kv for name, t in f.items() for kv in walk(name, t))
        names = [t["name"] for t in want["tensors"]]
        assert sorted(found) == sorted(names)
        assert list(f) == [n for n in names if "\0" not in n]
        for w in want["tensors"]:
            t = found[w["name"]]
            assert t.shape == tuple(w["shape"]) and t.type.name == w["dtype"], w["name"]
            assert t.type == DType(*w["descriptor"][:1], *w["descriptor"][1:]), w["name"]
            assert json_of(f, t._record) == w["attributes"] and len(t.attrs) == len(w["attributes"]), w["name"]
            assert t.dims == (None if w["dims"] is None else tuple(w["dims"])), w["name"]
            if "layout" in w:
                assert t.layout == w["layout"] and t._record.flags == w["flags"] and t.hash().hex() == w["hash"], w["name"]
                check_elements(t, w["elements"])
            elif engine == "python" and t.codec and any(s in t.codec for s in ("s2", "deflate")):
                with pytest.raises(tensorfile.Error, match="pipeline.stage") as e:
                    t[...]
                assert e.value.kind == "unsupported" and e.value.rule == "pipeline.stage"
            elif "sha256" in w:
                raw = image(t)
                assert (len(raw), hashlib.sha256(raw).hexdigest()) == (w["bytes"], w["sha256"]), w["name"]
                assert t.nbytes == w["bytes"]


def check_elements(t, want):
    c = t.composite()
    if isinstance(c, Ragged):
        assert plain(c.tolist()) == want
        return
    have = c.dense()
    if isinstance(c, (Sparse, Strings)) or not t.type.ml_name:
        assert plain(have.tolist()) == want, t.name
    else:
        np.testing.assert_array_equal(have, np.array(want, np.float32).astype(t.type.numpy))
    whole = t[...]
    assert whole.dtype == have.dtype and (have.dtype == object and (whole == have).all() or whole.tobytes() == have.tobytes()), t.name


def use(f):
    f.attrs
    for name, t in f.items():
        for _, p in walk(name, t):
            p.attrs
            if p._record.layout:
                c = p.composite()
                list(c) if isinstance(c, Ragged) else c.dense()
            elif p.type.packed and not p.type.bits or not p.type.known:
                p.units()
            else:
                p.read()


@pytest.mark.parametrize("path", REJECT, ids=os.path.basename)
def test_reject(path, engine):
    """A file that breaks a rule is refused by an Error of its kind and rule: when it is opened, when it is used or,
    if neither has a reason to look, by a verification. Nothing else is ever raised."""
    want = wanted(path)
    if want["at"] == "write":
        return
    seen = []
    try:
        with tensorfile.open(path, engine=engine, native_only=True, verify="first use") as f:
            try:
                use(f)
            except tensorfile.Error as e:
                seen.append((e.rule, e.kind))
            try:
                report = f.verify()
                seen += [(x.get("rule", ""), x.get("kind", "")) for x in report.findings + report.unknown]
            except tensorfile.Error as e:
                seen.append((e.rule, e.kind))
    except tensorfile.Error as e:
        seen.append((e.rule, e.kind))
    assert (want["rule"], KINDS.get(want["kind"], want["kind"].lower())) in seen, seen

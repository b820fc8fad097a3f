"""Files of h5py and what h5py reads of them.

    hdf5_files.py write SEED COUNT DIR    random files, for the live exchange
    hdf5_files.py goldens DIR             the files that are kept beside this one

Each writes DIR/expect.json: the tensors that a reader should show of each file,
with the SHA-256 of their elements in C order, little-endian, and the names of
what it should refuse. All of it is read back through h5py, whatever was
written. Files made again differ in the times that groups have."""

import hashlib
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys

import h5py
import numpy as np
from h5py import h5d, h5f, h5p, h5s, h5t

INTS = ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"]
NUMBERS = INTS + ["f2", "f4", "f8", "c8", "c16", "?"]
OURS = {"i1": "i8", "i2": "i16", "i4": "i32", "i8": "i64", "u1": "u8", "u2": "u16", "u4": "u32", "u8": "u64",
        "f2": "f16", "f4": "f32", "f8": "f64", "c8": "c64", "c16": "c128", "b1": "bool"}


# What h5py reads.

def text(s):
    return s.decode("utf-8", "surrogateescape") if isinstance(s, bytes) else s


def canonical(v):
    """A value of an attribute as JSON that keeps types apart."""
    if isinstance(v, h5py.Empty):
        return None
    if isinstance(v, (np.ndarray, list, tuple)) and np.ndim(v) > 0:
        return [canonical(x) for x in v]
    if isinstance(v, np.ndarray):
        v = v[()]
    if isinstance(v, np.void) and v.dtype.names:
        return {"m": {n: canonical(v[n]) for n in v.dtype.names}}
    if isinstance(v, np.void):
        return {"b": v.tobytes().hex()}
    if isinstance(v, (bool, np.bool_)):
        return bool(v)
    if isinstance(v, (int, np.integer)):
        return {"i": str(int(v))}
    if isinstance(v, (complex, np.complexfloating)):
        return [canonical(v.real), canonical(v.imag)]
    if isinstance(v, (float, np.floating)):
        return {"f": "nan" if math.isnan(v) else float(v).hex()}
    if isinstance(v, (bytes, np.bytes_)):
        try:
            return {"s": bytes(v).decode()}
        except UnicodeDecodeError:
            return {"b": bytes(v).hex()}
    if isinstance(v, str):
        b = v.encode("utf-8", "surrogateescape")
        try:
            return {"s": b.decode()}
        except UnicodeDecodeError:
            return {"b": b.hex()}
    raise TypeError(type(v))


RESERVED = {"dims", "axes", "unit", "sample_rate", "colour", "orientation", "source", "layout"}


def attributes(obj):
    """All that are kept; the others are to be notes."""
    out = {}
    for name in obj.attrs:
        a = h5py.h5a.open(obj.id, name.encode("utf-8", "surrogateescape"))
        if holds(a.get_type(), {h5t.REFERENCE, h5t.TIME}) or holds(a.get_type(), {h5t.VLEN}) and not variable(a.get_type()):
            continue
        if not supported(a.get_type()) or math.prod(a.shape or ()) > 4096:
            continue
        key = "hdf5." + name if name in RESERVED or name.startswith(("$", "hdf5.")) else name
        out[key] = canonical(obj.attrs[name])
    return out


def variable(t):
    return t.get_class() == h5t.STRING and t.is_variable_str()


def holds(t, classes):
    c = t.get_class()
    if c in classes:
        return True
    if c == h5t.COMPOUND:
        return any(holds(t.get_member_type(i), classes) for i in range(t.get_nmembers()))
    if c in (h5t.ARRAY, h5t.VLEN, h5t.ENUM):
        return holds(t.get_super(), classes)
    return False


FORMS = {(2, 15, 10, 5, 0, 10, 15), (4, 31, 23, 8, 0, 23, 127), (8, 63, 52, 11, 0, 52, 1023)}
SHORT = {(2, 15, 7, 8, 0, 7, 127): "bf16", (1, 7, 3, 4, 0, 3, 7): "f8_e4m3fn", (1, 7, 2, 5, 0, 2, 15): "f8_e5m2"}


def form(t):
    return (t.get_size(),) + t.get_fields() + (t.get_ebias(),)


def supported(t):
    c = t.get_class()
    if c == h5t.INTEGER:
        return t.get_size() in (1, 2, 4, 8) and t.get_precision() == 8 * t.get_size() and t.get_offset() == 0
    if c == h5t.FLOAT:
        return form(t) in FORMS or form(t) in SHORT
    if c == h5t.COMPLEX:
        return t.get_size() in (8, 16)
    if c == h5t.COMPOUND:
        return all(supported(t.get_member_type(i)) for i in range(t.get_nmembers()))
    if c in (h5t.ARRAY, h5t.ENUM):
        return supported(t.get_super())
    if c == h5t.VLEN:
        return False
    return c in (h5t.STRING, h5t.OPAQUE, h5t.BITFIELD)


def elements(a, dtype=None):
    return hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()


def plain(a):
    """Name of the dtype and the little-endian elements."""
    d = a.dtype
    if d.kind in "iufcb":
        return OURS[d.str[1:]], a.astype(d.newbyteorder("<"))
    if d.kind == "S":
        return f"S{d.itemsize}", a
    if d.kind == "V":
        return f"V{d.itemsize}", a
    raise TypeError(d)


def leaves(a, t, name, out, attrs):
    """The tensors of an array of a file's type."""
    if t.get_class() == h5t.ARRAY:
        t = t.get_super()
        while t.get_class() == h5t.ARRAY:
            t = t.get_super()
    if t.get_class() == h5t.COMPOUND and a.dtype.names:
        for i in range(t.get_nmembers()):
            n = t.get_member_name(i).decode()
            leaves(a[n], t.get_member_type(i), name + "." + n, out, attrs)
        return
    if variable(t) or not supported(t):
        out["skipped"].append(name)
        return
    own = dict(attrs)
    source = {}
    if t.get_class() == h5t.ENUM and a.dtype != bool:
        source["enum"] = {"m": {t.get_member_name(i).decode(): {"i": str(t.get_member_value(i))} for i in range(t.get_nmembers())}}
    if t.get_class() == h5t.OPAQUE and t.get_tag():
        source["tag"] = {"s": t.get_tag().decode()}
    if source:
        source["format"] = {"s": "hdf5"}
        own["source"] = {"m": source}
    d, b = plain(a)
    out["tensors"].append({"name": name, "dtype": d, "shape": list(a.shape), "sha256": elements(b), "attrs": own})


def strings(a):
    h = hashlib.sha256()
    for s in a.reshape(-1):
        b = s if isinstance(s, bytes) else s.encode("utf-8", "surrogateescape")
        h.update(struct.pack("<Q", len(b)) + b)
    return h.hexdigest()


def refused(ds):
    p = ds.id.get_create_plist()
    if p.get_layout() == h5d.VIRTUAL or ds.external:
        return True
    return any(p.get_filter(i)[0] not in (1, 2, 3, 32000) for i in range(p.get_nfilters()))


def dataset(ds, name, out):
    t = ds.id.get_type()
    if refused(ds):
        out["skipped"].append(name)
        return
    attrs = attributes(ds)
    labels = attrs.get("DIMENSION_LABELS")
    if labels is not None and ds.shape is not None and len(labels) == len(ds.shape):
        attrs["dims"] = [x if x["s"] else None for x in labels]
        del attrs["DIMENSION_LABELS"]
    if ds.shape is None:
        d, _ = plain(np.zeros(0, ds.dtype))
        out["tensors"].append({"name": name, "dtype": d, "shape": [0], "sha256": elements(np.zeros(0)), "attrs": attrs})
        return
    if t.get_class() == h5t.FLOAT and form(t) in SHORT:
        a = np.zeros(ds.shape, f"u{t.get_size()}")
        ds.id.read(h5s.ALL, h5s.ALL, a, t)
        if t.get_order() == h5t.ORDER_BE:
            a = a.byteswap()
        out["tensors"].append({"name": name, "dtype": SHORT[form(t)], "shape": list(ds.shape), "sha256": elements(a), "attrs": attrs})
        return
    if variable(t):
        a = np.asarray(ds[()], dtype=object)
        out["tensors"].append({"name": name, "dtype": "string", "shape": list(ds.shape), "sha256": strings(a), "attrs": attrs})
        return
    if t.get_class() != h5t.COMPOUND and not supported(t):
        out["skipped"].append(name)
        return
    if t.get_class() == h5t.BITFIELD:
        a = np.zeros(ds.shape, f"u{t.get_size()}")
        ds.id.read(h5s.ALL, h5s.ALL, a, t)
        if t.get_order() == h5t.ORDER_BE:
            a = a.byteswap()
    elif t.get_class() == h5t.OPAQUE:
        a = np.zeros(ds.shape, f"V{t.get_size()}")
        ds.id.read(h5s.ALL, h5s.ALL, a, t)
    else:
        a = np.asarray(ds[()])
    if t.get_class() == h5t.STRING:
        a = a.astype(f"S{t.get_size()}")
    leaves(a, t, name, out, attrs)


def walk(f):
    """Every tensor of a file, as a reader is to show them: groups once, soft links
    behind all else."""
    out = {"tensors": [], "skipped": [], "groups": {}}
    seen, soft = set(), []

    def key(o):
        return h5py.h5o.get_info(o.id).addr

    def visit(o, name):
        if isinstance(o, h5py.Dataset):
            dataset(o, name, out)
        elif isinstance(o, h5py.Group) and key(o) not in seen:
            group(o, name)

    def group(g, path):
        seen.add(key(g))
        if (a := attributes(g)):
            out["groups"][path] = a
        for n in g:
            full = path + "/" + n if path else n
            link = g.get(n, getlink=True)
            if isinstance(link, h5py.SoftLink):
                soft.append((g, n, full))
            elif isinstance(link, h5py.ExternalLink):
                out["skipped"].append(full)
            else:
                visit(g[n], full)

    group(f["/"], "")
    for g, n, full in soft:
        try:
            visit(g[n], full)
        except (KeyError, RuntimeError):
            pass  # leads nowhere, or in a circle
    out["attrs"] = out["groups"].pop("", {})
    return out


# What is written.

class Maker:
    def __init__(self, r):
        self.r = r
        self.np = np.random.default_rng(r.getrandbits(64))

    def numbers(self, shape, dtype):
        d = np.dtype(dtype)
        n = math.prod(shape)
        if d.kind == "b":
            return self.np.integers(0, 2, shape).astype(bool)
        if d.kind == "c":
            return (self.np.normal(size=shape) * 1e3 + 1j * self.np.normal(size=shape)).astype(d)
        if d.kind == "f":
            a = (self.np.normal(size=shape) * 100).astype(d)
            if n and self.r.random() < 0.2:
                a.reshape(-1)[self.r.randrange(n)] = self.r.choice([np.nan, np.inf, -np.inf, -0.0])
            return a
        if self.r.random() < 0.5:  # what compresses
            return self.np.integers(0, 5, shape).astype(d)
        return np.frombuffer(self.np.bytes(n * d.itemsize), d).reshape(shape)

    def dtype(self):
        d = self.r.choice(NUMBERS)
        return d if d in ("i1", "u1", "?") else self.r.choice("<>") + d

    def word(self, most=12):
        alphabet = "abcXYZ 0189_-éλ中😀"
        return "".join(self.r.choice(alphabet) for _ in range(self.r.randrange(most)))

    def shape(self, most=4, cells=4000):
        while True:
            s = tuple(self.r.choice([1, 2, 3, 5, 7, 8, 16, 31, 64, 100, 0]) if self.r.random() < 0.9 else self.r.randrange(1, 2000) for _ in range(self.r.randrange(most + 1)))
            if math.prod(s) <= cells:
                return s

    def options(self, shape):
        """Of a chunked dataset of a shape above rank 0."""
        r = self.r
        o = {"chunks": tuple(r.randrange(1, max(n, 1) + 1) if r.random() < 0.8 else max(n, 1) for n in shape)}
        while math.prod(-(-max(n, 1) // c) for n, c in zip(shape, o["chunks"])) > 400:
            o["chunks"] = tuple(min(2 * c, max(n, 1)) for n, c in zip(shape, o["chunks"]))
        kind = r.random()
        if kind < 0.3:
            free = r.randrange(len(shape))
            o["maxshape"] = tuple(None if i == free else max(n, c) + r.choice([0, 3]) for i, (n, c) in enumerate(zip(shape, o["chunks"])))
        elif kind < 0.5:
            o["maxshape"] = (None,) * len(shape)
        elif kind < 0.7:
            o["maxshape"] = tuple(max(n, 1) + r.choice([0, 0, 5, 40]) for n in shape)
        if "maxshape" not in o and 0 in shape:
            o["maxshape"] = (None,) * len(shape)
        elif "maxshape" not in o:
            o["chunks"] = tuple(min(c, max(n, 1)) for n, c in zip(shape, o["chunks"]))
        if r.random() < 0.7:
            if r.random() < 0.6:
                o["shuffle"] = True
            if r.random() < 0.3:
                o["fletcher32"] = True
            c = r.random()
            if c < 0.5:
                o["compression"], o["compression_opts"] = "gzip", r.randrange(10)
            elif c < 0.75:
                o["compression"] = "lzf"
        return o

    def compound(self, depth=0):
        fields = []
        for i in range(self.r.randrange(1, 5)):
            kind = self.r.random()
            if kind < 0.7 or depth > 1:
                f = self.dtype()
            elif kind < 0.8:
                f = "S%d" % self.r.randrange(1, 9)
            else:
                f = self.compound(depth + 1)
            if self.r.random() < 0.2:
                fields.append((f"f{i}", f, tuple(self.r.randrange(1, 4) for _ in range(self.r.randrange(1, 3)))))
            else:
                fields.append((f"f{i}", f))
        return np.dtype(fields, align=self.r.random() < 0.3 and depth == 0)

    def structured(self, shape, d):
        return np.frombuffer(bytes(b & 0x3f for b in self.np.bytes(math.prod(shape) * d.itemsize)), d).reshape(shape)

    def attributes(self, obj, most=4):
        r = self.r
        for i in range(r.randrange(most)):
            name = r.choice(["a", "units", "é", "long name", "dims", "unit", "x", "source"]) + str(i if r.random() < 0.8 else "")
            k = r.randrange(12)
            try:
                if k == 0:
                    obj.attrs[name] = self.word(30)
                elif k == 1:
                    obj.attrs[name] = [self.word() for _ in range(r.randrange(1, 5))]
                elif k == 2:
                    obj.attrs[name] = np.bytes_(self.word().encode("ascii", "ignore") or b"x")
                elif k == 3:
                    obj.attrs[name] = np.array([b"ab", b"c", b"defg"])
                elif k == 4:
                    obj.attrs[name] = h5py.Empty("f4")
                elif k == 5:
                    obj.attrs.create(name, self.np.integers(0, 3, (2, 2)), dtype=h5py.enum_dtype({"A": 0, "B": 1, "C": 2}, "i2"))
                elif k == 6:
                    obj.attrs[name] = np.void(bytes(self.np.bytes(5)))
                elif k == 7:
                    d = np.dtype([("p", "<i4"), ("q", ">f8", (2,))])
                    obj.attrs.create(name, self.structured((2,), d), dtype=d)
                elif k == 8:
                    obj.attrs[name] = obj.ref
                else:
                    obj.attrs.create(name, self.numbers(self.shape(2, 60), d := self.dtype()), dtype=d)
            except (OSError, RuntimeError):
                pass  # more than an object header holds

    def bits(self, g, name, t, shape):
        """A dataset of elements that NumPy has no dtype for."""
        d = h5d.create(g.id, name.encode(), t, h5s.create_simple(shape))
        a = np.frombuffer(self.np.bytes(math.prod(shape) * t.get_size()), f"V{t.get_size()}").reshape(shape)
        d.write(h5s.ALL, h5s.ALL, a, t)
        return h5py.Dataset(d)

    def float_type(self, size, order, fields, bias):
        t = (h5t.IEEE_F16BE if order else h5t.IEEE_F16LE).copy()
        if size == 1:
            t.set_fields(7, fields[1], fields[2], 0, fields[4])
            t.set_precision(8)
            t.set_size(1)
        else:
            t.set_fields(*fields)
        t.set_ebias(bias)
        return t

    def special(self, g, name):
        r = self.r
        shape = tuple(r.randrange(1, 9) for _ in range(r.randrange(1, 3)))
        k = r.randrange(16)
        if k == 0:
            return self.bits(g, name, self.float_type(2, r.random() < 0.5, (15, 7, 8, 0, 7), 127), shape)
        if k == 1:
            return self.bits(g, name, self.float_type(1, False, (7, 3, 4, 0, 3), 7), shape)
        if k == 2:
            return self.bits(g, name, self.float_type(1, False, (7, 2, 5, 0, 2), 15), shape)
        if k == 3:
            t = h5t.STD_I32LE.copy()
            t.set_precision(r.choice([24, 31]))
            return self.bits(g, name, t, shape)
        if k == 4:
            t = h5t.STD_I32LE.copy()
            t.set_size(3)
            t.set_precision(24)
            return self.bits(g, name, t, shape)
        if k == 5:
            return self.bits(g, name, r.choice([h5t.STD_B8LE, h5t.STD_B16BE, h5t.STD_B64LE]), shape)
        if k == 6:
            t = h5t.create(h5t.OPAQUE, 7)
            t.set_tag(b"a tag")
            return self.bits(g, name, t, shape)
        if k == 7:
            return g.create_dataset(name, data=[1, 2, 3, 300], chunks=(2,), scaleoffset=0)
        if k == 8:
            return g.create_dataset(name, data=np.arange(64, dtype="i4"), chunks=(32,), compression="szip")
        if k == 9:
            return g.create_dataset(name, (3,), h5py.ref_dtype)
        if k == 10:
            d = g.create_dataset(name, (3,), h5py.vlen_dtype("i4"))
            d[0] = [1, 2, 3]
            return d
        if k == 11:
            src = g.create_dataset(name + "_src", data=self.numbers((4,), "i4"))
            layout = h5py.VirtualLayout((4,), "i4")
            layout[:] = h5py.VirtualSource(src)
            return g.create_virtual_dataset(name, layout)
        if k == 12:
            return g.create_dataset(name, (4,), "i4", external=[("outside.bin", 0, 16)])
        if k == 13:
            return self.bits(g, name, r.choice([h5t.COMPLEX_IEEE_F32LE, h5t.COMPLEX_IEEE_F64BE, h5t.COMPLEX_IEEE_F16LE]), shape)
        if k == 14:
            d = np.dtype([("n", "<i4"), ("s", h5py.string_dtype()), ("r", h5py.ref_dtype), ("x", ">f8")])
            return g.create_dataset(name, (2,), d)
        return g.create_dataset(name, data=np.longdouble([1, 2.5]))

    def masked(self, g, name):
        """Chunks whose filters were left out one by one."""
        import zlib
        n, c = 40, 16
        d = g.create_dataset(name, (n,), ">i4", chunks=(c,), maxshape=self.r.choice([None, (None,), (n + 20,)]), shuffle=True, compression="gzip")
        a = self.numbers((48,), ">i4")
        for k in range(3):
            raw = a[k * c:(k + 1) * c].tobytes()
            mask = self.r.randrange(4)
            b = raw
            if not mask & 1:
                b = np.frombuffer(b, "u1").reshape(c, 4).T.tobytes()
            if not mask & 2:
                b = zlib.compress(b)
            if self.r.random() < 0.8:
                d.id.write_direct_chunk((k * c,), b, mask)
        return d

    def one(self, g, name, latest):
        r = self.r
        k = r.random()
        shape = self.shape()
        if k < 0.2:
            d = self.dtype()
            return g.create_dataset(name, data=self.numbers(shape, d), dtype=d)
        if k < 0.55:
            d = self.dtype()
            shape = shape or (5,)
            o = self.options(shape)
            if r.random() < 0.4 and d != "?":
                o["fillvalue"] = np.dtype(d).type(1)
            if r.random() < 0.5:
                return g.create_dataset(name, data=self.numbers(shape, d), dtype=d, **o)
            x = g.create_dataset(name, shape, d, **o)  # parts of it are never written
            for _ in range(r.randrange(4)):
                at = tuple(slice(a := r.randrange(n + 1), r.randrange(a, n + 1)) for n in shape)
                x[at] = self.numbers(x[at].shape, d)
            if "maxshape" in o and r.random() < 0.4:
                x.resize(tuple(min(n + r.randrange(30), m if m is not None else 10**6) if n else n for n, m in zip(shape, x.maxshape)))
            elif "maxshape" in o and r.random() < 0.2:
                x.resize(tuple(r.randrange(n + 1) for n in shape))
            return x
        if k < 0.6:
            a = np.array([self.word(40) for _ in range(math.prod(shape))] + [None], dtype=object)[:-1].reshape(shape)
            o = self.options(shape) if shape and r.random() < 0.5 else {}
            o.pop("fletcher32", None)
            return g.create_dataset(name, data=a, dtype=h5py.string_dtype(), **o)
        if k < 0.64:
            d = np.dtype("S%d" % r.randrange(1, 20))
            return g.create_dataset(name, data=np.array([self.word(20).encode() for _ in range(math.prod(shape))] + [b""], dtype=d)[:-1].reshape(shape))
        if k < 0.7:
            d = self.compound()
            return g.create_dataset(name, data=self.structured(shape, d), **(self.options(shape) if shape and r.random() < 0.5 else {}))
        if k < 0.74:
            d = h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 42}, r.choice(["i1", "u1", "<i4", ">u2"]))
            return g.create_dataset(name, data=self.np.choice([0, 1, 42], shape), dtype=d)
        if k < 0.78:  # compact
            a = self.numbers(shape, d := self.dtype())
            p = h5p.create(h5p.DATASET_CREATE)
            p.set_layout(h5d.COMPACT)
            t = h5t.py_create(np.dtype(d), logical=True)
            x = h5d.create(g.id, name.encode(), t, h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR), p)
            if a.size:
                x.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(a, d))
            return h5py.Dataset(x)
        if k < 0.81 and latest:  # implicit index
            shape = shape or (9,)
            o = self.options(shape)
            p = h5p.create(h5p.DATASET_CREATE)
            p.set_chunk(o["chunks"])
            p.set_alloc_time(h5d.ALLOC_TIME_EARLY)
            most = tuple(n + r.choice([0, 7]) for n in shape)
            x = h5py.Dataset(h5d.create(g.id, name.encode(), h5t.STD_I32BE, h5s.create_simple(shape, tuple(max(a, b) for a, b in zip(most, o["chunks"]))), p))
            x[...] = self.numbers(shape, "i4")
            return x
        if k < 0.84:
            return self.masked(g, name)
        if k < 0.86:
            return g.create_dataset(name, data=h5py.Empty(self.dtype()))
        if k < 0.88:
            d = self.dtype()
            return g.create_dataset(name, shape, d, fillvalue=np.dtype(d).type(7) if d != "?" and r.random() < 0.5 else None)  # nothing is written
        if k < 0.9:
            n = r.choice([1500, 3000])
            o = {"maxshape": r.choice([None, (None,), (n + 2000,)])}
            if r.random() < 0.5:
                o["compression"] = "lzf"
            x = g.create_dataset(name, (n,), "<u2", chunks=(r.choice([1, 2]),), **o)
            for at in range(0, n, r.choice([7, 1, 300])):
                x[at] = at
            return x
        if k < 0.91:
            x = g.create_dataset(name, (r.choice([100_000, 300_000]),), "u1", chunks=(1,), maxshape=(None,))
            for _ in range(20):
                x[r.randrange(x.shape[0])] = r.randrange(256)
            return x
        if k < 0.92:
            t = np.dtype(("<i2", (2, 3)))
            x = g.create_dataset(name, shape[:2], t)
            x[...] = self.numbers(shape[:2] + (2, 3), "i2")
            return x
        return self.special(g, name)

    def file(self, path):
        r = self.r
        libver = r.choice(["earliest", "latest", ("v108", "v108"), ("v110", "v110"), ("v112", "v114"), ("earliest", "v108"), "latest"])
        o = {"libver": libver}
        if r.random() < 0.2:
            o["userblock_size"] = r.choice([512, 1024, 4096])
        if r.random() < 0.3:
            o["track_order"] = True
        latest = libver not in ("earliest", ("earliest", "v108"), ("v108", "v108"))
        if r.random() < 0.1 and "userblock_size" not in o:
            p = h5p.create(h5p.FILE_CREATE)
            p.set_sizes(r.choice([4, 8]), 8)
            a = h5p.create(h5p.FILE_ACCESS)
            if latest:
                a.set_libver_bounds(h5f.LIBVER_LATEST, h5f.LIBVER_LATEST)
            f = h5py.File(h5f.create(path.encode(), h5f.ACC_TRUNC, p, a))
        else:
            f = h5py.File(path, "w", **o)
        groups, sets = [f], []
        with f:
            for i in range(r.randrange(1, 7)):
                g = r.choice(groups)
                if r.random() < 0.35:
                    groups.append(g.create_group(f"g{i}", track_order=r.random() < 0.3))
                try:
                    d = self.one(r.choice(groups), f"d{i}" if r.random() < 0.8 else f"é {i}", latest)
                except ValueError as e:
                    if "out of bounds" not in str(e):
                        raise
                    continue  # a version of the file that does not have it
                self.attributes(d)
                sets.append(d)
            if not sets:
                sets.append(f.create_dataset("one", data=self.numbers((3,), "f4")))
            many = r.random()
            if many < 0.15:
                g = f.create_group("many", track_order=r.random() < 0.5)
                for i in range(r.choice([9, 40, 200, 1500])):
                    g.create_dataset(f"entry number {i}" * r.randrange(1, 3), data=np.int32(i))
            elif many < 0.25:
                for i in range(r.choice([9, 30, 300])):
                    sets[0].attrs[f"attribute {i}"] = i
                if latest:
                    sets[0].attrs["large"] = "x" * 70_000
                    sets[0].attrs["middle"] = self.numbers((800,), "f8")
            for i in range(r.randrange(4)):
                g = r.choice(groups)
                k = r.randrange(7)
                if k == 0:
                    g[f"hard{i}"] = r.choice(sets)
                elif k == 1:
                    g[f"soft{i}"] = h5py.SoftLink(r.choice(sets).name)
                elif k == 2:
                    g[f"alias{i}"] = r.choice(groups)
                elif k == 3:
                    g[f"loop{i}"] = h5py.SoftLink(r.choice(["/", ".", r.choice(groups).name]))
                elif k == 4:
                    g[f"dangling{i}"] = h5py.SoftLink("/nowhere/at/all")
                elif k == 5:
                    g[f"external{i}"] = h5py.ExternalLink("other.h5", "/x")
                else:
                    g[f"type{i}"] = np.dtype(">i4")
                    t = g.create_dataset(f"typed{i}", data=[1, 2], dtype=g[f"type{i}"])
                    g[f"soft to soft{i}"] = h5py.SoftLink(t.name)
                    g[f"relative{i}"] = h5py.SoftLink(f"soft to soft{i}")
            for g in groups:
                self.attributes(g, 3)
            if len(sets[0].shape or ()) and r.random() < 0.3:
                sets[0].dims[0].label = "time"


def expect(names, folder):
    files = []
    for name in names:
        with h5py.File(os.path.join(folder, name)) as f:
            files.append({"file": name, **walk(f)})
    with open(os.path.join(folder, "expect.json"), "w") as f:
        json.dump({"h5py": h5py.version.version, "hdf5": h5py.version.hdf5_version, "files": files}, f, separators=(",", ":"))
        f.write("\n")


def write(seed, n, folder):
    for i in range(n):
        Maker(random.Random(f"{seed} {i}")).file(os.path.join(folder, f"f{i}.h5"))
    expect([f"f{i}.h5" for i in range(n)], folder)


# The files that are kept.

def counted(shape, dtype, start=0):
    """Elements that are all different."""
    n = math.prod(shape)
    return (np.arange(start, start + n) * 7 % 251 if np.dtype(dtype).itemsize == 1 else np.arange(start, start + n) * 37).astype(dtype).reshape(shape)


def indexes(f):
    """A dataset of each chunk index that the version of the file has."""
    f.create_dataset("single", data=counted((6, 5), "<i4"), chunks=(6, 5), compression="gzip")
    f.create_dataset("single plain", data=counted((6, 5), ">i4"), chunks=(6, 5))
    f.create_dataset("padded", data=counted((3, 5), "<i4"), chunks=(4, 8), maxshape=(4, 8))
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_chunk((4, 3))
    p.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    d = h5py.Dataset(h5d.create(f.id, b"implicit", h5t.STD_I16BE, h5s.create_simple((7, 7), (9, 8)), p))
    d[...] = counted((7, 7), "i2")
    f.create_dataset("fixed", data=counted((9, 7), "<f4"), chunks=(4, 2))
    f.create_dataset("fixed filtered", data=counted((9, 7), "<f8"), chunks=(4, 2), shuffle=True, compression="gzip")
    d = f.create_dataset("fixed paged", (1500,), "u1", chunks=(1,), fillvalue=9)
    d[3], d[1499] = 1, 2
    f.create_dataset("extensible", data=counted((60, 3), "<u2"), chunks=(1, 3), maxshape=(None, 5))
    f.create_dataset("extensible turned", data=counted((3, 40), "<u2"), chunks=(2, 1), maxshape=(4, None), compression="lzf")
    d = f.create_dataset("extensible paged", (300_000,), "u1", chunks=(1,), maxshape=(None,), fletcher32=True)
    for at in (0, 5, 70, 140_000):
        d[at] = at % 255 + 1
    f.create_dataset("tree", data=counted((20, 20), "<i8"), chunks=(3, 3), maxshape=(None, None), shuffle=True, fletcher32=True, compression="lzf")
    f.create_dataset("tree plain", data=counted((20, 20), "<i2"), chunks=(1, 3), maxshape=(None, None))
    d = f.create_dataset("masked", (32,), ">i4", chunks=(16,), shuffle=True, compression="gzip")
    a = counted((32,), ">i4")
    d.id.write_direct_chunk((0,), a[:16].tobytes(), 3)
    d.id.write_direct_chunk((16,), np.frombuffer(a[16:].tobytes(), "u1").reshape(16, 4).T.tobytes(), 2)


def refusals(f):
    """What is refused, beside something that is not."""
    m = Maker(random.Random(1))
    f["fine"] = counted((4,), "<f4")
    f.create_dataset("scale-offset", data=[1, 2, 3, 300], chunks=(2,), scaleoffset=0)
    f.create_dataset("szip", data=np.arange(64, dtype="i4"), chunks=(32,), compression="szip")
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_chunk((4,))
    p.set_filter(5)
    h5py.Dataset(h5d.create(f.id, b"nbit", h5t.STD_I32LE, h5s.create_simple((8,)), p))[...] = range(8)
    p = h5p.create(h5p.DATASET_CREATE)
    p.set_chunk((4,))
    p.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (3,))
    h5d.create(f.id, b"zstd", h5t.STD_I32LE, h5s.create_simple((8,)), p)
    f.create_dataset("references", (3,), h5py.ref_dtype)
    f.create_dataset("sequences", (2,), h5py.vlen_dtype("i4"))
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(f["fine"])
    f.create_virtual_dataset("virtual", layout)
    f.create_dataset("outside", (4,), "i4", external=[("outside.bin", 0, 16)])
    f["other file"] = h5py.ExternalLink("other.h5", "/x")
    t = h5t.STD_I32LE.copy()
    t.set_size(3)
    t.set_precision(24)
    m.bits(f, "i24", t, (3,))
    f.create_dataset("long double", data=np.longdouble([1, 2.5]))
    f.create_dataset("compound", (2,), np.dtype([("n", "<i4"), ("s", h5py.string_dtype()), ("r", h5py.ref_dtype), ("x", ">f8")]))


def several(f):
    m = Maker(random.Random(2))
    for i, d in enumerate(NUMBERS):
        for order in "<>" if np.dtype(d).itemsize > 1 else "|":
            f[f"numbers/{'be' if order == '>' else 'le'} {d.replace('?', 'bool')}"] = m.numbers((2, 3), (order + d).replace("|?", "?"))
    f["scalar"] = np.float32(1.5)
    f["empty"] = h5py.Empty("f8")
    f.create_dataset("no rows", (0, 3), "i4", maxshape=(None, 3))
    f.create_dataset("never written", (2, 2), "<i4", fillvalue=-7)
    m.bits(f, "bfloat16", m.float_type(2, False, (15, 7, 8, 0, 7), 127), (5,))
    m.bits(f, "bfloat16 be", m.float_type(2, True, (15, 7, 8, 0, 7), 127), (5,))
    m.bits(f, "float8_e4m3", m.float_type(1, False, (7, 3, 4, 0, 3), 7), (5,))
    m.bits(f, "float8_e5m2", m.float_type(1, False, (7, 2, 5, 0, 2), 15), (5,))
    m.bits(f, "bits", h5t.STD_B16BE, (3,))
    t = h5t.create(h5t.OPAQUE, 7)
    t.set_tag(b"a tag")
    m.bits(f, "opaque", t, (3,))
    words = ["", "a", "πρώτα", "x" * 500, "nul? no", "😀"]
    f.create_dataset("strings/any", data=np.array(words, dtype=object), dtype=h5py.string_dtype())
    f.create_dataset("strings/chunked", data=np.array(words * 4, dtype=object).reshape(4, 6), dtype=h5py.string_dtype(), chunks=(3, 4), maxshape=(None, None), compression="gzip")
    f.create_dataset("strings/scalar", data="one", dtype=h5py.string_dtype())
    f.create_dataset("strings/fixed", data=np.array([b"ab", b"cdef", b""]))
    long = np.array([bytes(33 + (7 * i + j * j) % 90 for j in range(300 - i)) for i in range(5)], "S300")
    f.create_dataset("strings/shuffled", data=long, chunks=(2,), shuffle=True, compression="gzip")
    f.create_dataset("enumeration", data=[0, 42, 1], dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 42}, ">i2"))
    d = np.dtype([("id", "<u4"), ("xyz", ">f8", (3,)), ("in", [("z", "<c8"), ("name", "S4")])])
    f.create_dataset("compound", data=m.structured((3,), d))
    f.create_dataset("compound chunked", data=m.structured((5, 4), d), chunks=(2, 3), shuffle=True, compression="gzip")
    x = f.create_dataset("arrays", (2,), np.dtype(("<i2", (2, 3))))
    x[...] = counted((2, 2, 3), "i2")
    f["type"] = np.dtype(">i4")
    f.create_dataset("typed", data=[1, 2, 3], dtype=f["type"])
    x = f["numbers/le f4"]
    x.dims[0].label, x.dims[1].label = "row", "column"
    x.attrs["units"] = "m/s"
    x.attrs["unit"] = "kept as hdf5.unit"
    x.attrs["list"] = [[1, 2], [3, 4]]
    x.attrs["names"] = ["a", "βγ"]
    x.attrs["ref"] = x.ref
    x.attrs["f4"] = np.float32(0.1)
    x.attrs["nan"] = np.nan
    x.attrs["u8"] = np.uint64(2**64 - 1)
    x.attrs["yes"] = True
    x.attrs["bytes"] = np.void(b"\x00\x01\xff")
    x.attrs["nothing"] = h5py.Empty("i4")
    f.attrs["title"] = "everything"
    f["numbers"].attrs["about"] = "two orders"


def linked(f):
    f["a/b/data"] = counted((3, 4), "<i4")
    f["a/hard"] = f["a/b/data"]
    f["soft"] = h5py.SoftLink("/a/b/data")
    f["a/relative"] = h5py.SoftLink("b/data")
    f["soft to soft"] = h5py.SoftLink("soft")
    f["a/b/up"] = h5py.SoftLink("/a")
    f["a/b/cycle"] = f["a"]
    f["again"] = f["a/b"]
    f["round 1"] = h5py.SoftLink("round 2")
    f["round 2"] = h5py.SoftLink("round 1")
    f["dangling"] = h5py.SoftLink("/nowhere")
    g = f.create_group("in order", track_order=True)
    for n in "zyxa":
        g[n] = np.int8(ord(n))
    g = f.create_group("many")
    for i in range(24):
        g.create_dataset(f"dataset with a long name {i}", data=np.int16(i))
    for i in range(12):
        f["a/b/data"].attrs[f"attribute {i}"] = i
    if f.libver[0] != "earliest":
        f["a/b/data"].attrs["large"] = "x" * 5_000


def described(f):
    """Attributes of every type that has a place among ours, and of some that have none."""
    m = Maker(random.Random(3))
    x = f.create_dataset("x", data=counted((3,), "<i4"))
    levels = h5py.enum_dtype({"LOW": 0, "HIGH": 7}, ">i2")
    d = np.dtype([("id", "<u4"), ("xyz", ">f8", (3,)), ("in", [("z", "<c8"), ("name", "S4")]), ("far", ">i8")])
    x.attrs.create("compounds", m.structured((2, 2), d), dtype=d)
    x.attrs.create("compound", m.structured((1,), d)[0], dtype=d)
    x.attrs.create("complex", np.complex64(1.5 - 2j))
    x.attrs.create("complex of two", np.array([1 + 2j, -3.25 + 1e300j], ">c16"))
    x.attrs.create("arrays", counted((2, 2, 3), "<i2"), shape=(2, 2, 3), dtype=np.dtype(("<i2", (2, 3))))
    x.attrs.create("levels", [[0, 7], [7, 0]], dtype=levels)
    x.attrs["half"] = np.float16(0.1)
    x.attrs.create("float", np.array([0.1, -2.5], ">f4"))
    x.attrs.create("least", np.array(-(2**63), ">i8"))
    x.attrs["bools"] = np.array([[True, False], [False, True]])
    x.attrs["naturals"] = np.array([0, 2**63, 2**64 - 1], ">u8")
    x.attrs["word"] = np.bytes_(b"ab")
    x.attrs["words"] = np.array([b"ab", b"", b"cdef"])
    x.attrs["no text"] = np.bytes_(b"\xff\xfe")
    x.attrs["none"] = np.zeros((0,), "f4")
    x.attrs["none of three"] = np.zeros((0, 3), "<i4")
    x.attrs["long"] = counted((5000,), "<i2")
    x.attrs.create("sequences", np.array([np.array([1, 2]), np.array([3])], object), dtype=h5py.vlen_dtype("<i4"))
    x.attrs["βγ"] = "δ"
    t = h5t.C_S1.copy()
    t.set_size(6)
    t.set_strpad(h5t.STR_SPACEPAD)
    h5py.h5a.create(x.id, b"padded", t, h5py.h5s.create(h5py.h5s.SCALAR)).write(np.array(b"ab    ", "S6"))
    h5py.h5a.create(x.id, b"time", h5t.UNIX_D32LE, h5py.h5s.create(h5py.h5s.SCALAR))
    f["type"] = np.dtype([("a", "<i2"), ("b", ">f8")])
    x.attrs.create("typed", np.array((5, 2.5), f["type"].dtype), dtype=f["type"])
    f.create_dataset("typed", data=np.array([(1, 0.5), (2, 1.5)], f["type"].dtype), dtype=f["type"])
    g = f.create_group("in order", track_order=True)
    for i in range(12):
        g.attrs[f"attribute {i}"] = i
    g = f.create_group("links")
    for i in range(12):
        g[f"soft {i}"] = h5py.SoftLink("/typed")
    g["outside"] = h5py.ExternalLink("other.h5", "/y")
    g["βγ"] = h5py.SoftLink("/typed")
    if f.libver[0] != "earliest":
        x.attrs["large"] = "x" * 70_000
        x.attrs["larger"] = counted((1100, 8), "<i8")
        x.attrs["middle"] = m.numbers((800,), "f8")


def weather(f):
    """What people have in such files, for the documentation."""
    f.attrs["title"] = "Two days in spring"
    r = np.random.default_rng(5)
    t = f.create_dataset("grid/temperature", (48, 12, 16), "<f4", chunks=(12, 12, 8), shuffle=True, compression="gzip", maxshape=(None, 12, 16))
    day = 8 * np.sin(np.arange(48) * np.pi / 12)[:, None, None]
    t[...] = np.round(10 + day + r.normal(size=(1, 12, 16)), 1)
    t.attrs["units"] = "degC"
    for axis, name in zip(t.dims, ("hour", "lat", "lon")):
        axis.label = name
    f["grid/height"] = r.integers(0, 3000, (12, 16)).astype(">i2")
    f["stations/name"] = np.array(["Åkersberg", "Bern", "Córdoba"], dtype=object)
    d = np.dtype([("lat", "<f8"), ("lon", "<f8"), ("open", "?")])
    f["stations/place"] = np.array([(59.5, 18.3, True), (46.9, 7.4, True), (37.9, -4.8, False)], d)
    f.create_dataset("stations/rain", data=[0, 3, 250], chunks=(3,), scaleoffset=0)
    f["today"] = h5py.SoftLink("/grid/temperature")


KEPT = {
    "earliest.h5": ("earliest", several),
    "latest.h5": ("latest", several),
    "indexes_earliest.h5": ("earliest", indexes),
    "indexes_latest.h5": ("latest", indexes),
    "links_earliest.h5": ("earliest", linked),
    "links_latest.h5": ("latest", linked),
    "refused.h5": (("earliest", "latest"), refusals),
    "weather.h5": ("earliest", weather),
    "attributes_earliest.h5": ("earliest", described),
    "attributes_latest.h5": ("latest", described),
}


def kept(folder):
    for name, (libver, make) in KEPT.items():
        with h5py.File(os.path.join(folder, name), "w", libver=libver) as f:
            make(f)
    with h5py.File(os.path.join(folder, "userblock.h5"), "w", userblock_size=1024) as f:
        f["x"] = counted((5,), "<i4")
        f.create_dataset("chunks", data=counted((5,), "<i4"), chunks=(2,), compression="gzip")
    with open(os.path.join(folder, "userblock.h5"), "r+b") as f:
        f.write(b"MATLAB 7.3 MAT-file, or something like it")
    with open(os.path.join(folder, "matlab.bin"), "wb") as f, open(os.path.join(folder, "userblock.h5"), "rb") as g:
        f.write(g.read())
    with open(os.path.join(folder, "userblock.h5"), "r+b") as f:
        f.write(b"anything at all".ljust(64, b"."))
    p = h5p.create(h5p.FILE_CREATE)
    p.set_sizes(4, 4)
    with h5py.File(h5f.create(os.path.join(folder, "small.h5").encode(), h5f.ACC_TRUNC, p)) as f:
        f["x"] = counted((3, 4), "<i4")
        f.create_dataset("chunks", data=counted((9,), "<i8"), chunks=(2,), compression="gzip")
    # Messages that are shared, by the library's own tool where it is there.
    if shutil.which("h5repack"):
        kinds = [x for kind in ("dtype", "dspace", "fill", "attr") for x in ("-s", "8:" + kind)]
        subprocess.run(["h5repack", "-L", *kinds, "links_latest.h5", "shared.h5"], check=True)
    others = [n for n in sorted(os.listdir(folder)) if n.startswith("keras") and n.endswith(".h5")]
    expect([*KEPT, "userblock.h5", "matlab.bin", "small.h5", "shared.h5", *others], folder)


if __name__ == "__main__":
    folder = sys.argv[-1]
    os.chdir(folder)  # where external data would be
    if sys.argv[1] == "write":
        write(int(sys.argv[2]), int(sys.argv[3]), ".")
    else:
        kept(".")

"""Composite tensors (../tensorfile-1.0.md, "Composites") as NumPy arrays and lists, with all checks of their parts
and of what these say of each other, and the content hash ("Content hash").

    import tensorfile, composites
    t = tensorfile.File.open("x.tensor")["m"]
    print(composites.LAYOUTS[t.layout], composites.elements(t))"""
import hashlib, struct
import numpy as np
from attributes import need

LAYOUTS = [None, "coo", "csr", "csc", "bsr", "csf", "bitmap", "ragged", "string", "quantised"]
RANKS = {"csr": (2, 2), "csc": (2, 2), "bsr": (2, 2), "ragged": (2, 32), "string": (0, 32), "quantised": (0, 32)}
SPARSE = LAYOUTS[1:7]
BOOL1, U8, U32 = (1, 0, 1, 8, 1), (3, 0, 8, 1, 1), (3, 0, 32, 1, 4)


def parts(t):
    """The parts of a composite by role."""
    n = t.key.count(b"\0") + 1
    return {k[len(t.key) + 1:].decode(): p for k, p in t.root.tensors.items()
            if k.startswith(t.key + b"\0") and k.count(b"\0") == n}


def is_index(d): return d.cls in (2, 3) and d.e == 1 and d.bits in (8, 16, 32, 64)


def groups(shape, group): return tuple(-(-n // int(g)) for n, g in zip(shape, group))


def check_parts(t):
    """Flags, roles, dtypes and shapes. Returns the name of the layout and the parts."""
    need(t.layout < len(LAYOUTS), "composite.layout", str(t.layout), "Unsupported")
    name, rank, p = LAYOUTS[t.layout], len(t.shape), parts(t)
    low, high = RANKS.get(name, (1, 32))
    need(low <= rank <= high, "composite.part", "rank %d" % rank, "Format")
    need((t.dtype.cls == 0) == (name == "string"), "dtype.none", t.dtype.name())
    allowed = (3 if name in SPARSE else 0) | (0x70 if name in ("coo", "csr", "csc", "csf") else 0)
    structure = t.flags >> 4 & 3
    ok = not t.flags & ~allowed and (name not in ("csf", "bitmap") or t.flags & 3 == 3)
    ok = ok and (not structure or rank == 2 and t.shape[0] == t.shape[1]) and (structure != 3 or t.dtype.cls == 5)
    need(ok and (structure or not t.flags & 64), "composite.flags", hex(t.flags))

    def part(role, like, *shape):
        need(role in p, "composite.part", "no part " + role, "Format")
        d, have = p[role].dtype, p[role].shape
        same = like(d) if callable(like) else d.raw() == like
        need(same and len(have) == len(shape) and all(n in (None, m) for n, m in zip(shape, have)), "composite.part",
             "%s is %s %s" % (role, d.name(), have), "Format")
        return have

    parent, number = t.dtype.raw(), lambda d: d.cls in (2, 3, 4)
    if name == "coo": part("values", parent, part("indices", is_index, None, rank)[0])
    if name in ("csr", "csc"):
        part("indptr", is_index, t.shape[name == "csc"] + 1)
        part("values", parent, part("indices", is_index, None)[0])
    if name == "bsr":
        n, h, w = part("values", parent, None, None, None)
        need(h > 0 and w > 0 and t.shape[0] % h == t.shape[1] % w == 0, "composite.part", "blocks of %d by %d" % (h, w), "Format")
        part("indptr", is_index, t.shape[0] // h + 1)
        part("indices", is_index, n)
    if name == "csf":
        part("order", U8, rank)
        nodes = [part("idx%d" % k, is_index, None)[0] for k in range(rank)]
        for k in range(rank - 1): part("ptr%d" % k, is_index, nodes[k] + 1)
        part("values", parent, nodes[-1])
    if name == "bitmap":
        part("mask", BOOL1, *t.shape)
        part("values", parent, None)
    if name == "ragged":
        part("offsets", is_index, t.shape[0] + 1)
        part("values", parent, None, *t.shape[2:])
    if name == "string":
        part("offsets", is_index, int(np.prod(t.shape, dtype=object)) + 1)
        part("bytes", U8, None)
    if name == "quantised":
        part("group", U32, rank)
        part("values", number, *t.shape)
        group = p["group"].array()
        need((group > 0).all(), "composite.index", "group %s" % group)
        part("scales", number, *groups(t.shape, group))
        if "zeros" in p: part("zeros", number, *groups(t.shape, group))
    if name in SPARSE and "fill" in p: part("fill", parent)
    return name, p


def pointers(x, end, longest=None):
    x = [int(v) for v in x]
    ok = x[0] == 0 and x[-1] == end and all(a <= b for a, b in zip(x, x[1:]))
    need(ok and (longest is None or all(b - a <= longest for a, b in zip(x, x[1:]))), "composite.pointer", str(x[:20]))
    return x


def entries(t, name, p):
    """(coordinates, place in values) of a sparse tensor, in the order of the file, checked."""
    rank, out = len(t.shape), []
    values = p["values"].shape[0]
    h, w = p["values"].shape[1:] if name == "bsr" else (1, 1)
    shape = (t.shape[0] // h, t.shape[1] // w) if name == "bsr" else t.shape
    if name == "coo":
        out = [tuple(int(x) for x in row) for row in p["indices"].array()]
    elif name == "csf":
        order = [int(x) for x in p["order"].array()]
        need(sorted(order) == list(range(rank)), "composite.index", "order %s" % order)
        idx = [[int(x) for x in p["idx%d" % k].array()] for k in range(rank)]
        ptr = [pointers(p["ptr%d" % k].array(), len(idx[k + 1])) for k in range(rank - 1)]
        for x in ptr: need(all(a < b for a, b in zip(x, x[1:])), "composite.pointer", "a node without a child")

        def walk(k, a, b, above):
            need(all(x < y for x, y in zip(idx[k][a:b], idx[k][a + 1:b])), "composite.index", "siblings of level %d" % k)
            for i in range(a, b):
                at = above + [idx[k][i]]
                if k < rank - 1: walk(k + 1, ptr[k][i], ptr[k][i + 1], at)
                else: out.append(tuple(at[order.index(axis)] for axis in range(rank)))
        walk(0, 0, len(idx[0]), [])
    elif name == "bitmap":
        out = [tuple(int(x) for x in row) for row in np.argwhere(p["mask"].array())]
        need(len(out) == values, "composite.index", "%d bits for %d values" % (len(out), values))
    else:
        ptr, idx = pointers(p["indptr"].array(), p["indices"].shape[0]), [int(x) for x in p["indices"].array()]
        out = [(r, idx[i]) for r in range(len(ptr) - 1) for i in range(ptr[r], ptr[r + 1])]
        if name == "csc": out = [(i, j) for j, i in out]
    for at in out: need(all(0 <= i < n for i, n in zip(at, shape)), "composite.index", str(at))
    turned = [at[::-1] for at in out] if name == "csc" else out
    if name != "csf":
        if t.flags & 1: need(all(a <= b for a, b in zip(turned, turned[1:])), "composite.index", "entries that do not ascend")
        if t.flags & 2: need(len(set(out)) == len(out), "composite.index", "a coordinate twice")
    structure = t.flags >> 4 & 3
    for i, j in out if structure else ():
        need((j >= i if t.flags & 64 else i >= j) and (structure != 2 or i != j), "composite.index", "(%d, %d) of a triangle" % (i, j))
    return out


def dense(t, name, p):
    values = p["values"].array()
    a = np.zeros(t.shape, values.dtype)
    fill = p["fill"].array()[()] if "fill" in p else a.dtype.type(0)
    there = np.zeros(t.shape, bool)
    structure = t.flags >> 4 & 3

    def put(at, v):
        a[at] = (a[at] | v) if a.dtype == bool else a[at] + v
        there[at] = True
    for k, at in enumerate(entries(t, name, p)):
        if name == "bsr":
            h, w = values.shape[1:]
            for i, j in np.ndindex(h, w): put((at[0] * h + i, at[1] * w + j), values[k, i, j])
            continue
        put(at, values[k])
        if structure and at[0] != at[1]:
            put(at[::-1], (values[k], values[k], -values[k], np.conj(values[k]))[structure])
    a[~there] = fill
    return a


# Exponent bits, fraction bits and bias of the floats that NumPy lacks, by variant.
SHORT = {1: (8, 7, 127), 2: (4, 3, 7), 3: (5, 2, 15), 4: (4, 3, 8), 5: (5, 2, 16), 6: (8, 0, 127), 7: (2, 1, 1),
         8: (2, 3, 1), 9: (3, 2, 3)}


def numbers(t):
    """Elements of any int, uint or float dtype as binary32."""
    d = t.dtype
    if d.cls in (2, 3) or not d.variant: return t.array().astype(np.float32)
    if d.e == 1:
        x = np.frombuffer(t.image(), "<u%d" % d.b).reshape(t.shape).astype(np.int64)
    else:
        units = d.units(t.shape)
        rows = np.frombuffer(t.image(), np.uint8).reshape(units[:-1] + [units[-1] * d.b])
        bits = np.unpackbits(rows, axis=-1, bitorder="little")[..., :t.shape[-1] * d.bits]
        x = (bits.reshape(t.shape + (d.bits,)).astype(np.int64) << np.arange(d.bits)).sum(-1)
    e, m, bias = SHORT[d.variant]
    power, fraction, negative = x >> m & (1 << e) - 1, x & (1 << m) - 1, x >> e + m & 1
    v = np.ldexp(1 + fraction / 2**m, power - bias)
    if d.variant != 6: v = np.where(power == 0, np.ldexp(fraction / 2**m, 1 - bias), v)
    top = power == (1 << e) - 1
    if d.variant in (1, 3): v = np.where(top, np.where(fraction, np.nan, np.inf), v)
    v = np.where(negative == 1, -v, v)
    if d.variant == 2: v = np.where(top & (fraction == 7), np.nan, v)
    if d.variant in (4, 5): v = np.where(x == 0x80, np.nan, v)
    if d.variant == 6: v = np.where(top, np.nan, v)
    return v.astype(np.float32)


def elements(t):
    """A NumPy array of a sparse or quantised tensor, a list of arrays of a ragged one, an array of str."""
    name, p = check_parts(t)
    if name in SPARSE: return dense(t, name, p)
    if name == "ragged":
        values = p["values"].array()
        x = pointers(p["offsets"].array(), len(values), t.shape[1])
        return [values[a:b] for a, b in zip(x, x[1:])]
    if name == "string":
        raw = p["bytes"].array().tobytes()
        x = pointers(p["offsets"].array(), len(raw))
        out = np.empty(len(x) - 1, object)
        for i, (a, b) in enumerate(zip(x, x[1:])):
            try:
                out[i] = raw[a:b].decode("utf-8")
            except UnicodeDecodeError as e:
                need(False, "composite.utf8", str(e))
        return out.reshape(t.shape)
    group = p["group"].array()
    wide = lambda role: numbers(p[role]) if not p[role].layout else elements(p[role]).astype(np.float32)
    each = tuple(np.ix_(*[np.arange(n) // int(g) for n, g in zip(t.shape, group)]))
    zeros = wide("zeros")[each] if "zeros" in p else np.float32(0)
    with np.errstate(all="ignore"):  # NumPy warns of infinities and NaN
        x = (wide("values") - zeros) * wide("scales")[each]
        return x.astype(t.dtype.numpy() or np.float32)  # binary32 of a dtype that NumPy lacks


def content_hash(t):
    """The 32 bytes of section Content hash."""
    head = b"tensorfile/hash1" + struct.pack("<BBHI", t.kind, len(t.shape), t.layout, t.flags)
    d = t.dtype
    head += struct.pack("<BBHIII", d.cls, 0, d.variant, d.bits, d.e, d.b) + b"".join(struct.pack("<Q", n) for n in t.shape)
    if t.kind == 1: return hashlib.sha256(head + t.image()).digest()
    p = parts(t)
    head += struct.pack("<I", len(p))
    for role in sorted(p): head += bytes([len(role)]) + role.encode() + content_hash(p[role])
    return hashlib.sha256(head).digest()

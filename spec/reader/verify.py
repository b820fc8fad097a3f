"""Lists .tensor files and checks all of them, beyond what reading checks:

    python verify.py x.tensor"""
import struct, sys
import composites
from tensorfile import DATA, Error, File, crc32c, need, pad, zero

def is_number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)

def check_reserved(attrs, rank):
    """What verify says of the reserved keys."""
    text = lambda v: isinstance(v, str)
    obj = lambda v: isinstance(v, dict)

    def axis(a):
        forms = {"unit": text, "start": is_number, "step": is_number, "coordinates": text, "description": text,
                 "labels": lambda v: isinstance(v, list) and all(map(text, v))}
        return a is None or obj(a) and all(f(a[k]) for k, f in forms.items() if k in a)

    models = "gray graya rgb rgba bgr bgra ycbcr cmyk lab index".split()
    colour = {"model": lambda v: v in models, "space": text, "palette": text, "alpha": lambda v: v in ("straight", "premultiplied"),
              "icc": lambda v: obj(v) and list(v) == ["$bytes"]}
    forms = {
        "axes": lambda v: isinstance(v, list) and len(v) == rank and all(map(axis, v)),
        "unit": text,
        "sample_rate": lambda v: is_number(v) and v > 0,
        "colour": lambda v: obj(v) and all(f(v[k]) for k, f in colour.items() if k in v),
        "orientation": lambda v: isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= 8,
        "source": obj, "layout": obj,
    }
    for k, form in forms.items():
        if k in attrs: need(form(attrs[k]), "attr.reserved", "%s: %s" % (k, str(attrs[k])[:60]), "Format")

def verify(f):
    """All that is wrong, as a list of errors."""
    errors, owned = [], []

    def step(fn, *args):
        try:
            return fn(*args)
        except Error as e:
            errors.append(e)

    for a, b in ((64, 4096), (4224, 8192), (8320, DATA)): step(zero, f.data[a:b], "control.zero")
    streamed = f.root.created and not any(f.data[4096:4224]) and not any(f.data[8192:8320])
    for at in () if streamed else (4096, 8192):
        r = step(f.record, at, False)
        if r and r.length <= len(f.data):
            step(need, f.data[r.length - 128:r.length] == r.raw, "root.trailer", "differs from the slot at %d" % at)
    for root in f.history(): step(verify_generation, f, root, errors, owned, step)
    owned.sort()
    at = DATA
    for begin, n, what in owned + [(f.root.length, 0, "")]:
        while at < begin:
            j = journal(f, at, begin)
            stop = j[0] if j else begin
            step(zero, f.data[at:stop], "padding.zero")
            at = j[1] if j else begin
        at = max(at, begin + n)
    return errors

def journal(f, at, end):
    """(begin, end) of the first journal run in a gap."""
    for head in range(pad(at), end - 95, 64):
        if f.data[head:head + 4] == b"TSRC":
            body, = struct.unpack_from("<Q", f.data, head + 40)
            length, = struct.unpack_from("<I", f.data, head + 76)
            b = f.data[head:head + length]
            if head - body >= at and head + length <= end and struct.unpack_from("<I", b, 4)[0] == crc32c(b[8:]) and b[75] & 1:
                return head - body, head + length

def verify_generation(f, root, errors, owned, step):
    if not hasattr(root, "runs"): f.load(root)
    mine = [(root.length - 128, 128, "a trailer")]
    for run in root.runs:
        mine.append((run.begin, run.body + run.length, "a run"))
        b = run.data()
        keys = list(run.keys(b))
        for x, y in zip(keys, keys[1:]):
            step(need, x != y, "name.order", repr(x), "Duplicate")
            step(need, x <= y, "name.order", repr(x))
        ids = [struct.unpack_from("<Q", b, run.at_storages + i * run.ssize)[0] for i in range(run.storages)]
        step(need, all(x < y for x, y in zip([0] + ids, ids)), "storage.id", str(ids[:8]))
        step(need, not ids or max(ids) < run.next_id, "run.next-id", str(run.next_id))
        for a, n, end in ((0, run.tensors * run.tsize, run.at_storages), (run.at_storages, run.storages * run.ssize, run.at_ends),
                          (run.at_ends, 4 * run.tensors, run.at_names), (run.at_names, run.names, run.at_heap), (run.at_heap, run.heap, run.body)):
            step(zero, b[a + n:end], "padding.zero")
    tensors = f.records(root, errors)
    for key, t in tensors.items():
        attrs = step(t.attributes)
        if attrs: step(check_reserved, attrs, len(t.shape) if key else 0)
        if key and b"\0" in key:
            parent = tensors.get(key[:key.rindex(b"\0")])
            step(need, parent is not None and parent.kind == 2, "composite.orphan", repr(key))
        if key and t.kind == 2: step(composites.elements, t)
    for id in {t.storage for t in tensors.values() if t.kind == 1 and t.storage}:
        step(verify_storage, root.storages[id], mine)
    for (a, n, what), (b, _, other) in zip(sorted(mine), sorted(mine)[1:]):
        step(need, a + n <= b, "extent.overlap", "%s at %d and %s at %d" % (what, a, other, b))
    owned += mine
    for s in root.storages.values():  # what no name reaches has an owner, too
        if s.r not in {root.storages[t.storage].r for t in tensors.values() if t.kind == 1 and t.storage}:
            try:
                verify_storage(s, owned)
            except Error:
                pass

def verify_storage(s, owned):
    s.parse()
    if s.kind == 1:
        if s.size:
            owned.append((s.payload, s.size, "a payload"))
            if s.size > 1 << s.block: owned.append((s.ref[0], s.ref[1], "a list of sums"))
        s.raw_bytes()
        return
    stored = 0
    for e, box in s.chunks(owned):
        coding, b, _ = s.entry(e, box, owned)
        stored += len(b) if coding > 1 else 0
    need(stored == s.stored, "grid.stored", "%d, not %d" % (stored, s.stored))
    try:
        s.bytes()
    except Error as e:
        if e.rule != "pipeline.stage": raise

def main(paths):
    status = 0
    for path in paths:
        try:
            f = File.open(path)
            for t in f.tensors(): print("%-40s %-12s %s" % (t.name, t.dtype.name(), list(t.shape)))
            errors = verify(f)
        except Error as e:
            errors = [e]
        for e in errors:
            print("%s: %s" % (path, e))
            status = 1
    return status

if __name__ == "__main__": sys.exit(main(sys.argv[1:]))

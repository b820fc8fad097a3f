"""Compares the reader beside this file with what it must agree with:

- every file of testdata/accept holds what the JSON beside it says: for each tensor dtype, shape, axis names,
  attributes, and the SHA-256 of its elements in C order, little-endian, rows of packed dtypes padded with
  zero bits to whole units; for each composite layout, flags, content hash and elements;
- every file of testdata/reject is refused, by the rule and with the kind that it names;
- the codec vectors of the specification decode to their input.

    python check.py              # all of it
    python check.py --update     # writes the JSON of accept/ anew, from what this reader finds"""
import glob, hashlib, json, os, re, struct, sys
import composites
from tensorfile import DType, Error, File, Stage, decode_chunk
from verify import verify

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
OPTIONAL = ("s2", "deflate")  # not in this reader: tensors that use them are opaque


def describe(path):
    """What the JSON says; the elements of an opaque tensor are left out."""
    f = File.open(path)
    tensors = []
    for t in f.tensors(parts=True):
        attributes = t.attributes()
        d = {"name": t.name, "dtype": t.dtype.name(), "descriptor": list(t.dtype.raw()), "shape": list(t.shape),
             "dims": attributes.get("dims"), "attributes": attributes}
        if t.kind == 1:
            try:
                image = t.image()
                t.array()
                d.update(bytes=len(image), sha256=hashlib.sha256(image).hexdigest())
            except Error as e:
                text = t.root.storages[t.storage].text.decode("ascii")
                assert e.rule == "pipeline.stage" and any(s in text for s in OPTIONAL), e
        if t.kind == 2:
            x = composites.elements(t)
            d.update(layout=composites.LAYOUTS[t.layout], flags=t.flags, hash=composites.content_hash(t).hex(),
                     elements=[r.tolist() for r in x] if isinstance(x, list) else jsonable(x.tolist()))
        tensors.append(d)
    return {"generation": f.root.generation, "attributes": f.attributes(), "tensors": tensors}, verify(f)


def jsonable(x):
    """Complex numbers as pairs."""
    if isinstance(x, list): return [jsonable(v) for v in x]
    return [x.real, x.imag] if isinstance(x, complex) else x


def lines(found):
    """JSON with a line for each tensor."""
    tensors = ",\n  ".join(json.dumps(t) for t in found["tensors"])
    return '{"generation": %d,\n "attributes": %s,\n "tensors": [%s]}\n' % (
        found["generation"], json.dumps(found["attributes"]), "\n  " + tensors if tensors else "")


def accept(path, update):
    """(tensors, opaque ones) of a file that is as it should be."""
    found, errors = describe(path)
    # A slot that was torn is no damage, and verify tells of it.
    assert not errors or "torn-slot" in path, errors
    want = path[:-len("tensor")] + "json"
    opaque = [t for t in found["tensors"] if "layout" not in t and "sha256" not in t and 0 not in t["shape"]]
    if update:
        with open(want, "w") as f:
            f.write(lines(found))
        return len(found["tensors"]), len(opaque)
    with open(want) as f:
        expected = json.load(f)
    for t, w in zip(found["tensors"], expected["tensors"]):
        if t in opaque:
            w = {k: v for k, v in w.items() if k not in ("bytes", "sha256")}
        assert t == w, "%s, want %s" % (t, w)
    found["tensors"] = expected["tensors"] if len(found["tensors"]) == len(expected["tensors"]) else None
    assert found == expected, "generation, attributes or names"
    return len(expected["tensors"]), len(opaque)


def refused(path):
    """(stage, error) for what is wrong with a file."""
    try:
        f = File.open(path)
    except Error as e:
        return [("open", e)]
    try:
        every = f.tensors(parts=True)
        f.attributes()
        for t in every:
            t.attributes()
            if t.kind == 1:
                t.array()
            if t.kind == 2: composites.elements(t)
    except Error as e:
        return [("use", e)]
    return [("verify", e) for e in verify(f)]


def reject(path):
    with open(path[:-len("tensor")] + "json") as f:
        want = json.load(f)
    found = refused(path)
    if want["at"] == "write":  # nothing is wrong with it for who only reads
        assert not found, [(s, str(e)) for s, e in found]
        return
    order = ["open", "use", "verify"]
    hits = [s for s, e in found if (e.rule, e.kind) == (want["rule"], want["kind"])]
    assert hits and order.index(hits[0]) <= order.index(want["at"]), [(s, str(e)) for s, e in found] or "accepted"


def vectors():
    """The pipelines of the codec vectors that decode as they should."""
    with open(os.path.join(ROOT, "spec", "tensorfile-1.0.md"), encoding="utf-8") as f:
        text = f.read()
    rows = lambda name: [[c.strip().replace("\\|", "|").strip("`") for c in re.split(r"(?<!\\)\|", r)[1:-1]]
                         for r in text.split("<!-- table: %s -->" % name)[1].strip().split("\n\n")[0].split("\n")[2:]]
    dtypes = {}
    for name, *numbers in rows("dtypes"):
        cls, variant, bits, e, b = map(int, numbers)
        dtypes[name] = DType(struct.pack("<BBHIII", cls, 0, variant, bits, e, b))
    done = 0
    for pipeline, dtype, box, data, encoded in rows("codec-vectors"):
        data, d = bytes.fromhex(data), dtypes[dtype]
        box = json.loads(box) if box else [len(data) // d.b]
        try:
            stages = [Stage(s, d, len(box), i == 0) for i, s in enumerate(pipeline.split("|"))]
        except Error:
            assert pipeline in OPTIONAL, pipeline
            continue
        assert decode_chunk(stages, bytes.fromhex(encoded), len(data), d, box) == data, pipeline
        done += 1
    return done


def main(args):
    update = "--update" in args
    tensors = opaque = failed = 0
    accepts, rejects = (sorted(glob.glob(os.path.join(ROOT, "testdata", d, "*.tensor"))) for d in ("accept", "reject"))
    for path in accepts + rejects:
        try:
            if path in accepts:
                n, o = accept(path, update)
                tensors, opaque = tensors + n, opaque + o
            else:
                reject(path)
        except (Error, AssertionError) as e:
            print("%s: %s" % (os.path.relpath(path, ROOT), e))
            failed += 1
    codecs = vectors()
    print("accept: %d files, %d tensors (%d opaque); reject: %d files; codec vectors: %d; %d failed"
          % (len(accepts), tensors, opaque, len(rejects), codecs, failed))
    assert len(accepts) >= 19 and len(rejects) >= 150 and codecs >= 23, "not all of it is there"
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Content hashes of files in testdata, computed from the specification ("Content hash") in plain Python and by no
code of this repository's Go packages:

    python3 testdata/hash/content_hash.py > testdata/hash/hashes.json

.tensor files are read by spec/reader, .npy and .npz by what stands here."""
import ast, glob, hashlib, json, os, re, struct, sys, zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
TESTDATA = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(os.path.dirname(TESTDATA), "spec", "reader"))
import tensorfile

NPY = ["b1.npy", "c16_big.npy", "c8.npy", "datetime_ns.npy", "empty_0x3.npy", "f2_big.npy", "f4.npy", "f4_big.npy", "f8_big.npy", "i8_big.npy",
       "permuted.npy", "rank0_big.npy", "rank32.npy", "s5.npy", "struct.npy", "struct_big.npy", "struct_sub.npy", "u2_big.npy", "u5_big.npy", "u5_fortran.npy", "v8.npy",
       "deflated.npz", "keys.npz", "none.npz", "stored.npz", "streamed_deflated.npz", "zip64.npz"]

def tensor_hash(descriptor, shape, content):
    return hashlib.sha256(b"tensorfile/hash1" + struct.pack("<BBHI", 1, len(shape), 0, 0) + struct.pack("<BxHIII", *descriptor)
                          + struct.pack("<%dQ" % len(shape), *shape) + content).digest()

def file_hash(tensors):
    b = b"tensorfile/hash1" + struct.pack("<B7xQ", 3, len(tensors))
    for name in sorted(tensors):
        b += struct.pack("<I", len(name)) + name + tensors[name]
    return hashlib.sha256(b).hexdigest()

def native(data):
    return {t.key: tensor_hash(t.dtype.raw(), t.shape, t.image()) for t in tensorfile.File(data).tensors(parts=True) if t.kind == 1}

CLASSES = {"b": (1, 0), "i": (2, 0), "m": (2, 0), "M": (2, 0), "u": (3, 0), "f": (4, 0), "c": (5, 0), "V": (6, 0), "S": (6, 1), "U": (6, 2)}

def number(descr):
    """Class, variant, bytes of a dtype, and of what has a byte order; whether that is big."""
    order, kind, n = re.fullmatch(r"([<>|])([biufcSUVmM])(\d+)(?:\[.*\])?", descr).groups()
    width = int(n) * (4 if kind == "U" else 1)
    return CLASSES[kind], width, {"U": 4, "c": width // 2, "S": 1, "V": 1}.get(kind, width), order == ">"

def npy(name, b):
    """The hashes of the tensors in an array: one, or one for each field."""
    assert b[:6] == b"\x93NUMPY"
    size = "<H" if b[6] == 1 else "<I"
    at = 8 + struct.calcsize(size)
    n, = struct.unpack_from(size, b, 8)
    head = ast.literal_eval(b[at:at + n].decode("utf-8" if b[6] == 3 else "latin-1"))
    shape, data = head["shape"], b[at + n:]
    fields = head["descr"] if isinstance(head["descr"], list) else [("", head["descr"])]
    fields = [(f[0], number(f[1]), f[2] if len(f) > 2 else ()) for f in fields]
    count = lambda shape: shape[0] * count(shape[1:]) if shape else 1
    record = sum(d[1] * count(sub) for _, d, sub in fields)
    strides, step = [0] * len(shape), 1
    for axis in range(len(shape)) if head["fortran_order"] else reversed(range(len(shape))):
        strides[axis], step = step, step * shape[axis]
    found, offset = {}, 0
    for field, ((cls, variant), width, part, big), sub in fields:
        out = bytearray()
        def walk(axis, i):
            if axis < len(shape):
                for k in range(shape[axis]):
                    walk(axis + 1, i + k * strides[axis])
                return
            begin = i * record + offset
            for k in range(begin, begin + width * count(sub), part):
                out.extend(data[k:k + part][::-1] if big else data[k:k + part])
        walk(0, 0)
        found[(name + "." + field if field else name).encode()] = tensor_hash((cls, variant, 8 * width, 1, width), shape + sub, bytes(out))
        offset += width * count(sub)
    return found

def hashes(path):
    with open(path, "rb") as f:
        data = f.read()
    stem, ext = os.path.splitext(os.path.basename(path))
    if ext == ".tensor":
        return native(data)
    if ext == ".npy":
        return npy(stem, data)
    found = {}
    with zipfile.ZipFile(path) as z:
        for i in z.infolist():
            found.update(npy(i.filename[:-len(".npy")], z.read(i)))
    return found

def main():
    paths = sorted(glob.glob(os.path.join(TESTDATA, "accept", "*.tensor"))) + [os.path.join(TESTDATA, "npy", n) for n in NPY]
    print(json.dumps({os.path.relpath(p, TESTDATA).replace(os.sep, "/"): file_hash(hashes(p)) for p in paths}, indent=1))

if __name__ == "__main__":
    main()

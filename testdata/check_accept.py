#!/usr/bin/env python3
"""An independent reader of .tensor files, in plain Python: what spec/tensorfile-1.0.md says, and no
code of this repository. It checks the files of accept/ against the JSON beside them, or makes that:

    python3 testdata/check_accept.py [--update] [FILE...]

The JSON says what a reader in any language must find: for each tensor dtype, shape, axis names,
attributes and the SHA-256 of its elements in C order, little-endian, rows of packed dtypes padded with
zero bits to whole units."""
import glob, hashlib, json, os, struct, sys

TABLE = []
for i in range(256):
    for _ in range(8):
        i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)

def crc(b):
    c = 0xFFFFFFFF
    for x in b:
        c = TABLE[(c ^ x) & 255] ^ c >> 8
    return c ^ 0xFFFFFFFF

assert crc(b"123456789") == 0xE3069283

FLOATS = ["f", "bf", "f8_e4m3fn", "f8_e5m2", "f8_e4m3fnuz", "f8_e5m2fnuz", "f8_e8m0", "f4_e2m1", "f6_e2m3", "f6_e3m2"]
BLOCKS = {2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 9: "q8_1", 10: "q2_k", 11: "q3_k", 12: "q4_k",
          13: "q5_k", 14: "q6_k", 15: "q8_k", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs", 19: "iq1_s", 20: "iq4_nl",
          21: "iq3_s", 22: "iq2_s", 23: "iq4_xs", 29: "iq1_m", 34: "tq1_0", 35: "tq2_0", 39: "mxfp4", 40: "nvfp4",
          41: "q1_0", 42: "q2_0"}

def dtype_name(cls, variant, bits, e, b):
    if cls == 1: return "bool" if bits == 8 else "bool1"
    if cls in (2, 3): return "iu"[cls - 2] + str(bits)
    if cls == 4: return FLOATS[variant] + (str(bits) if variant < 2 else "")
    if cls == 5: return "c" + str(bits)
    if cls == 6: return ["V%d" % b, "S%d" % b, "<U%d" % (b // 4)][variant]
    return BLOCKS[variant]

def unique(pairs):
    d = dict(pairs)
    assert len(d) == len(pairs), "a key twice"
    return d

class Reader:
    def __init__(self, data):
        self.data = data
        h = data[:64]
        assert h[:8] == b"\x89TSR\r\n\x1a\n" and struct.unpack_from("<HH", h, 12) == (1, 64)
        assert struct.unpack_from("<I", h, 8)[0] == crc(h[12:]) and not any(h[32:])
        self.uuid = h[16:32]
        self.root = self.choose()
        self.generation, self.length = struct.unpack_from("<QQ", self.root, 24)
        assert self.length <= len(data), "truncated"
        assert struct.unpack_from("<Q", self.root, 72)[0] == 0, "a feature that must be known"
        self.names, self.storages = {}, {}
        refs = self.run(struct.unpack_from("<QII", self.root, 56), True)
        for ref in refs[::-1] + [struct.unpack_from("<QII", self.root, 56)]:
            self.run(ref, False)

    def sound(self, at):
        """The root record at an offset, or None."""
        r = self.data[at:at + 128]
        ok = at >= 0 and len(r) == 128 and r[:4] == b"TSRR" and r[8:24] == self.uuid
        return r if ok and struct.unpack_from("<I", r, 4)[0] == crc(r[8:]) else None

    def choose(self):
        a, b = self.sound(4096), self.sound(8192)
        end = self.sound(len(self.data) - 128)
        if end and struct.unpack_from("<Q", end, 32)[0] != len(self.data):
            end = None
        field = lambda r, at: struct.unpack_from("<Q", r, at)[0]
        if a and b:
            assert field(a, 24) != field(b, 24) or a == b
            return max(a, b, key=lambda r: field(r, 24))
        if a or b:
            s = a or b
            return end if end and field(end, 48) and field(end, 48) == field(s, 32) - 128 else s
        assert end and end[106] & 1, "no committed generation"
        return end

    def at_ref(self, ref):
        b = self.data[ref[0]:ref[0] + ref[1]]
        assert len(b) == ref[1] and crc(b) == ref[2], "checksum at %d" % ref[0]
        return b

    def run(self, ref, only_older):
        h = self.at_ref(ref)
        assert h[:4] == b"TSRC" and struct.unpack_from("<I", h, 4)[0] == crc(h[8:]) and h[8:24] == self.uuid
        off, gen, body, heap = struct.unpack_from("<QQQQ", h, 24)
        names, tensors, storages, older, tsize, ssize, page, flags, _ = struct.unpack_from("<IIIHHHBBI", h, 56)
        assert off == ref[0] and 0 < gen <= self.generation and flags == 0
        if only_older:
            return [struct.unpack_from("<QII", h, 96 + 16 * i) for i in range(older)]
        data = self.data[off - body:off]
        for i in range(0, -(-body >> page)):
            sum, = struct.unpack_from("<I", h, 96 + 16 * older + 4 * i)
            assert crc(data[i << page:(i + 1) << page]) == sum, "page %d" % i
        pad = lambda n: n + 63 & ~63
        s_at = pad(tensors * tsize)
        e_at = s_at + pad(storages * ssize)
        n_at = e_at + pad(4 * tensors)
        h_at = n_at + pad(names)
        ends = (0,) + struct.unpack_from("<%dI" % tensors, data, e_at)
        for i in range(tensors):
            key = data[n_at + ends[i]:n_at + ends[i + 1]]
            r = data[i * tsize:i * tsize + 64]
            pos, n, kind, rank = struct.unpack_from("<QIBB", r, 32)
            if kind == 0:
                self.names.pop(key, None)
                continue
            piece = data[h_at + pos:h_at + pos + n]
            attrs = piece[16 * rank:]
            self.names[key] = dict(
                kind=kind, storage=struct.unpack_from("<Qq", r, 0), dtype=struct.unpack_from("<BxHIII", r, 16),
                shape=struct.unpack_from("<%dQ" % rank, piece, 0), strides=struct.unpack_from("<%dq" % rank, piece, 8 * rank),
                attrs=json.loads(attrs.decode("utf-8"), object_pairs_hook=unique) if attrs else {})
        for i in range(storages):
            r = data[s_at + i * ssize:s_at + i * ssize + 96]
            id, size, stored, payload = struct.unpack_from("<QQQQ", r, 0)
            self.storages[id] = (size, payload, struct.unpack_from("<QII", r, 32), r[92], r[94])

    def payload(self, id):
        size, at, ref, kind, block = self.storages[id]
        assert kind == 1, "a grid"
        b = self.data[at:at + size]
        assert len(b) == size
        if 0 < size <= 1 << block:
            assert ref[:2] == (at, size) and crc(b) == ref[2], "checksum of storage %d" % id
        elif size:
            sums = struct.unpack("<%dI" % (ref[1] // 4), self.at_ref(ref))
            for i, sum in enumerate(sums):
                assert crc(b[i << block:(i + 1) << block]) == sum, "block %d of storage %d" % (i, id)
        return b

    def elements(self, t):
        """The bytes of all elements in C order."""
        shape, strides, e, b = list(t["shape"]), list(t["strides"]), t["dtype"][3], t["dtype"][4]
        if e > 1:
            shape[-1] = -(-shape[-1] // e)
        if 0 in shape:
            return b""
        data = self.payload(t["storage"][0])
        out = bytearray()
        def walk(at, axis):
            if axis == len(shape):
                assert 0 <= at and at + b <= len(data)
                out.extend(data[at:at + b])
            elif axis == len(shape) - 1 and strides[axis] == b:
                out.extend(data[at:at + b * shape[axis]])
            else:
                for i in range(shape[axis]):
                    walk(at + i * strides[axis], axis + 1)
        walk(t["storage"][1], 0)
        if e > 1 and t["shape"][-1] % e:  # what follows the last element of a row means nothing
            keep, row = t["shape"][-1] * t["dtype"][2], shape[-1] * b
            for at in range(0, len(out), row):
                whole = int.from_bytes(out[at:at + row], "little") & (1 << keep) - 1
                out[at:at + row] = whole.to_bytes(row, "little")
        return bytes(out)

def describe(path):
    with open(path, "rb") as f:
        r = Reader(f.read())
    tensors, file_attrs = [], {}
    for key in sorted(r.names):
        t = r.names[key]
        if t["kind"] == 3:
            file_attrs = t["attrs"]
            continue
        b = r.elements(t)
        tensors.append({
            "name": key.decode("utf-8"), "dtype": dtype_name(*t["dtype"]), "descriptor": list(t["dtype"]),
            "shape": list(t["shape"]), "dims": t["attrs"].get("dims"), "attributes": t["attrs"],
            "bytes": len(b), "sha256": hashlib.sha256(b).hexdigest()})
    return {"generation": r.generation, "attributes": file_attrs, "tensors": tensors}

def lines(found):
    """JSON with a line for each tensor."""
    tensors = ",\n  ".join(json.dumps(t) for t in found["tensors"])
    return '{"generation": %d,\n "attributes": %s,\n "tensors": [%s]}\n' % (
        found["generation"], json.dumps(found["attributes"]), "\n  " + tensors if tensors else "")

def main(args):
    here = os.path.dirname(os.path.abspath(__file__))
    update = "--update" in args
    paths = [a for a in args if a != "--update"] or sorted(glob.glob(os.path.join(here, "accept", "*.tensor")))
    bad = 0
    for path in paths:
        want = path[:-len(".tensor")] + ".json"
        text = lines(describe(path))
        if update:
            with open(want, "w") as f:
                f.write(text)
        elif open(want).read() != text:
            print("%s: not what %s says" % (path, want))
            bad = 1
    print("%d files" % len(paths))
    return bad

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""An independent reader of .tensor files, version 1.0: numpy, zstandard, lz4 and what
../tensorfile-1.0.md says. It shares no code with the library of this repository and is the test of
whether that text is enough. It reads a file whole, favours plain code over speed, and checks all that
the specification tells a reader to check (what it leaves to a verification stands in verify.py).

    import tensorfile
    f = tensorfile.File.open("x.tensor")
    for t in f.tensors(): print(t.name, t.shape, t.dtype.name(), t.array())

Every failure is an Error with the kind and the rule of the specification's index."""
import io, math, re, struct
import numpy as np
from attributes import Error, need, parse_attributes

TABLE = []
for i in range(256):
    for _ in range(8): i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
    TABLE.append(i)

def crc32c(data):
    c = 0xFFFFFFFF
    for x in bytes(data): c = TABLE[(c ^ x) & 255] ^ c >> 8
    return c ^ 0xFFFFFFFF

def extent(off, n, begin, end, rule):
    """[off, off + n) lies in [begin, end)."""
    need(off + n < 1 << 64, rule, "the end wraps", "Overflow")
    need(begin <= off < end, rule, "begins at %d" % off)
    need(off + n <= end, rule, "ends at %d of %d" % (off + n, end), "Truncated")

def zero(b, rule, strict=True):
    need(not strict or not any(b), rule, "reserved bytes that are not zero")

def pad(n): return n + 63 & ~63

I63, DATA, REF = (1 << 63) - 1, 12288, struct.Struct("<QII")

# dtype ----------------------------------------------------------------------------------------------

FLOATS = "f bf f8_e4m3fn f8_e5m2 f8_e4m3fnuz f8_e5m2fnuz f8_e8m0 f4_e2m1 f6_e2m3 f6_e3m2".split()
BLOCKS = {2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 9: "q8_1", 10: "q2_k", 11: "q3_k", 12: "q4_k",
          13: "q5_k", 14: "q6_k", 15: "q8_k", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs", 19: "iq1_s", 20: "iq4_nl",
          21: "iq3_s", 22: "iq2_s", 23: "iq4_xs", 29: "iq1_m", 34: "tq1_0", 35: "tq2_0", 39: "mxfp4", 40: "nvfp4",
          41: "q1_0", 42: "q2_0"}

class DType:
    def __init__(self, raw, may_be_none=False):
        self.cls, reserved, self.variant, self.bits, self.e, self.b = struct.unpack("<BBHIII", raw)
        if self.cls == 0:
            need(may_be_none and not any(raw), "dtype.none", "a dtype of class 0")
            return
        need(reserved == 0, "dtype.zero", "reserved byte %d" % reserved)
        need(self.e > 0 and self.b > 0, "dtype.unit", "%d elements in %d bytes" % (self.e, self.b))
        if self.cls <= 6:
            need(self.e * self.bits == 8 * self.b, "dtype.unit", "%d * %d bits in %d bytes" % (self.e, self.bits, self.b))
        need(self.cls != 7 or self.bits == 0, "dtype.unit", "a block with bits")
        need(self.cls != 6 or self.b <= 1 << 24, "dtype.unit", "%d bytes" % self.b)

    def raw(self): return self.cls, self.variant, self.bits, self.e, self.b

    def name(self):
        v, n = self.variant, str(self.bits)
        if self.cls == 4 and v < 10: return FLOATS[v] + (n if v < 2 else "")
        if self.cls == 6 and v < 3: return ["V%d" % self.b, "S%d" % self.b, "<U%d" % (self.b // 4)][v]
        names = {0: "none", 1: "bool" if self.bits == 8 else "bool1", 2: "i" + n, 3: "u" + n, 5: "c" + n, 7: BLOCKS.get(v)}
        return names.get(self.cls) or "class%d.%d" % (self.cls, v)

    def align(self):
        """Natural alignment of the scalar."""
        if self.e > 1 or not 1 <= self.cls <= 5: return 1
        n = self.bits // (16 if self.cls == 5 else 8)
        return math.gcd(n, 8)

    def word(self):
        """W of section Pipelines."""
        if self.cls == 5 and self.e == 1: return self.b // 2
        return (4 if self.variant == 2 else 1) if self.cls == 6 else self.b

    def numpy(self):
        """NumPy's dtype of the same bytes, or None."""
        c, n = self.cls, self.bits
        if self.e != 1 or c in (4, 5) and self.variant or (c, n) == (4, 8) or c in (2, 3) and n not in (8, 16, 32, 64):
            return None
        if c == 6: return np.dtype(self.name()) if self.variant < 3 else None
        return np.dtype("?" if c == 1 else "<" + "iufc"[c - 2] + str(self.b)) if c < 6 else None

    def units(self, shape):
        """The shape in units."""
        need(self.e == 1 or len(shape) > 0, "view.packed", "rank 0 of a packed dtype")
        shape = list(shape)
        if self.cls == 7:
            need(shape[-1] % self.e == 0, "view.block", "%d elements in blocks of %d" % (shape[-1], self.e))
        if self.e > 1: shape[-1] = -(-shape[-1] // self.e)
        return shape

def image_size(dtype, shape):
    """The bytes of the image, all extents within bounds."""
    count = 1
    for n in shape:
        need(n <= I63, "shape.extent", str(n), "Overflow")
        count *= n or 1
    need(count <= I63, "shape.count", str(count), "Overflow")
    units = dtype.units(shape)
    size = dtype.b
    for n in units: size *= n or 1
    need(size <= I63, "shape.bytes", str(size), "Overflow")
    return 0 if 0 in units else size

# pipelines ------------------------------------------------------------------------------------------

LINE = re.compile(r"[a-z0-9]+(:[A-Za-z0-9.,_-]+)*(\|[a-z0-9]+(:[A-Za-z0-9.,_-]+)*){0,7}")
UINT = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<u8"}
# name: (word sizes, what else, in order)
STAGES = {"shuffle": (range(1, 257), ()), "bitshuffle": (range(1, 257), ()), "delta": ((1, 2, 4, 8), ("d", "z")),
          "xordelta": ((1, 2, 4, 8), ("d",)), "predict": ((), ("how", "a")), "bitpack": ((1, 2, 4, 8), ()),
          "planes": (range(1, 257), ()), "zstd": ((), ("level",)), "lz4": ((), ("level",))}
LEVELS = {"zstd": 22, "lz4": 12}
ARGUMENT = {"d": r"d([1-9][0-9]{0,4})", "z": r"(z)", "how": r"(lorenzo|paeth)", "a": r"a((?:0|[1-9][0-9]?)(?:,(?:0|[1-9][0-9]?))*)",
            "level": r"([1-9][0-9]?)", "w": r"([1-9][0-9]{0,2})"}

class Stage:
    def __init__(self, text, dtype, rank, first):
        self.text = text
        self.name, *args = text.split(":")
        unknown = Error("Unsupported", "pipeline.stage", text)
        if self.name not in STAGES: raise unknown
        words, keys = STAGES[self.name]
        found = {}
        for key in (("w",) if words else ()) + keys:
            m = re.fullmatch(ARGUMENT[key], args[0]) if args else None
            if m:
                found[key] = m.group(1)
                args.pop(0)
        if args: raise unknown
        W = dtype.word()
        self.w = int(found.get("w", W if W in words else 1))
        self.d, self.z = int(found.get("d", 1)), "z" in found
        if words and self.w not in words or self.d > 65535 or int(found.get("level", 1)) > LEVELS.get(self.name, 1):
            raise unknown
        if self.name == "predict":
            self.paeth = found.get("how") == "paeth"
            self.axes = [int(a) for a in found["a"].split(",")] if "a" in found else [rank - 1]
            ok = first and 1 <= dtype.cls <= 5 and dtype.e == 1 and W in (1, 2, 4, 8) and len(self.axes) <= 8 and max(self.axes) < rank
            if self.paeth: ok = ok and W < 8 and "a" in found and len(self.axes) == 2 and self.axes[0] < self.axes[1]
            if not ok: raise unknown
            self.w = W
        self.keeps = self.name in ("shuffle", "bitshuffle", "delta", "xordelta", "predict")

    def decode(self, body, n, dtype, box):
        """n bytes from the body of the stage."""
        if n == 0:
            need(len(body) == 0, "chunk.stream", "bytes behind the end")
            return b""
        return getattr(self, self.name)(body, n, dtype, box)

    def split(self, body):
        m = len(body) // self.w * self.w
        return np.frombuffer(body, np.uint8, m), body[m:]

    def shuffle(self, body, n, dtype, box):
        x, tail = self.split(body)
        return x.reshape(self.w, -1).T.tobytes() + tail

    def bitshuffle(self, body, n, dtype, box):
        m = len(body) // self.w // 8 * 8
        x = np.frombuffer(body, np.uint8, m * self.w).reshape(self.w * 8, m // 8)
        bits = np.unpackbits(x, axis=1, bitorder="little").T
        return np.packbits(bits, axis=1, bitorder="little").tobytes() + body[m * self.w:]

    def unzigzag(self, v):
        one = v.dtype.type(1)
        return v >> one ^ (~(v & one) + one)

    def delta(self, body, n, dtype, box, ufunc=np.add):
        x, tail = self.split(body)
        v = x.view(UINT[self.w])
        if self.z: v = self.unzigzag(v)
        count, rows = len(v), -(-len(v) // self.d)
        v = np.concatenate([v, np.zeros(rows * self.d - count, v.dtype)]).reshape(rows, self.d)
        return ufunc.accumulate(v, axis=0, dtype=v.dtype).reshape(-1)[:count].tobytes() + tail

    def xordelta(self, body, n, dtype, box): return self.delta(body, n, dtype, box, np.bitwise_xor)

    def predict(self, body, n, dtype, box):
        shape = list(box) + ([2] if dtype.cls == 5 else [])
        need(len(body) == self.w * math.prod(shape), "chunk.stream", "%d bytes for a box" % len(body))
        v = self.unzigzag(np.frombuffer(body, UINT[self.w])).reshape(shape)
        floats = dtype.cls in (4, 5) and dtype.variant != 6
        if self.paeth:
            signed = floats or dtype.cls == 2
            bits = 8 * self.w
            value = lambda x: x - (1 << bits) if signed and x >> bits - 1 else x
            u, w = self.axes
            flat = np.moveaxis(v, (u, w), (0, 1)).reshape(shape[u], shape[w], -1)
            out = [[[0] * flat.shape[2] for _ in range(shape[w])] for _ in range(shape[u])]
            for i, j, k in np.ndindex(flat.shape):
                b = value(out[i - 1][j][k]) if i else 0
                a = value(out[i][j - 1][k]) if j else 0
                c = value(out[i - 1][j - 1][k]) if i and j else 0
                p = a + b - c
                best = min((a, b, c), key=lambda q: abs(p - q))  # the first of equals
                out[i][j][k] = int(flat[i, j, k]) + best & (1 << bits) - 1
            back = np.array(out, v.dtype).reshape(np.moveaxis(v, (u, w), (0, 1)).shape)
            v = np.moveaxis(back, (0, 1), (u, w))
        else:
            for a in self.axes: v = np.add.accumulate(v, axis=a, dtype=v.dtype)
        if floats:
            top = v.dtype.type(1 << 8 * self.w - 1)
            v = np.where(v & top, ~v ^ top, v)
        return v.astype(UINT[self.w]).tobytes()

    def bitpack(self, body, n, dtype, box):
        out, at, w = [], 0, self.w
        short = Error("Corrupt", "chunk.stream", "a block that ends too soon")
        for first in range(0, n // w, 256):
            m = min(256, n // w - first)
            if at + 2 + w > len(body): raise short
            k, x = body[at], body[at + 1]
            need(k <= 8 * w and x <= m, "chunk.stream", "%d bits, %d exceptions" % (k, x))
            ref = int.from_bytes(body[at + 2:at + 2 + w], "little")
            at += 2 + w
            size = (m * k + 7) // 8
            if at + size + x + x * w > len(body): raise short
            packed = int.from_bytes(body[at:at + size], "little")
            need(packed >> m * k == 0, "chunk.stream", "bits behind the last word")
            words = [ref + (packed >> i * k & (1 << k) - 1) & (1 << 8 * w) - 1 for i in range(m)]
            at += size
            places = list(body[at:at + x])
            need(places == sorted(set(places)) and (not places or places[-1] < m), "chunk.stream", "places of exceptions")
            at += x
            for i in places:
                words[i] = int.from_bytes(body[at:at + w], "little")
                at += w
            out.append(np.array(words, UINT[w]).tobytes())
        need(len(body) - at == n % w, "chunk.stream", "%d bytes behind the blocks" % (len(body) - at))
        return b"".join(out) + body[at:]

    def planes(self, body, n, dtype, box):
        w, m = self.w, n // self.w
        head = 4 + 8 * w
        need(len(body) >= head, "chunk.stream", "no room for the planes")
        E, s = body[0], body[1]
        need(body[2:4] == b"\0\0" and s < 8 * w and (E == 0 or E < 8 * w), "chunk.stream", "E %d, s %d" % (E, s))
        need(w in UINT or E == s == 0, "chunk.stream", "words of %d bytes rearranged" % w)
        at, planes = head, np.empty((m, w), np.uint8)
        for k in range(w):
            method, const, reserved, size = struct.unpack_from("<BBHI", body, 4 + 8 * k)
            need(reserved == 0 and (method == 0 or const == 0) and method <= 2, "chunk.stream", "plane %d" % k)
            need(at + size <= len(body) and size == (0, m, size)[method], "chunk.stream", "plane %d of %d bytes" % (k, size))
            stored = body[at:at + size]
            at += size
            planes[:, k] = const if method == 0 else np.frombuffer(stored if method == 1 else self.zstd(stored, m, dtype, box), np.uint8)
        need(len(body) - at == n % w, "chunk.stream", "%d bytes behind the planes" % (len(body) - at))
        raw = planes.tobytes()
        if E or s:
            v = np.frombuffer(raw, UINT[w])
            T, bits = v.dtype.type, 8 * w
            if s: v = v << T(s) | v >> T(bits - s)
            if E:
                low = T((1 << bits - 1 - E) - 1)
                sign = v >> T(bits - 1 - E) & T(1)
                exponent = v >> T(bits - E)
                v = v & low | exponent << T(bits - 1 - E) | sign << T(bits - 1)
            raw = v.tobytes()
        return raw + body[at:]

    def zstd(self, body, n, dtype, box):
        import zstandard
        try:
            p = zstandard.get_frame_parameters(body)
        except zstandard.ZstdError as e:
            raise Error("Corrupt", "chunk.stream", str(e))
        single = body[4] & 32
        at = 5 + (not single) + (0, 1, 2, 4)[body[4] & 3] + ((1 if single else 0), 2, 4, 8)[body[4] >> 6]
        need(p.window_size <= 8 << 20, "chunk.window", "a window of %d bytes" % p.window_size, "Limit")
        need(p.dict_id == 0 and body[:4] == b"\x28\xb5\x2f\xfd", "chunk.stream", "a dictionary, or no frame")
        if p.content_size != zstandard.CONTENTSIZE_UNKNOWN:
            need(p.content_size <= n, "chunk.length", "%d bytes for %d" % (p.content_size, n), "Limit")
            need(p.content_size == n, "chunk.length", "%d bytes for %d" % (p.content_size, n))
        last = False
        while not last:
            need(at + 3 <= len(body), "chunk.stream", "a frame that ends too soon")
            h = int.from_bytes(body[at:at + 3], "little")
            last, at = h & 1, at + 3 + (1 if h >> 1 & 3 == 1 else h >> 3)
        need(at + 4 * p.has_checksum == len(body), "chunk.stream", "the frame is not all of the body")
        try:
            out = zstandard.ZstdDecompressor(max_window_size=8 << 20).stream_reader(io.BytesIO(body)).read(n + 1)
        except zstandard.ZstdError as e:
            raise Error("Corrupt", "chunk.stream", str(e))
        need(len(out) <= n, "chunk.length", "more than %d bytes" % n, "Limit")
        need(len(out) == n, "chunk.length", "%d of %d bytes" % (len(out), n))
        return out

    def lz4(self, body, n, dtype, box):
        import lz4.block
        try:
            out = lz4.block.decompress(body, uncompressed_size=n)
        except lz4.block.LZ4BlockError as e:
            raise Error("Corrupt", "chunk.stream", str(e))
        need(len(out) == n, "chunk.length", "%d of %d bytes" % (len(out), n))
        return out

def parse_pipelines(raw, dtype, rank):
    if not raw: return []
    lines = raw.decode("ascii").split("\n")
    return [[Stage(s, dtype, rank, i == 0) for i, s in enumerate(line.split("|"))] for line in lines]

def check_pipelines(raw):
    if raw:
        lines = raw.decode("ascii", "replace").split("\n")
        ok = len(raw) <= 1024 and len(lines) <= 8 and all(LINE.fullmatch(s) for s in lines)
        need(ok, "pipeline.text", repr(raw[:80]), "Format")

def decode_chunk(stages, b, raw, dtype, box):
    bound = raw + raw // 8 + 4096
    # The lengths stand in front of each stage's output; those of filters are the ones behind them.
    for i in range(len(stages) - 1, -1, -1):
        if stages[i].keeps:
            n, body = len(b), b
        else:
            need(len(b) >= 4, "chunk.stream", "no length")
            n, body = struct.unpack_from("<I", b)[0], b[4:]
            need(n <= bound, "chunk.length", "%d bytes, at most %d" % (n, bound), "Limit")
        if all(s.keeps for s in stages[:i]):
            need(n <= raw, "chunk.length", "%d bytes for %d" % (n, raw), "Limit")
            need(n == raw, "chunk.length", "%d bytes for %d" % (n, raw))
        b = stages[i].decode(body, n, dtype, box)
    return b

# catalog --------------------------------------------------------------------------------------------

class Run:
    def __init__(self, f, ref, root, newest):
        off, n, _ = ref
        b = f.at(ref)
        need(b[:4] == b"TSRC", "run.magic")
        need(n >= 96 and struct.unpack_from("<I", b, 4)[0] == crc32c(b[8:]), "run.crc")
        need(b[8:24] == f.uuid, "run.uuid")
        self.offset, self.generation, self.body, self.heap = struct.unpack_from("<QQQQ", b, 24)
        (self.names, self.tensors, self.storages, older, self.tsize, self.ssize, self.page, flags, length,
         self.next_id) = struct.unpack_from("<IIIHHHBBIQ", b, 56)
        need(self.offset == off, "run.offset", str(self.offset))
        need(1 <= self.generation <= root.generation, "run.generation", str(self.generation))
        need(12 <= self.page <= 16, "run.pages", str(self.page))
        need(self.body % 64 == 0 and self.body <= off - DATA, "run.body", str(self.body))
        pages = -(-self.body >> self.page)
        need(older <= 15, "run.older", str(older), "Limit")
        need(length == n == 96 + 16 * older + 4 * pages, "run.length", str(length))
        need(length <= 4 << 20, "run.length", str(length), "Limit")
        need(self.tsize >= 64 and self.ssize >= 96 and self.tsize % 8 == self.ssize % 8 == 0, "run.record")
        need(not f.strict or flags & ~1 == 0, "run.flags", str(flags))
        need(not flags & 1, "run.journal", "a run of a catalog")
        zero(b[88:96], "run.zero", f.strict)
        t_size, s_size = pad(self.tensors * self.tsize), pad(self.storages * self.ssize)
        sizes = t_size, s_size, pad(4 * self.tensors), pad(self.names), pad(self.heap)
        need(sum(sizes) <= self.body, "run.body", "%d bytes of sections in %d" % (sum(sizes), self.body))
        self.at_storages, self.at_ends = t_size, t_size + s_size
        self.at_names = self.at_ends + sizes[2]
        self.at_heap = self.at_names + sizes[3]
        self.end = self.at_heap + sizes[4]
        self.sums = struct.unpack_from("<%dI" % pages, b, 96 + 16 * older)
        self.begin, self.length, self.f = off - self.body, n, f
        self.older = []
        before = self.begin
        for i in range(older if newest else 0):
            o = REF.unpack_from(b, 96 + 16 * i)
            need(o[0] % 64 == 0 and o[1] >= 96, "run.older", str(o))
            extent(o[0], o[1], DATA, before, "run.older")
            self.older.append(o)
            before = o[0]

    def data(self):
        b = self.f.data[self.begin:self.offset]
        for i, s in enumerate(self.sums):
            need(crc32c(b[i << self.page:(i + 1) << self.page]) == s, "run.page", "page %d" % i)
        return b

    def keys(self, b):
        ends = struct.unpack_from("<%dI" % self.tensors, b, self.at_ends)
        last = 0
        for e in ends:
            need(last <= e <= self.names, "name.ends", "%d after %d" % (e, last))
            yield bytes(b[self.at_names + last:self.at_names + e])
            last = e

    def heap_piece(self, b, at, n, least, rule):
        need(at % 8 == 0 and at + n <= self.heap and n >= least, rule, "%d bytes at %d" % (n, at))
        return bytes(b[self.at_heap + at:self.at_heap + at + n])

def check_key(key):
    name, *roles = key.split(b"\0")
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError as e:
        raise Error("Format", "name.utf8", str(e))
    need(1 <= len(name) <= 1024, "name.length", "%d bytes" % len(name), "Format")
    need(not re.search("[\0-\x1f\x7f]", text), "name.control", repr(text[:40]), "Format")
    need(len(roles) <= 2 and all(re.fullmatch(rb"[a-z0-9_]{1,32}", r) for r in roles), "name.role", repr(key[:60]), "Format")

class Tensor:
    """A tensor record. Its shape counts elements, its strides bytes between units."""

    def __init__(self, f, root, run, b, i, key):
        self.f, self.root, self.key = f, root, key
        r = bytes(b[i * run.tsize:i * run.tsize + 64])
        (self.storage, self.offset) = struct.unpack_from("<QQ", r)
        heap, n, self.kind, rank, self.layout, self.flags, reserved, self.generation = struct.unpack_from("<QIBBHIIQ", r, 32)
        if key: check_key(key)
        need(self.kind <= 3, "tensor.kind", str(self.kind))
        need(not f.strict or reserved == 0, "tensor.zero", str(reserved))
        need(1 <= self.generation <= run.generation, "tensor.generation", str(self.generation))
        need((self.kind == 3) == (key == b"") or self.kind == 0, "tensor.file", "kind %d" % self.kind)
        if self.kind == 0:
            zero(r[:44] + r[45:52], "tensor.deleted")
            return
        if self.kind == 3: zero(r[:32] + r[45:52], "tensor.file")
        need(rank <= 32, "tensor.rank", str(rank), "Limit")
        piece = run.heap_piece(b, heap, n, 16 * rank, "tensor.heap")
        self.heap = heap, n
        self.shape = struct.unpack_from("<%dQ" % rank, piece)
        self.strides = struct.unpack_from("<%dq" % rank, piece, 8 * rank)
        self.raw_attributes = piece[16 * rank:]
        if self.kind == 3: return
        self.dtype = DType(r[16:32], self.kind == 2)
        if self.kind == 2:
            need(self.layout != 0, "tensor.layout", "a composite without one")
            need(self.storage == self.offset == 0 and not any(self.strides), "view.composed")
            for n in self.shape: need(n <= I63, "shape.extent", str(n), "Overflow")
            return
        need(self.layout == self.flags == 0, "tensor.layout", "a dense tensor with one")
        self.size = image_size(self.dtype, self.shape)
        self.check_view()

    @property
    def name(self): return self.key.decode("utf-8")

    def attributes(self):
        a = parse_attributes(self.raw_attributes)
        if "dims" in a and self.kind != 3:
            d = a["dims"]
            ok = isinstance(d, list) and len(d) == len(self.shape) and all(x is None or isinstance(x, str) for x in d)
            need(ok, "attr.dims", str(d)[:60], "Format")
        return a

    def check_view(self):
        d, units = self.dtype, self.dtype.units(self.shape)
        if d.e > 1: need(self.strides[-1] == d.b, "view.packed", "stride %d" % self.strides[-1])
        if self.storage == 0:
            need(0 in units and self.offset == 0, "view.no-bytes")
            return
        for x in (self.offset,) + self.strides: need(x % d.align() == 0, "view.aligned", str(x))
        need(self.storage in self.root.storages, "tensor.storage", str(self.storage))
        s = self.root.storages[self.storage]
        s.parse()
        if s.kind == 2:
            need(s.dtype.raw() == d.raw() and self.offset == 0, "view.grid", "another dtype or an offset")
            if 0 in units: return
            image = s.dtype.units(s.shape)
            steps = [d.b * math.prod(image[k + 1:]) for k in range(len(image))]
            mine, (first, *rest) = list(zip(self.strides, units)), list(zip(steps, image))
            same = len(mine) == len(image) and any(
                p[0] == first[0] and p[1] <= first[1] and sorted(mine[:k] + mine[k + 1:]) == sorted(rest) for k, p in enumerate(mine))
            need(same, "view.grid", "no permutation of the image")
        if 0 in units:
            need(self.offset <= s.size, "view.reach", "offset %d" % self.offset)
            return
        lo = self.offset + sum(min(0, (n - 1) * k) for n, k in zip(units, self.strides))
        hi = self.offset + sum(max(0, (n - 1) * k) for n, k in zip(units, self.strides)) + d.b
        need(0 <= lo and hi <= s.size, "view.reach", "[%d, %d) of %d" % (lo, hi, s.size))

    def image(self):
        """The bytes of all elements in C order, bits behind the end of a packed row as zero."""
        d, units = self.dtype, self.dtype.units(self.shape)
        if 0 in units: return b""
        data = np.frombuffer(self.root.storages[self.storage].bytes(), np.uint8)
        view = np.lib.stride_tricks.as_strided(data[self.offset:], tuple(units) + (d.b,), self.strides + (1,), writeable=False)
        out = np.ascontiguousarray(view)
        if d.e > 1 and d.bits and self.shape[-1] % d.e:
            rows = out.reshape(-1, units[-1] * d.b).copy()
            bits = np.unpackbits(rows, axis=1, bitorder="little")
            bits[:, self.shape[-1] * d.bits:] = 0
            out = np.packbits(bits, axis=1, bitorder="little")
        return out.tobytes()

    def array(self):
        """A NumPy array; packed integers as their values, other dtypes that NumPy lacks as bytes of units."""
        d, b = self.dtype, self.image()
        if d.cls == 1 and d.e == 1: need(not b or max(b) <= 1, "dtype.bool", str(max(b or b"\0")))
        if d.numpy() is not None: return np.frombuffer(b, d.numpy()).reshape(self.shape)
        units = d.units(self.shape)
        rows = np.frombuffer(b, np.uint8).reshape(units[:-1] + [units[-1] * d.b] if units else [d.b])
        if d.e > 1 and d.bits and d.cls in (1, 2, 3):
            bits = np.unpackbits(rows, axis=-1, bitorder="little")[..., :self.shape[-1] * d.bits]
            v = (bits.reshape(self.shape + (d.bits,)) << np.arange(d.bits, dtype=np.uint8)).sum(-1).astype(np.uint8)
            if d.cls == 2: v = (v.astype(np.int16) - ((v >> d.bits - 1).astype(np.int16) << d.bits)).astype(np.int8)
            return v.astype(bool) if d.cls == 1 else v
        return rows

class Storage:
    """A storage record, checked when it is first used."""

    def __init__(self, f, root, run, b, i):
        self.f, self.root, self.run, self.body, self.parsed, self.cache = f, root, run, b, False, None
        self.r = bytes(b[run.at_storages + i * run.ssize:][:96])
        self.id, = struct.unpack_from("<Q", self.r)

    def parse(self):
        if self.parsed: return
        f, r, end = self.f, self.r, self.root.length - 128
        _, self.size, self.stored, self.payload = struct.unpack_from("<QQQQ", r)
        self.ref = REF.unpack_from(r, 32)
        heap, n, self.kind, rank, self.block, flags = struct.unpack_from("<QIBBBB", r, 80)
        need(self.id > 0, "storage.id", "0")
        need(self.kind in (1, 2), "storage.kind", str(self.kind), "Unsupported")
        need(self.size <= I63, "storage.size", str(self.size), "Overflow")
        if self.kind == 1:
            zero(r[48:80] + r[80:92] + r[93:94], "storage.zero")
            need(not f.strict or flags == 0, "storage.zero", "flags %d" % flags)
            need(20 <= self.block <= 30, "storage.block", str(self.block))
            need(self.stored == self.size, "storage.extent", "%d bytes for %d" % (self.stored, self.size))
            if self.size == 0:
                zero(r[16:48], "storage.zero")
            else:
                extent(self.payload, self.size, DATA, end, "storage.extent")
                need(self.payload % (4096 if self.size >= 65536 else 64) == 0, "storage.aligned", str(self.payload))
                if self.size <= 1 << self.block:
                    need(self.ref[:2] == (self.payload, self.size), "storage.ref", str(self.ref))
                else:
                    self.f.check_ref(self.ref, self.root)
                    need(self.ref[1] == 4 * -(-self.size >> self.block), "storage.ref", str(self.ref))
        else:
            need(not f.strict or flags & ~1 == 0, "storage.zero", "flags %d" % flags)
            need(self.payload == 0 and self.block == 0, "storage.zero", "fields of a raw storage")
            self.dtype = DType(r[48:64])
            need(1 <= rank <= 32, "grid.rank", str(rank))
            piece = self.run.heap_piece(self.body, heap, n, 16 * rank + 8, "grid.heap")
            self.heap, self.slab_flag = (heap, n), flags & 1
            self.shape, self.chunk = struct.unpack_from("<%dQ" % rank, piece), struct.unpack_from("<%dQ" % rank, piece, 8 * rank)
            self.slabs, = struct.unpack_from("<Q", piece, 16 * rank)
            self.text = piece[16 * rank + 8:]
            d = self.dtype
            need(image_size(d, self.shape) == self.size, "grid.shape", str(self.size))
            need(all(c >= 1 for c in self.chunk) and self.chunk[-1] % d.e == 0, "grid.chunk", str(self.chunk), "Format")
            need(math.prod(d.units(self.chunk)) * d.b <= 1 << 30, "grid.chunk", str(self.chunk), "Limit")
            least = -(-self.shape[0] // self.chunk[0])
            need(least <= self.slabs <= max(self.shape[0], least) if self.slab_flag else self.slabs == least, "grid.slabs", str(self.slabs))
            fill = r[64:80]
            self.fill = fill[:d.b] if d.b <= 16 else bytes(d.b)
            zero(fill[d.b:] if d.b <= 16 else fill, "grid.fill")
            check_pipelines(self.text)
            self.across = [-(-n // c) for n, c in zip(self.shape[1:], self.chunk[1:])]
            self.entries = 0 if 0 in self.shape else self.slabs * math.prod(self.across)
        self.parsed = True

    def bytes(self):
        if self.cache is None:
            self.parse()
            self.cache = self.raw_bytes() if self.kind == 1 else self.grid_bytes()
        return self.cache

    def raw_bytes(self):
        b = self.f.data[self.payload:self.payload + self.size]
        if 0 < self.size <= 1 << self.block:
            need(crc32c(b) == self.ref[2], "storage.crc", "storage %d" % self.id)
        elif self.size:
            for i, s in enumerate(struct.unpack("<%dI" % (self.ref[1] // 4), self.f.at(self.ref, self.root))):
                need(crc32c(b[i << self.block:(i + 1) << self.block]) == s, "storage.crc", "block %d of storage %d" % (i, self.id))
        return b

    def leaves(self, owned=None):
        """The chunk entries in order, each 32 bytes."""
        level = 0
        while 127 * 254 ** level < self.entries: level += 1

        def page(ref, level, first):
            below = 127 * 254 ** (level - 1) if level else 1
            count = min(254 if level else 127, -(-(self.entries - first) // below))
            if ref == (0, 0, 0):
                need(not self.slab_flag, "ref.absent", "a page of a grid with slabs")
                for _ in range(min(count * below, self.entries - first)): yield bytes(32)
                return
            b = self.f.at(ref, self.root)
            need(len(b) >= 32 and b[:4] == b"TSRP", "chunk-page.magic")
            need(struct.unpack_from("<I", b, 4)[0] == crc32c(b[8:]), "chunk-page.crc")
            id, at, lev, _, length = struct.unpack_from("<QQB3sI", b, 8)
            need((id, at, lev) == (self.id, first, level), "chunk-page.owner", str((id, at, lev)))
            zero(b[25:28], "chunk-page.zero", self.f.strict)
            size = 16 if level else 32
            need(length == len(b) == 32 + count * size, "chunk-page.length", str(length))
            if owned is not None: owned.append((ref[0], ref[1], "a chunk page"))
            for j in range(count):
                e = bytes(b[32 + j * size:32 + (j + 1) * size])
                if level:
                    yield from page(REF.unpack(e), level - 1, first + j * below)
                else:
                    yield e

        if self.entries == 0:
            need(self.ref == (0, 0, 0), "ref.absent", "a page of a grid without entries")
            return
        yield from page(self.ref, level, 0)

    def chunks(self, owned=None):
        """(entry, begin and end of its box along each axis) of every chunk."""
        per = math.prod(self.across)
        entries = list(self.leaves(owned))
        origins = []
        for i in range(0, len(entries), per):
            slab = entries[i:i + per]
            own = {struct.unpack_from("<Q", e, 16)[0] for e in slab if any(e)}
            want = i // per * self.chunk[0]
            if self.slab_flag:
                own |= {0} if i == 0 else set()
                need(len(own) == 1 and (i == 0 or all(map(any, slab))), "chunk.origin", "slab %d" % (i // per))
                want, = own
            need(own <= {want}, "chunk.origin", "slab %d" % (i // per))
            origins.append(want)
        ends = origins[1:] + [self.shape[0]]
        need(not origins or origins[0] == 0, "chunk.origin", "the first is not 0")
        for i, (a, b) in enumerate(zip(origins, ends)):
            b = b if self.slab_flag else min(a + self.chunk[0], b)
            need(0 < b - a <= self.chunk[0], "chunk.origin", "slab %d has %d rows" % (i, b - a))
            for j, at in enumerate(np.ndindex(*self.across)):
                box = [(a, b)] + [(k * c, min((k + 1) * c, n)) for k, c, n in zip(at, self.chunk[1:], self.shape[1:])]
                yield entries[i * per + j], box

    def entry(self, e, box, owned=None):
        """(coding, stored bytes or the unit, raw length) of a chunk entry."""
        d = self.dtype
        off, n, crc, _, coding = struct.unpack_from("<QIIQB", e)
        zero(e[25:], "chunk.zero", self.f.strict)
        need(coding < 3 + len(self.text.split(b"\n")) if self.text else coding < 3, "chunk.coding", str(coding))
        need(coding != 1 or d.b <= 16, "chunk.coding", "a constant of %d bytes" % d.b)
        raw = math.prod(d.units([y - x for x, y in box])) * d.b
        if coding == 0:
            zero(e[:16], "chunk.zero")
            return coding, self.fill, raw
        if coding == 1:
            zero(e[d.b:16], "chunk.zero")
            return coding, e[:d.b], raw
        need(1 <= n <= 1 << 30 and (coding > 2 or n == raw), "chunk.extent", "%d bytes" % n)
        extent(off, n, DATA, self.root.length - 128, "chunk.extent")
        need(off % (4096 if coding == 2 and n >= 65536 else 64) == 0, "chunk.aligned", str(off))
        if owned is not None: owned.append((off, n, "a chunk"))
        b = bytes(self.f.data[off:off + n])
        need(crc32c(b) == crc, "chunk.crc", "at %d" % off)
        return coding, b, raw

    def grid_bytes(self):
        d = self.dtype
        lines = parse_pipelines(self.text, d, len(self.shape))
        image = np.empty(tuple(d.units(self.shape)) + (d.b,), np.uint8)
        for e, box in self.chunks():
            coding, b, raw = self.entry(e, box)
            extents = [y - x for x, y in box]
            if coding > 2: b = decode_chunk(lines[coding - 3], b, raw, d, extents)
            # In units along the last axis.
            where = tuple(slice(x, y) for x, y in box[:-1]) + (slice(box[-1][0] // d.e, -(-box[-1][1] // d.e)),)
            image[where] = np.frombuffer(b, np.uint8).reshape((d.units(extents) if coding > 1 else []) + [d.b])
        return image.tobytes()

# container ------------------------------------------------------------------------------------------

class Root:
    def __init__(self, b):
        self.raw = b
        self.generation, self.length, _, self.previous = struct.unpack_from("<QQqQ", b, 24)
        self.catalog = REF.unpack_from(b, 56)
        self.features = struct.unpack_from("<QQQ", b, 72)
        self.created = b[106] & 1

    def check(self, size):
        need(self.generation > 0, "root.generation", "0")
        need(self.length % 4096 == 0 and 16384 <= self.length < 1 << 62, "root.length", str(self.length))
        need(self.length <= size, "root.truncated", "%d of %d bytes" % (size, self.length), "Truncated")
        p = self.previous
        need(p == 0 or p % 4096 == 3968 and 16256 <= p < self.length - 128, "root.previous", str(p))
        off, n, _ = self.catalog
        need(off % 64 == 0 and n >= 96, "root.catalog", str(off))
        extent(off, n, DATA, self.length - 128, "root.catalog")
        need(self.features[0] == 0, "root.must-read", hex(self.features[0]), "Unsupported")
        need(12 <= self.raw[108] <= 21, "root.alignment", str(self.raw[108]))
        strict = not any(self.features)
        zero(self.raw[109:112], "root.zero", strict)
        need(not strict or self.raw[106] & ~1 == self.raw[107] == 0, "root.zero", "flags")
        need(re.fullmatch(rb"[ -~]*\0*", self.raw[112:]), "root.writer", repr(self.raw[112:]))

class File:
    @staticmethod
    def open(path, generation=None):
        with open(path, "rb") as f:
            return File(f.read(), generation)

    def __init__(self, data, generation=None):
        self.data = data
        need(len(data) >= 64, "header.short", "%d bytes" % len(data), "Truncated")
        h = data[:64]
        need(h[:8] == b"\x89TSR\r\n\x1a\n", "header.magic", "", "Format")
        major, size = struct.unpack_from("<HH", h, 12)
        need(major == 1, "header.major", str(major), "Unsupported")
        need(struct.unpack_from("<I", h, 8)[0] == crc32c(h[12:]), "header.crc")
        need(size == 64, "header.size", str(size), "Format")
        zero(h[32:], "header.zero")
        self.uuid = h[16:32]
        need(len(data) >= DATA, "root.truncated", "%d bytes" % len(data), "Truncated")
        self.root = self.choose()
        self.root.check(len(data))
        self.strict = not any(self.root.features)
        if generation is not None:
            self.root = next((r for r in self.history() if r.generation == generation), None)
            if self.root is None: raise KeyError(generation)
        self.load(self.root)

    def sound(self, at, trailer=False):
        """The root record there; None if it is not sound."""
        try:
            return self.record(at, trailer)
        except Error:
            return None

    def record(self, at, trailer):
        r = self.data[at:at + 128]
        need(at >= 0 and len(r) == 128 and r[:4] == b"TSRR", "root.magic", "at %d" % at)
        need(struct.unpack_from("<I", r, 4)[0] == crc32c(r[8:]), "root.crc", "at %d" % at)
        need(r[8:24] == self.uuid, "root.uuid", "at %d" % at)
        root = Root(r)
        need(not trailer or root.length - 128 == at, "root.trailer", "at %d" % at)
        return root

    def choose(self):
        a, b = self.sound(4096), self.sound(8192)
        if a and b:
            need(a.generation != b.generation or a.raw == b.raw, "root.twins")
            return max(a, b, key=lambda r: r.generation)
        end = self.sound(len(self.data) - 128, True)
        s = a or b
        if s: return end if end and end.previous and end.previous == s.length - 128 else s
        need(end and end.created, "root.none")
        return end

    def history(self):
        """The roots, newest first."""
        r = self.root
        while r:
            yield r
            if not r.previous: return
            p = self.record(r.previous, True)
            need(p.generation < r.generation, "root.previous", str(p.generation))
            p.check(len(self.data))
            r = p

    def check_ref(self, ref, root):
        off, n, crc = ref
        need((off == 0) == (n == 0) and (off or crc == 0) and off, "ref.absent", str(ref))
        need(off % 64 == 0, "ref.range", str(off))
        extent(off, n, DATA, root.length - 128, "ref.range")

    def at(self, ref, root=None):
        if root: self.check_ref(ref, root)
        b = self.data[ref[0]:ref[0] + ref[1]]
        need(crc32c(b) == ref[2], "ref.crc", "at %d" % ref[0])
        return b

    def load(self, root):
        newest = Run(self, root.catalog, root, True)
        root.runs = [newest] + [Run(self, o, root, False) for o in newest.older]

    def records(self, root, errors=None):
        """The catalog: tensor records by key, storages by id. Errors go to a list, if one is given."""
        root.storages, found = {}, {}
        for run in reversed(root.runs):
            b = run.data()
            for i in range(run.storages):
                s = Storage(self, root, run, b, i)
                root.storages[s.id] = s
            for i, key in enumerate(run.keys(b)): found[key] = run, b, i
        root.tensors = {}
        for key in sorted(found):
            run, b, i = found[key]
            try:
                t = Tensor(self, root, run, b, i, key)
                if t.kind: root.tensors[key] = t
            except Error as e:
                if errors is None: raise
                errors.append(e)
        return root.tensors

    def tensors(self, parts=False):
        """The tensors in order of their names."""
        if not hasattr(self.root, "tensors"): self.records(self.root)
        return [t for k, t in self.root.tensors.items() if k and (parts or b"\0" not in k)]

    def attributes(self):
        self.tensors()
        t = self.root.tensors.get(b"")
        return t.attributes() if t else {}

    def __getitem__(self, name):
        return next(t for t in self.tensors(True) if t.name == name)

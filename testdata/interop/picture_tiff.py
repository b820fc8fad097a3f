"""TIFF files: those that Pillow (libtiff) writes, and others made by hand, whose samples are known. Pillow reads both
where it knows the kind; 16 bits of colour, planes, BigTIFF and more are read by tifffile."""

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

WHITE_IS_ZERO, GREY, RGB, PALETTE, CMYK = 0, 1, 2, 3, 5
PLAIN, GROUP4, LZW, DEFLATE, PACKBITS = 1, 4, 5, 8, 32773


def lzw(b):
    """Codes of 9 to 12 bits, most significant bit first, one earlier than elsewhere."""
    out, bits, n = bytearray(), 0, 0

    def put(code, size):
        nonlocal bits, n
        bits = bits << size | code
        n += size
        while n >= 8:
            n -= 8
            out.append(bits >> n & 255)

    put(256, 9)
    table, code, size = {}, None, 9
    for i in b:
        if code is None:
            code = i
        elif (code, i) in table:
            code = table[code, i]
        else:
            put(code, size)
            table[code, i] = 258 + len(table)
            if len(table) + 258 == 4094:
                put(256, 12)
                table, size = {}, 9
            elif len(table) + 258 in (512, 1024, 2048):
                size += 1
            code = i
    if code is not None:
        put(code, size)
        if len(table) + 259 in (512, 1024, 2048):
            size += 1
    put(257, size)
    if n:
        out.append(bits << 8 - n & 255)
    return bytes(out)


def packbits(b):
    out, i = bytearray(), 0
    while i < len(b):
        n = 1
        while n < 128 and i + n < len(b) and b[i + n] == b[i]:
            n += 1
        if n > 1:
            out += bytes([257 - n, b[i]])
            i += n
            continue
        n = 1
        while n < 128 and i + n < len(b) and (i + n + 1 >= len(b) or b[i + n] != b[i + n + 1]):
            n += 1
        out += bytes([n - 1]) + b[i : i + n]
        i += n
    return bytes(out)


def packed(row, bits, order):
    if bits >= 8:
        return row.astype(row.dtype.newbyteorder(order)).tobytes()
    per = 8 // bits
    row = np.concatenate([row, np.zeros(-len(row) % per, row.dtype)]).reshape(-1, per)
    return (row << np.arange(8 - bits, -1, -bits)).sum(1).astype(np.uint8).tobytes()


class Pages:
    """A file of pages, of which strips and directories lie anywhere."""

    def __init__(self, rng, order, big):
        self.order, self.big, self.rng = order, big, rng
        self.b = bytearray(b"II" if order == "<" else b"MM")
        self.b += struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 0) if big else (42, 0)))
        self.link = 8 if big else 4

    def place(self, b):
        if len(self.b) % 2:
            self.b += b"\0"
        at = len(self.b)
        self.b += b
        return at

    def page(self, pixels, bits, photometric, compression, *, rows=None, tile=None, planar=False, predictor=1, tags=()):
        """pixels (h, w, samples)."""
        h, w, samples = pixels.shape
        planes = [pixels[..., i : i + 1] for i in range(samples)] if planar else [pixels]
        tw, th = tile or (w, rows or h)
        offsets, counts = [], []
        for plane in planes:
            for y in range(0, h, th):
                for x in range(0, w, tw):
                    part = plane[y : y + th, x : x + tw]
                    if tile:
                        part = np.pad(part, ((0, th - part.shape[0]), (0, tw - part.shape[1]), (0, 0)), "edge")
                    if predictor == 2:
                        part = part.copy()
                        part[:, 1:] -= part[:, :-1].copy()
                    b = b"".join(packed(r.reshape(-1), bits, self.order) for r in part)
                    b = {PLAIN: bytes, LZW: lzw, DEFLATE: zlib.compress, PACKBITS: packbits}[compression](b)
                    offsets.append(self.place(b))
                    counts.append(len(b))
        list = [(256, 4, [w]), (257, 3 if h < 65536 else 4, [h]), (258, 3, [bits] * samples), (259, 3, [compression]), (262, 3, [photometric]), (277, 3, [samples]), (284, 3, [2 if planar else 1])]
        if predictor != 1:
            list.append((317, 3, [predictor]))
        if tile:
            list += [(322, 3, [tw]), (323, 3, [th]), (324, 4, offsets), (325, 4, counts)]
        else:
            list += [(273, 4, offsets), (278, 4, [th]), (279, 4 if max(counts) > 65535 else 3, counts)]
        self.directory(sorted(list + [t for t in tags]))

    def directory(self, list):
        o = self.order
        room = 8 if self.big else 4
        out = struct.pack(o + ("Q" if self.big else "H"), len(list))
        for tag, kind, values in list:
            b = b"".join(struct.pack(o + {1: "B", 3: "H", 4: "I", 16: "Q"}[kind], v) for v in values)
            out += struct.pack(o + ("HHQ" if self.big else "HHI"), tag, kind, len(values))
            if len(b) > room:
                b = struct.pack(o + ("Q" if self.big else "I"), self.place(b))
            out += b.ljust(room, b"\0")
        at = self.place(out + bytes(room))
        struct.pack_into(o + ("Q" if self.big else "I"), self.b, self.link, at)
        self.link = at + len(out)


KINDS = {
    # name: bits, samples, photometric, dtype, sample format
    "bool": (1, 1, GREY, np.uint8, 1), "grey2": (2, 1, GREY, np.uint8, 1), "grey4": (4, 1, GREY, np.uint8, 1),
    "grey8": (8, 1, GREY, np.uint8, 1), "grey16": (16, 1, GREY, np.uint16, 1), "grey32": (32, 1, GREY, np.uint32, 1),
    "white1": (1, 1, WHITE_IS_ZERO, np.uint8, 1), "white8": (8, 1, WHITE_IS_ZERO, np.uint8, 1), "white16": (16, 1, WHITE_IS_ZERO, np.uint16, 1),
    "i8": (8, 1, GREY, np.int8, 2), "i16": (16, 1, GREY, np.int16, 2), "i32": (32, 1, GREY, np.int32, 2),
    "f16": (16, 1, GREY, np.float16, 3), "f32": (32, 1, GREY, np.float32, 3), "f64": (64, 1, GREY, np.float64, 3),
    "greyalpha8": (8, 2, GREY, np.uint8, 1), "greyalpha16": (16, 2, GREY, np.uint16, 1),
    "rgb8": (8, 3, RGB, np.uint8, 1), "rgb16": (16, 3, RGB, np.uint16, 1), "rgbf32": (32, 3, RGB, np.float32, 3),
    "rgba8": (8, 4, RGB, np.uint8, 1), "rgba16": (16, 4, RGB, np.uint16, 1), "rgbx8": (8, 4, RGB, np.uint8, 1),
    "multiplied8": (8, 4, RGB, np.uint8, 1), "multiplied16": (16, 4, RGB, np.uint16, 1),
    "cmyk8": (8, 4, CMYK, np.uint8, 1), "cmyk16": (16, 4, CMYK, np.uint16, 1),
    "palette1": (1, 1, PALETTE, np.uint8, 1), "palette4": (4, 1, PALETTE, np.uint8, 1), "palette8": (8, 1, PALETTE, np.uint8, 1),
}


def make(rng, kind, h, w, pages=1, **how):
    bits, samples, photometric, dtype, format = KINDS[kind]
    d = np.dtype(dtype)
    file = Pages(rng, how.pop("order"), how.pop("big"))
    tags = [(339, 3, [format] * samples)] if format != 1 else []
    palette = rng.integers(0, 65536, (3, 1 << min(bits, 8)))
    if photometric == PALETTE:
        tags.append((320, 3, palette.ravel().tolist()))
    if kind.startswith(("greyalpha", "rgba")):
        tags.append((338, 3, [2]))
    if kind.startswith("multiplied"):
        tags.append((338, 3, [1]))
    if kind == "rgbx8":
        tags.append((338, 3, [0]))
    orientation = how.pop("orientation", 0)
    if orientation:
        tags.append((274, 3, [orientation]))
    wants = []
    for _ in range(pages):
        if d.kind == "f":
            a = rng.normal(0, 3, (h, w, samples)).astype(d)
        else:
            low = np.iinfo(d).min if d.kind == "i" else 0
            a = rng.integers(low, (1 << bits if bits < 8 else np.iinfo(d).max + 1), (h, w, samples), dtype=np.int64).astype(d)
        if kind.startswith("multiplied"):
            a[..., :3] = (a[..., :3].astype(np.int64) * a[..., 3:] // np.iinfo(d).max).astype(d)
        if rng.integers(2):
            a = np.repeat(a[:, : (w + 3) // 4], 4, 1)[:, :w]  # something to repeat
        file.page(a, bits, photometric, tags=tags, **how)
        want = a
        top = (1 << bits) - 1
        if photometric == PALETTE:
            want = (palette.T[a[..., 0]] >> 8).astype(np.uint8)
        elif bits < 8:
            want = (top - a if photometric == WHITE_IS_ZERO else a) * np.uint8(255 // top)
            want = want == 255 if bits == 1 else want
        elif photometric == WHITE_IS_ZERO:
            want = np.iinfo(d).max - a
        elif kind == "rgbx8":
            want = a[..., :3]
        elif kind.startswith("multiplied"):
            full, c, alpha = np.iinfo(d).max, a[..., :3].astype(np.int64), a[..., 3:].astype(np.int64)
            want = np.concatenate([np.where((alpha == 0) | (alpha == full), c, np.minimum(full, full * c // np.maximum(alpha, 1))).astype(d), a[..., 3:]], -1)
        wants.append(want[..., 0] if want.shape[-1] == 1 else want)
    if orientation:
        wants = [turned(a, orientation) for a in wants]
    return bytes(file.b), wants[0] if pages == 1 else np.stack(wants)


def turned(a, o):
    a = {1: a, 2: a[:, ::-1], 3: a[::-1, ::-1], 4: a[::-1], 5: a, 6: a[::-1], 7: a[::-1, ::-1], 8: a[:, ::-1]}[o]
    return np.ascontiguousarray(a.swapaxes(0, 1) if o >= 5 else a)


def how(rng, kind, compression):
    bits, samples, photometric = KINDS[kind][:3]
    o = {"order": "<>"[rng.integers(2)], "big": rng.integers(4) == 0, "compression": compression}
    if rng.integers(3) == 0 and bits >= 8:
        o["tile"] = (16 * int(rng.integers(1, 3)), 16 * int(rng.integers(1, 3)))
    else:
        o["rows"] = int(rng.integers(1, 20))
    if samples > 1 and rng.integers(3) == 0 and not kind.startswith("multiplied"):
        o["planar"] = True
    if bits >= 8 and KINDS[kind][4] == 1 and compression in (LZW, DEFLATE) and rng.integers(2):
        o["predictor"] = 2
    return o


def pillow_written(rng, i):
    """Files of libtiff, of a kind and a compression that it has."""
    h, w = (int(n) for n in rng.integers(1, 40, 2))
    mode, channels = [("1", 1), ("L", 1), ("RGB", 3), ("RGBA", 4), ("CMYK", 4), ("I;16", 1), ("F", 1), ("LA", 2), ("P", 1)][i % 9]
    compression = rng.choice(["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"] + ["group3", "group4"] * (mode == "1"))
    ims = []
    for _ in range(int(rng.integers(1, 4))):
        a = rng.integers(0, 256, (h, w, channels)).astype(np.uint8)
        if mode == "1":
            a = np.repeat(a[:, : (w + 3) // 4], 4, 1)[:, :w] & 128
        if mode == "I;16":
            im = Image.fromarray(a[..., 0].astype(np.uint16) * 257)
        elif mode == "F":
            im = Image.fromarray(a[..., 0] / np.float32(7))
        else:
            im = Image.fromarray(a[..., 0] if channels == 1 else a, "L" if channels == 1 else mode)
            if mode == "1":
                im = im.convert("1")
            if mode == "P":
                im.putpalette(rng.integers(0, 256, 768).astype(np.uint8).tobytes())
        ims.append(im)
    out = io.BytesIO()
    ims[0].save(out, "TIFF", compression=str(compression), save_all=True, append_images=ims[1:])
    return out.getvalue(), shown(out.getvalue())


def shown(b):
    im = Image.open(io.BytesIO(b))
    list = []
    for i in range(im.n_frames):
        im.seek(i)
        im.load()
        a = np.asarray(im.convert("RGB") if im.mode == "P" else im)
        list.append(a.view(np.uint8) > 0 if a.dtype == bool else a)  # true is 255 there
    return list[0] if len(list) == 1 else np.stack(list)


def random(rng, count):
    kinds = sorted(KINDS)
    for i in range(count):
        if i % 3 == 2:
            b, want = pillow_written(rng, i // 3)
            yield f"pillow{i}.tif", b, want
            continue
        kind = kinds[i % len(kinds)]
        h, w = (int(n) for n in rng.integers(1, 50, 2))
        o = how(rng, kind, [PLAIN, LZW, DEFLATE, PACKBITS][int(rng.integers(4))])
        b, want = make(rng, kind, h, w, int(rng.integers(1, 4)), orientation=int(rng.integers(9)), **o)
        yield f"{kind}.{i}.tif", b, want


def goldens(rng):
    for kind in sorted(KINDS):
        b, want = make(rng, kind, 7, 11, order="<", big=False, compression=PLAIN)
        yield f"{kind}.tif", b, want
    for name, o in {
        "big": {"order": "<", "big": True, "compression": PLAIN},
        "mm": {"order": ">", "big": False, "compression": PLAIN},
        "lzw": {"order": "<", "big": False, "compression": LZW, "rows": 3},
        "deflate": {"order": ">", "big": False, "compression": DEFLATE, "rows": 4, "predictor": 2},
        "packbits": {"order": "<", "big": False, "compression": PACKBITS, "rows": 2},
        "tiles": {"order": "<", "big": False, "compression": LZW, "tile": (16, 16)},
        "planes": {"order": ">", "big": False, "compression": PLAIN, "planar": True, "rows": 3},
    }.items():
        for pages in (1, 3):
            b, want = make(rng, "rgb16", 9, 20, pages, **dict(o))
            yield f"rgb16.{name}.{pages}.tif", b, want
    for o in range(1, 9):
        b, want = make(rng, "grey8", 5, 8, order="<", big=False, compression=PLAIN, orientation=o)
        yield f"grey8.turned{o}.tif", b, want
    for name in ("group3", "group4"):
        im = Image.fromarray((rng.integers(0, 2, (5, 6)) * 255).astype(np.uint8)).resize((23, 17), 0).convert("1")
        out = io.BytesIO()
        im.save(out, "TIFF", compression=name)
        yield f"bool.{name}.tif", out.getvalue(), shown(out.getvalue())


def agree(path, want):
    """tifffile reads what is stored; what that means is compared where it says the same."""
    with tifffile.TiffFile(path) as f:
        page = f.pages[0]
        plain = page.photometric in (1, 2, 5) and page.bitspersample >= 8 and "Orientation" not in page.tags
        if not plain or (page.extrasamples and page.extrasamples[0] != 2) or page.compression not in (1, 8):
            return None
        got = f.asarray()
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            got = np.moveaxis(got, -3, -1)
    return got.shape == want.shape and got.dtype.newbyteorder("=") == want.dtype and bool((got == want).all())


def check(path, want):
    with tifffile.TiffFile(path) as f:
        if f.pages[0].compression == 1:
            got = f.asarray()
            if want.ndim > 2 and want.shape[-1] == 1 and got.ndim < want.ndim:
                want = want[..., 0]
            assert got.shape == want.shape and (got == want).all(), (path, got.shape, want.shape)
    if want.dtype == np.uint8 and want.shape[-1] != 2:
        got = shown(open(path, "rb").read())
        assert got.shape == want.shape and (got == want).all(), path

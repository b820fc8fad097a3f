"""PNG files of every kind, made by hand from samples that are known, and looked at with Pillow where Pillow reads
them whole (it has no 16 bits but of grey)."""

import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
SAMPLES = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
KINDS = [(c, b) for c in SAMPLES for b in (1, 2, 4, 8, 16) if b >= 8 or c in (GREY, PALETTE) if not (c == PALETTE and b == 16)]
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(name, body=b""):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def pack(row, bits):
    """The bytes of samples of so many bits."""
    if bits == 16:
        return row.astype(">u2").tobytes()
    if bits == 8:
        return row.astype(np.uint8).tobytes()
    per = 8 // bits
    row = np.concatenate([row, np.zeros(-len(row) % per, row.dtype)]).reshape(-1, per)
    return (row << np.arange(8 - bits, -1, -bits)).sum(1).astype(np.uint8).tobytes()


def filtered(kind, row, above, step):
    a = np.concatenate([np.zeros(step, np.uint8), row[:-step]]).astype(int)[: len(row)]
    b = above.astype(int)
    c = np.concatenate([np.zeros(step, np.uint8), above[:-step]]).astype(int)[: len(row)]
    if kind == 4:
        p = a + b - c
        pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
        guess = np.where((pa <= pb) & (pa <= pc), a, np.where(pb <= pc, b, c))
    else:
        guess = [0 * a, a, b, (a + b) // 2][kind]
    return bytes([kind]) + (row - guess).astype(np.uint8).tobytes()


def stored(pixels, bits, interlaced, rng):
    """Rows of (h, w, samples), each with another filter."""
    step = max(1, bits * pixels.shape[2] // 8)
    out = b""
    for x, y, dx, dy in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = pixels[y::dy, x::dx]
        if part.size == 0:
            continue
        above = np.zeros((part.shape[1] * pixels.shape[2] * bits + 7) // 8, np.uint8)
        for row in part:
            cur = np.frombuffer(pack(row.reshape(-1), bits), np.uint8)
            out += filtered(int(rng.integers(5)), cur, above, step)
            above = cur
    return out


def make(rng, colour, bits, interlaced, transparent, h, w, extra=()):
    """A file, and the elements that it holds."""
    top = (1 << bits) - 1
    colours = int(rng.integers(1, top + 2)) if colour == PALETTE else top + 1
    pixels = rng.integers(0, colours, (h, w, SAMPLES[colour]))
    chunks = list(extra)
    table = rng.integers(0, 256, (colours, 3)).astype(np.uint8)
    full = 65535 if bits == 16 else 255
    dtype = np.uint16 if bits == 16 else np.uint8
    key = pixels[rng.integers(h), rng.integers(w)]
    if colour == PALETTE:
        chunks.append(chunk(b"PLTE", table.tobytes()))
        want = table[pixels[..., 0]]
        if transparent:
            alpha = np.full(colours, 255, np.uint8)
            n = int(rng.integers(1, colours + 1))
            alpha[:n] = rng.integers(0, 256, n)
            chunks.append(chunk(b"tRNS", alpha[:n].tobytes()))
            want = np.concatenate([want, alpha[pixels]], 2)
    else:
        want = (pixels * (full // top)).astype(dtype)
        if transparent and colour in (GREY, RGB):
            chunks.append(chunk(b"tRNS", key.astype(">u2").tobytes()))
            opaque = np.where((pixels == key).all(2, keepdims=True), 0, full).astype(dtype)
            want = np.concatenate([want, opaque], 2)
        elif bits == 1:
            want = want == 255
    data = zlib.compress(stored(pixels, bits, interlaced, rng), int(rng.integers(10)))
    cuts = sorted(rng.integers(0, len(data) + 1, int(rng.integers(4))))
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]
    head = struct.pack(">IIBBBBB", w, h, bits, colour, 0, 0, interlaced)
    b = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + b"".join(chunk(b"IDAT", p) for p in parts) + chunk(b"IEND")
    return b, want[..., 0] if want.shape[2] == 1 else want


def pillow(path):
    """The elements that Pillow reads, and whether it reads them whole."""
    with open(path, "rb") as f:
        header = f.read(26)
    im = ImageOps.exif_transpose(Image.open(path))
    if im.mode == "P":
        im = im.convert("RGBA" if "transparency" in im.info else "RGB")
    elif "transparency" in im.info:
        if im.mode not in ("L", "RGB") or header[24] < 8:
            return None  # it compares the colour with samples that it has scaled
        im = im.convert({"L": "LA", "RGB": "RGBA"}[im.mode])
    a = np.asarray(im)
    if im.mode == "RGBA" and header[24:26] == b"\x10\x04":
        a = a[..., 2:]  # grey and alpha of 16 bits
    return a


def agree(path, want):
    """Whether Pillow says the same, or less of it; None where it cannot tell."""
    got = pillow(path)
    if got is None:
        return None
    if want.dtype == np.uint16 and got.dtype == np.uint8:
        if want.shape[-1] in (2, 4) and want.ndim == 3 and "transparency" in Image.open(path).info:
            return None  # compared with 16 bits of the colour
        want = (want >> 8).astype(np.uint8)
    return got.dtype == want.dtype and got.shape == want.shape and bool((got == want).all())


def random(rng, count):
    for i in range(count):
        colour, bits = KINDS[i % len(KINDS)]
        h, w = (int(n) for n in rng.integers(1, 40, 2))
        b, want = make(rng, colour, bits, int(rng.integers(2)), bool(rng.integers(2)), h, w)
        yield f"r{i}.png", b, want


NAMES = {GREY: "grey", RGB: "rgb", PALETTE: "palette", GREY_ALPHA: "greyalpha", RGBA: "rgba"}


def goldens(rng):
    for colour, bits in KINDS:
        for interlaced in (0, 1):
            b, want = make(rng, colour, bits, interlaced, False, 13, 19)
            yield f"{NAMES[colour]}{bits}{'i' * interlaced}.png", b, want
        if colour in (GREY, RGB, PALETTE):
            b, want = make(rng, colour, bits, 0, True, 7, 11)
            yield f"{NAMES[colour]}{bits}t.png", b, want
    gama = chunk(b"gAMA", struct.pack(">I", 45455))
    iccp = chunk(b"iCCP", b"x\0\0" + zlib.compress(b"no profile"))
    for o in range(1, 9):
        exif = chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([o]) + b"\0\0\0\0\0\0")
        b, want = make(rng, RGB, 8, 0, False, 5, 8, [gama, iccp, exif])
        yield f"exif{o}.png", b, turned(want, o)
    b, want = make(rng, GREY, 8, 1, False, 1, 1)
    yield "one.png", b, want


def turned(a, orientation):
    """The elements upright, as Pillow's ImageOps.exif_transpose says."""
    im = Image.fromarray(a)
    im.getexif()[0x112] = orientation
    return np.asarray(ImageOps.exif_transpose(im))


def check(path, want):
    got = pillow(path)
    if want.ndim == 3 and want.shape[2] == 1:
        want = want[..., 0]
    if want.dtype == np.uint16 and got.dtype == np.uint8:
        want = (want >> 8).astype(np.uint8)  # what is read of 16 bits is compared by our own reader
    assert got.dtype == want.dtype and got.shape == want.shape and (got == want).all(), path

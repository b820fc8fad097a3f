"""BMP files of every kind, by a writer of its own, and what is in them.

    gen_bmp.py                 bmp.jsonl.gz, beside this file
    gen_bmp.py SEED COUNT      COUNT cases as lines of JSON
    gen_bmp.py check DIR       compares DIR/*.bmp, as Pillow reads them, with
                               DIR/*.npy

The expected elements are those that the files were made of. Where Pillow reads
a file, they are compared with what it reads; "pillow" says so.
"""

import base64
import glob
import gzip
import io
import json
import os
import struct
import sys
import warnings

import numpy as np
from PIL import Image

warnings.simplefilter("ignore")
TALL = 12
CORE, OS16, INFO, V2, V3, OS64, V4, V5 = 12, 16, 40, 52, 56, 64, 108, 124


def pack(values, bits):
    """Rows of pixels of so many bits, padded to 4 bytes."""
    rows = []
    for row in values:
        if bits >= 8:
            raw = b"".join(int(v).to_bytes(bits // 8, "little") for v in row)
        else:
            text = "".join(format(int(v), f"0{bits}b") for v in row)
            text += "0" * (-len(text) % 8)
            raw = bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))
        rows.append(raw + b"\0" * (-len(raw) % 4))
    return rows


def runs(rng, rows, bits):
    """Random codes for rows, the last first. What is skipped becomes 0; of rows and
    ends of pictures that are skipped as a whole Pillow loses count."""
    out, limit = bytearray(), 256
    height, width = rows.shape
    image = np.zeros_like(rows)

    def nibbles(values):
        values = list(values) + [0] * (len(values) % 2)
        return bytes(a << 4 | b for a, b in zip(values[::2], values[1::2]))

    y, x, lost = 0, 0, False
    while y < height:
        if x == width:
            out += b"\0\0"
            x, y = 0, y + 1
            continue
        kind = rng.integers(12)
        n = int(rng.integers(1, min(limit, width - x + 1)))
        line = image[height - 1 - y]
        if kind == 0:  # the rest of the row
            out += b"\0\0"
            lost |= x == 0
            x, y = 0, y + 1
        elif kind == 1:  # another place
            dx, dy = int(rng.integers(0, min(256, width - x + 1))), int(rng.integers(0, min(4, height - y)))
            out += bytes((0, 2, dx, dy))
            x, y = x + dx, y + dy
        elif kind == 2 and rng.integers(20) == 0:
            lost = True
            break  # the rest of the picture
        elif kind < 7 and n >= 3:  # as they are
            values = rows[height - 1 - y][x : x + n]
            line[x : x + n] = values
            raw = nibbles(values) if bits == 4 else bytes(int(v) for v in values)
            out += bytes((0, n)) + raw + b"\0" * (len(raw) % 2)
            x += n
        elif bits == 8:
            line[x : x + n] = rows[height - 1 - y][x]
            out += bytes((n, int(rows[height - 1 - y][x])))
            x += n
        else:
            a, b = int(rows[height - 1 - y][x]), int(rng.integers(rows.max() + 1))
            line[x : x + n] = ([a, b] * n)[:n]
            out += bytes((n, a << 4 | b))
            x += n
    return bytes(out + b"\0\1"), image, lost


def spread(mask, value):
    return int(value) << (mask & -mask).bit_length() - 1


def build(rng, header, bits, values, palette=(), compression=0, masks=(), top=False, body=None, used=None):
    """A file of the values of its pixels, rows from the top."""
    height, width = values.shape
    if body is None:
        rows = pack(values, bits)
        body = b"".join(rows if top else rows[::-1])
        if rng.integers(3) == 0:  # the last padding may be missing
            spare = -((width * bits + 7) // 8) % 4
            body = body[: len(body) - spare]
    if header == CORE:
        head = struct.pack("<IHHHH", CORE, width, height, 1, bits)
        colours = b"".join(bytes((b, g, r)) for r, g, b in palette)
    elif header == OS16:
        head = struct.pack("<IiiHH", OS16, width, height, 1, bits)
        colours = b"".join(bytes((b, g, r, 0)) for r, g, b in palette)
    else:
        head = struct.pack("<IiiHHIIiiII", header, width, -height if top else height, 1, bits, compression, len(body),
                           2835, 2835, len(palette) if used is None else used, 0)
        fields = b"".join(struct.pack("<I", m) for m in masks)
        if header == INFO:
            head += fields
        else:
            head = (head + fields).ljust(header, b"\0")
        if header >= V4:
            head = head[:56] + b"BGRs" + head[60:]
        colours = b"".join(bytes((b, g, r, int(rng.integers(256)))) for r, g, b in palette)
    offset = 14 + len(head) + len(colours)
    gap = b""
    if used != 0 and rng.integers(3) == 0:
        gap = bytes(int(rng.integers(1, 9)) * 4)
    return b"BM" + struct.pack("<IHHI", offset + len(gap) + len(body), 0, 0, offset + len(gap)) + head + colours + gap + body


def floor(value, most, full):
    return (np.asarray(value, np.int64) * full // most)


def indexed(rng, kind, bits, shape):
    """A picture of palette numbers, its palette, and the elements."""
    n = 1 << bits
    if kind == "identity":
        colours = [(i, i, i) for i in range(256)]
    elif kind == "black and white":
        colours = [(0, 0, 0), (255, 255, 255)]
    elif kind == "white and black":
        colours = [(255, 255, 255), (0, 0, 0)]
    else:
        if rng.integers(3) == 0:
            n = int(rng.integers(1, n + 1))
        if kind == "greys":
            colours = [(int(g),) * 3 for g in rng.permutation(256)[:n]]
        else:
            colours = [tuple(int(c) for c in rng.integers(0, 256, 3)) for _ in range(n)]
            colours[0] = (1, 2, 3)
    values = rng.integers(0, len(colours), shape)
    return values, colours


def elements(values, colours):
    x = np.array(colours, np.uint8)[values]
    if (np.array(colours) == np.array(colours)[:, :1]).all():
        x = x[..., 0]
        if len(colours) == 2 and sorted(c[0] for c in colours) == [0, 255]:
            return x == 255
    return x


MASKS32 = [
    (0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0), (0xFF000000, 0xFF00, 0xFF, 0),
    (0xFF000000, 0xFF0000, 0xFF00, 0xFF), (0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
    (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
    (0x3FF00000, 0xFFC00, 0x3FF, 0), (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000), (0xF800, 0x7E0, 0x1F, 0), (0xFFFF0000, 0xFF00, 0xFF, 0),
    (0xFF, 0xFF00, 0xFF0000, 0), (0x1, 0x2, 0x4, 0x8),
]
MASKS16 = [(0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0), (0xF00, 0xF0, 0xF, 0xF000), (0x7C00, 0x3E0, 0x1F, 0x8000), (0x7, 0x38, 0xFFC0, 0)]


def case(rng, kind):
    shape = (int(rng.integers(1, TALL)), int(rng.integers(1, 4 * TALL)))
    if TALL > 6 and rng.integers(8) == 0:
        shape = (int(rng.integers(1, 5)), int(rng.integers(200, 700)))
    top = bool(rng.integers(2))
    name, *args = kind
    if name == "indexed":
        sort, bits, header = args
        values, colours = indexed(rng, sort, bits, shape)
        if header in (CORE, OS16) and len(colours) < 1 << bits and sort != "greys":
            header = INFO
        top = top and header not in (CORE, OS16)
        used = None
        if len(colours) == 1 << bits and rng.integers(2):
            used = 0
        data = build(rng, header, bits, values, colours, top=top, used=0 if header in (CORE, OS16) else used)
        return data, elements(values, colours), f"{bits} bits {sort} header {header}"
    if name == "runs":
        sort, bits, header = args
        values, colours = indexed(rng, sort, bits, shape)
        body, values, lost = runs(rng, values, bits)
        data = build(rng, header, bits, values, colours, 1 if bits == 8 else 2, body=body)
        return data, elements(values, colours), f"rle{bits} {sort} header {header}" + " skips" * lost
    bits, header, masks = args
    compression, alpha = 0, False
    if masks is None:
        masks = {16: (0x7C00, 0x3E0, 0x1F, 0), 24: (0xFF0000, 0xFF00, 0xFF, 0), 32: (0xFF0000, 0xFF00, 0xFF, 0)}[bits]
        stored, label = (), "plain"
        top = top and header not in (CORE, OS16)
    else:
        compression, stored = 3, masks[:3]
        if header == INFO and masks[3]:
            compression, stored = 6, masks
        elif header >= V3:
            stored = masks
        else:
            masks = masks[:3] + (0,)
        label = "masks " + " ".join(f"{m:x}" for m in masks)
    used = masks if masks[3] else masks[:3]
    widths = [bin(m).count("1") for m in used]
    full, dtype = (65535, np.uint16) if max(widths) > 8 else (255, np.uint8)
    channels = [rng.integers(0, 1 << w, shape) for w in widths]
    rest = (1 << bits) - 1
    for m in used:
        rest &= ~m
    values = rng.integers(0, 1 << bits, shape, dtype=np.int64) & rest
    for m, c in zip(used, channels):
        values |= c << ((m & -m).bit_length() - 1)
    x = np.stack([floor(c, (1 << w) - 1, full) for c, w in zip(channels, widths)], -1).astype(dtype)
    return build(rng, header, bits, values, compression=compression, masks=stored, top=top), x, f"{bits} bits {label} header {header}"


def kinds():
    for header in (CORE, OS16, INFO, V2, V3, OS64, V4, V5):
        for bits in (1, 4, 8):
            for sort in ("greys", "colours"):
                yield "indexed", sort, bits, header
        yield "indexed", "identity", 8, header
        yield "indexed", "black and white", 1, header
        yield "indexed", "white and black", 1, header
        for bits in (16, 24, 32):
            yield "colours", bits, header, None
    for header in (INFO, OS64, V4, V5):
        for bits in (4, 8):
            for sort in ("greys", "colours"):
                yield "runs", sort, bits, header
        yield "runs", "identity", 8, header
    for header in (INFO, V2, V3, V4, V5):
        for masks in MASKS32:
            yield "colours", 32, header, masks
        for masks in MASKS16:
            yield "colours", 16, header, masks
        yield "colours", 24, header, (0xFF0000, 0xFF00, 0xFF, 0)
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield "pillow", mode


def as_elements(im):
    if im.mode == "1":
        return np.asarray(im).view(np.uint8) != 0
    if im.mode == "P":
        colours = np.array(im.getpalette("RGB"), np.uint8).reshape(-1, 3)
        x = np.asarray(im.convert("RGB"))
        if (colours == colours[:, :1]).all():
            x = x[..., 0]
            if len(colours) == 2 and sorted(colours[:, 0]) == [0, 255]:
                return x == 255
        return x
    return np.asarray(im)


def by_pillow(rng, mode):
    shape = (int(rng.integers(1, TALL)), int(rng.integers(1, 4 * TALL)))
    if mode == "1":
        im = Image.fromarray(rng.integers(0, 2, shape).astype(bool))
    elif mode in ("L", "P"):
        im = Image.fromarray(rng.integers(0, 256, shape).astype(np.uint8))
        if mode == "P":
            im.putpalette([int(c) for c in rng.integers(0, 256, 768)])
    else:
        im = Image.fromarray(rng.integers(0, 256, shape + (len(mode),)).astype(np.uint8))
    out = io.BytesIO()
    im.save(out, "BMP")
    return out.getvalue(), as_elements(Image.open(io.BytesIO(out.getvalue()))), "Pillow " + mode


def readable(data, label):
    """Whether Pillow reads the kind, and reads it right."""
    bits, used = struct.unpack_from("<H", data, 28)[0], 0
    if data[14] == CORE:
        bits = struct.unpack_from("<H", data, 24)[0]
    elif data[14] == OS16:
        return False
    else:
        used = struct.unpack_from("<I", data, 46)[0]
    if label.endswith("skips"):
        return False
    if data[14] == CORE and bits <= 8:  # it reads a palette behind its end where it is short
        return struct.unpack_from("<I", data, 10)[0] == 14 + 12 + 3 * (1 << bits)
    if bits == 8 and used == 2 or bits <= 4 and used == 1:
        return False  # "1" at another depth, or a palette of one that it takes for grey
    if "masks" in label and struct.unpack_from("<I", data, 30)[0] == 6:
        return False
    return True


def cases(seed, count):
    rng = np.random.default_rng(seed)
    every = list(kinds())
    for i in range(count):
        kind = every[i % len(every)]
        if kind[0] == "pillow":
            data, x, label = by_pillow(rng, kind[1])
            seen = True
        else:
            data, x, label = case(rng, kind)
            seen = False
            if readable(data, label):
                try:
                    im = Image.open(io.BytesIO(data))
                    y = as_elements(im)
                    seen = True
                except OSError as e:
                    assert "Unsupported BMP bitfields" in str(e), (label, e)
            if seen:
                z = x[..., :3] if kind[1] == 16 and x.shape[2:] == (4,) else x  # of 16 bits it leaves out the alpha
                assert z.shape == y.shape and (z == y).all(), (label, x.dtype, x.shape, y.dtype, y.shape)
        yield dict(kind=label, file=base64.b64encode(data).decode(), dtype=str(x.dtype), shape=x.shape,
                   data=base64.b64encode(np.ascontiguousarray(x.astype(x.dtype.newbyteorder("<"))).tobytes()).decode(), pillow=seen)


def check(where):
    n = 0
    for path in sorted(glob.glob(os.path.join(where, "*.bmp"))):
        x, y = as_elements(Image.open(path)), np.load(path[:-3] + "npy")
        assert x.dtype == y.dtype and x.shape == y.shape and (x == y).all(), (path, x.dtype, x.shape, y.dtype, y.shape)
        n += 1
    print("compared", n)


if len(sys.argv) == 3 and sys.argv[1] == "check":
    check(sys.argv[2])
elif len(sys.argv) > 1:
    for c in cases(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(c))
else:
    TALL = 6
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bmp.jsonl.gz")
    text = "".join(json.dumps(c) + "\n" for c in cases(1, len(list(kinds()))))
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
        f.write(text.encode())

"""GIF files made by hand, with what Pillow shows of them, picture by picture."""

import io
import struct

import numpy as np
from PIL import Image


def lzw(indices, width):
    """Codes of indices, with the table cleared when it is full."""
    clear, end = 1 << width, (1 << width) + 1
    out, bits, n = bytearray(), 0, 0
    size = width + 1

    def put(code):
        nonlocal bits, n
        bits |= code << n
        n += size
        while n >= 8:
            out.append(bits & 255)
            bits >>= 8
            n -= 8

    put(clear)
    table, code = {}, None
    for i in indices:
        i = int(i)
        if code is None:
            code = i
        elif (code, i) in table:
            code = table[code, i]
        else:
            put(code)
            if len(table) + end + 1 == 4096:
                put(clear)
                table, size = {}, width + 1
            else:
                table[code, i] = len(table) + end + 1
                if len(table) + end >= 1 << size:
                    size += 1
            code = i
    put(code)
    put(end)
    if n:
        out.append(bits & 255)
    return bytes(out)


def blocks(b, rng):
    out = b""
    while b:
        n = int(rng.integers(1, 256))
        out += bytes([len(b[:n])]) + b[:n]
        b = b[n:]
    return out + b"\0"


def colours(rng, bits):
    table = rng.integers(0, 256, (1 << bits, 3)).astype(np.uint8)
    table[0] = 255, 1, 2  # no grey ramp
    return table.tobytes()


def make(rng, h, w, frames, grey=False):
    gbits = 8 if grey else int(rng.integers(1, 9))
    has_global = grey or bool(rng.integers(3))
    ramp = bytes(v for i in range(256) for v in (i, i, i))
    out = b"GIF89a" + struct.pack("<HHBBB", w, h, (0x80 | gbits - 1) if has_global else 0, int(rng.integers(1 << gbits)), 0)
    if has_global:
        out += ramp if grey else colours(rng, gbits)
    if frames > 1 and rng.integers(2):
        out += b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", int(rng.integers(5))) + b"\0"
    if rng.integers(2):
        out += b"!\xfe" + blocks(b"a comment", rng)
    for i in range(frames):
        fh, fw = int(rng.integers(1, h + 1)), int(rng.integers(1, w + 1))
        y, x = int(rng.integers(0, h - fh + 1)), int(rng.integers(0, w - fw + 1))
        if grey or rng.integers(3) == 0:
            fh, fw, y, x = h, w, 0, 0
        local = not has_global or (not grey and bool(rng.integers(2)))
        bits = int(rng.integers(1, 9)) if local else gbits
        if i == 0 or rng.integers(5) or grey:
            transparent = not grey and bool(rng.integers(2))
            flags = int(rng.integers(4)) << 2 | transparent
            out += b"!\xf9\x04" + struct.pack("<BHBB", flags, int(rng.integers(300)), int(rng.integers(1 << bits)), 0)
        interlaced = bool(rng.integers(2))
        out += b"," + struct.pack("<HHHHB", x, y, fw, fh, local << 7 | interlaced << 6 | (bits - 1 if local else 0))
        if local:
            out += colours(rng, bits)
        pixels = rng.integers(0, 1 << bits, (fh, fw))
        if rng.integers(2):
            pixels = np.repeat(pixels[: (fh + 3) // 4], 4, 0)[:fh]  # something to repeat
        if interlaced:
            pixels = np.concatenate([pixels[0::8], pixels[4::8], pixels[2::4], pixels[1::2]])
        width = max(2, bits)
        out += bytes([width]) + blocks(lzw(pixels.ravel(), width), rng)
    return out + b";"


def shown(b):
    """All pictures, in the channels that the first one asks for."""
    im = Image.open(io.BytesIO(b))
    mode = im.mode if im.mode == "L" and "transparency" not in im.info else "RGBA" if "transparency" in im.info else "RGB"
    list = []
    for i in range(im.n_frames):
        im.seek(i)
        list.append(np.asarray(im.convert(mode)))
    return list[0] if len(list) == 1 else np.stack(list)


def random(rng, count):
    for i in range(count):
        h, w = (int(n) for n in rng.integers(1, 30, 2))
        b = make(rng, h, w, int(rng.integers(1, 7)), i % 10 == 9)
        yield f"r{i}.gif", b, shown(b)


def goldens(rng):
    for i in range(24):
        b = make(rng, 9, 13, 1 + i % 4)
        yield f"g{i}.gif", b, shown(b)
    for frames in (1, 3):
        b = make(rng, 9, 13, frames, True)
        yield f"grey{frames}.gif", b, shown(b)
    ims = [Image.fromarray(rng.integers(0, 3, (12, 17, 3)).astype(np.uint8) * 100) for _ in range(3)]
    out = io.BytesIO()
    ims[0].save(out, "GIF", save_all=True, append_images=ims[1:], duration=[50, 120, 70], loop=3)
    yield "pillow.gif", out.getvalue(), shown(out.getvalue())
    # An alpha, and a picture with no hole.
    rgba = rng.integers(0, 3, (12, 17, 4)).astype(np.uint8) * 100
    out = io.BytesIO()
    Image.fromarray(rgba).save(out, "GIF")
    yield "alpha.gif", out.getvalue(), shown(out.getvalue())


def agree(path, want):
    return True


def check(path, want):
    with open(path, "rb") as f:
        got = shown(f.read())
    if want.ndim == got.ndim + 1 and want.shape[-1] == 1:
        want = want[..., 0]
    assert got.shape == want.shape, (path, got.shape, want.shape)
    if got.shape[-1] == 4 and got.ndim > 2:
        assert (got[..., 3] == want[..., 3]).all(), path
        got, want = got[..., :3] * (want[..., 3:] > 0), want[..., :3] * (want[..., 3:] > 0)
    assert (got == want).all(), path

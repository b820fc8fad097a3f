"""JPEG files that Pillow (libjpeg-turbo) wrote and reads. The first word of a name is the colours and their sampling."""

import io

import numpy as np
from PIL import Image, ImageOps

KINDS = ["grey", "444", "422", "420", "440", "411", "rgb", "cmyk", "ycck", "plain"]
SAMPLING = {"444": 0, "422": 1, "420": 2, "440": 1, "411": 2}


def picture(rng, h, w, channels):
    """Waves, edges and a little noise: no two blocks alike."""
    y, x = np.mgrid[0:h, 0:w]
    planes = []
    for _ in range(channels):
        fx, fy, p = rng.uniform(0.01, 0.25, 3)
        a = 128 + 90 * np.sin(x * fx + y * fy + 9 * p) + rng.normal(0, 6, (h, w))
        a += 40 * (x * rng.normal() + y * rng.normal() > rng.normal() * 30)
        planes.append(a)
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def upright(b):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(b))))


def adobe(b, transform):
    """Another transform in the marker of Adobe, or no marker."""
    at = b.index(b"\xff\xee\x00\x0eAdobe")
    if transform is None:
        return b[:at] + b[at + 16 :]
    return b[: at + 15] + bytes([transform]) + b[at + 16 :]


def frame(b, factors, h, w):
    """Other sides and sampling factors of luma: as many blocks, which land elsewhere."""
    at = 2
    while b[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + int.from_bytes(b[at + 2 : at + 4], "big")
    return b[: at + 5] + h.to_bytes(2, "big") + w.to_bytes(2, "big") + b[at + 9 : at + 11] + bytes([factors]) + b[at + 12 :]


def make(rng, kind, h, w, orientation=0):
    if kind == "411":
        h, w = (h + 15) // 16 * 16, (w + 15) // 16 * 16
    channels = 1 if kind == "grey" else 4 if kind in ("cmyk", "ycck", "plain") else 3
    a = picture(rng, h, w, channels)
    im = Image.fromarray(a[..., 0] if channels == 1 else a, {1: "L", 3: "RGB", 4: "CMYK"}[channels])
    o = {"quality": int(rng.integers(30, 101)), "progressive": bool(rng.integers(2)), "optimize": bool(rng.integers(2))}
    if rng.integers(2):
        o["restart_marker_blocks"] = int(rng.integers(1, 9))
    if kind in SAMPLING:
        o["subsampling"] = SAMPLING[kind]
    if kind == "rgb":
        o["keep_rgb"] = True
    if orientation:
        exif = Image.Exif()
        exif[0x112] = orientation
        exif[0x10F] = "maker"
        o["exif"] = exif
    out = io.BytesIO()
    im.save(out, "JPEG", **o)
    b = out.getvalue()
    if kind == "440":
        b = frame(b, 0x12, w, h)
    if kind == "411":
        b = frame(b, 0x41, h // 2, 2 * w)
    if kind == "ycck":
        b = adobe(b, 2)
    if kind == "plain":
        b = adobe(b, None)
    return b, upright(b)


def random(rng, count):
    for i in range(count):
        kind = KINDS[i % len(KINDS)]
        h, w = (int(n) for n in rng.integers(1, 90, 2))
        b, want = make(rng, kind, h, w, int(rng.integers(9)))
        yield f"{kind}.{i}.jpg", b, want


def goldens(rng):
    for kind in KINDS:
        b, want = make(rng, kind, 21, 35)
        yield f"{kind}.jpg", b, want
    for o in range(1, 9):
        b, want = make(rng, "grey", 10, 18, o)
        yield f"grey.exif{o}.jpg", b, want


def agree(path, want):
    return None


def check(path, want):
    got = np.asarray(Image.open(path))
    assert got.shape == want.shape and got.dtype == np.uint8, path
    error = (got.astype(float) - want).ravel()
    psnr = 10 * np.log10(255**2 / max(1e-9, (error**2).mean()))
    assert psnr > (30 if want.ndim == 2 else 24), (path, psnr)

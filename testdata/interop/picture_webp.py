"""WebP files that Pillow (libwebp) wrote and reads."""

import io

import numpy as np
from PIL import Image, ImageOps
from picture_jpeg import picture


def make(rng, kind, h, w, orientation=0):
    channels = 4 if "alpha" in kind else 3
    a = picture(rng, h, w, channels)
    if rng.integers(3) == 0:
        a[..., :3] = a[..., :3] // 64 * 64  # few colours
    o = {"lossless": "lossless" in kind, "quality": int(rng.integers(1, 101)), "method": int(rng.integers(5)), "alpha_quality": int(rng.choice([20, 100])), "exact": True}
    if orientation:
        exif = Image.Exif()
        exif[0x112] = orientation
        o["exif"] = exif
    out = io.BytesIO()
    Image.fromarray(a).save(out, "WEBP", **o)
    return out.getvalue(), upright(out.getvalue())


def upright(b):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(b))))


KINDS = ["lossy", "lossy.alpha", "lossless", "lossless.alpha"]


def random(rng, count):
    for i in range(count):
        h, w = (int(n) for n in rng.integers(1, 90, 2))
        b, want = make(rng, KINDS[i % 4], h, w, int(rng.integers(9)))
        yield f"{KINDS[i % 4]}.{i}.webp", b, want


def goldens(rng):
    for kind in KINDS:
        for h, w in ((21, 34), (18, 27)):
            b, want = make(rng, kind, h, w)
            yield f"{kind}.{w}.webp", b, want
    for o in range(1, 9):
        b, want = make(rng, "lossless", 6, 9, o)
        yield f"lossless.exif{o}.webp", b, want
    for size in ((1, 1), (1, 2), (2, 1), (3, 3)):
        b, want = make(rng, "lossy", *size)
        yield f"lossy.{size[0]}x{size[1]}.webp", b, want


def agree(path, want):
    return True


def check(path, want):
    raise AssertionError("WebP is not written")

"""What Pillow and NumPy make of random images.

    gen_image.py                 images.jsonl.gz, beside this file
    gen_image.py SEED COUNT      as many cases of each kind as lines of JSON
"""

import base64
import gzip
import json
import os
import sys

import ml_dtypes
import numpy as np
from PIL import Image, ImageOps

MOST = 80  # pixels, about
FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
DTYPES = {"u8": np.uint8, "u16": np.uint16, "f32": np.float32, "f16": np.float16, "bf16": ml_dtypes.bfloat16}


def b64(a):
    return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()


def noise(rng, shape, dtype):
    """Values without a period; u16 leave room, because Pillow lets what
    overshoots wrap around."""
    if dtype == "u8":
        kind = rng.integers(3)
        if kind == 0:
            return rng.integers(0, 256, shape, np.uint8)
        if kind == 1:  # edges
            return (rng.integers(0, 2, shape) * 255).astype(np.uint8)
        y, x = np.mgrid[: shape[0], : shape[1]]
        wave = 127 + 90 * np.sin(x * 0.37 + y * 0.11)[..., None] + rng.normal(0, 9, shape)
        return np.clip(wave, 0, 255).astype(np.uint8)
    if dtype == "u16":
        return rng.integers(16000, 48000, shape).astype(np.uint16)
    return (rng.standard_normal(shape) * 3).astype(DTYPES[dtype])


def planes(a, f, exact):
    """f on images that Pillow has: u8 with up to three channels, else single.
    With exact, u16 go as floats: their mode has positions in fixed point."""
    if a.dtype == np.uint8 and a.shape[2] in (1, 3):
        out = np.asarray(f(Image.fromarray(a[..., 0] if a.shape[2] == 1 else a)))
        return out.reshape(*out.shape[:2], a.shape[2])
    kind = a.dtype
    if kind != np.uint8 and (kind != np.uint16 or exact):
        a = a.astype(np.float32)
    out = np.stack([np.asarray(f(Image.fromarray(np.ascontiguousarray(a[..., c])))) for c in range(a.shape[2])], -1)
    return out if out.dtype == kind else out.astype(kind)


def extent(rng, most=None):
    most = most or MOST
    return int(rng.integers(1, 5)) if rng.integers(6) == 0 else int(rng.integers(3, most))


def resize(rng, name, dtype):
    h, w = extent(rng), extent(rng)
    way = rng.integers(5)
    if way == 0:  # whole factors
        to = h * int(rng.integers(1, 4)), w * int(rng.integers(1, 4))
    elif way == 1:
        to = max(1, h // int(rng.integers(2, 7))), max(1, w // int(rng.integers(2, 7)))
    elif way == 2:  # one axis stays
        to = (h, extent(rng)) if rng.integers(2) else (extent(rng), w)
    else:
        to = extent(rng), extent(rng)
    c = int(rng.choice([1, 1, 2, 3, 3, 3, 4]))
    if dtype not in ("u8", "f32"):
        c = 1
    a = noise(rng, (h, w, c), dtype)
    fit = ["stretch", "stretch", "crop", "pad"][rng.integers(4)]
    size = to[1], to[0]
    fill = [float(rng.integers(1, 200))]
    if fit == "pad":  # Pillow makes images without rows
        if round(h / w * to[1]) < 1 or round(w / h * to[0]) < 1:
            fit = "stretch"
    method = FILTERS[name]

    def run(image):
        if fit == "crop":
            return ImageOps.fit(image, size, method)
        if fit == "pad":
            colour = fill[0] if image.mode == "F" else int(fill[0])
            return ImageOps.pad(image, size, method, (colour,) * 3 if image.mode == "RGB" else colour)
        return image.resize(size, method)

    out = planes(a, run, name == "nearest")
    assert out.shape == (*to, c) and out.dtype == a.dtype, (out.shape, to, out.dtype)
    return dict(op="resize", filter=name, fit=fit, fill=fill, dtype=dtype, shape=a.shape, to=to, data=b64(a), want=b64(out))


def grey(rng):
    a = noise(rng, (extent(rng), extent(rng), 3), "u8")
    return dict(op="grey", dtype="u8", shape=a.shape, data=b64(a), want=b64(np.asarray(Image.fromarray(a).convert("L"))))


def blend(rng):
    """A colour under an image with alpha."""
    a = rng.integers(0, 256, (extent(rng), extent(rng), 4)).astype(np.uint8)
    back = [int(x) for x in rng.integers(0, 256, 3)]
    image = Image.fromarray(a, "RGBA")
    out = Image.new("RGB", image.size, tuple(back))
    out.paste(image.convert("RGB"), mask=image.getchannel("A"))
    return dict(op="blend", dtype="u8", shape=a.shape, fill=back, data=b64(a), want=b64(np.asarray(out)))


def mean(rng):
    """Mean and deviation of each pixel, then of each channel."""
    dtype = ["u8", "u16", "f32"][rng.integers(3)]
    s = int(rng.integers(1, 9)), extent(rng, 12), extent(rng, 12), int(rng.integers(1, 5))
    a = rng.integers(0, 256, s).astype(np.uint8) if dtype == "u8" else (1000 + noise(rng, s[1:], dtype)[None] + rng.normal(0, 20, s)).astype(DTYPES[dtype])
    x = a.astype(np.float64)
    out = np.concatenate([x.mean(0).ravel(), x.std(0).ravel(), x.mean((0, 1, 2)), x.std((0, 1, 2))])
    return dict(op="mean", dtype=dtype, shape=s, data=b64(a), want=b64(out))


def cases(seed, count):
    rng = np.random.default_rng(seed)
    for name in FILTERS:
        for dtype in ("u8", "f32"):
            for _ in range(count):
                yield resize(rng, name, dtype)
        for dtype in ("u16", "f16", "bf16"):
            for _ in range((count + 3) // 4):
                yield resize(rng, name, dtype)
    for make in grey, blend, mean:
        for _ in range((count + 3) // 4):
            yield make(rng)


if len(sys.argv) > 1:
    for case in cases(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(case))
else:
    MOST = 24
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "images.jsonl.gz")
    text = "".join(json.dumps(case) + "\n" for case in cases(1, 12))
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
        f.write(text.encode())

"""Folders of pictures and of arrays and what NumPy and Pillow make of them, for TestSetsInterop: a seed and a number of
cases make as many lines of JSON."""

import base64
import io
import json
import sys

import numpy as np
from PIL import Image, ImageOps

rng = np.random.default_rng(int(sys.argv[1]))
MODES = {1: "L", 3: "RGB", 4: "RGBA"}
FILTERS = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}


def encode(img, kind, **options):
    b = io.BytesIO()
    img.save(b, kind, **options)
    return b.getvalue()


def picture(i, jpeg):
    """A picture of any size and mode: smooth, so that JPEG keeps it, with some noise."""
    h, w = rng.integers(5, 60, 2)
    c = int(rng.choice([1, 3] if jpeg else [1, 2, 3, 4]))
    y, x = np.mgrid[:h, :w]
    a = np.stack([120 + 80 * np.sin(x * rng.uniform(0.01, 0.3) + y * rng.uniform(0.01, 0.3)) for _ in range(c)], -1)
    a = (a + rng.uniform(0, 20, a.shape)).astype(np.uint8)
    img = Image.fromarray(a[..., 0] if c == 1 else a)
    if jpeg:
        return f"{i:02}.jpg", encode(img, "JPEG", quality=95, subsampling=0)
    if c == 3 and rng.random() < 0.3:
        img = img.quantize(17, Image.Quantize.MEDIANCUT)
    return f"{i:02}.png", encode(img, "PNG")


def pictures(jpeg):
    files = dict(picture(i, jpeg) for i in range(rng.integers(1, 9)))
    n = int(rng.choice([1, 3, 4]))
    w, h = (int(x) for x in rng.integers(13, 40, 2))  # what Pillow pads may else have no pixel left
    fit, name = rng.choice(["stretch", "crop", "pad"]), str(rng.choice(list(FILTERS)))
    if n == 4:
        name = "nearest"  # for others Pillow multiplies colours by alpha first
    out = []
    for data in files.values():
        img = Image.open(io.BytesIO(data))
        img = (img.convert("RGB") if img.mode == "P" else img).convert(MODES[n])
        f = FILTERS[name]
        if fit == "crop":
            img = ImageOps.fit(img, (w, h), f)
        elif fit == "pad":
            img = ImageOps.pad(img, (w, h), f, color=(0,) * n if n > 1 else 0)
        else:
            img = img.resize((w, h), f)
        out.append(np.asarray(img))
    steps = [f"--channels {n}", f"--resize {w}x{h}"]
    at = rng.integers(0, 3)
    flags = " ".join(steps[:at] + ["--stack"] + steps[at:]) + f" --fit {fit} --filter {name}"
    out = np.stack(out)
    if n > 1 and rng.random() < 0.5:
        flags += " --rearrange 'b h w c -> b c h w'"
        out = out.transpose(0, 3, 1, 2)
    return files, flags, out, 3 if jpeg else 0


def arrays():
    shape = tuple(int(x) for x in rng.integers(1, 7, rng.integers(1, 4)))
    dtype = rng.choice(["u1", ">i2", "<f4", "<c8", "?", ">f8"])
    files, out = {}, []
    for i in range(rng.integers(1, 30)):
        a = rng.integers(0, 2 if dtype == "?" else 100, shape).astype(dtype)
        if rng.random() < 0.3:
            a = np.asfortranarray(a)
        b = io.BytesIO()
        np.save(b, a)
        files[f"{i:02}.npy"] = b.getvalue()
        out.append(a)
    return files, "--stack", np.stack(out), 0


for case in range(int(sys.argv[2])):
    files, flags, out, levels = [lambda: pictures(False), lambda: pictures(True), arrays][case % 3]()
    out = np.ascontiguousarray(out)
    b = io.BytesIO()
    np.lib.format.write_array(b, out.astype(out.dtype.newbyteorder("<")), version=(1, 0))
    print(json.dumps({
        "files": {name: base64.b64encode(data).decode() for name, data in files.items()},
        "flags": flags, "want": base64.b64encode(b.getvalue()).decode(), "levels": levels,
    }))

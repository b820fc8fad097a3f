"""What SciPy and NumPy make of random recordings.

    gen_audio.py                 audio.jsonl.gz, beside this file
    gen_audio.py SEED COUNT      as many cases of each kind as lines of JSON
"""

import base64
import gzip
import json
import math
import os
import sys

import numpy as np
from scipy import signal

# pass band, dB of the design: the same numbers as in filter.go, told twice
QUALITY = {"good": (0.90, 102), "fast": (0.80, 62), "best": (0.95, 145)}
RATES = [(44100, 48000), (48000, 44100), (48000, 16000), (16000, 48000), (44100, 16000), (8000, 44100), (22050, 44100), (3, 2), (96000, 44100), (7, 11), (5, 5)]
LONGEST = 3000


def b64(a):
    return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()


def taps(up, down, quality):
    """The filter by SciPy's own windows and firwin."""
    passes, db = QUALITY[quality]
    nyquist = 1 / max(up, down)
    half = math.ceil((db - 7.95) / (2.285 * math.pi * (1 - passes) * nyquist) / 2)
    return signal.firwin(2 * half + 1, (1 + passes) / 2 * nyquist, window=("kaiser", 0.1102 * (db - 8.7)))


def noise(rng, shape, dtype):
    x = np.cumsum(rng.standard_normal(shape), 0) * 0.05 + rng.standard_normal(shape) * 0.2
    if dtype == "u8":
        return np.clip(np.rint(x * 128) + 128, 0, 255).astype(np.uint8)
    if dtype[0] == "i":
        info = np.iinfo(np.dtype(dtype))
        return np.clip(np.rint(x * (info.max + 1.0)), info.min, info.max).astype(dtype)
    return x.astype(dtype)


def whole(x, dtype):
    """Rounded and clipped, silence added."""
    if dtype == "u8":
        return (np.clip(np.rint(x), -128, 127) + 128).astype(np.uint8)
    if dtype[0] == "i":
        info = np.iinfo(np.dtype(dtype))
        return np.clip(np.rint(x), info.min, info.max).astype(dtype)
    return x.astype(dtype)


def samples(a):
    return a.astype(np.float64) - (128 if a.dtype == np.uint8 else 0)


def full(dtype):
    """Full scale. NumPy's u8 has eight bytes, ours eight bits."""
    if dtype == "u8":
        return 128.0
    return 1.0 if dtype[0] == "f" else 2.0 ** (8 * np.dtype(dtype).itemsize - 1)


def resample(rng, dtype):
    a, b = RATES[rng.integers(len(RATES))]
    quality = ["good", "good", "fast", "best"][rng.integers(4)]
    x = noise(rng, (int(rng.integers(1, LONGEST)), int(rng.integers(1, 4))), dtype)
    g = math.gcd(a, b)
    up, down = b // g, a // g
    y = samples(x) if a == b else signal.resample_poly(samples(x), up, down, axis=0, window=taps(up, down, quality))
    return dict(op="resample", dtype=dtype, quality=quality, rates=(a, b), shape=x.shape, data=b64(x), want=b64(whole(y, dtype)), to=y.shape)


def levels(rng, dtype):
    """Mono, with weights, gain, peak, RMS, normalised, other dtypes."""
    x = noise(rng, (int(rng.integers(1, 500)), int(rng.integers(1, 4))), dtype)
    s = samples(x)
    w = rng.standard_normal(x.shape[1])
    mixed = s[:, 0] * w[0]
    total = s[:, 0].copy()
    for c in range(1, x.shape[1]):
        mixed = mixed + s[:, c] * w[c]
        total = total + s[:, c]
    factor = float(rng.normal())
    peak, rms = np.abs(s).max() / full(dtype), math.sqrt((s * s).mean()) / full(dtype)
    to = ["u8", "int8", "int16", "int32", "float32", "float64"][rng.integers(6)]
    names = {"u8": "u8", "int8": "i8", "int16": "i16", "int32": "i32", "float32": "f32", "float64": "f64"}
    return dict(
        op="levels", dtype=dtype, shape=x.shape, data=b64(x), weights=list(w), factor=factor, peak=peak, rms=rms,
        mono=b64(whole(total / x.shape[1], dtype)), mixed=b64(whole(mixed, dtype)), gain=b64(whole(s * factor, dtype)),
        normal=b64(whole(s * (10 ** (-3 / 20) / peak), dtype)) if peak else "",
        converted=names[to], want=b64(whole(s * (full(to) / full(dtype)), to)),
    )


def cases(seed, count):
    rng = np.random.default_rng(seed)
    for dtype in ("f8", "f4", "i4", "i2", "i1", "u8"):
        for _ in range(count):
            yield resample(rng, dtype)
            yield levels(rng, dtype)


if len(sys.argv) > 1:
    for case in cases(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(case))
else:
    LONGEST = 160
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audio.jsonl.gz")
    text = "".join(json.dumps(case) + "\n" for case in cases(1, 7))
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as f:
        f.write(text.encode())

#!/usr/bin/env python3
"""Writes the golden files of convert/wav and the manifest of what is in them.

The files are written by libsndfile (package soundfile) and by Python's wave
module; the expected samples are those that libsndfile reads. laws.bin has the
G.711 codes that libsndfile makes of all 65536 samples of 16 bits.

make goldens runs it.
"""
import hashlib
import io
import json
import os
import sys
import wave

import numpy as np
import soundfile as sf

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = {"PCM_U8": ("u8", "u8"), "PCM_16": ("i16", "i16"), "PCM_24": ("i24", "i32"), "PCM_32": ("i32", "i32"),
         "FLOAT": ("f32", "f32"), "DOUBLE": ("f64", "f64"), "ALAW": ("alaw", "i16"), "ULAW": ("mulaw", "i16")}
READ = {"u8": "int16", "i16": "int16", "i32": "int32", "f32": "float32", "f64": "float64"}


def noise(rng, frames, channels):
    x = rng.integers(-(2**31), 2**31, (frames, channels), dtype=np.int64).astype(np.int32)
    x[0], x[-1] = -(2**31), 2**31 - 1
    return x[:, 0] if channels == 1 else x


def samples(path, dtype):
    """What libsndfile reads, as the dtype of the tensor."""
    x, rate = sf.read(path, dtype=READ[dtype])
    if dtype == "u8":
        x = (x.astype(np.int32) // 256 + 128).astype(np.uint8)
    return x, rate


def main():
    rng = np.random.default_rng(20261121)
    files = []
    for fmt in ("WAV", "WAVEX", "RF64"):
        for sub, (encoding, dtype) in NAMES.items():
            for channels in (1, 2, 6):
                frames, rate = int(rng.integers(30, 90)), int(rng.integers(1, 200000))
                name = f"{fmt.lower()}_{encoding}_{channels}.wav"
                path = os.path.join(HERE, name)
                x = noise(rng, frames, channels)
                if dtype in ("f32", "f64"):
                    x = rng.standard_normal(x.shape).astype(np.float64) * 3
                    x.flat[:3] = np.nan, np.inf, -0.0
                sf.write(path, x, rate, format=fmt, subtype=sub)
                y, got = samples(path, dtype)
                assert got == rate
                files.append({"file": name, "encoding": encoding, "dtype": dtype, "rate": rate, "shape": list(y.shape),
                              "sha256": hashlib.sha256(y.astype(y.dtype.newbyteorder("<")).tobytes()).hexdigest()})
    for width in (1, 2, 4):
        for channels in (1, 2):
            out = io.BytesIO()
            body = rng.bytes(width * channels * 42)
            with wave.open(out, "wb") as w:
                w.setnchannels(channels), w.setsampwidth(width), w.setframerate(44100)
                w.writeframes(body)
            name = f"wave_{width}_{channels}.wav"
            with open(os.path.join(HERE, name), "wb") as f:
                f.write(out.getvalue())
            dtype = {1: "u8", 2: "i16", 4: "i32"}[width]
            files.append({"file": name, "encoding": dtype, "dtype": dtype, "rate": 44100, "canonical": True,
                          "shape": [42] if channels == 1 else [42, 2], "sha256": hashlib.sha256(body).hexdigest()})
    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        json.dump({"files": files}, f, indent=1)
        f.write("\n")
    every = np.arange(-32768, 32768).astype(np.int16)
    codes = b""
    for sub in ("ALAW", "ULAW"):
        out = io.BytesIO()
        sf.write(out, every, 8000, format="RAW", subtype=sub)
        codes += out.getvalue()
    assert len(codes) == 2 * 65536
    with open(os.path.join(HERE, "laws.bin"), "wb") as f:
        f.write(codes)
    print(len(files), "files", sf.__libsndfile_version__, file=sys.stderr)


main()

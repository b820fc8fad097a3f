#!/usr/bin/env python3
"""Writes the golden files of convert/aiff and the manifest of what is in them.

The files are written by libsndfile (package soundfile) and by Python's aifc
module (up to Python 3.12); the expected samples are those that libsndfile reads.

make goldens runs it.
"""
import hashlib
import json
import os
import sys
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
import aifc  # noqa: E402

import numpy as np  # noqa: E402
import soundfile as sf  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = {"PCM_S8": ("i8", "i8"), "PCM_16": ("i16", "i16"), "PCM_24": ("i24", "i32"), "PCM_32": ("i32", "i32"),
         "FLOAT": ("f32", "f32"), "DOUBLE": ("f64", "f64"), "ALAW": ("alaw", "i16"), "ULAW": ("mulaw", "i16")}
READ = {"i8": "int16", "i16": "int16", "i32": "int32", "f32": "float32", "f64": "float64"}


def main():
    rng = np.random.default_rng(20261121)
    files = []

    def expect(name, encoding, dtype, rate, order, **more):
        x, got = sf.read(os.path.join(HERE, name), dtype=READ[dtype])
        assert got == rate
        if dtype == "i8":
            x = (x // 256).astype(np.int8)
        files.append({"file": name, "encoding": encoding, "dtype": dtype, "rate": rate, "shape": list(x.shape), "order": order,
                      "sha256": hashlib.sha256(x.astype(x.dtype.newbyteorder("<")).tobytes()).hexdigest(), **more})

    for endian in ("FILE", "LITTLE"):
        for sub, (encoding, dtype) in NAMES.items():
            if endian == "LITTLE" and sub not in ("PCM_16", "PCM_24", "PCM_32"):
                continue
            for channels in (1, 2, 5):
                frames, rate = int(rng.integers(30, 90)), int(rng.integers(1, 200000))
                name = f"{'sowt' if endian == 'LITTLE' else 'aiff'}_{encoding}_{channels}.aiff"
                if dtype[0] == "f":
                    x = rng.standard_normal((frames, channels)) * 3
                    x.flat[:3] = np.nan, np.inf, -0.0
                else:
                    x = rng.integers(-(2**31), 2**31, (frames, channels), dtype=np.int64).astype(np.int32)
                    x[0], x[-1] = -(2**31), 2**31 - 1
                sf.write(os.path.join(HERE, name), x[:, 0] if channels == 1 else x, rate, format="AIFF", subtype=sub, endian=endian)
                expect(name, encoding, dtype, rate, "<" if endian == "LITTLE" else ">")
    for width in (1, 2):
        for channels in (1, 2):
            name = f"aifc_{width}_{channels}.aiff"
            with aifc.open(os.path.join(HERE, name), "wb") as w:
                w.setnchannels(channels), w.setsampwidth(width), w.setframerate(44100)
                w.writeframes(rng.bytes(width * channels * 42))
            dtype = f"i{8 * width}"
            expect(name, dtype, dtype, 44100, ">", canonical=True)
    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        json.dump({"files": files}, f, indent=1)
        f.write("\n")
    print(len(files), "files", sf.__libsndfile_version__, file=sys.stderr)


main()

#!/usr/bin/env python3
"""Exchanges random recordings with libsndfile, of package soundfile.

wav_interop.py write SEED COUNT DIR KIND   DIR gets COUNT files that libsndfile
                                           wrote, in the KIND wav, aiff or
                                           flac
wav_interop.py check SEED COUNT DIR KIND   for each file DIR has NAME.bin, the
                                           samples that were read, and
                                           out.NAME, written anew: both are
                                           compared with what libsndfile reads
"""
import glob
import os
import sys

import numpy as np
import soundfile as sf

KINDS = {
    "wav": (("WAV", "WAVEX", "RF64"), ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")),
    "aiff": (("AIFF",), ("PCM_S8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ALAW", "ULAW")),
    "flac": (("FLAC",), ("PCM_S8", "PCM_16", "PCM_24")),
}
READ = {"PCM_U8": "int16", "PCM_S8": "int16", "PCM_16": "int16", "ALAW": "int16", "ULAW": "int16",
        "PCM_24": "int32", "PCM_32": "int32", "FLOAT": "float32", "DOUBLE": "float64"}


def samples(path):
    subtype, container = sf.info(path).subtype, sf.info(path).format
    x, rate = sf.read(path, dtype=READ[subtype])
    if subtype == "PCM_U8":
        x = (x.astype(np.int32) // 256 + 128).astype(np.uint8)
    if subtype == "PCM_S8" and container != "FLAC":
        x = (x // 256).astype(np.int8)
    return x, rate, subtype


def main():
    verb, seed, count, where, kind = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
    containers, subtypes = KINDS[kind]
    if verb == "write":
        rng = np.random.default_rng(seed)
        for i in range(count):
            subtype = subtypes[i % len(subtypes)]
            shape = (int(rng.integers(1, 40000 if i % 7 == 0 else 300)), int(rng.integers(1, 9)))
            if READ[subtype][0] == "f":
                x = rng.standard_normal(shape) * 2
            else:
                x = rng.integers(-(2**31), 2**31, shape, dtype=np.int64).astype(np.int32)
            if kind == "flac" and i % 4:  # sound that can be predicted
                t = np.arange(shape[0])[:, None]
                x = (2**31 * 0.45 * (np.sin(t * rng.uniform(0.001, 0.3)) + rng.uniform(0, 0.2) * rng.standard_normal(shape)).clip(-2, 2)).astype(np.int32)
            endian = "FILE"
            if kind == "aiff" and subtype in ("PCM_16", "PCM_24", "PCM_32") and rng.integers(2):
                endian = "LITTLE"
            path = os.path.join(where, f"s{i}.{kind}")
            with sf.SoundFile(path, "w", int(rng.integers(1, 65536 if kind == "flac" else 1 << 30)), shape[1], subtype, endian,
                              containers[rng.integers(len(containers))]) as f:
                f.title, f.artist = f"title {i}", "somebody"
                f.write(x)
        return
    files = sorted(glob.glob(os.path.join(where, f"s*.{kind}")))
    assert len(files) == count, len(files)
    for path in files:
        want, rate, subtype = samples(path)
        got = np.fromfile(path + ".bin", want.dtype.newbyteorder("<")).reshape(want.shape)
        assert np.array_equal(got, want), (path, subtype)
        out = os.path.join(where, "out." + os.path.basename(path))
        again, rate2, subtype2 = samples(out)
        assert (rate, subtype) == (rate2, subtype2), (path, rate, rate2, subtype, subtype2)
        assert again.dtype == want.dtype and np.array_equal(again, want), (path, subtype)
        if kind != "aiff":
            with sf.SoundFile(out) as f:
                assert f.title.startswith("title"), f.title
    print(f"compared {len(files)}, 0 differ")


main()

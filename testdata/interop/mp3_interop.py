#!/usr/bin/env python3
"""mp3_interop.py SEED COUNT DIR

Writes COUNT recordings as MP3 by LAME in libsndfile, of package soundfile, and
beside each what libsndfile decodes of it with libmpg123, as FLAC.
"""
import os
import sys

import numpy as np
import soundfile as sf


def main():
    seed, count, where = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    rng = np.random.default_rng(seed)
    for i in range(count):
        frames, channels = int(rng.integers(1200, 20000)), int(rng.integers(1, 3))
        rate = int(rng.choice([8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000]))
        t = np.arange(frames)[:, None]
        x = 0.3 * np.sin(t * rng.uniform(0.01, 1, channels)) + rng.uniform(0, 0.1) * rng.standard_normal((frames, channels))
        for at in rng.integers(0, frames, int(rng.integers(0, 5))):  # attacks, for short blocks
            x[at : at + 30] += rng.uniform(-0.6, 0.6)
        path = os.path.join(where, f"m{i}.mp3")
        mode = ["CONSTANT", "VARIABLE", "AVERAGE"][rng.integers(3)]
        with sf.SoundFile(path, "w", rate, channels, "MPEG_LAYER_III", format="MP3", bitrate_mode=mode, compression_level=float(rng.uniform(0.1, 0.9))) as f:
            f.write(x.clip(-1, 1))
        y, got = sf.read(path, dtype="int16")
        assert got == rate
        sf.write(os.path.join(where, f"m{i}.flac"), y, rate, subtype="PCM_16")


main()

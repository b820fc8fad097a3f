#!/usr/bin/env python3
"""Writes the golden files of convert/ffmpeg, by FFmpeg, and beside those of lossy
codecs what libsndfile decodes of them, as FLAC.

make goldens runs it.
"""
import os
import subprocess

import numpy as np
import soundfile as sf

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    i = np.arange(3000)
    # Noise that Go makes, too, and stereo.
    noise = ((i * i * 7919 + i * 104729) % 65536 - 32768).astype("<i2").reshape(-1, 2) // 8
    t = np.arange(6000)[:, None]  # several pages of 20 ms, for FFmpeg drops samples of a file of one page
    tone = (12000 * np.sin(t * 0.05 + np.arange(2)) + 3000 * np.sin(t * 0.31)).astype("<i2")
    for name, codec, x, rate in (
        ("alac.m4a", "alac", noise, 44100), ("wavpack.wv", "wavpack", noise, 48000), ("tta.tta", "tta", noise, 8000),
        ("vorbis.ogg", "libvorbis", tone, 44100), ("opus.opus", "libopus", tone, 48000),
    ):
        path = os.path.join(HERE, name)
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "s16le", "-ar", str(rate), "-ac", "2", "-i", "-", "-c:a", codec, "-metadata", "title=A title",
                        "-fflags", "+bitexact", "-flags:a", "+bitexact",
                        *(["-page_duration", "20000"] if x is tone else []), path], input=x.tobytes(), check=True)
        if x is tone:
            y, got = sf.read(path, dtype="int16")
            sf.write(os.path.join(HERE, name.split(".")[0] + ".flac"), y, got, subtype="PCM_16")


main()

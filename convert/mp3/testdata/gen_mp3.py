#!/usr/bin/env python3
"""Writes the golden files of convert/mp3, by LAME in FFmpeg, and beside each what
FFmpeg decodes of it, as FLAC.

make goldens runs it.
"""
import os
import subprocess

import numpy as np
import soundfile as sf

HERE = os.path.dirname(os.path.abspath(__file__))


def run(*args, data=None):
    return subprocess.run(args, input=data, check=True, stdout=subprocess.PIPE).stdout


def frames_of(b):
    """Where the frames are, and whether of MPEG-1."""
    at = 10 + (b[6] << 21 | b[7] << 14 | b[8] << 7 | b[9])
    while at < len(b):
        h = int.from_bytes(b[at : at + 4], "big")
        first = h >> 19 & 3 == 3
        if first:
            rates = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
        else:
            rates = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
        yield at, first
        at += (144000 if first else 72000) * rates[h >> 12 & 15] // ((44100, 48000, 32000)[h >> 10 & 3] >> (not first)) + (h >> 9 & 1)


def mix(b):
    """Sets mixed_block_flag wherever the window switches, of frames with two channels
    and without a sum: long blocks in the two lowest subbands all along, as an encoder
    that mixes has it."""
    for at, first in frames_of(b):
        begin, size, granules = (9 + 3 + 8, 59, 4) if first else (8 + 2, 63, 2)
        for i in range(granules):
            bit = 8 * (at + 4) + begin + i * size + (33 if first else 38)  # window_switching_flag; block_type; the flag
            if b[bit >> 3] >> (7 - bit % 8) & 1:
                b[bit + 3 >> 3] |= 128 >> (bit + 3) % 8
    return b


def main():
    rng = np.random.default_rng(20261121)
    position = {"intensity": 1, "intensity_ms": 3, "mixed_intensity_half": 1}  # mode_extension of all frames: no encoder here makes such sound
    # name, rate, channels, samples, settings
    for name, rate, channels, frames, settings in (
        ("cbr", 44100, 2, 6000, ["-b:a", "128k"]),
        ("vbr", 48000, 2, 9000, ["-q:a", "4"]),
        ("mono", 44100, 1, 9000, ["-b:a", "56k"]),
        ("apart", 32000, 2, 5000, ["-b:a", "96k", "-joint_stereo", "0"]),
        ("half", 24000, 1, 6000, ["-b:a", "24k"]),
        ("half2", 16000, 2, 4000, ["-b:a", "32k"]),
        ("tagless", 44100, 1, 5000, ["-b:a", "48k", "-write_xing", "0", "-id3v2_version", "0"]),
        ("id3", 44100, 1, 3000, ["-b:a", "32k", "-metadata", "title=x", "-write_id3v1", "1"]),
        ("padded", 22050, 2, 4000, ["-b:a", "32k"]),
        ("quarter", 11025, 1, 3000, ["-b:a", "16k"]),
        ("quarter8", 8000, 2, 3000, ["-b:a", "24k"]),
        ("clicks", 44100, 2, 8000, ["-b:a", "96k"]),
        ("clicks_half", 24000, 1, 6000, ["-b:a", "32k"]),
        ("intensity", 44100, 2, 6000, ["-b:a", "64k", "-joint_stereo", "0"]),
        ("intensity_ms", 48000, 2, 6000, ["-b:a", "64k", "-joint_stereo", "0"]),
        ("mixed", 44100, 2, 8000, ["-b:a", "96k"]),
        ("mixed_half", 22050, 2, 6000, ["-b:a", "48k"]),
        ("mixed_intensity_half", 22050, 2, 6000, ["-b:a", "32k", "-joint_stereo", "0"]),
    ):
        t = np.arange(frames)[:, None]
        x = 0.4 * np.sin(2e-6 * t**2 + np.arange(channels)) + 0.2 * np.sin(t * 0.031) + 0.01 * rng.standard_normal((frames, channels))
        if name.startswith(("clicks", "intensity", "mixed")):  # short blocks
            x *= 0.05
            x[1500::2000] += 0.9
        path = os.path.join(HERE, name + ".mp3")
        run("ffmpeg", "-v", "error", "-y", "-f", "f32le", "-ar", str(rate), "-ac", str(channels), "-i", "-", "-c:a", "libmp3lame", "-fflags", "+bitexact",
            "-flags:a", "+bitexact", *settings, path, data=x.astype("<f4").tobytes())
        if name in position or name.startswith("mixed"):
            with open(path, "rb") as f:
                b = bytearray(f.read())
            for at, _ in frames_of(b):
                if name in position:
                    b[at + 3] = b[at + 3] & 0x0F | 1 << 6 | position[name] << 4
            if name.startswith("mixed"):
                b = mix(b)
            with open(path, "wb") as f:
                f.write(b)
        want = run("ffmpeg", "-v", "error", "-i", path, "-f", "s16le", "-")
        if name == "clicks_half":  # of 24000 Hz FFmpeg has a band that begins at 330; LAME and libmpg123 begin it at 332
            want = sf.read(path, dtype="int16")[0].tobytes()
        if name != "tagless":  # FFmpeg leaves the padding where an ID3 tag follows
            assert len(want) >= 2 * frames * channels
            want = want[: 2 * frames * channels]
        run("flac", "-s", "-8", "-f", "--no-padding", "--no-seektable", "--force-raw-format", "--endian=little", "--sign=signed", f"--channels={channels}",
            "--bps=16", f"--sample-rate={rate}", "-o", os.path.join(HERE, name + ".flac"), "-", data=want)


main()

#!/usr/bin/env python3
"""Writes the golden files of convert/flac and the manifest of what is in them.

The files are written by the reference encoder (the tool flac) with settings that
reach every part of the format, and by FFmpeg; the expected samples are those that
FFmpeg decodes, which shares no code with the reference, and for 32 bits those
that went in.

make goldens runs it.
"""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def run(*args, data=None):
    return subprocess.run(args, input=data, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout


def sound(rng, frames, channels, bits, kind):
    """A recording that compresses: tones and a little noise, or what kind says."""
    t = np.arange(frames)[:, None]
    full = 2.0 ** (bits - 1)
    if kind == "noise":
        x = rng.integers(-int(full), int(full), (frames, channels))
    elif kind == "constant":
        x = np.full((frames, channels), -3)
    elif kind == "steps":
        x = (t // 50 * 4) * np.ones((1, channels), int)
    else:
        f = rng.uniform(0.01, 0.2, (1, channels))
        x = full * (0.6 * np.sin(t * f) + 0.2 * np.sin(t * f * 3.1)) + full * 0.003 * rng.standard_normal((frames, channels))
    return np.clip(np.rint(x), -full, full - 1).astype(np.int64)


def raw(x, bits):
    size = bits // 8
    b = x.astype("<i4").tobytes()
    return b"".join(b[i:i + size] for i in range(0, len(b), 4))


def main():
    rng = np.random.default_rng(20261121)
    files = []
    # name, bits, channels, frames, kind, settings of flac
    cases = [
        ("fast", 16, 2, 700, "tone", ["-0", "-b", "192"]),
        ("best", 16, 2, 900, "tone", ["-8", "-b", "256"]),
        ("mono", 16, 1, 600, "tone", ["-5", "-b", "576"]),
        ("mid", 16, 2, 500, "tone", ["-5", "-m", "-b", "128"]),
        ("eight", 8, 2, 400, "tone", ["-5", "-b", "100", "--lax"]),
        ("deep", 24, 2, 600, "tone", ["-8", "-b", "256"]),
        ("full", 32, 2, 400, "tone", ["-5", "-b", "192"]),
        ("full_noise", 32, 2, 200, "noise", ["-5", "-b", "64"]),
        ("noise", 16, 2, 200, "noise", ["-5", "-b", "64"]),
        ("constant", 16, 1, 1000, "constant", ["-5", "-b", "64"]),
        ("wasted", 16, 2, 500, "steps", ["-5", "-b", "100", "--lax"]),
        ("order32", 24, 1, 800, "tone", ["-l", "32", "-b", "512", "--lax", "-e"]),
        ("order13", 16, 1, 800, "tone", ["-l", "13", "-q", "5", "-b", "333", "--lax"]),
        ("parts", 16, 1, 2048, "tone", ["-5", "-b", "2048", "-r", "8", "--lax"]),
        ("odd", 16, 2, 777, "tone", ["-5", "-b", "177", "--lax"]),
        ("six", 16, 6, 300, "tone", ["-5", "-b", "128"]),
        ("seven", 24, 7, 200, "tone", ["-5", "-b", "64"]),
        ("eightch", 16, 8, 200, "tone", ["-5", "-b", "64"]),
        ("short", 16, 2, 5, "tone", ["-5"]),
        ("one", 24, 1, 1, "tone", ["-5"]),
        ("points", 16, 1, 2000, "tone", ["-5", "-b", "64", "-S", "30x"]),
        ("nosum", 16, 2, 300, "tone", ["-5", "-b", "64", "--no-md5-sum"]),
        ("tags", 16, 1, 100, "tone", ["-5", "-b", "64", "-T", "TITLE=Prélude", "-T", "ARTIST=x", "-T", "ARTIST=y", "-T", "MOOD=calm"]),
        ("rate", 16, 1, 100, "tone", ["-5", "-b", "64"]),
    ]
    rates = {"fast": 8000, "best": 96000, "mono": 11025, "mid": 12000, "odd": 999999, "rate": 655350, "six": 176400, "eight": 7919}

    def add(name, x, bits, rate, body):
        path = os.path.join(HERE, name + ".flac")
        with open(path, "wb") as f:
            f.write(body)
        if bits > 24:
            want = x << (32 - bits)
        else:
            want = np.frombuffer(run("ffmpeg", "-v", "error", "-i", path, "-f", "s32le", "-c:a", "pcm_s32le", "-"), "<i4").astype(np.int64)
            want = want.reshape(x.shape)
            assert np.array_equal(want, x << (32 - bits)), name
        if bits <= 16:
            want, dtype = want >> 16, "i16"
        else:
            dtype = "i32"
        b = want.astype("<" + dtype.replace("16", "2").replace("32", "4")).tobytes()
        shape = list(x.shape) if x.shape[1] > 1 else [x.shape[0]]
        files.append({"file": name + ".flac", "bits": bits, "rate": rate, "dtype": dtype, "shape": shape, "sha256": hashlib.sha256(b).hexdigest()})

    for name, bits, channels, frames, kind, settings in cases:
        x = sound(rng, frames, channels, bits, kind)
        rate = rates.get(name, 44100)
        with tempfile.TemporaryDirectory() as d:
            source, out = os.path.join(d, "x.raw"), os.path.join(d, "x.flac")
            with open(source, "wb") as f:
                f.write(raw(x, bits))
            more = ["--no-seektable"] if "-S" not in settings else []
            run("flac", "-s", *settings, *more, "--no-padding", "--force-raw-format", "--endian=little", "--sign=signed", f"--channels={channels}",
                f"--bps={bits}", f"--sample-rate={rate}", "-o", out, source)
            with open(out, "rb") as f:
                add(name, x, bits, rate, f.read())

    # Streamed: nobody went back to fill in how many samples there are.
    x = sound(rng, 700, 2, 16, "tone")
    body = run("flac", "-s", "-5", "-b", "128", "--no-padding", "--force-raw-format", "--endian=little", "--sign=signed", "--channels=2", "--bps=16",
               "--sample-rate=44100", "-c", "-", data=raw(x, 16))
    assert body[21] & 15 == 0 and body[22:26] == b"\0\0\0\0", "the number of samples is there"
    add("streamed", x, 16, 44100, body)

    # FFmpeg's encoder, and 12 and 20 bits.
    for name, bits, channels in (("ffmpeg16", 16, 2), ("ffmpeg24", 24, 2)):
        x = sound(rng, 900, channels, bits, "tone")
        pcm = "s16le" if bits == 16 else "s24le"
        with tempfile.TemporaryDirectory() as d:
            out = os.path.join(d, "x.flac")
            run("ffmpeg", "-v", "error", "-f", pcm, "-ar", "48000", "-ac", str(channels), "-i", "-", "-frame_size", "256", "-fflags", "+bitexact",
                "-flags:a", "+bitexact", "-sample_fmt", "s16" if bits == 16 else "s32", out, data=raw(x, bits))
            with open(out, "rb") as f:
                add(name, x, bits, 48000, f.read())
    for bits in (12, 20):
        x = sound(rng, 500, 1, bits, "tone")
        size = (bits + 7) // 8
        body = raw(x << (8 * size - bits), 8 * size)
        fmt = (0xFFFE).to_bytes(2, "little") + (1).to_bytes(2, "little") + (8000).to_bytes(4, "little") + (8000 * size).to_bytes(4, "little")
        fmt += size.to_bytes(2, "little") + (8 * size).to_bytes(2, "little") + (22).to_bytes(2, "little") + bits.to_bytes(2, "little")
        fmt += (4).to_bytes(4, "little") + (1).to_bytes(2, "little") + bytes.fromhex("000000001000800000aa00389b71")
        chunks = b"fmt " + len(fmt).to_bytes(4, "little") + fmt + b"data" + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)
        with tempfile.TemporaryDirectory() as d:
            source, out = os.path.join(d, "x.wav"), os.path.join(d, "x.flac")
            with open(source, "wb") as f:
                f.write(b"RIFF" + (4 + len(chunks)).to_bytes(4, "little") + b"WAVE" + chunks)
            run("flac", "-s", "-5", "-b", "128", "--no-padding", "--no-seektable", "-o", out, source)
            with open(out, "rb") as f:
                add(f"bits{bits}", x, bits, 8000, f.read())

    with open(os.path.join(HERE, "manifest.json"), "w") as f:
        json.dump({"files": files}, f, indent=1)
        f.write("\n")
    print(len(files), "files", run("flac", "--version").decode().strip(), file=sys.stderr)


main()

"""PNM and PAM files of every kind, by a writer of its own, and what is in them.

    gen_pnm.py                 pnm.jsonl.gz, beside this file
    gen_pnm.py SEED COUNT      COUNT cases as lines of JSON
    gen_pnm.py check DIR       compares DIR/*.pnm, as Pillow reads them, with
                               DIR/*.npy

The expected elements are those that the files were made of. Where Pillow reads
a file, they are compared with what it makes of it: it scales samples to 8 or 16
bits, and reads one picture.
"""

import base64
import glob
import gzip
import io
import json
import os
import sys

import numpy as np
from PIL import Image

TALL = 12
MAXVALS = (255, 255, 65535, 1, 7, 100, 254, 256, 1023, 4095, 65534)
TUPLES = {("BLACKANDWHITE", 1): 1, ("GRAYSCALE", 1): 0, ("RGB", 3): 0, ("GRAYSCALE_ALPHA", 2): 0, ("RGB_ALPHA", 4): 0,
          ("BLACKANDWHITE_ALPHA", 2): 1, ("", 5): 0, ("two words", 3): 0, ("CMYK", 4): 0}


def comment(rng):
    return "#" + "".join(chr(c) for c in rng.choice(list(range(33, 127)) + [32, 9], int(rng.integers(0, 9)))) + "\n\r"[rng.integers(2)]


def white(rng):
    text = ""
    for _ in range(int(rng.integers(1, 4))):
        text += " \t\n\r\v\f"[rng.integers(6)]
        if rng.integers(6) == 0:
            text += comment(rng)
    return text


def token(rng, n):
    text = "0" * int(rng.integers(0, 3)) * int(rng.integers(0, 2)) + str(n)
    if rng.integers(8) == 0:  # in the middle of it
        at = int(rng.integers(1, len(text) + 1))
        text = text[:at] + comment(rng) + text[at:]
    return text


def header(rng, magic, numbers, plain=False):
    if plain:
        return f"{magic}\n{numbers[0]} {numbers[1]}\n" + "".join(f"{n}\n" for n in numbers[2:])
    return magic + white(rng) + "".join(token(rng, n) + white(rng) for n in numbers[:-1]) + token(rng, numbers[-1]) + " \t\n\r"[rng.integers(4)]


def samples(rng, shape, maxval):
    x = rng.integers(0, maxval + 1, shape)
    return x.astype(np.uint16 if maxval > 255 else np.uint8)


def raw(x):
    return x.astype(">u2").tobytes() if x.dtype == np.uint16 else x.tobytes()


def picture(rng, kind, shape, maxval, plain):
    """A picture and its file."""
    if kind in "14":
        x = rng.integers(0, 2, shape).astype(bool)
        head = header(rng, "P" + kind, shape[::-1], plain)
        if kind == "4":
            bits = np.packbits(~x, axis=1)
            spare = -shape[1] % 8
            if spare:  # whatever is there
                bits[:, -1] |= rng.integers(0, 1 << spare, shape[0]).astype(np.uint8)
            return x, head.encode() + bits.tobytes()
        text = ""
        for row in x:
            for v in row:
                text += str(1 - int(v)) + (white(rng) if rng.integers(4) == 0 else "")
            text += "\n"
        return x, (head + text).encode()
    x = samples(rng, shape + ((3,) if kind in "36" else ()), maxval)
    head = header(rng, "P" + kind, shape[::-1] + (maxval,), plain)
    if kind in "56":
        return x, head.encode() + raw(x)
    text = "".join(token(rng, int(v)) + white(rng) for v in x.ravel())
    return x, (head + text.rstrip() + ("\n" if rng.integers(2) else "")).encode()


def pam(rng, tuple_type, depth, bilevel, shape, maxval):
    maxval = 1 if bilevel else maxval
    x = samples(rng, shape + (depth,), maxval)
    lines = [f"WIDTH {shape[1]}", f"HEIGHT\t{shape[0]}", f"DEPTH  {depth}", f"MAXVAL {maxval}"]
    lines += [f"TUPLTYPE {word}" for word in tuple_type.split()]
    if tuple_type.count(" ") == 0:
        lines = [lines[i] for i in rng.permutation(len(lines))]
    for _ in range(int(rng.integers(0, 3))):
        lines.insert(int(rng.integers(0, len(lines) + 1)), ["# a comment", "", "  "][rng.integers(3)])
    data = ("P7\n" + "\n".join(lines) + "\nENDHDR\n").encode() + raw(x)
    if depth == 1:
        x = x[..., 0]
        if bilevel:
            x = x.astype(bool)
    return x, data


def kinds():
    for kind in "14":
        yield kind, 1
    for kind in "2356":
        for maxval in MAXVALS:
            yield kind, maxval
    for t in TUPLES:
        for maxval in (255, 65535, 99):
            yield "7", maxval, t
    for kind in "456":
        for spaced in (False, True):
            for maxval in (255, 1000):
                yield "many", maxval, kind, spaced
    for mode in ("1", "L", "I;16", "RGB"):
        yield "pillow", mode


def by_pillow(data):
    im = Image.open(io.BytesIO(data))
    x = np.asarray(im)
    return x.view(np.uint8) != 0 if im.mode == "1" else x


def scaled(x, maxval):
    """What Pillow makes of samples."""
    full = 65535 if maxval > 255 and x.ndim == 2 else 255
    if maxval == full:
        return x
    table = [min(full, round(v / maxval * full)) for v in range(maxval + 1)]
    return np.array(table)[x]


def cases(seed, count):
    rng = np.random.default_rng(seed)
    every = list(kinds())
    for i in range(count):
        kind = every[i % len(every)]
        shape = (int(rng.integers(1, TALL)), int(rng.integers(1, 3 * TALL)))
        if TALL > 6 and rng.integers(12) == 0:
            shape = (int(rng.integers(1, 4)), int(rng.integers(300, 3000)))
        seen, place = False, False
        if kind[0] == "pillow":
            if kind[1] == "1":
                im = Image.fromarray(rng.integers(0, 2, shape).astype(bool))
            else:
                im = Image.fromarray(samples(rng, shape + ((3,) if kind[1] == "RGB" else ()), 65535 if kind[1] == "I;16" else 255))
            out = io.BytesIO()
            im.save(out, "PPM")
            data = out.getvalue()
            x = by_pillow(data)
            if kind[1] == "I;16":
                x = x.astype(np.uint16)
            seen, place, label, maxval = True, kind[1] != "1", f"Pillow {kind[1]}", 65535 if kind[1] == "I;16" else 255
        elif kind[0] == "7":
            maxval, t = kind[1:]
            x, data = pam(rng, *t, TUPLES[t], shape, maxval)
            maxval = 1 if TUPLES[t] else maxval
            place, label = True, f"P7 {t[0]} {t[1]}"
        elif kind[0] == "many":
            maxval, sort, spaced = kind[1:]
            frames = [picture(rng, sort, shape, maxval, not spaced) for _ in range(int(rng.integers(2, 5)))]
            x = np.stack([f[0] for f in frames])
            data = (b"\n\n" if spaced else b"").join(f[1] for f in frames)
            if spaced:
                data += b" \n"
            begins = [len(f[1]) for f in frames[:-1]]
            heads = [len(f[1]) - len(raw(f[0])) for f in frames] if sort != "4" else []
            gaps = {n + 2 * spaced - a + b for n, a, b in zip(begins, heads, heads[1:])}
            place = sort != "4" and len(gaps) == 1
            label = f"P{sort} {len(frames)} pictures"
        else:
            kind, maxval = kind
            x, data = picture(rng, kind, shape, maxval, False)
            place, label, seen = kind in "56", "P" + kind, True
            y = by_pillow(data)
            want = x if x.dtype == bool else scaled(x, maxval)
            assert want.shape == y.shape and (want == y).all(), (label, maxval, shape, data[:60])
        if x.dtype == bool:
            maxval = 0
        yield dict(kind=f"{label} maxval {maxval}", file=base64.b64encode(data).decode(), dtype=str(x.dtype), shape=x.shape, maxval=maxval,
                   data=base64.b64encode(np.ascontiguousarray(x.astype(x.dtype.newbyteorder("<"))).tobytes()).decode(), pillow=seen, place=place)


def check(where):
    n = 0
    for path in sorted(glob.glob(os.path.join(where, "*.pnm"))):
        with open(path, "rb") as f:
            data = f.read()
        want = np.load(path[:-3] + "npy")
        got = by_pillow(data)
        if want.dtype != bool:
            maxval = int(data.split(None, 4)[3])
            want = scaled(want, maxval)
        assert got.shape == want.shape and (got == want).all(), (path, data[:40])
        n += 1
    print("compared", n)


if len(sys.argv) == 3 and sys.argv[1] == "check":
    check(sys.argv[2])
elif len(sys.argv) > 1:
    for c in cases(int(sys.argv[1]), int(sys.argv[2])):
        print(json.dumps(c))
else:
    TALL = 6
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pnm.jsonl.gz")
    text = "".join(json.dumps(c) + "\n" for c in cases(1, 2 * len(list(kinds()))))
    with open(path, "wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as f:
        f.write(text.encode())

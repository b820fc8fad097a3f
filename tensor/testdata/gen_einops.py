"""What einops does on NumPy, for TestEinops: random patterns, legal and not,
and every example of einops' tutorials.

Each line is one case: an input (dtype, base shape, salt and kind of its values,
then a permutation and a step for each axis), an operation, a pattern with sizes,
and what comes out: the shape, the dtype, whether it is a view, and the elements
as a checksum or, where a rounding is left open, as numbers with a tolerance; or
the words in which einops refuses.

    gen_einops.py               writes einops.jsonl.gz; the seed is fixed
    gen_einops.py SEED COUNT    prints COUNT other cases
"""

import gzip
import io
import json
import random
import re
import sys
import warnings
import zlib
from pathlib import Path

import ml_dtypes
import numpy as np
from einops import EinopsError, parse_shape, rearrange, reduce, repeat

CASES = 900
REDUCTIONS = ["min", "max", "sum", "mean", "prod", "any", "all"]
INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
FLOATS = ["f4", "f8", "f2", "c8", "c16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
# The distance of 1 from the next number, halved.
EPS = {"f2": 2**-11, "f4": 2**-24, "f8": 2**-53, "c8": 2**-24, "c16": 2**-53, "bfloat16": 2**-8, "float8_e4m3fn": 2**-4, "float8_e5m2": 2**-3}
LEAST = {"f2": 2**-25, "float8_e4m3fn": 2**-10, "float8_e5m2": 2**-17}  # half the smallest number
NAMES = ["a", "b", "c", "h", "w", "t", "batch", "h1", "w2", "x_y", "é", "Größe", "B", "i0"]

warnings.simplefilter("ignore")


def dtype(name):
    return np.dtype(getattr(ml_dtypes, name)) if name in ml_dtypes.__all__ else np.dtype(name)


def values(d, shape, salt, kind):
    """A C-order array that the Go test can make too."""
    dt = dtype(d)
    n = int(np.prod(shape, dtype=np.int64))
    if kind == "bytes":
        i = np.arange(n * dt.itemsize, dtype=np.int64)
        b = (i * 167 + (i >> 8) * 13 + 11 + 59 * salt & (1 if dt.kind == "b" else 255)).astype(np.uint8)
        return b.view(dt).reshape(shape) if n else np.zeros(shape, dt)
    i = np.arange(n, dtype=np.uint64)
    h = (i + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(32)  # 32 bits of a hash
    small = (h % np.uint64(5)).astype(np.float64) - (0 if dt.kind in "bu" else 2)
    if kind == "ones":
        small = np.where(h % np.uint64(7) == 0, small, 1.0)
    if kind == "real":
        small = h.astype(np.float64) / 2**32 - 0.5
    if kind == "special":
        for k, x in enumerate([np.nan, np.inf, -np.inf, -0.0]):
            small = np.where(h % np.uint64(61) == k, x, small)
    with np.errstate(all="ignore"):
        if dt.kind == "c":
            small = small + 1j * np.roll(small, 1) if kind != "special" else small.astype(complex)
        if dt.kind == "b":
            small = small % 2
        return small.astype(dt).reshape(shape)


def layout(rng, shape):
    """A base shape, a permutation and steps that give an array of a shape."""
    order = list(range(len(shape)))
    steps = [1] * len(shape)
    if rng.random() < 0.4:
        rng.shuffle(order)
    if rng.random() < 0.4:
        steps = [rng.choice([1, 1, 1, -1, 2, -3]) for _ in shape]
    base = [0] * len(shape)
    for to, at in enumerate(order):
        base[at] = shape[to] * abs(steps[to])
    return base, order, steps


def view(a, order, steps):
    return a.transpose(order)[tuple(slice(None, None, s) for s in steps)] if order else a


def spaced(rng, words):
    """Words in one text; parentheses need no spaces around them."""
    out = ""
    for w in words:
        glued = not out or out[-1] == "(" or w == ")" or w == "(" or out[-1] == ")"
        out += ("" if glued and rng.random() < 0.7 else " " * rng.choice([1, 1, 1, 2])) + w
    return rng.choice(["", "", " "]) + out + rng.choice(["", "", " "])


def grouped(rng, names, composed):
    """Names put into axes, with axes of one element between them."""
    axes, i = [], 0
    while i < len(names):
        n = rng.choice([1, 1, 2, 2, 3]) if rng.random() < composed else 1
        if "..." in names[i:i + n]:
            n = 1
        axes.append(list(names[i:i + n]))
        i += n
        if rng.random() < 0.08:
            axes.append([])
    return axes


def text(rng, axes):
    words = []
    for axis in axes:
        if not axis:
            words += rng.choice([["1"], ["(", ")"]])
        elif len(axis) == 1 and rng.random() < 0.93:
            words += axis
        else:
            words += ["(", *axis, *(["1"] if rng.random() < 0.1 else []), ")"]
    return spaced(rng, words)


def random_case(rng, op, illegal):
    n = rng.choice([0, 1, 2, 2, 3, 3, 3, 4, 4, 5, 6])
    names = rng.sample(NAMES, n)
    big = rng.random() < 0.1
    length = {x: rng.choice([1, 2, 2, 3, 3, 4, 5] if not big else [1, 2, 3, 7, 16, 33]) for x in names}
    if n and rng.random() < 0.04:
        length[rng.choice(names)] = 0
    if big:
        while np.prod([max(x, 1) for x in length.values()]) > 20000:
            length[max(length, key=length.get)] //= 2
    left = grouped(rng, names, 0.4)
    wild = []
    if rng.random() < 0.25:  # an ellipsis instead of axes that follow each other
        at = rng.randint(0, len(left))
        to = at
        while to < len(left) and len(left[to]) == 1 and rng.random() < 0.6:
            to += 1
        wild = [x for axis in left[at:to] for x in axis]
        shape = [int(np.prod([length[x] for x in axis], dtype=int)) for axis in left]
        left[at:to] = [["..."]]
        names = [x for x in names if x not in wild] + ["..."]
    else:
        shape = [int(np.prod([length[x] for x in axis], dtype=int)) for axis in left]
    sizes = {}
    for axis in left:
        free = rng.choice(axis) if axis and rng.random() < 0.8 else None
        for x in axis:
            if x != "..." and (len(axis) > 1 and (x != free or 0 in [length[y] for y in axis]) or rng.random() < 0.1):
                sizes[x] = length[x]
    right = list(names)
    rng.shuffle(right)
    if op in REDUCTIONS:
        gone = set(x for x in right if rng.random() < 0.5)
        right = [x for x in right if x not in gone]
        for x in gone:  # those that vanish need no names
            if x != "..." and length[x] > 1 and rng.random() < 0.2:
                left = [[str(length[x]) if y == x else y for y in axis] for axis in left]
                sizes.pop(x, None)
    if op == "repeat":
        for x in rng.sample([x for x in NAMES if x not in length], rng.choice([0, 1, 1, 2])):
            right.insert(rng.randint(0, len(right)), x)
            if rng.random() < 0.4:
                right[right.index(x)] = str(rng.randint(2, 4))
            else:
                sizes[x] = rng.choice([1, 2, 3, 4, 0 if rng.random() < 0.1 else 2])
    together = grouped(rng, right, 0.5)
    if rng.random() < 0.3:  # the ellipsis among others
        for i, axis in enumerate(together):
            if axis == ["..."] and i > 0 and together[i - 1]:
                together[i - 1:i + 1] = [together[i - 1] + axis]
                break
    pattern = text(rng, left) + rng.choice(["->", " -> "]) + (text(rng, together) if together else "")
    if op == "parse":
        pattern = text(rng, [[rng.choice([x, x, "_", str(length.get(x, 2)) if length.get(x, 1) > 1 else x])] if x != "..." else [x] for axis in left for x in axis])
        shape = [length[x] for axis in left for x in axis if x != "..."]
        if "..." in pattern:
            at = [x for axis in left for x in axis].index("...")
            shape[at:at] = [length[x] for x in wild]
        sizes = {}
    if illegal:
        pattern, sizes, shape = broken(rng, pattern, sizes, shape, length)
    return pattern, sizes, shape


def broken(rng, pattern, sizes, shape, length):
    """A case with a fault, most of the time."""
    at = rng.randint(0, len(pattern))
    words = re.findall(r"[\wé]+|\.\.\.|[()]|->", pattern)
    word = rng.choice(words) if words else "a"
    fault = rng.randint(0, 15)
    if fault == 0:
        pattern = pattern[:at] + rng.choice("()") + pattern[at:]
    elif fault == 1:
        pattern = pattern[:at] + rng.choice([".", "..", " ... ", "..."]) + pattern[at:]
    elif fault == 2:
        pattern = pattern[:at] + rng.choice("-+,*#>\t'$") + pattern[at:]
    elif fault == 3:
        pattern = pattern.replace(word, "", 1)
    elif fault == 4:
        pattern = pattern.replace(word, word + " " + word, 1)
    elif fault == 5:
        pattern += " zz"
    elif fault == 6:
        pattern = "zz " + pattern
    elif fault == 7:
        pattern = pattern.replace(word, rng.choice(["_", "_a", "a_", "9a", "0", "00", "07", "a.b"]), 1)
    elif fault == 8:
        sizes = {**sizes, rng.choice(["unused", "_", "x y", ""]): 2}
    elif fault == 9 and sizes:
        sizes = {**sizes, rng.choice(list(sizes)): rng.choice([7, 11, 0])}
    elif fault == 10 and sizes:
        sizes = dict(list(sizes.items())[1:])
    elif fault == 11:
        shape = shape + [2]
    elif fault == 12 and shape:
        shape = shape[1:]
    elif fault == 13 and shape:
        i = rng.randrange(len(shape))
        shape = shape[:i] + [shape[i] + 1] + shape[i + 1:]
    elif fault == 14:
        pattern = "->".join(reversed(pattern.split("->")))
    else:
        pattern = pattern + " 3"
    return pattern, sizes, shape


# The words of einops, and those that stand for them here.
WORDS = [
    (r"Expression may contain dots", "dots only inside ellipsis"),
    (r"duplicate dimension", "duplicate dimension"),
    (r"Invalid axis identifier", "invalid axis identifier"),
    (r"should have positive length", "should have positive length"),
    (r"brackets inside brackets", "brackets inside brackets"),
    (r"Brackets are not balanced", "brackets are not balanced"),
    (r"Unknown character", "unknown character"),
    (r"Imbalanced parentheses", "imbalanced parentheses"),
    (r"Ellipsis found in right side", "ellipsis found in right side"),
    (r"Ellipsis inside parenthesis", "ellipsis inside parenthesis"),
    (r"Non-unitary anonymous axes", "non-unitary anonymous axes"),
    (r"Identifiers only on one side", "identifiers only on one side"),
    (r"on the left side of repeat", "on the left side of repeat"),
    (r"Specify sizes for new axes", "specify sizes for new axes"),
    (r"on the right side of reduce", "on the right side of reduce"),
    (r"Wrong shape", "wrong shape"),
    (r"Invalid name for an axis|is not used in transform", "is not used in transform"),
    (r"Could not infer sizes", "could not infer sizes"),
    (r"Shape mismatch", "shape mismatch"),
    (r"with composite axes", "composite axes"),
    (r"number of dimensions", "number of dimensions"),
    (r"Length of axis is not 1", "length of axis"),
    (r"Length of anonymous axis", "length of anonymous axis"),
    (r"has no identity", "no elements"),
]


def words(e):
    for pattern, ours in WORDS:
        if re.search(pattern, str(e)):
            return ours
    return "" if not isinstance(e, EinopsError) else "?"


def plain(a):
    """The bytes that are compared: integers as they are, floats as float64 or
    complex128 with one NaN and one zero."""
    if a.dtype.kind in "biuSUV" and a.dtype.name not in EPS:
        return np.ascontiguousarray(a.astype(a.dtype.newbyteorder("<"))).tobytes()
    wide = np.ascontiguousarray(a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)).reshape(-1).view(np.float64)
    wide = wide + 0.0
    wide[np.isnan(wide)] = np.nan
    return wide.astype("<f8").tobytes()


def mean(t, axes):
    return np.mean(t, axis=axes)  # which einops offers for floats alone


def run(op, x, pattern, sizes):
    if op == "rearrange":
        return rearrange(x, pattern, **sizes)
    if op == "list":
        return rearrange([np.asarray(part) for part in x], pattern, **sizes)
    if op == "repeat":
        return repeat(x, pattern, **sizes)
    return reduce(x, pattern, mean if op == "mean" else op, **sizes)


def name_of(dt):
    return dt.name if dt.name in EPS else dt.newbyteorder("=").str.lstrip("<>=|")


def rounded(c, op, x, r, pattern, sizes):
    """A sum, mean or product whose rounding is open: numbers and how far off
    others may be. False if the result is the exact one."""
    name = name_of(x.dtype)
    if op == "mean" and name in ("i8", "u8"):
        name = "f8"
    if name not in EPS or r.size == 0 or x.size == 0:
        return False
    wide = x.astype(np.clongdouble if x.dtype.kind == "c" else np.longdouble)
    truth = np.asarray(run(op, wide, pattern, sizes))
    parts = lambda a: np.ascontiguousarray(a).reshape(-1).view(np.longdouble)
    narrow = parts(truth.astype(r.dtype).astype(wide.dtype))
    if np.array_equal(parts(r.astype(wide.dtype)), parts(truth), equal_nan=True):
        return False
    mag = np.abs(wide.real) + (np.abs(wide.imag) if x.dtype.kind == "c" else 0)
    eps, block = EPS[name], 80 * 2.0**-53 if name in ("f8", "c16") else 40 * 2.0**-24
    if op == "prod":
        tol = np.abs(parts(truth)) * eps * (2.01 if name not in ("f8", "c16") else 4 * x.size)
        if x.dtype.kind == "c":
            tol = np.repeat(np.abs(truth).reshape(-1), 2) * eps * 8 * x.size
    else:
        scale = np.asarray(run(op, mag, pattern, sizes)).reshape(-1)
        tol = (np.repeat(scale, 2) if x.dtype.kind == "c" else scale) * block + np.abs(parts(truth)) * eps * 1.01
    c["y"] = [repr(float(v)) for v in np.where(np.isfinite(narrow), parts(truth), narrow)]
    c["t"] = [float(min(v, 1e300)) if v == v else 0.0 for v in tol + np.longdouble(LEAST.get(name, 2.0**-140))]
    return True


def case(op, pattern, sizes, shape, d, kind, salt, lay, order="<"):
    base, turn, steps = lay
    c = {"op": op, "p": pattern, "z": sizes, "d": d, "n": base, "o": turn, "k": steps, "v": kind, "i": salt}
    x = view(values(d, base, salt, kind), turn, steps)
    assert list(x.shape) == list(shape)
    if order == ">":
        c["b"] = 1
        x = view(values(d, base, salt, kind).astype(dtype(d).newbyteorder(">")), turn, steps)
    try:
        if op == "parse":
            c["m"] = {k: int(v) for k, v in parse_shape(x, pattern).items()}
            return c
        r = np.asarray(run(op, x, pattern, sizes))
    except Exception as e:
        c["e"] = words(e)
        c["w"] = 1
        if c["e"] == "?":
            raise
        return c
    c["s"], c["r"] = list(r.shape), name_of(r.dtype)
    if op == "rearrange" and r.size:
        c["same"] = int(np.shares_memory(x, r))
    if not (op in ("sum", "mean", "prod") and rounded(c, op, x, r, pattern, sizes)):
        c["c"] = zlib.crc32(plain(r))
    return c


def random_cases(seed, count):
    rng = random.Random(seed)
    for i in range(count):
        op = rng.choice(["rearrange"] * 6 + ["repeat"] * 3 + REDUCTIONS * 2 + ["parse", "list"])
        pattern, sizes, shape = random_case(rng, op, rng.random() < 0.2)
        moved = op in ("rearrange", "repeat", "list")
        d = rng.choice(["?"] + INTEGERS + FLOATS + (["S3", "U2", "V5"] if moved else ["f4", "f8"]))
        kind = "bytes"
        if d in EPS:
            kind = rng.choice(["small", "special", "ones"] + (["real"] if d in ("f4", "f8", "c8", "c16") else []))
            if kind == "special" and d in ("c8", "c16") and op in ("mean", "prod"):
                kind = "small"  # NumPy divides by a complex number, and (inf+0j)/(1+0j) has NaN in it
        elif not moved and d in INTEGERS and rng.random() < 0.5:
            kind = "small"
        order = ">" if dtype(d).itemsize > 1 and d not in ("bfloat16", "S3", "V5") and rng.random() < 0.25 else "<"
        if d.startswith("float8"):
            order = "<"
        lay = layout(rng, shape)
        if op == "list" and not shape:
            continue
        yield case(op, pattern, sizes, shape, d, kind, rng.randrange(1000), lay, order)


# The examples of "einops basics" and of "einops for deep learning", on smaller
# images. What each shows is said in other words.
IMAGES = [6, 24, 24, 3]
BATCH = [2, 32, 12, 40]
TUTORIALS = [
    ("turn an image", "rearrange", "h w c -> w h c", {}, IMAGES[1:]),
    ("turn an image, long names", "rearrange", "height width color -> width height color", {}, IMAGES[1:]),
    ("images below each other", "rearrange", "b h w c -> (b h) w c", {}, IMAGES),
    ("images side by side", "rearrange", "b h w c -> h (b w) c", {}, IMAGES),
    ("all in one axis", "rearrange", "b h w c -> (b h w c)", {}, IMAGES),
    ("a batch in two axes", "rearrange", "(b1 b2) h w c -> b1 b2 h w c ", {"b1": 2}, IMAGES),
    ("a table of images", "rearrange", "(b1 b2) h w c -> (b1 h) (b2 w) c ", {"b1": 2}, IMAGES),
    ("the table by columns", "rearrange", "(b1 b2) h w c -> (b2 h) (b1 w) c ", {"b1": 2}, IMAGES),
    ("part of the width to the height", "rearrange", "b h (w w2) c -> (h w2) (b w) c", {"w2": 2}, IMAGES),
    ("widths interleaved", "rearrange", "b h w c -> h (w b) c", {}, IMAGES),
    ("one order of a split batch", "rearrange", "(b1 b2) h w c -> h (b1 b2 w) c ", {"b1": 2}, IMAGES),
    ("the other order", "rearrange", "(b1 b2) h w c -> h (b2 b1 w) c ", {"b1": 2}, IMAGES),
    ("mean image", "mean", "b h w c -> h w c", {}, IMAGES),
    ("darkest of all images and channels", "min", "b h w c -> h w", {}, IMAGES),
    ("mean pooling", "mean", "b (h h2) (w w2) c -> h (b w) c", {"h2": 2, "w2": 2}, IMAGES),
    ("max pooling", "max", "b (h h2) (w w2) c -> h (b w) c", {"h2": 2, "w2": 2}, IMAGES),
    ("grey table", "mean", "(b1 b2) h w c -> (b2 h) (b1 w)", {"b1": 2}, IMAGES),
    ("a list, stacked first", "list", "b h w c -> b h w c", {}, IMAGES),
    ("a list, stacked last", "list", "b h w c -> h w c b", {}, IMAGES),
    ("a list, side by side", "list", "b h w c -> h (b w) c", {}, IMAGES),
    ("axes of one element", "rearrange", "b h w c -> b 1 h w 1 c", {}, IMAGES),
    ("and without them", "rearrange", "b 1 h w 1 c -> b h w c", {}, [6, 1, 24, 24, 1, 3]),
    ("brightest of each image", "max", "b h w c -> b () () c", {}, IMAGES),
    ("repeat along a new axis", "repeat", "h w c -> h new_axis w c", {"new_axis": 5}, IMAGES[1:]),
    ("the same by a number", "repeat", "h w c -> h 5 w c", {}, IMAGES[1:]),
    ("a picture three times", "repeat", "h w c -> h (repeat w) c", {"repeat": 3}, IMAGES[1:]),
    ("along two axes", "repeat", "h w c -> (2 h) (2 w) c", {}, IMAGES[1:]),
    ("each column three times", "repeat", "h w c -> h (w repeat) c", {"repeat": 3}, IMAGES[1:]),
    ("repeat ...", "repeat", "b h w c -> b h new_axis w c", {"new_axis": 2}, IMAGES),
    ("... and its reduction", "min", "b h new_axis w c -> b h w c", {}, [6, 24, 2, 24, 3]),
    ("pixels interwoven", "rearrange", "(b1 b2) h w c -> (h b1) (w b2) c ", {"b1": 2}, IMAGES),
    ("rows interwoven", "rearrange", "(b1 b2) h w c -> (h b1) (b2 w) c", {"b1": 2}, IMAGES),
    ("pairs laid over each other", "max", "(b1 b2) h w c -> h (b2 w) c", {"b1": 2}, IMAGES),
    ("channels below each other, smaller", "mean", "b (h 2) (w 2) c -> (c h) (b w)", {}, IMAGES),
    ("shrunk by 4 and 3", "mean", "b (h 4) (w 3) c -> (h) (b w)", {}, IMAGES),
    ("mean of both halves", "mean", "b (h1 h2) w c -> h2 (b w)", {"h1": 2}, IMAGES),
    ("patches turned", "rearrange", "b (h1 h2) (w1 w2) c -> (h1 w2) (b w1 h2) c", {"h2": 8, "w2": 8}, IMAGES),
    ("parts of parts", "rearrange", "b (h1 h2 h3) (w1 w2 w3) c -> (h1 w2 h3) (b w1 h2 w3) c", {"h2": 2, "w2": 2, "w3": 2, "h3": 2}, IMAGES),
    ("images in images", "rearrange", "(b1 b2) (h1 h2) (w1 w2) c -> (h1 b1 h2) (w1 b2 w2) c", {"h1": 3, "w1": 3, "b2": 3}, IMAGES),
    ("all of it", "mean", "(b1 b2) (h1 h2 h3) (w1 w2 w3) c -> (h1 w1 h3) (b1 w2 h2 w3 b2) c", {"h2": 2, "w1": 2, "w3": 2, "h3": 2, "b2": 2}, IMAGES),
    ("background subtracted, side by side", "rearrange", "b h w c -> h (b w) c", {}, IMAGES),
    ("pixelated: down", "mean", "b (h h2) (w w2) c -> b h w c", {"h2": 6, "w2": 8}, IMAGES),
    ("pixelated: up", "repeat", "b h w c -> (h h2) (b w w2) c", {"h2": 6, "w2": 8}, [6, 4, 3, 3]),
    ("turned, below each other", "rearrange", "b h w c -> w (b h) c", {}, IMAGES),
    ("channels side by side", "mean", "b (h h2) (w w2) c -> (h w2) (b w c)", {"h2": 3, "w2": 3}, IMAGES),
    ("channels last", "rearrange", "b c h w -> b h w c", {}, BATCH),
    ("global maxima", "max", "b c h w -> b c", {}, BATCH),
    ("turned", "rearrange", "b c -> c b", {}, BATCH[:2]),
    ("their sum", "sum", "c b -> ", {}, BATCH[1::-1]),
    ("the sum of a gradient", "sum", "b c h w -> ", {}, BATCH),
    ("flatten", "rearrange", "b c h w -> b (c h w)", {}, BATCH),
    ("space to depth", "rearrange", "b c (h h1) (w w1) -> b (h1 w1 c) h w", {"h1": 2, "w1": 2}, BATCH),
    ("depth to space", "rearrange", "b (h1 w1 c) h w -> b c (h h1) (w w1)", {"h1": 2, "w1": 2}, BATCH),
    ("global average", "mean", "b c h w -> b c", {}, BATCH),
    ("max pooling with names", "max", "b c (h h1) (w w1) -> b c h w", {"h1": 2, "w1": 2}, BATCH),
    ("max pooling with numbers", "max", "b c (h 2) (w 2) -> b c h w", {}, BATCH),
    ("pooling over time", "max", "(t 2) b c -> t b c", {}, [10, 3, 7]),
    ("pooling of volumes", "max", "b c (x 2) (y 2) (z 2) -> b c x y z", {}, [2, 3, 4, 6, 8]),
    ("an image for a network", "rearrange", "c h w -> h w c", {}, [3, 12, 40]),
    ("in a batch of its own", "rearrange", "h w c -> () h w c", {}, [12, 40, 3]),
    ("what it predicts", "rearrange", "b c h w -> b (c h w)", {}, [1, 12, 40, 3]),
    ("out of the batch", "rearrange", "() classes -> classes", {}, [1, 1440]),
    ("means of each image, kept", "mean", "b c h w -> b c 1 1", {}, BATCH),
    ("means of the batch, kept", "mean", "b c h w -> 1 c 1 1", {}, BATCH),
    ("a list, channels last", "list", "b c h w -> b h w c", {}, BATCH),
    ("a list along the last axis", "list", "b c h w -> h w c b", {}, BATCH),
    ("a list joined first", "list", "b c h w -> (b h) w c", {}, BATCH),
    ("a list joined last", "list", "b c h w -> h w (b c)", {}, BATCH),
    ("channel shuffle", "rearrange", "b (g1 g2 c) h w-> b (g2 g1 c) h w", {"g1": 4, "g2": 4}, BATCH),
    ("simpler channel shuffle", "rearrange", "b (g c) h w-> b (c g) h w", {"g": 4}, BATCH),
    ("boxes apart", "rearrange", "b (coord bbox) h w -> coord b bbox h w", {"coord": 4, "bbox": 8}, BATCH),
    ("the largest box", "max", "b bbox h w -> b h w", {}, [2, 8, 12, 40]),
    ("halves of a gate, one after the other", "rearrange", "b (split c) h w -> split b c h w", {"split": 2}, BATCH),
    ("halves of a gate, in turn", "rearrange", "b (c split) h w -> split b c h w", {"split": 2}, BATCH),
    ("a third dimension", "rearrange", "b c x (y z) -> b c x y z", {"z": 20}, BATCH),
    ("in the batch", "rearrange", "b c x y z -> (b z) c x y", {}, [2, 32, 12, 2, 20]),
    ("and back, by the shape", "rearrange", "(b z) c x y -> b c x y z", {"b": 2, "c": 32, "x": 12, "y": 2, "z": 20}, [40, 32, 12, 2]),
    ("the shape", "parse", "b c x y z", {}, [2, 32, 12, 2, 20]),
    ("part of the shape", "parse", "batch c _ _ _", {}, [2, 32, 12, 2, 20]),
    ("grids apart", "rearrange", "b c (h hs) (w ws) -> (hs ws b) c h w", {"hs": 2, "ws": 2}, BATCH),
    ("grids back", "rearrange", "(hs ws b) c h w -> b c (h hs) (w ws)", {"hs": 2, "ws": 2}, [8, 32, 6, 20]),
]


def tutorials():
    for about, op, pattern, sizes, shape in TUTORIALS:
        for d in ("f8", "u1"):
            c = case(op, pattern, sizes, shape, d, "small", len(pattern), (shape, list(range(len(shape))), [1] * len(shape)))
            yield {"about": about, **c}


def main():
    if len(sys.argv) == 3:
        for c in random_cases(int(sys.argv[1]), int(sys.argv[2])):
            print(json.dumps(c, separators=(",", ":"), ensure_ascii=False))
        return
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as f:
        for c in [*tutorials(), *random_cases(20261121, CASES)]:
            f.write((json.dumps(c, separators=(",", ":"), ensure_ascii=False) + "\n").encode())
    Path(__file__).with_name("einops.jsonl.gz").write_bytes(out.getvalue())


main()

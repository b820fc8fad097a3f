"""Writes scipy.jsonl.gz: sparse arrays, and what SciPy makes of them."""

import gzip
import json
import pathlib
import random

from scipy_ops import answers

rng = random.Random(20)


def cut(n):
    def end():
        return None if rng.random() < 0.3 else rng.randint(-n - 1, n + 2)

    if n and rng.random() < 0.2:
        return rng.randrange(n)
    return [end(), end(), rng.choice([1, 1, 1, 2, 3, -1, -2])]


def divisor(n):
    return rng.choice([k for k in range(1, 5) if n % k == 0])


def case():
    rank = rng.choice([2, 2, 2, 1, 3, 4])
    extents = [0, 1] + list(range(1, 13)) if rank <= 2 else range(1, 6)
    shape = [rng.choice(extents) for _ in range(rank)]
    n = 0 if 0 in shape else rng.randrange(40)
    axes = rng.sample(range(rank), rank)
    selections = [s for s in ([cut(e) for e in shape] for _ in range(3)) if any(isinstance(i, list) for i in s)]
    dtype = rng.choice(["float64", "float32", "int32", "int8", "complex128", "complex64"])
    return {
        "shape": shape,
        "dtype": dtype,
        "indices": [rng.randrange(e) for _ in range(n) for e in shape],
        "re": [rng.randint(-3, 3) for _ in range(n)],
        "im": [rng.randint(-3, 3) if dtype.startswith("c") else 0 for _ in range(n)],
        "axes": axes,
        "select": selections,
        "block": [divisor(e) for e in shape[:2]],
        "x": [rng.randint(-3, 3) for _ in range(shape[-1])],
    }


with gzip.GzipFile(pathlib.Path(__file__).with_name("scipy.jsonl.gz"), "wb", mtime=0) as f:
    for _ in range(400):
        c = case()
        f.write((json.dumps({"case": c, "answers": answers(c)}, separators=(",", ":")) + "\n").encode())

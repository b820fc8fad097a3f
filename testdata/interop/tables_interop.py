#!/usr/bin/env python3
"""Exchanges random tables with the csv and json modules of Python and with NumPy.

tables_interop.py write SEED COUNT DIR   DIR gets COUNT files and expect.json: how
                                         each is read, and its columns
tables_interop.py check SEED COUNT DIR   for each file DIR has out.NAME, written
                                         anew: it is read and compared
Values are texts: floats as hex, so that not a bit is lost.
"""
import csv
import io
import json
import math
import os
import random
import struct
import sys

import numpy as np

ALPHABET = ["a", "B", " ", ",", ";", '"', "\n", "\r\n", "\t", "é", "漢", "😀", "1", "-", "x" * 30]


def bits(r):
    while True:
        x = struct.unpack("<d", struct.pack("<Q", r.getrandbits(64)))[0]
        if x == x:
            return x


def word(r):
    while True:
        s = "".join(r.choices(ALPHABET, k=r.randrange(1, 9)))
        if s.strip(" \t-1") and "\r" not in s.replace("\r\n", ""):
            return s


def column(r, n, kind):
    if kind == "f64":
        return [r.choice([bits(r), r.gauss(0, 1), 0.5, -0.0, math.inf, -math.inf]) for _ in range(n - 1)] + [0.25]
    if kind == "i64":
        return [r.randrange(-2**63, 2**63) >> r.randrange(64) for _ in range(n)]
    if kind == "u64":
        return [r.randrange(2**64) for _ in range(n - 1)] + [2**64 - 1]
    if kind == "bool":
        return [r.random() < 0.5 for _ in range(n)]
    return [word(r) for _ in range(n - 1)] + ["last"]


def text(x):
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, float):
        return "nan" if x != x else x.hex()
    return str(x)


def flat(x):
    if isinstance(x, list):
        for y in x:
            yield from flat(y)
    else:
        yield text(x)


def table(r, i):
    """A file of CSV: its bytes, and what is in it."""
    n = 8_000 if i % 40 == 0 else r.randrange(2, 40)
    kinds = r.choices(["f64", "i64", "u64", "bool", "text"], k=r.randrange(1, 7))
    columns = [column(r, n, k) for k in kinds]
    quoting = r.choice([csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC, csv.QUOTE_ALL])
    tabs = i % 3 == 1
    f = io.StringIO()
    w = csv.writer(f, quoting=quoting, delimiter="\t" if tabs else ",", lineterminator=r.choice(["\n", "\r\n"]))
    w.writerow([f"c{c} {k}" for c, k in enumerate(kinds)])
    for row in zip(*columns):
        w.writerow([text(x) if quoting == csv.QUOTE_NONNUMERIC and isinstance(x, bool) else x for x in row])
    if quoting == csv.QUOTE_NONNUMERIC and set(kinds) - {"bool", "text"}:  # True and False are in quotes, and not all is
        kinds = ["text" if k == "bool" else k for k in kinds]
    want = [{"name": f"c{c} {'bool' if k == 'text' and isinstance(v[0], bool) else k}", "dtype": k, "shape": [n], "values": list(flat(v))} for c, (k, v) in enumerate(zip(kinds, columns))]
    return f"t{i}." + ("tsv" if tabs else "csv"), f.getvalue().encode(), want


def matrix(r, i):
    """A file of numpy.savetxt."""
    rows, width = r.randrange(1, 50), r.randrange(1, 9)
    if i % 2:
        a = np.array([[r.randrange(-10**6, 10**6) for _ in range(width)] for _ in range(rows)], np.int64)
        fmt, dtype = "%d", "i64"
    else:
        a = np.array([[bits(r) for _ in range(width)] for _ in range(rows)])
        a.flat[0] = math.nan
        fmt, dtype = "%.18e", "f64"
    f = io.BytesIO()
    np.savetxt(f, a, fmt=fmt, delimiter=",")
    return f"t{i}.csv", f.getvalue(), [{"name": f"t{i}", "dtype": dtype, "shape": [rows, width], "values": list(flat(a.tolist()))}]


def lines(r, i):
    """A file of JSON lines, of arrays or of objects."""
    n = 6_000 if i % 40 == 2 else r.randrange(1, 30)

    def value(kind, dims):
        if dims:
            return [value(kind, dims[1:]) for _ in range(dims[0])]
        return column(r, 2, kind)[0]

    def values(kind):
        dims = [r.randrange(1, 4) for _ in range(r.randrange(3))]
        v = [value(kind, dims) for _ in range(n)]
        if kind == "f64":
            last = v
            while isinstance(last[-1], list):
                last = last[-1]
            last[-1] = r.choice([0.25, math.nan])
        if kind == "u64":
            last = v
            while isinstance(last[-1], list):
                last = last[-1]
            last[-1] = 2**64 - 1
        return dims, v

    kinds = ["f64", "i64", "u64", "bool", "text"]
    ascii = r.random() < 0.5
    if i % 2:
        kind = r.choice(kinds)
        dims, v = values(kind)
        b = "".join(json.dumps(x, ensure_ascii=ascii) + "\n" for x in v)
        return f"t{i}.jsonl", b.encode(), [{"name": f"t{i}", "dtype": kind, "shape": [n] + dims, "values": list(flat(v))}]
    want, columns = [], []
    for c, kind in enumerate(r.choices(kinds, k=r.randrange(1, 5))):
        dims, v = values(kind)
        key = f"key {c}"
        want.append({"name": key, "dtype": kind, "shape": [n] + dims, "values": list(flat(v))})
        columns.append((key, v))
    out = []
    for row in range(n):
        items = [(k, v[row]) for k, v in columns]
        if row:
            r.shuffle(items)
        out.append(json.dumps(dict(items), ensure_ascii=ascii, separators=r.choice([None, (",", ":")])) + "\n")
    return f"t{i}.jsonl", "".join(out).encode(), want


def make(r, i):
    return [table, matrix, lines][i % 5 % 3](r, i)


def number(s, kind):
    if kind == "bool":
        return s
    if kind == "f64":
        return text(float(s))
    return s if kind == "text" else str(int(s))


def read(path, want):
    """What a file that was written anew holds, as texts."""
    if path.endswith(".jsonl"):
        with open(path, encoding="utf-8") as f:
            rows = [json.loads(line) for line in f]
        if len(want) == 1:  # whose name is lost
            return [list(flat(rows))]
        assert all(list(row) == [w["name"] for w in want] for row in rows)
        return [list(flat([row[w["name"]] for row in rows])) for w in want]
    delimiter = "\t" if path.endswith(".tsv") else ","
    if len(want[0]["shape"]) == 2:
        a = np.loadtxt(path, delimiter=delimiter, dtype=np.int64 if want[0]["dtype"] == "i64" else np.float64, ndmin=2)
        b = np.genfromtxt(path, delimiter=delimiter, dtype=a.dtype, ndmin=2)
        assert a.tobytes() == b.tobytes() and list(a.shape) == want[0]["shape"]
        return [list(flat(a.tolist()))]
    with open(path, encoding="utf-8", newline="") as f:
        head, *rows = csv.reader(f, delimiter=delimiter, strict=True)
    assert head == [w["name"] for w in want], head
    return [[number(row[c], w["dtype"]) for row in rows] for c, w in enumerate(want)]


def main():
    verb, seed, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    expect, compared, values = [], 0, 0
    for i in range(count):
        name, b, want = make(random.Random(seed * 1_000_003 + i), i)
        if verb == "write":
            with open(os.path.join(folder, name), "wb") as f:
                f.write(b)
            expect.append({"file": name, "tensors": want})
            continue
        got = read(os.path.join(folder, "out." + name), want)
        for g, w in zip(got, want, strict=True):
            assert g == w["values"], (name, w["name"], [x for x in zip(g, w["values"]) if x[0] != x[1]][:3])
            values += len(g)
        compared += 1
    if verb == "write":
        with open(os.path.join(folder, "expect.json"), "w", encoding="utf-8") as f:
            json.dump(expect, f)
    else:
        print("compared", compared, "files,", values, "values")


if __name__ == "__main__":
    main()

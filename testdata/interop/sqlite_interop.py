#!/usr/bin/env python3
"""Exchanges random SQLite databases with Python's sqlite3.

sqlite_interop.py write SEED COUNT DIR   DIR gets COUNT databases and expect.json:
                                         by database and column its kind and its
                                         values, as Python reads them
sqlite_interop.py check SEED COUNT DIR   for each database DIR has out.NAME, the
                                         table written anew: it is looked over and
                                         its rows are compared

Kinds are those that a column of a table becomes; floats are written by repr, bytes
as hex.
"""
import json
import math
import os
import random
import sqlite3
import sys

ALPHABET = ["a", "Z", " ", "\n", "é", "漢", "😀", "'", '"', ";", "--", "\\", "\u0001", "\ufeff", "\U0010ffff"]
EDGES = [0, 1, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.1, 1e308, 5e-324, math.inf, -math.inf, 1 / 3, -2.5e-10]


NAMES = [c for c in ALPHABET if c.isprintable()]  # a tensor has no other name


def text(r, n=12, alphabet=ALPHABET):
    return "".join(r.choices(alphabet, k=r.randrange(n)))


def column(r, rows):
    kind = r.choice(["int", "float", "text", "bytes", "bool", "mixed", "null"])
    pick = {
        "int": lambda: r.choice(EDGES) if r.random() < 0.3 else r.randrange(-(10**6), 10**6),
        "float": lambda: r.choice(FLOATS) if r.random() < 0.3 else r.uniform(-1e6, 1e6),
        "text": lambda: text(r),
        "bytes": lambda: r.randbytes(r.randrange(20)),
        "bool": lambda: r.randrange(2),
        "mixed": lambda: r.choice([r.randrange(-1000, 1000), r.uniform(-10, 10)]),
        "null": lambda: None,
    }[kind]
    holes = r.random() < 0.4
    return kind, [None if holes and r.random() < 0.2 else pick() for _ in range(rows)]


def tables(seed, count):
    for i in range(count):
        r = random.Random(f"{seed} {i}")
        rows = 3000 if i % 40 == 5 else r.randrange(12)
        columns = {}
        for c in range(r.randrange(1, 6)):
            columns[f"{text(r, 4, NAMES)} {c}"] = column(r, rows)
        yield i, r, rows, columns


def quote(name):
    return '"' + name.replace('"', '""') + '"'


DECLARED = {"int": "INTEGER", "float": "REAL", "text": "TEXT", "bytes": "BLOB", "bool": "BOOLEAN", "mixed": "", "null": ""}


def write(seed, count, where):
    expect = []
    for i, r, rows, columns in tables(seed, count):
        path = os.path.join(where, f"d{i}.sqlite")
        db = sqlite3.connect(path, isolation_level=None)
        db.execute(f"PRAGMA page_size = {r.choice([512, 1024, 4096, 65536])}")
        db.execute(f"PRAGMA encoding = '{r.choice(['UTF-8', 'UTF-16le', 'UTF-16be'])}'")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("CREATE TABLE t (" + ", ".join(f"{quote(n)} {DECLARED[k]}" for n, (k, _) in columns.items()) + ")")
        db.execute("BEGIN")
        db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(columns))})", list(zip(*(v for _, v in columns.values()))))
        db.execute("COMMIT")
        back = list(zip(*db.execute("SELECT * FROM t"))) or [()] * len(columns)
        db.close()
        table = {"File": os.path.basename(path), "Rows": rows, "Columns": []}
        for (name, (kind, _)), values in zip(columns.items(), back):
            table["Columns"].append({"Name": name, **described(kind, values)})
        expect.append(table)
    with open(os.path.join(where, "expect.json"), "w") as f:
        json.dump(expect, f)


def described(kind, values):
    """What a column is, and its values as texts."""
    known = [v for v in values if v is not None]
    if not known:
        return {"Kind": "f64", "Values": ["nan"] * len(values)}
    if isinstance(known[0], str):
        return {"Kind": "text", "Values": [v or "" for v in values]}
    if isinstance(known[0], bytes):
        return {"Kind": "bytes", "Values": [(v or b"").hex() for v in values]}
    if len(known) < len(values) or any(isinstance(v, float) for v in known):
        return {"Kind": "f64", "Values": ["nan" if v is None else float(v).hex() for v in values]}
    if kind == "bool":
        return {"Kind": "bool", "Values": [str(bool(v)) for v in values]}
    return {"Kind": "i64", "Values": [str(v) for v in values]}


def check(seed, count, where):
    compared = values = 0
    with open(os.path.join(where, "expect.json")) as f:
        expect = json.load(f)
    for table in expect:
        path = os.path.join(where, "out." + table["File"])
        db = sqlite3.connect(path)
        (found,) = db.execute("PRAGMA integrity_check").fetchone()
        if found != "ok":
            sys.exit(f"{path}: {found}")
        cursor = db.execute("SELECT * FROM tensors")
        names = [d[0] for d in cursor.description]
        if names != [c["Name"] for c in table["Columns"]]:
            sys.exit(f"{path}: columns {names}")
        rows = list(cursor)
        if len(rows) != table["Rows"]:
            sys.exit(f"{path}: {len(rows)} rows")
        for i, c in enumerate(table["Columns"]):
            got = [row[i] for row in rows]
            kind = c["Kind"]
            as_text = {
                "text": lambda v: v,
                "bytes": lambda v: v.hex(),
                "bool": lambda v: str(bool(v)),
                "i64": str,
                "f64": lambda v: "nan" if v is None else v.hex(),
            }[kind]
            types = {"text": str, "bytes": bytes, "bool": int, "i64": int, "f64": (float, type(None))}[kind]
            for v, want in zip(got, c["Values"]):
                if not isinstance(v, types) or as_text(v) != want:
                    sys.exit(f"{path}: {c['Name']!r}: {v!r}, want {want!r}")
                values += 1
        db.close()
        compared += 1
    print("compared", compared, "databases,", values, "values")


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])

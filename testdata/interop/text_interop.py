#!/usr/bin/env python3
"""Exchanges random text files with Python.

text_interop.py write SEED COUNT DIR   DIR gets COUNT files and expect.json, the
                                       lines of each as Python decodes them, and
                                       whether it does so without replacements
text_interop.py check SEED COUNT DIR   for each file DIR has out.NAME, written
                                       anew: its lines are compared
"""
import json
import os
import random
import sys

ALPHABET = ["a", "Z", " ", "\t", "é", "ß", "→", "漢", "😀", "\u0000", "\u2028", "\ufeff", "\x85", "\n", "\n", "\r\n", "\r", "\U0010ffff", "\ud7ff", "\ue000"]
BROKEN = [b"\xff", b"\xc0\xaf", b"\xe0\x80\xbf", b"\xf0\x81\x82", b"\xed\xa0\x80", b"\xf4\x91\x92\x93", b"\xe1\x80\xe2", b"\xf1\xbf", b"\x80", b"\xc3", b"\xf5\x80"]


def make(r, i):
    n = 400_000 if i % 50 == 7 else r.randrange(60)  # some go across chunks
    b = "".join(r.choices(ALPHABET, k=n)).encode()
    if i % 3 == 0:
        for _ in range(r.randrange(1, 6)):
            at = r.randrange(len(b) + 1)
            b = b[:at] + r.choice(BROKEN) + b[at:]
    if i % 7 == 0:
        b = b"\xef\xbb\xbf" + b
    return b"x" + b if b[:2] in (b"\xff\xfe", b"\xfe\xff") else b


def lines(b):
    if b.startswith(b"\xef\xbb\xbf"):
        b = b[3:]
    text = b.decode("utf-8", "replace")
    *ended, last = text.split("\n")
    return [x[:-1] if x.endswith("\r") else x for x in ended] + ([last] if last else [])


def valid(b):
    try:
        b.decode("utf-8")
        return True
    except UnicodeDecodeError:
        return False


def main():
    verb, seed, count, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    expect, compared = [], 0
    for i in range(count):
        b = make(random.Random(seed * 1_000_003 + i), i)
        path = os.path.join(folder, f"t{i}.txt")
        want = lines(b)
        if verb == "write":
            with open(path, "wb") as f:
                f.write(b)
            expect.append({"file": f"t{i}.txt", "lines": want, "valid": valid(b)})
        elif os.path.exists(out := os.path.join(folder, f"out.t{i}.txt")):
            with open(out, "rb") as f:
                assert lines(f.read()) == want, i
            compared += 1
        else:
            assert any(x.endswith("\r") for x in want), i  # what cannot be written
            compared += 1
    if verb == "write":
        with open(os.path.join(folder, "expect.json"), "w") as f:
            json.dump(expect, f)
    print(f"compared {compared}")


main()

#!/usr/bin/env python3
"""Prints blocks of ggml's types and what the gguf package makes of them, a JSON
document a line. gen_blocks.py SEED COUNT; "keep" writes blocks.jsonl.gz."""
import base64
import gzip
import json
import pathlib
import random
import struct
import sys

import numpy as np
from gguf import GGMLQuantizationType as Q
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize

TYPES = [Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0, Q.Q2_K, Q.Q3_K, Q.Q4_K, Q.Q5_K, Q.Q6_K, Q.IQ4_NL, Q.IQ4_XS, Q.MXFP4]
# Where the binary16 numbers stand: half of the cases get plausible ones.
SCALES = {Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0], Q.Q2_K: [80, 82], Q.Q3_K: [108], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208], Q.IQ4_NL: [0], Q.IQ4_XS: [0], Q.MXFP4: []}
ODD = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFE01]


def case(rng, i):
    t = TYPES[i % len(TYPES)]
    elems, size = GGML_QUANT_SIZES[t]
    n = rng.randrange(1, 5)
    b = bytearray(rng.randbytes(n * size))
    for k in range(n):
        for at in SCALES[t]:
            if i % 4 == 0:
                v = rng.choice(ODD)
            else:
                v = struct.unpack("<H", struct.pack("<e", rng.gauss(0, 1) * 2.0 ** rng.randrange(-12, 3)))[0]
            struct.pack_into("<H", b, k * size + at, v)
    with np.errstate(all="ignore"):
        y = dequantize(np.frombuffer(bytes(b), np.uint8), t)
    return {"type": t.name.lower(), "blocks": base64.b64encode(b).decode(), "floats": base64.b64encode(np.ascontiguousarray(y, "<f4").tobytes()).decode()}


def main():
    np.seterr(all="ignore")
    if sys.argv[1:] == ["keep"]:
        rng = random.Random(20261121)
        out = pathlib.Path(__file__).with_name("blocks.jsonl.gz")
        with gzip.GzipFile(out, "wb", mtime=0) as f:
            for i in range(13 * 8):
                f.write(json.dumps(case(rng, i)).encode() + b"\n")
        return
    rng = random.Random(int(sys.argv[1]))
    for i in range(int(sys.argv[2])):
        print(json.dumps(case(rng, i)))


main()

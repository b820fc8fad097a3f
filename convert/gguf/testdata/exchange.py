#!/usr/bin/env python3
"""Exchanges files with the gguf package of llama.cpp.

exchange.py keep                   makes the files that are kept beside this one
exchange.py write SEED COUNT DIR   DIR gets COUNT files NAME.gguf of random things
                                   and what is in them: NAME.json
exchange.py check DIR              out.NAME.gguf, which were written anew, have the
                                   same keys of the same types in the same order, and
                                   the same tensors
"""
import hashlib
import json
import math
import os
import random
import struct
import sys

import numpy as np
from gguf import GGMLQuantizationType as Q
from gguf import GGUFEndian, GGUFReader, GGUFValueType as V, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from gguf.scripts.gguf_convert_endian import byteswap_tensors

PLAIN = {Q.F32: "<f4", Q.F16: "<f2", Q.F64: "<f8", Q.I8: "<i1", Q.I16: "<i2", Q.I32: "<i4", Q.I64: "<i8", Q.BF16: "<u2"}
SIZES = {V.UINT8: "B", V.INT8: "b", V.UINT16: "H", V.INT16: "h", V.UINT32: "I", V.INT32: "i", V.FLOAT32: "f", V.BOOL: "?", V.UINT64: "Q", V.INT64: "q", V.FLOAT64: "d"}
NAMES = {V.UINT8: "u8", V.INT8: "i8", V.UINT16: "u16", V.INT16: "i16", V.UINT32: "u32", V.INT32: "i32", V.FLOAT32: "f32", V.BOOL: "bool", V.STRING: "string", V.UINT64: "u64", V.INT64: "i64", V.FLOAT64: "f64"}
BIG_BLOCKS = [Q.Q4_0, Q.Q8_0, Q.Q4_K, Q.Q6_K]  # those that the package turns itself
SKIP = [Q.Q8_1]  # its size in the package is that of years ago


def scalar(rng, t):
    if t == V.STRING:
        return rng.choice(["", "llama", "мир", "日本語\n", "x" * rng.randrange(300), '"quoted\\'])
    raw = rng.randbytes(struct.calcsize(SIZES[t]))
    v = struct.unpack("<" + SIZES[t], bytes(b & 1 for b in raw) if t == V.BOOL else raw)[0]
    return 1.5 if isinstance(v, float) and math.isnan(v) else v


def text(v, t):
    """A value as exchange.go has it: floats by their bits."""
    if isinstance(v, list):
        return [text(x, t) for x in v]
    if t == V.FLOAT32:
        return "f32:" + struct.pack(">f", v).hex()
    if t == V.FLOAT64:
        return "f64:" + struct.pack(">d", v).hex()
    return str(v).lower() if t == V.BOOL else str(v)


def packed(v, t):
    if t == V.STRING:
        return b"".join(struct.pack("<Q", len(x.encode())) + x.encode() for x in v)
    return struct.pack(f"<{len(v)}{SIZES[t]}", *v)


def sha(b):
    return hashlib.sha256(b).hexdigest()


def make(path, rng, big, long):
    w = GGUFWriter(None, rng.choice(["llama", "gpt2"]), endianess=GGUFEndian.BIG if big else GGUFEndian.LITTLE)
    want = {"keys": [["general.architecture", "string", w.arch]], "tensors": {}, "long": {}}
    if rng.random() < 0.3:
        align = rng.choice([8, 16, 64, 256, 4096])
        w.add_custom_alignment(align)
        want["keys"].append(["general.alignment", "u32", str(align)])
    for i in range(rng.randrange(12)):
        t = rng.choice(list(NAMES))
        key = f"{rng.choice(['a', 'tokenizer.x', 'ключ', 'with space', 'x' * 70])}.{i}"
        if rng.random() < 0.5:
            v = scalar(rng, t)
            w.add_key_value(key, v, t)
            want["keys"].append([key, NAMES[t], text(v, t)])
        else:
            n = rng.choice([1, 2, 7, 1024]) if not (long and rng.random() < 0.4) else rng.choice([1025, 3000])
            v = [scalar(rng, t) for _ in range(n)]
            w.add_key_value(key, v, V.ARRAY, sub_type=t)
            size = sum(len(x.encode()) for x in v) if t == V.STRING else 0
            if n > 1024 or size > 65536:
                want["keys"].append([key, NAMES[t] + "[]", None])
                want["long"][key] = [NAMES[t], n, sha(packed(v, t))]
            else:
                want["keys"].append([key, NAMES[t] + "[]", text(v, t)])
    types = [t for t in Q if t not in SKIP and (t in PLAIN or not big or t in BIG_BLOCKS)]
    for i in range(rng.randrange(7)):
        t = rng.choice(types)
        elems, size = GGML_QUANT_SIZES[t]
        shape = [rng.choice([1, 2, 3, 5]) for _ in range(rng.randrange(1, 5))]
        shape[-1] *= elems
        n = math.prod(shape) // elems * size
        data = rng.randbytes(n)
        name = f"{rng.choice(['blk.0.attn', 'токен', 'x' * 50])}.{i}"
        if t in PLAIN:
            a = np.frombuffer(data, PLAIN[t]).reshape(shape)
            w.add_tensor(name, a, raw_dtype=t)
        else:
            a = np.frombuffer(data, np.uint8).reshape(shape[:-1] + [shape[-1] // elems * size])
            w.add_tensor(name, np.copy(byteswapped(a, t, name)) if big else a, raw_dtype=t)
        want["tensors"][name] = [t.name.lower(), shape, sha(data)]
    w.write_header_to_file(path)
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    if rng.random() < 0.3:  # version 2 is the same
        with open(path, "r+b") as f:
            f.seek(4)
            f.write(struct.pack(">I" if big else "<I", 2))
    with open(path[:-5] + ".json", "w") as f:
        json.dump(want, f)


class Turned:
    """What byteswap_tensors wants of a tensor."""

    def __init__(self, data, t, name):
        self.data, self.tensor_type, self.name, self.n_bytes = data, t, name, data.nbytes
        self.shape = data.shape


def byteswapped(a, t, name):
    x = Turned(np.copy(a).reshape(-1), t, name)
    for at in range(0, x.n_bytes, GGML_QUANT_SIZES[t][1]):
        byteswap_tensors[t](x, at)
    return x.data.reshape(a.shape)


def value(field):
    t = field.types[0]
    if t == V.ARRAY:
        e = field.types[1]
        return NAMES[e] + "[]", field.contents(), e
    return NAMES[t], field.contents(), t


def read(path):
    r = GGUFReader(path)
    keys, tensors, long = [], {}, {}
    for k, f in r.fields.items():
        if k.startswith("GGUF."):
            continue
        types, v, e = value(f)
        if isinstance(v, list) and (len(v) > 1024 or e == V.STRING and sum(len(x.encode()) for x in v) > 65536):
            keys.append([k, types, None])
            long[k] = [NAMES[e], len(v), sha(packed(v, e))]
        else:
            keys.append([k, types, text(v, e)])
    for t in r.tensors:
        tensors[t.name] = [t.tensor_type.name.lower(), [int(n) for n in reversed(t.shape)], sha(t.data.tobytes())]
    return {"keys": keys, "tensors": tensors, "long": long}


def write(dir, seed, count, long=True):
    rng = random.Random(seed)
    for i in range(count):
        path = os.path.join(dir, f"g{i}.gguf")
        big = i % 3 == 2
        make(path, rng, big, long)
        want = json.load(open(path[:-5] + ".json"))
        got = read(path) if not big else None
        if got and got != want:
            sys.exit(f"{path}: the package reads something else than was made\n{got}\n{want}")


def check(dir):
    n = 0
    for name in sorted(os.listdir(dir)):
        if name.startswith("out.") and name.endswith(".gguf"):
            want = json.load(open(os.path.join(dir, name[4:-5] + ".json")))
            got = read(os.path.join(dir, name))
            if got != want:
                sys.exit(f"{name}\n{got}\n{want}")
            n += 1
    print("compared", n)


def keep(dir):
    write(dir, 20261121, 12, long=False)
    rng = random.Random(5)
    make(os.path.join(dir, "long.gguf"), rng, False, True)
    w = GGUFWriter(os.path.join(dir, "split.gguf"), "llama", split_max_tensors=2)
    for i in range(5):
        w.add_tensor(f"t{i}", np.arange(i, i + 4, dtype=np.float32).reshape(2, 2) * 1.5)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    match sys.argv[1:]:
        case ["keep"]:
            keep(os.path.dirname(os.path.abspath(__file__)))
        case ["write", seed, count, dir]:
            write(dir, int(seed), int(count))
        case ["check", dir]:
            check(dir)
        case _:
            sys.exit(__doc__)


main()

#!/usr/bin/env python3
"""Exchanges files with the safetensors library, which is written in Rust.

exchange.py keep                   makes the files that are kept beside this one
exchange.py write SEED COUNT DIR   DIR gets COUNT files NAME.safetensors, what is
                                   in them (NAME.json), and as many damaged ones
                                   with the library's verdict (damaged.json)
exchange.py check DIR              out.NAME.safetensors, which were written anew,
                                   have the same and stand where they should
"""
import hashlib
import json
import os
import random
import struct
import sys

import numpy as np
from safetensors import SafetensorError, TensorSpec, deserialize, serialize

# Spelling in the header: name for the library (None: it reads, but does not
# write it), ours, bits.
DTYPES = {
    "BOOL": ("bool", "bool", 8), "I8": ("int8", "i8", 8), "U8": ("uint8", "u8", 8),
    "I16": ("int16", "i16", 16), "U16": ("uint16", "u16", 16), "I32": ("int32", "i32", 32),
    "U32": ("uint32", "u32", 32), "I64": ("int64", "i64", 64), "U64": ("uint64", "u64", 64),
    "F16": ("float16", "f16", 16), "BF16": ("bfloat16", "bf16", 16), "F32": ("float32", "f32", 32),
    "F64": ("float64", "f64", 64), "C64": ("complex64", "c64", 64),
    "F8_E4M3": ("float8_e4m3fn", "f8_e4m3fn", 8), "F8_E5M2": ("float8_e5m2", "f8_e5m2", 8),
    "F8_E8M0": ("float8_e8m0fnu", "f8_e8m0", 8), "F8_E4M3FNUZ": ("float8_e4m3fnuz", "f8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", "f8_e5m2fnuz", 8),
    "F4": (None, "f4_e2m1", 4), "F6_E2M3": (None, "f6_e2m3", 6), "F6_E3M2": (None, "f6_e3m2", 6),
}
NAMES = ["weight", "bias", "модель.0", 'quo"te', "back\\slash", "tab\\tless", "日本/語", "a b", "é", "x.y.z", "𝔘nicode", "line\u2028sep"]


def tensors(rng):
    made = {}
    for i in range(rng.choice([0, 1, 2, 3, 5, 12])):
        code = rng.choice(list(DTYPES))
        bits = DTYPES[code][2]
        while True:
            shape = [rng.choice([0, 1, 2, 3, 4, 5, 7, 8, 16]) if rng.random() < 0.95 else 33 for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4, 6]))]
            n = int(np.prod(shape, dtype=object)) * bits
            if n % 8 == 0 and n < 1 << 20:
                break
        data = rng.randbytes(n // 8)
        if code == "BOOL":
            data = bytes(b & 1 for b in data)
        made[f"{rng.choice(NAMES)}.{i}"] = (code, shape, data)
    return made


def written(made, meta, rng):
    """The library's bytes, or, where it cannot write a dtype, our own in any order."""
    if all(DTYPES[c][0] for c, _, _ in made.values()):
        keep = [np.frombuffer(d + b"\0", np.uint8) for _, _, d in made.values()]
        return serialize({k: TensorSpec(dtype=DTYPES[c][0], shape=s, data_ptr=a.ctypes.data, data_len=len(d)) for (k, (c, s, d)), a in zip(made.items(), keep)}, meta or None)
    head, data = {}, b""
    for k in rng.sample(list(made), len(made)):
        c, s, d = made[k]
        head[k] = {"shape": s, "data_offsets": [len(data), len(data) + len(d)], "dtype": c}
        data += d
    items = list(head.items())
    rng.shuffle(items)
    head = dict(items)
    if meta:
        head["__metadata__"] = meta
    text = json.dumps(head, ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 1])).encode() + b" " * rng.randrange(9)
    return struct.pack("<Q", len(text)) + text + data


def described(made, meta):
    return {"metadata": meta, "tensors": {k: [DTYPES[c][1], s, hashlib.sha256(d).hexdigest()] for k, (c, s, d) in made.items()}}


def read(b):
    names = {c: ours for c, (_, ours, _) in DTYPES.items()}
    return {k: [names[t["dtype"]], list(t["shape"]), hashlib.sha256(bytes(t["data"])).hexdigest()] for k, t in deserialize(b)}


def damaged(b, rng):
    """b with a fault in its header, which says what it said or something else."""
    n = struct.unpack("<Q", b[:8])[0]
    text = bytearray(b[8:8 + n])
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(len(text))
        match rng.randrange(5):
            case 0:
                text[at] = rng.randrange(256)
            case 1:
                text[at] = rng.choice(b'0123456789{}[]":, \\')
            case 2:
                del text[at]
            case 3:
                text.insert(at, rng.choice(b'0123456789{}[]":, '))
            case 4:
                begin = rng.randrange(len(text))
                text[at:at] = text[begin:begin + rng.randrange(40)]
        if not text:
            text = bytearray(b"{}")
    return struct.pack("<Q", len(text)) + bytes(text) + b[8 + n:]


def write(dir, seed, count):
    rng = random.Random(seed)
    verdicts = {}
    for i in range(count):
        made = tensors(rng)
        meta = {rng.choice(NAMES) + str(j): rng.choice(NAMES) for j in range(rng.randrange(4))}
        b = written(made, meta, rng)
        want = described(made, meta)
        if read(b) != want["tensors"]:
            sys.exit(f"file {i}: the library reads something else than was made")
        with open(os.path.join(dir, f"f{i}.safetensors"), "wb") as f:
            f.write(b)
        with open(os.path.join(dir, f"f{i}.json"), "w") as f:
            json.dump(want, f)
        b = damaged(b, rng)
        try:
            verdicts[f"d{i}.safetensors"] = read(b)
        except SafetensorError:
            verdicts[f"d{i}.safetensors"] = None
        with open(os.path.join(dir, f"d{i}.safetensors"), "wb") as f:
            f.write(b)
    with open(os.path.join(dir, "damaged.json"), "w") as f:
        json.dump(verdicts, f)


def check(dir):
    n = aligned = 0
    for name in sorted(os.listdir(dir)):
        if not name.startswith("out.") or not name.endswith(".safetensors"):
            continue
        b = open(os.path.join(dir, name), "rb").read()
        want = json.load(open(os.path.join(dir, name[4:].replace(".safetensors", ".json"))))
        if read(b) != want["tensors"]:
            sys.exit(f"{name}: {read(b)}, want {want['tensors']}")
        size = struct.unpack("<Q", b[:8])[0]
        head = json.loads(b[8:8 + size])
        if head.pop("__metadata__", {}) != want["metadata"]:
            sys.exit(f"{name}: other metadata")
        if (8 + size) % 64:
            sys.exit(f"{name}: the data section begins at {8 + size}")
        for k, t in head.items():
            begin, end = t["data_offsets"]
            width = max(1, DTYPES[t["dtype"]][2] // 8)
            if begin % (64 if (end - begin) % 64 == 0 else width):
                sys.exit(f"{name}: {k} stands at {begin}")
            aligned += 1
        n += 1
    print(f"compared {n} files, {aligned} tensors in their places")


def main():
    match sys.argv[1:]:
        case ["keep"]:
            here = os.path.dirname(os.path.abspath(__file__))
            write(here, 20261121, 24)
        case ["write", seed, count, dir]:
            write(dir, int(seed), int(count))
        case ["check", dir]:
            check(dir)
        case _:
            sys.exit(__doc__)


main()

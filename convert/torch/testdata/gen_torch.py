#!/usr/bin/env python3
"""Makes files with torch.save of the real PyTorch, and says what is in them.

gen_torch.py keep                   the files that are kept beside this one
gen_torch.py write SEED COUNT DIR   COUNT files of random things in DIR

NAME.json has for each tensor of NAME.pt, under the name that its place gives it,
dtype, shape, strides and offset (in elements), a number that tensors of one
storage share, and the SHA-256 of the elements in C order; and the plain values.
"""
import collections
import hashlib
import json
import os
import random
import sys

import torch

DTYPES = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64",
    torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.uint16: "u16", torch.uint32: "u32",
    torch.uint64: "u64", torch.bool: "bool", torch.complex64: "c64", torch.complex128: "c128",
    torch.float8_e4m3fn: "f8_e4m3fn", torch.float8_e5m2: "f8_e5m2", torch.float8_e4m3fnuz: "f8_e4m3fnuz",
    torch.float8_e5m2fnuz: "f8_e5m2fnuz", torch.float8_e8m0fnu: "f8_e8m0",
}


def elements(t):
    t = t.detach()
    out = torch.empty(t.shape, dtype=t.dtype)
    out.copy_(t)
    if t.is_complex():
        out = torch.view_as_real(out)
    return out.reshape(-1).view(torch.uint8).numpy().tobytes() if out.numel() else b""


def walk(v, path, tensors, values, storages):
    at = lambda k: f"{path}.{k}" if path else str(k)
    if isinstance(v, torch.Tensor):
        s = storages.setdefault(v.untyped_storage().data_ptr(), len(storages)) if v.numel() else -1
        tensors[path] = [DTYPES[v.dtype], list(v.shape), list(v.stride()), v.storage_offset(), s, hashlib.sha256(elements(v)).hexdigest()]
    elif isinstance(v, dict):
        for k, x in v.items():
            walk(x, at({True: "true", False: "false"}[k] if isinstance(k, bool) else k), tensors, values, storages)
    elif isinstance(v, (list, tuple)):
        for i, x in enumerate(v):
            walk(x, at(i), tensors, values, storages)
    elif isinstance(v, (bool, int, float, str)):
        values[path] = v
    elif isinstance(v, (torch.dtype, torch.device)):
        values[path] = str(v)
    elif v is not None:
        sys.exit(f"{path}: {type(v)}")


def save(v, path, **how):
    torch.save(v, path, **how)
    tensors, values = {}, {}
    walk(v, "" if not isinstance(v, torch.Tensor) else os.path.basename(path)[:-3], tensors, values, {})
    with open(path[:-3] + ".json", "w") as f:
        json.dump({"tensors": tensors, "values": values}, f)


def tensor(rng, shape, d=None):
    d = d or rng.choice(list(DTYPES))
    n = 1
    for x in shape:
        n *= x
    size = torch.empty(0, dtype=d).element_size()
    b = bytearray(rng.randbytes(n * size) or b"\0" * size)
    if d == torch.bool:
        b = bytearray(x & 1 for x in b)
    if d.is_complex:
        return torch.view_as_complex(torch.frombuffer(b, dtype={torch.complex64: torch.float32, torch.complex128: torch.float64}[d]).reshape(-1, 2))[:n].reshape(shape)
    return torch.frombuffer(b, dtype=d)[:n].reshape(shape)


def view(rng, t):
    """Another view of t's storage."""
    for _ in range(rng.randrange(4)):
        match rng.randrange(4):
            case 0 if t.dim() >= 2:
                a, b = rng.sample(range(t.dim()), 2)
                t = t.transpose(a, b)
            case 1 if t.dim() and t.shape[0] > 1:
                t = t[rng.randrange(t.shape[0]):]
            case 2 if t.dim() and t.shape[-1] > 1:
                t = t[..., ::rng.choice([1, 2, 3])]
            case 3 if t.dim() < 4:
                t = t.unsqueeze(0).expand(rng.randrange(1, 4), *t.shape)
    return t


def thing(rng, depth=0):
    kind = rng.randrange(10)
    if depth > 2 or kind < 4:
        t = tensor(rng, [rng.choice([0, 1, 2, 3, 5, 8]) for _ in range(rng.choice([0, 1, 2, 2, 3, 4]))])
        if t.dtype.is_floating_point and t.element_size() >= 2 and rng.random() < 0.3:
            return torch.nn.Parameter(t)
        return [t, view(rng, t), view(rng, t)] if rng.random() < 0.5 else view(rng, t)
    if kind == 4:
        return [thing(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 5:
        return tuple(thing(rng, depth + 1) for _ in range(rng.randrange(5)))
    if kind == 6:
        return rng.choice([0, -1, 255, 256, -70000, 2**31, -2**63, 2**63 - 1, 0.1, -1e300, float(rng.random()), "text", "мир \u2028 日本", "", True, False, None, torch.float8_e5m2, torch.bfloat16, torch.device("cpu"), torch.device("cuda:1")])
    make = rng.choice([dict, collections.OrderedDict])
    keys = ["weight", "bias", "layer.0.norm", "ключ", "a b", 7, -3, True]
    return make((k, thing(rng, depth + 1)) for k in rng.sample(keys, rng.randrange(1, 6)))


def unique(v, path="", seen=None):
    """Whether no two tensors or values of v get one name."""
    seen = set() if seen is None else seen
    if isinstance(v, dict):
        return all(unique(x, f"{path}.{ {True: 'true', False: 'false'}[k] if isinstance(k, bool) else k}", seen) for k, x in v.items())
    if isinstance(v, (list, tuple)):
        return all(unique(x, f"{path}.{i}", seen) for i, x in enumerate(v))
    if path in seen:
        return False
    seen.add(path)
    return True


def write(dir, seed, count):
    rng = random.Random(seed)
    i = 0
    while i < count:
        v = {f"part{j}": thing(rng) for j in range(rng.randrange(1, 4))}
        if rng.random() < 0.1:
            v = tensor(rng, [3, 2])
        if unique(v):
            save(v, os.path.join(dir, f"t{i}.pt"), pickle_protocol=rng.choice([2, 2, 3, 4, 5]))
            i += 1


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(5, 4)
        self.norm = torch.nn.BatchNorm1d(4)
        self.head = torch.nn.Linear(4, 5, bias=False)
        self.head.weight = self.embed.weight  # tied


def keep(dir):
    torch.manual_seed(20261121)
    m = Model()
    o = torch.optim.Adam(m.parameters(), lr=1e-3)
    m.head(m.norm(m.embed(torch.tensor([0, 1, 2])))).square().sum().backward()
    o.step()
    save({"model": m.state_dict(), "optimizer": o.state_dict(), "epoch": 3}, os.path.join(dir, "checkpoint.pt"))
    save(m.state_dict(), os.path.join(dir, "state.pth.pt"), pickle_protocol=4)
    x = torch.arange(24, dtype=torch.int32).reshape(2, 3, 4)
    save({"whole": x, "t": x.permute(2, 0, 1), "slice": x[1, ::2], "row": x[0, 1].expand(3, 4), "scalar": x[1, 2, 3], "none": x[:, :0]}, os.path.join(dir, "views.pt"))
    save({DTYPES[d]: tensor(random.Random(DTYPES[d]), [2, 3], d) for d in DTYPES}, os.path.join(dir, "dtypes.pt"))
    save(x.float(), os.path.join(dir, "alone.pt"))
    # What is refused, or partly.
    torch.save({"good": x, "sparse": torch.eye(3).to_sparse(), "meta": torch.empty(2, 2, device="meta")}, os.path.join(dir, "partly.pth"))
    torch.save(torch.nn.Linear(2, 2), os.path.join(dir, "module.pth"))
    torch.save({"x": x}, os.path.join(dir, "legacy.pth"), _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), os.path.join(dir, "script.pth"))


def main():
    match sys.argv[1:]:
        case ["keep"]:
            here = os.path.dirname(os.path.abspath(__file__))
            keep(here)
            write(here, 7, 12)
        case ["write", seed, count, dir]:
            write(dir, int(seed), int(count))
            print("torch", torch.__version__)
        case _:
            sys.exit(__doc__)


main()

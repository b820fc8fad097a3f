"""What the scripts here say about arrays of NumPy."""

import hashlib

import ml_dtypes
import numpy as np

SHORT = {
    "b1": "bool", "i1": "i8", "i2": "i16", "i4": "i32", "i8": "i64",
    "u1": "u8", "u2": "u16", "u4": "u32", "u8": "u64",
    "f2": "f16", "f4": "f32", "f8": "f64", "c8": "c64", "c16": "c128",
    "M8": "i64", "m8": "i64",
}


def short(dt):
    if dt == ml_dtypes.float8_e5m2:
        return "f8_e5m2"
    if dt.kind == "U":
        return f"<U{dt.itemsize // 4}"
    if dt.kind in "SV":
        return f"{dt.kind}{dt.itemsize}"
    return SHORT[dt.kind + str(dt.itemsize)]


def little(a):
    if a.dtype.type in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2):
        return a
    order = "F" if a.flags.f_contiguous and not a.flags.c_contiguous else "C"
    out = np.zeros(a.shape, a.dtype.newbyteorder("<"), order)  # padding is zero
    assign(out, a)
    return out


def assign(out, a):
    if a.dtype.names is None:
        out[...] = a
        return
    for field in a.dtype.names:
        assign(out[field], a[field])


def digest(b):
    return hashlib.sha256(b).hexdigest()


def logical(a):
    return digest(np.ascontiguousarray(little(a)).tobytes())


def tensors(name, a, void2=None):
    """The tensors that the array a called name becomes."""
    if a.dtype.names is not None:
        out = []
        for field in a.dtype.names:
            out += tensors(f"{name}.{field}", a[field], void2)
        return out
    dt = a.dtype
    t = {"name": name, "dtype": short(dt), "shape": list(a.shape), "sha256": logical(a)}
    if void2 and dt.kind == "V" and dt.itemsize == 2:
        t["dtype"] = void2
    if dt.byteorder == ">":
        t["order"] = "big"
    if dt.kind in "Mm":
        unit, n = np.datetime_data(dt)
        t["unit"] = unit if n == 1 else f"{n}{unit}"
    return [t]


def values(rng, dt, shape):
    """Any bits for floats, so that NaN payloads and subnormals occur."""
    dt = np.dtype(dt)
    n = int(np.prod(shape, dtype=int))
    if dt.kind == "b":
        return rng.integers(0, 2, n).astype(bool).reshape(shape)
    if dt.kind == "S":
        words = [bytes(rng.integers(97, 123, int(rng.integers(0, dt.itemsize + 1))).astype(np.uint8)) for _ in range(n)]
        return np.array(words, dt).reshape(shape)
    if dt.kind == "U":
        alphabet = "aZ09 é日本\U0001f600"
        words = ["".join(rng.choice(list(alphabet), int(rng.integers(0, dt.itemsize // 4 + 1)))) for _ in range(n)]
        return np.array(words, dt).reshape(shape)
    raw = rng.integers(0, 256, n * dt.itemsize).astype(np.uint8)
    return raw.view(dt).reshape(shape)


def fill(rng, a):
    if a.dtype.names is None:
        a[...] = values(rng, a.dtype, a.shape)
        return
    for field in a.dtype.names:
        fill(rng, a[field])

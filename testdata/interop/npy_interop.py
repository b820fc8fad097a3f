"""NumPy's side of the live exchange with package convert/npy.

    npy_interop.py write SEED COUNT DIR   random arrays and archives, and DIR/expect.json
    npy_interop.py check DIR OTHER        what was written from them lies in OTHER

Files in OTHER are called WAY.NAME or, where an array became an archive of one,
WAY.NAME.npz. check loads them and NAME of DIR and compares dtype (little-endian),
shape, order flags and bytes.
"""

import json
import os
import sys
import warnings
import zipfile

import ml_dtypes
import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "npy"))
from arrays import fill, little, tensors  # noqa: E402

warnings.simplefilter("ignore")

SCALARS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
UNITS = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]
NAMES = ["a", "b c", "x.y", "é", "日本", "it's", 'say "hi"', "back\\slash", "_", "A", "field_with_a_long_name"]


def scalar(rng):
    """A dtype without fields, in either byte order."""
    order = "<>"[int(rng.integers(2))]
    pick = int(rng.integers(10))
    if pick < 6:
        return np.dtype(order + SCALARS[int(rng.integers(len(SCALARS)))])
    if pick == 6:
        return np.dtype(f"S{int(rng.integers(1, 9))}")
    if pick == 7:
        return np.dtype(f"{order}U{int(rng.integers(1, 6))}")
    if pick == 8:
        return np.dtype(f"V{int(rng.integers(1, 20))}")
    kind = "Mm"[int(rng.integers(2))]
    if rng.integers(8) == 0:
        return np.dtype(f"{order}{kind}8")
    n = int(rng.integers(1, 4)) * int(rng.integers(1, 20))
    return np.dtype(f"{order}{kind}8[{n}{UNITS[int(rng.integers(len(UNITS)))]}]")


def structure(rng, depth):
    """A dtype with fields: nested, titled, with arrays, gaps and padding."""
    names = [NAMES[int(i)] for i in rng.permutation(len(NAMES))[: int(rng.integers(1, 5))]]
    fields = []
    for i, name in enumerate(names):
        dt = structure(rng, depth - 1) if depth > 0 and rng.integers(4) == 0 else scalar(rng)
        if rng.integers(5) == 0:
            name = (f"title {i}", name)
        if rng.integers(4) == 0:
            fields.append((name, dt, tuple(int(n) for n in rng.integers(0 if rng.integers(6) == 0 else 1, 4, int(rng.integers(1, 3))))))
        else:
            fields.append((name, dt))
    way = int(rng.integers(4))
    if way == 1:
        return np.dtype(fields, align=True)
    packed = np.dtype(fields)
    if way == 2 and not any(isinstance(f[0], tuple) for f in fields):
        offsets, at = [], 0
        for name in packed.names:
            at += int(rng.integers(5))
            offsets.append(at)
            at += packed[name].itemsize
        return np.dtype({"names": packed.names, "formats": [packed[n] for n in packed.names], "offsets": offsets, "itemsize": at + int(rng.integers(4))})
    return packed


def joined(dt, path=""):
    """The names of the leaves, joined with dots as they will be."""
    if dt.names is None:
        return [path]
    return [leaf for n in dt.names for leaf in joined(dt[n].base, f"{path}.{n}")]


def random_dtype(rng):
    if rng.integers(3) > 0:
        return scalar(rng)
    while True:
        dt = structure(rng, 2)
        leaves = joined(dt)
        if len(set(leaves)) == len(leaves) and dt.itemsize > 0:
            return dt


def random_shape(rng):
    rank = int(rng.integers(0, 6))
    top = 5 if rank > 3 else 9
    return tuple(int(n) for n in rng.integers(0 if rng.integers(8) == 0 else 1, top, rank))


def random_array(rng):
    """An array in C, Fortran or any other order, whole or a slice."""
    if rng.integers(20) == 0:
        types = [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn]
        return rng.standard_normal(random_shape(rng)).astype(types[int(rng.integers(2))])
    dt = random_dtype(rng)
    shape = random_shape(rng)
    a = np.zeros(shape, dt)
    fill(rng, a)
    if dt.subdtype is not None:
        return a
    way = int(rng.integers(6))
    if way == 1:
        return np.asfortranarray(a) if a.ndim > 1 else a
    if way == 2:
        return a.transpose(rng.permutation(a.ndim)) if a.ndim > 0 else a
    if way == 3 and a.ndim > 0:
        return a[::-1]
    if way == 4 and a.ndim > 0:
        return a[..., ::2]
    return a


def expected(name, a):
    """What a reader must find; a is as the file has it."""
    if a.dtype.type is ml_dtypes.bfloat16:
        a = a.view("V2")
    elif a.dtype.type is ml_dtypes.float8_e4m3fn:
        a = a.view("V1")
    ts = tensors(name, a)
    if a.size > 0 and a.flags.f_contiguous and not a.flags.c_contiguous:
        for t in ts:
            t["fortran"] = True
    return ts


def write(seed, count, folder):
    rng = np.random.default_rng(seed)
    files = []
    for i in range(count):
        a = random_array(rng)
        file = f"{i:04d}.npy"
        with open(os.path.join(folder, file), "wb") as f:
            version = [None, None, (1, 0), (2, 0), (3, 0)][int(rng.integers(5))]
            try:
                np.lib.format.write_array(f, a, version=version)
            except ValueError:  # a name that version 1.0 or 2.0 cannot hold
                f.seek(0)
                f.truncate()
                np.save(f, a)
        files.append({"file": file, "tensors": expected(file[:-4], a)})
    for i in range(max(count // 20, 4)):
        arrays = {}
        for j in range(int(rng.integers(0, 8))):
            key = f"{NAMES[int(rng.integers(len(NAMES)))]}/{j}".replace("\\", "-")
            arrays[key] = random_array(rng)
        file = f"archive{i:03d}.npz"
        (np.savez if i % 2 == 0 else np.savez_compressed)(os.path.join(folder, file), **arrays)
        files.append({"file": file, "tensors": [t for k, a in arrays.items() for t in expected(k, a)]})
    with open(os.path.join(folder, "expect.json"), "w") as f:
        json.dump({"files": files}, f)


def content(a):
    """The bytes of every field, without padding."""
    if a.dtype.names is not None:
        return b"".join(content(a[n]) for n in a.dtype.names)
    return np.ascontiguousarray(a).tobytes()


def compare(where, want, got):
    lit = little(want)
    problems = []
    if want.dtype.newbyteorder("<") != got.dtype or lit.dtype.descr != got.dtype.descr:
        problems.append(f"dtype {got.dtype!r}, want {lit.dtype!r}")
    if want.shape != got.shape:
        problems.append(f"shape {got.shape}, want {want.shape}")
    elif (want.flags.c_contiguous, want.flags.f_contiguous) != (got.flags.c_contiguous, got.flags.f_contiguous):
        problems.append("other order flags")
    elif not problems and content(lit) != content(got):
        problems.append("other bytes")
    for p in problems:
        print(f"{where}: {p}")
    return not problems


def check(folder, other):
    bad = seen = 0
    for file in sorted(os.listdir(other)):
        original = os.path.join(folder, file.split(".", 1)[1])
        if original.endswith(".npy.npz"):
            original = original[: -len(".npz")]
        path = os.path.join(other, file)
        if file.endswith(".npy"):
            seen += 1
            bad += not compare(file, np.load(original), np.load(path))
            continue
        with zipfile.ZipFile(path) as z:
            if z.testzip() is not None:
                print(f"{file}: a damaged member")
                bad += 1
        if original.endswith(".npy"):
            want = {os.path.basename(original)[:-4]: np.load(original)}
        else:
            want = dict(np.load(original))
        got = dict(np.load(path))
        if sorted(want) != sorted(got):
            print(f"{file}: members {sorted(got)}, want {sorted(want)}")
            bad += 1
            continue
        for key in want:
            seen += 1
            bad += not compare(f"{file}: {key}", want[key], got[key])
    print(f"compared {seen}, {bad} differ")
    return 1 if bad else 0


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
    else:
        sys.exit(check(sys.argv[2], sys.argv[3]))

"""Writes the golden .npy and .npz files beside this script, and manifest.json,
which says what a reader in any language must find in each or refuse.

Everything is made by NumPy itself (testdata/requirements.txt has the versions);
the files are the same on every run.

Manifest: for each file a list of tensors with
  name      the tensor's name; fields of a structured array are array.field
  dtype     short name: i32, f16, bf16, c64, V8, S5, <U7, ...
  shape     extents
  sha256    of the logical bytes: C order, little-endian
  order     "big" where the file has the other byte order
  fortran   true where the file is in Fortran order (and not also in C order)
  unit      of a datetime64 or timedelta64
or "refused" with the kind of error. "void2" asks for two bytes of void to be
read as that dtype. "saved_sha256" is the SHA-256 of what NumPy writes for the
same array once it is little-endian; a writer that keeps all facts writes it.
"skipped" names members that cannot be read while the others can.
"""

import hashlib
import io
import json
import os
import sys
import warnings
import zipfile

import ml_dtypes
import numpy as np

sys.dont_write_bytecode = True
from arrays import digest, fill, little, tensors
from arrays import values as random_values

warnings.simplefilter("ignore")
here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20240229)
files = []


def values(dt, shape):
    return random_values(rng, dt, shape)


def filled(dt, shape):
    a = np.zeros(shape, dt)
    fill(rng, a)
    return a


def save(file, a, version=None, void2=None, refused=None, resave=True):
    name = file[: -len(".npy")]
    with open(os.path.join(here, file), "wb") as f:
        if version is None:
            np.save(f, a)
        else:
            np.lib.format.write_array(f, a, version=version)
    entry = {"file": file}
    if refused:
        entry["refused"] = refused
    else:
        entry["tensors"] = tensors(name, a, void2)
        if a.size > 0 and a.flags.f_contiguous and not a.flags.c_contiguous:
            for t in entry["tensors"]:
                t["fortran"] = True
        if void2:
            entry["void2"] = void2
        if resave:
            b = io.BytesIO()
            np.save(b, little(a))
            entry["saved_sha256"] = digest(b.getvalue())
    files.append(entry)


# Numbers in both byte orders.
for dt in ["b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"]:
    save(f"{dt}.npy", values(dt, (3, 4)))
    if np.dtype(dt).itemsize > 1:
        save(f"{dt}_big.npy", values(">" + dt, (3, 4)))

# Shapes and orders.
save("rank0.npy", np.array(3.25))
save("rank0_big.npy", np.array(7, ">i4"))
save("empty.npy", np.zeros((0,), "f4"))
save("empty_0x3.npy", np.zeros((0, 3), "f8"))
save("empty_fortran.npy", np.zeros((3, 0), "f8", order="F"))
save("one_axis.npy", np.arange(7, dtype="i2"))
save("ones.npy", np.ones((1, 3, 1), "f4", order="F"))
save("fortran.npy", np.asfortranarray(values("f4", (3, 5))))
save("fortran_3d_big.npy", np.asfortranarray(values(">i4", (2, 3, 4))))
save("permuted.npy", values("u2", (2, 3, 4)).transpose(1, 0, 2))
save("rank32.npy", np.arange(4, dtype="i1").reshape((1,) * 30 + (2, 2)))

# Versions.
save("version1.npy", values("f8", (2, 3)), version=(1, 0))
save("version2.npy", values("f8", (2, 3)), version=(2, 0))
save("version3.npy", values("f8", (2, 3)), version=(3, 0))
save("version1_latin1.npy", filled([("é", "<i4"), ("ß\xff", "<f4")], (3,)))
save("version3_unicode.npy", filled([("日本", "<i4"), ("x", "<f4")], (3,)))
save("version2_long.npy", np.zeros(1, [(f"field_{i:05d}", "<i4") for i in range(2700)]), refused="limit")

# Time.
for unit in ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"]:
    save(f"datetime_{unit}{'_month' if unit == 'M' else '_minute' if unit == 'm' else ''}.npy", values(f"M8[{unit}]", (2,)))
save("datetime_25s.npy", values("M8[25s]", (2, 2)))
save("datetime_generic.npy", np.array(["NaT", "NaT"], "M8"))
save("datetime_nat.npy", np.array(["2024-02-29T12:34:56", "NaT", "1969-12-31"], "M8[ns]"))
save("timedelta_ns.npy", values("m8[ns]", (3,)))
save("timedelta_10us_big.npy", values(">m8[10us]", (3,)))

# Text and bytes.
save("s5.npy", values("S5", (2, 3)))
save("s1.npy", np.array([b"", b"a"]))
save("u5.npy", values("U5", (2, 3)))
save("u5_big.npy", values(">U5", (2, 3)))
save("u5_fortran.npy", np.asfortranarray(values("U5", (2, 3))))
save("v8.npy", values("V8", (3,)))
save("v3.npy", values("V3", (2, 2)))

# What NumPy itself does not know.
bf16 = np.array([0, 1, -2.5, 3.14, np.inf, np.nan, 1e-40, -0.0], ml_dtypes.bfloat16)
save("bf16_opaque.npy", bf16.view("V2"))
with open(os.path.join(here, "bf16.npy"), "wb") as f:
    np.save(f, bf16)
with open(os.path.join(here, "bf16.npy"), "rb") as f:
    saved = f.read()
for read, dtype in [(None, "V2"), ("bf16", "bf16")]:
    entry = {"file": "bf16.npy", "tensors": [{"name": "bf16", "dtype": dtype, "shape": [8], "sha256": digest(bf16.tobytes())}], "saved_sha256": digest(saved)}
    if read:
        entry["void2"] = read
    files.append(entry)
bf16_2d = np.asfortranarray(bf16.reshape(2, 4))
save("bf16_fortran.npy", bf16_2d, void2="bf16", resave=False)
save("float8_e4m3fn.npy", np.array([0, 1, -2.5, 448], ml_dtypes.float8_e4m3fn))
save("float8_e5m2.npy", np.array([0, 1, -2.5, np.inf], ml_dtypes.float8_e5m2), resave=False)

# Structures.
point = np.dtype([("x", "<f4"), ("y", "<f4"), ("id", "<i8")])
save("struct.npy", filled(point, (5,)))
save("struct_packed.npy", filled([("flag", "?"), ("value", "<f8"), ("code", "<u2"), ("name", "S3")], (4,)))
save("struct_aligned.npy", filled(np.dtype([("flag", "?"), ("value", "<f8"), ("code", "<u2")], align=True), (4,)))
save("struct_offsets.npy", filled(np.dtype({"names": ["a", "b"], "formats": ["<i4", "<f4"], "offsets": [4, 12], "itemsize": 21}), (3,)))
save("struct_big.npy", filled([("a", ">i4"), ("b", "<f8"), ("t", ">M8[ms]"), ("u", ">U3")], (3,)))
save("struct_sub.npy", filled([("m", "<f4", (2, 3)), ("n", "<i2", (4,)), ("one", "<i2", (1,))], (2, 2)))
save("struct_nested.npy", filled([("p", [("x", "<f4"), ("y", "<f4")]), ("q", [("r", [("s", "<u4")]), ("t", "?")], (2,))], (3,)))
save("struct_array_of_array.npy", filled([("a", (np.dtype(("<f4", (2,))), (3,))), ("b", "|i1")], (2,)))
save("struct_titles.npy", filled([(("the title", "a"), "<i4"), (("it's \"quoted\"", "b"), "<f4")], (2,)))
save("struct_fortran.npy", np.asfortranarray(filled([("a", "<i4"), ("b", "<f8", (2,))], (2, 3))))
save("struct_rank0.npy", filled(point, ()))
save("struct_empty.npy", np.zeros((0, 2), point))
save("struct_empty_field.npy", filled([("none", "<f4", (0,)), ("a", "<i4")], (2,)))
save("struct_times.npy", filled([("d", "<m8"), ("t", "<M8[25s]"), ("v", "V2")], (2,)))
half = np.zeros(3, [("h", ml_dtypes.bfloat16), ("i", "i1")])
half["h"], half["i"] = bf16[:3], [1, 2, 3]
half_void = half.view([("h", "V2"), ("i", "i1")])
with open(os.path.join(here, "struct_bf16.npy"), "wb") as f:
    np.save(f, half)
with open(os.path.join(here, "struct_bf16.npy"), "rb") as f:
    saved = f.read()
for read in [None, "bf16"]:
    entry = {"file": "struct_bf16.npy", "tensors": tensors("struct_bf16", half_void, read), "saved_sha256": digest(saved)}
    if read:
        entry["void2"] = read
    files.append(entry)

# Refused.
save("object.npy", np.array([1, "two", None], object), refused="unsupported")
save("object_struct.npy", np.array([(1, "a")], [("n", "<i4"), ("o", object)]), refused="unsupported")
save("strings.npy", np.array(["a", "bc"], np.dtypes.StringDType()), refused="unsupported")
save("longdouble.npy", np.zeros(2, np.longdouble), refused="unsupported")
save("clongdouble.npy", np.zeros(2, np.clongdouble), refused="unsupported")
save("void0.npy", np.zeros(2, "V0"), refused="unsupported")
save("struct_none.npy", np.zeros(2, []), refused="unsupported")


def npz(file, arrays, writer=np.savez, refused=(), stream=None):
    """Saves arrays and lists what a reader finds in the archive."""
    path = os.path.join(here, file)
    if stream is None:
        writer(path, **arrays)
    else:
        with open(path, "wb") as f:
            writer(stream(f), **arrays)
    entry = {"file": file, "tensors": []}
    for name, a in arrays.items():
        if name in refused:
            entry.setdefault("skipped", []).append(name + ".npy")
            continue
        ts = tensors(name, a)
        if a.size > 0 and a.flags.f_contiguous and not a.flags.c_contiguous:
            for t in ts:
                t["fortran"] = True
        entry["tensors"] += ts
    files.append(entry)


class Pipe:
    """A file that can only be written to."""

    def __init__(self, f):
        self.f = f

    def write(self, b):
        return self.f.write(b)

    def flush(self):
        self.f.flush()

    def read(self, n=-1):  # NumPy wants to see it, and does not call it
        raise OSError("a pipe")


weights = {
    "w": values("f4", (4, 6)),
    "bias": values("f8", (6,)),
    "fortran": np.asfortranarray(values("i2", (3, 4))),
    "big": values(">u4", (5,)),
    "scalar": np.array(1.5),
    "empty": np.zeros((0, 3), "u1"),
    "when": values("M8[us]", (3,)),
    "points": filled(point, (3,)),
    "text": values("U4", (2,)),
}
npz("stored.npz", weights)
npz("deflated.npz", weights | {"zeros": np.zeros((100, 1000), "f4")}, np.savez_compressed)
npz("streamed.npz", weights, stream=Pipe)
npz("streamed_deflated.npz", weights, np.savez_compressed, stream=Pipe)
npz("none.npz", {})
keys = ["a b", "é日本", "dir/sub/x", "x.npy", "X", "x", "dots.in.name", "it's", "\u200bwide", "a" * 200]
npz("keys.npz", {k: np.array([i], "u1") for i, k in enumerate(keys)})
npz("objects.npz", {"good": np.arange(3, dtype="u1"), "bad": np.array([{}], object), "rest": np.ones(2, "f4")}, refused=["bad"])
limits = zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT
zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = 10, 1
npz("zip64.npz", {"a": np.arange(20, dtype="i4"), "b": np.zeros(40, "f8")})
npz("zip64_deflated.npz", {"a": np.arange(20, dtype="i4"), "b": np.zeros(40, "f8")}, np.savez_compressed)
zipfile.ZIP64_LIMIT, zipfile.ZIP_FILECOUNT_LIMIT = limits

with open(os.path.join(here, "manifest.json"), "w", encoding="utf-8") as f:
    f.write('{"numpy": %s, "ml_dtypes": %s, "files": [\n' % (json.dumps(np.__version__), json.dumps(ml_dtypes.__version__)))
    f.write(",\n".join(json.dumps(e) for e in files))
    f.write("\n]}")
    f.write("\n")

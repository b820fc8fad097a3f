#!/usr/bin/env python3
"""Reads files with the library that owns their format, and compares.

    reference.py FORMAT DIR FIRST

DIR has files N.EXT and N.json, what another reader found in them: a list of
tensors, whose elements stand one behind the other in N.bin, little-endian and
in C order. From number FIRST on a line is printed for each file: its number,
and "equal", "apart" and why it cannot be compared (the library reads it, or
has no such thing), "refused" and the library's error, or "differs" and where.
"""
import glob
import json
import os
import sys
import warnings

import numpy as np

warnings.simplefilter("ignore")

DTYPES = {"bool": "?", "u8": "u1", "i8": "i1", "u16": "<u2", "i16": "<i2", "u32": "<u4", "i32": "<i4", "u64": "<u8", "i64": "<i8",
          "f16": "<f2", "f32": "<f4", "f64": "<f8", "c64": "<c8", "c128": "<c16"}


class Apart(Exception):
    pass


class Differs(Exception):
    pass


def want(condition, *what):
    if not condition:
        raise Differs(*what)


def array(t):
    """The other reader's tensor."""
    if t["other"]:
        raise Apart("composite or large")
    if t["dtype"] not in DTYPES:
        raise Apart("dtype " + t["dtype"])
    return np.frombuffer(t["data"], DTYPES[t["dtype"]]).reshape(t["shape"])


def same(a, t):
    """Bit for bit the same elements, of the same dtype."""
    a = np.asarray(a)
    want(list(a.shape) == t["shape"], "shape", a.shape, t["shape"])
    if a.dtype.kind in "Mm":
        a = a.view(a.dtype.byteorder.replace("|", "=") + "i8")
    if a.dtype.kind not in "biufc":
        raise Apart(f"dtype {a.dtype}")
    x = array(t)
    a = np.ascontiguousarray(a.astype(a.dtype.newbyteorder("<"), copy=False)).reshape(a.shape)
    want(a.dtype.kind == x.dtype.kind and a.itemsize == x.itemsize, "dtype", a.dtype, x.dtype)
    want(a.tobytes() == x.tobytes(), "elements", t["name"])


def alike(a, t):
    """The same numbers, whatever their dtype."""
    x = array(t)
    a = np.asarray(a)
    want(list(a.shape) == t["shape"], "shape", a.shape, t["shape"])
    want(np.array_equal(a, x, equal_nan=a.dtype.kind in "fc" and x.dtype.kind in "fc"), "elements", t["name"])


def records(a, name, ts):
    """One array, or the fields of one of records, which the other reader has apart."""
    if a.dtype.names is None:
        ours = [t for t in ts if t["name"] == name]
        want(len(ours) == 1, "name", name)
        return same(a, ours[0])
    for field in a.dtype.names:
        if a.dtype[field].names or a.dtype[field].subdtype and a.dtype[field].kind == "V":
            raise Apart("records in records")
        records(a[field], f"{name}.{field}", ts)


def npy(path, ts):
    a = np.load(path, allow_pickle=False)
    records(a, os.path.basename(path).removesuffix(".npy"), ts)


def npz(path, ts):
    z = np.load(path, allow_pickle=False)
    names = {n.removesuffix(".npy") for n in z.files}
    if any(t["sparse"] or t["other"] for t in ts):
        raise Apart("SciPy's sparse matrix")
    apart = None
    for name in names:
        try:
            records(z[name], name, ts)
        except Apart as e:
            apart = e
    if apart:
        raise apart


def safetensors(path, ts):
    from safetensors import deserialize

    codes = {"BOOL": "bool", "BF16": "bf16", "C64": "c64", "F8_E4M3": "f8_e4m3fn", "F8_E8M0": "f8_e8m0", "F4": "f4_e2m1"}
    with open(path, "rb") as f:
        got = {k: (codes.get(t["dtype"], t["dtype"].lower()), list(t["shape"]), bytes(t["data"])) for k, t in deserialize(f.read())}
    want(sorted(got) == sorted(t["name"] for t in ts), "names", list(got))
    for t in ts:
        dtype, shape, data = got[t["name"]]
        want((dtype, shape) == (t["dtype"], t["shape"]), t["name"], dtype, shape)
        if dtype in ("f4_e2m1", "f6_e2m3", "f6_e3m2"):
            continue  # each row begins with a byte in C order, and not in the file
        want(t["other"] or data == t["data"], "elements", t["name"])


def gguf(path, ts):
    from gguf import GGUFReader

    r = GGUFReader(path)
    ours = {t["name"]: t for t in ts}
    names = {t.name for t in r.tensors}
    # Long arrays among the keys are tensors here.
    want(names <= set(ours) and set(ours) - names <= set(r.fields), "names", names)
    for t in r.tensors:
        t2 = ours[t.name]
        shape = [int(n) for n in t.shape][::-1]
        want(shape == t2["shape"], "shape", shape, t2["shape"])
        if t2["other"]:
            continue
        if r.endianess.name == "BIG":
            raise Apart("big-endian")
        want(np.ascontiguousarray(t.data).tobytes() == t2["data"], "elements", t.name)


def hdf5(path, ts):
    import h5py

    apart = None
    with h5py.File(path, "r") as f:
        for t in ts:
            try:
                if t["name"] not in f and "." in t["name"]:
                    raise Apart("a field of records")
                d = f[t["name"]]
                if d.dtype.kind not in "biufc" or d.shape is None:
                    d.dtype, d.shape
                    raise Apart(f"dtype {d.dtype}")
                same(d[()], t)
            except Apart as e:
                apart = e
    if apart:
        raise apart


def mtx(path, ts):
    import scipy.io

    m = scipy.io.mmread(path, spmatrix=False)
    if ts[0]["other"]:
        want(list(m.shape) == ts[0]["shape"], "shape")
        raise Apart("large")
    if not isinstance(m, np.ndarray):
        m = m.toarray()
    x = array(ts[0])
    alike(m.astype(x.dtype) if x.dtype.kind == "b" else m, ts[0])


def picture(path):
    from PIL import Image

    return Image.open(path)


def png(path, ts):
    from PIL import Image

    im = picture(path)
    im.load()
    x = array(ts[0])
    if im.mode == "1" or x.dtype == bool:
        a = np.asarray(im.convert("L")) > 0 if x.dtype == bool else np.asarray(im)
    elif im.mode == "P" or "transparency" in im.info and im.mode != "I;16":
        if x.dtype != np.uint8:
            raise Apart("16 bits with a transparent colour")
        mode = {3: "RGB", 4: "RGBA", 2: "LA"}.get(x.shape[-1] if x.ndim == 3 else 1, "L")
        a = np.asarray(im.convert(mode))
    else:
        a = np.asarray(im)
    if x.dtype == np.uint16 and x.ndim == 3 and x.shape[-1] == 2:
        raise Apart("16 bits of grey and alpha")
    if x.dtype == np.uint16 and a.dtype == np.uint8:
        x = (x >> 8).astype(np.uint8)  # Pillow has 16 bits of grey alone
    want(a.shape == x.shape, "shape", a.shape, x.shape)
    want((a == x).all(), "elements", im.mode)


def shown(path, ts):
    """Pictures in channels that Pillow can be asked for."""
    from PIL import Image

    with open(path, "rb") as f:
        b = f.read()
    if b[:2] == b"P7":
        raise Apart("PAM")
    if b[:2] in (b"P2", b"P3", b"P5", b"P6"):
        words = [w for line in b.split(b"\n") for w in line.split(b"#")[0].split()]
        if words[3:4] != [b"255"]:
            raise Apart("another maximum than 255, to which Pillow scales")
    im = picture(path)
    x = array(ts[0])
    if x.dtype != np.uint8:
        if x.dtype == bool:
            a = np.asarray(im.convert("L")) > 127
            want(a.shape == x.shape and (a == x).all(), "elements", im.mode)
            return
        im.load()
        raise Apart(f"{x.dtype} and mode {im.mode}")
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[x.shape[-1]] if x.ndim == 3 else "L"
    a = np.asarray(im.convert(mode)).reshape(np.asarray(im.convert(mode)).shape)
    if x.ndim == 3 and x.shape[-1] == 1:
        x = x[..., 0]
    want(a.shape == x.shape, "shape", a.shape, x.shape)
    want((a == x).all(), "elements", im.mode)


def jpeg(path, ts):
    im = picture(path)
    a, x = np.asarray(im), array(ts[0])
    if im.mode == "CMYK":
        raise Apart("CMYK")
    want(a.shape == x.shape, "shape", a.shape, x.shape)
    want(np.abs(a.astype(int) - x).max(initial=0) <= 4, "elements", int(np.abs(a.astype(int) - x).max(initial=0)))


def gif(path, ts):
    from PIL import Image

    im = Image.open(path)
    x = array(ts[0])
    frames = []
    mode = {3: "RGB", 4: "RGBA"}.get(x.shape[-1]) if x.ndim >= 3 and x.shape[-1] in (3, 4) else "L"
    for i in range(im.n_frames):
        im.seek(i)
        frames.append(np.asarray(im.convert(mode)))
    a = frames[0] if len(frames) == 1 else np.stack(frames)
    want(a.shape == x.shape, "shape", a.shape, x.shape)
    if mode == "RGBA":
        want((a[..., 3] == x[..., 3]).all(), "alpha")
        a, x = a * (a[..., 3:] > 0), x * (x[..., 3:] > 0)
    want((a == x).all(), "elements", im.mode)


def tiff(path, ts):
    import tifffile

    x = array(ts[0])
    with tifffile.TiffFile(path) as f:
        page = f.pages[0]
        plain = page.photometric in (1, 2) and page.bitspersample >= 8 and "Orientation" not in page.tags
        if not plain or len(f.pages) > 1 or page.extrasamples and page.extrasamples[0] != 2 or page.compression not in (1, 8, 32946, 32773):
            raise Apart(f"photometric {page.photometric}, compression {page.compression}")
        if "StripByteCounts" not in page.tags and "TileByteCounts" not in page.tags:
            raise Apart("no sizes of strips, which tifffile then takes for one")
        a = page.asarray()
        if page.planarconfig == 2 and page.samplesperpixel > 1:
            a = np.moveaxis(a, 0, -1)
    if a.ndim == 3 and x.ndim == 2 and page.samplesperpixel > 1 and not page.extrasamples:
        a = a[..., 0]
    told = (3 if page.photometric == 2 else 1) + len(page.extrasamples)
    if a.ndim == 3 and x.ndim == 3 and page.samplesperpixel > x.shape[-1] == told:
        a = a[..., : x.shape[-1]]  # samples that nothing is said of are left out
    want(a.size == x.size, "shape", a.shape, x.shape)
    a = a.reshape(x.shape)
    want(a.dtype.newbyteorder("=") == x.dtype.newbyteorder("="), "dtype", a.dtype, x.dtype)
    want(np.array_equal(a, x, equal_nan=x.dtype.kind == "f"), "elements")


def sound(path, ts):
    import soundfile as sf

    read = {"PCM_U8": "int16", "PCM_S8": "int16", "PCM_16": "int16", "ALAW": "int16", "ULAW": "int16",
            "PCM_24": "int32", "PCM_32": "int32", "FLOAT": "float32", "DOUBLE": "float64"}
    info = sf.info(path)
    if info.subtype not in read:
        raise Apart(info.subtype)
    a, rate = sf.read(path, dtype=read[info.subtype], always_2d=True)
    if info.subtype == "PCM_U8":
        a = (a.astype(np.int32) // 256 + 128).astype(np.uint8)
    if info.subtype == "PCM_S8" and info.format != "FLAC":
        a = (a // 256).astype(np.int8)
    x = array(ts[0])
    if x.ndim == 1:
        x = x[:, None]
    if info.format == "FLAC":
        # Left-justified as libsndfile gives them, or by the bits of the stream.
        a, x = a.astype(np.int64), x.astype(np.int64)
        if a.shape == x.shape and not (a == x).all():
            for shift in range(1, 28):
                if (a == x << shift).all():
                    return
    want(a.shape == x.shape, "shape", a.shape, x.shape)
    if a.dtype.kind == "f":
        want(np.array_equal(a, x, equal_nan=True), "elements")
    else:
        want((a == x).all(), "elements", info.subtype)


def jsonl(path, ts):
    with open(path, "rb") as f:
        text = f.read().decode("utf-8-sig")
    rows = [json.loads(line) for line in text.split("\n") if line.strip(" \t\r")]
    for t in ts:
        want(not t["shape"] or t["name"].endswith(".valid") or t["shape"][0] == len(rows), "rows", len(rows), t["shape"])
    if rows and len(ts) == 1 and ts[0]["dtype"] in DTYPES and all(isinstance(r, (int, float, list)) for r in rows):
        return alike(np.array(rows, array(ts[0]).dtype), ts[0])
    if not rows or not all(isinstance(r, dict) for r in rows):
        raise Apart("rows that are no records and no numbers")
    for t in ts:
        if t["other"] or t["dtype"] not in DTYPES or "." in t["name"] or t["dtype"] == "bool":
            continue
        column = [r.get(t["name"]) for r in rows]
        if all(isinstance(v, (int, float)) for v in column):
            alike(np.array(column, array(t).dtype), t)


def csv(path, ts):
    import pandas

    with open(path, "rb") as f:
        head = f.read()
    frame = pandas.read_csv(path, header=None, sep=None, engine="python", skip_blank_lines=True)
    rows = {len(frame), len(frame) - 1}
    for t in ts:
        want(not t["shape"] or t["shape"][0] in rows, "rows", len(frame), t["shape"], head[:40])


def idx(path, ts):
    import gzip

    with open(path, "rb") as f:
        b = f.read()
    if b[:2] == b"\x1f\x8b":
        b = gzip.decompress(b)
    codes = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
    rank = b[3]
    shape = np.frombuffer(b, ">u4", rank, 4).astype(int)
    n = int(np.prod(shape))
    a = np.frombuffer(b, codes[b[2]], n, 4 + 4 * rank).reshape(shape)
    same(a, ts[0])


READERS = {"npy": npy, "npz": npz, "safetensors": safetensors, "gguf": gguf, "hdf5": hdf5, "mtx": mtx, "png": png, "bmp": shown, "pnm": shown,
           "webp": shown, "jpeg": jpeg, "gif": gif, "tiff": tiff, "wav": sound, "aiff": sound, "flac": sound, "jsonl": jsonl, "csv": csv, "idx": idx}


def main():
    form, where, first = sys.argv[1], sys.argv[2], int(sys.argv[3])
    paths = {int(os.path.basename(p).split(".")[0]): p for p in glob.glob(os.path.join(where, "*.*")) if not p.endswith((".json", ".bin"))}
    for n in sorted(paths):
        if n < first:
            continue
        with open(os.path.join(where, f"{n}.json")) as f:
            ts = json.load(f)
        with open(os.path.join(where, f"{n}.bin"), "rb") as f:
            for t in ts:
                t["data"] = f.read(t["bytes"])
        try:
            READERS[form](paths[n], ts)
            verdict = "equal"
        except Apart as e:
            verdict = "apart " + str(e)
        except Differs as e:
            verdict = "differs " + " ".join(str(x) for x in e.args)
        except Exception as e:
            verdict = f"refused {type(e).__name__}: {e}"
        print(n, " ".join(verdict.split())[:300], flush=True)


main()

"""The peers in Python: one operation a line of JSON, its time by the clock of
this process as the answer. What an operation needs is made before, and kept.

An operation is a function that returns what is timed, and maybe what is done
before and at the end, and what shows the outcome, if that is not what the timed
function returns."""

import ctypes
import importlib
import itertools
import json
import math
import os
import sys
import time
import warnings

import numpy as np

made = {}


def keep(key, make):
    if key not in made:
        made[key] = make()
    return made[key]


def ones(n):
    return keep(("ones", n), lambda: np.ones(n, np.uint8))


def warm(shape, dtype, slot=0):
    """Memory for a result whose pages are there."""
    return keep((shape, str(dtype), slot), lambda: np.ones(shape, dtype))


def memcpy(n):
    """The unit of all ratios: one thread, libc, warm buffers."""
    a, b = ones(n), warm((n,), np.uint8, 1)
    src, dst = a.ctypes.data, b.ctypes.data
    return lambda: ctypes.memmove(dst, src, n)


def npz_names(path):
    return lambda: np.load(path).files


def npz_all(path):
    def run():
        with np.load(path) as z:
            return [z[name] for name in z.files]

    return run


def npz_make(path, source):
    arrays = keep(("arrays", source), lambda: small(source))

    def run():
        np.savez(path, **arrays)

    return run


def npz_write(path, source):
    return npz_make(path, source), lambda: remove(path), npz_all(path)


def remove(path):
    if os.path.exists(path):
        os.remove(path)


def floats(path):
    return keep(("file", path), lambda: np.load(path))


def save(path, source):
    a = floats(source)
    return lambda: np.save(path, a), lambda: remove(path), lambda: np.load(path)


def load(path):
    return lambda: np.load(path)


def h5_into(path, source):
    """A contiguous dataset read into memory whose pages are there."""
    import h5py

    if not os.path.exists(path):
        with h5py.File(path, "w") as f:
            f["weights"] = floats(source)
    out = warm(floats(source).shape, floats(source).dtype, 6)

    def run():
        with h5py.File(path, "r") as f:
            f["weights"].read_direct(out)
        return out

    return run


def h5_make(path, form, n):
    """Many small datasets, or one of n bytes: values of a field, to a tenth."""
    import h5py

    def run():
        with h5py.File(path, "w") as f:
            if form == "small":
                for i in range(n):
                    f[f"layer.{i}.weight"] = np.full(16, i, np.float32)
                return
            a = np.random.default_rng(3).normal(size=(n // 4096, 1024)).astype(np.float32).round(1)
            o = {"deflate": {"shuffle": True, "compression": "gzip"}, "lzf": {"shuffle": True, "compression": "lzf"}}.get(form, {})
            f.create_dataset("x", data=a, chunks=(256, 1024) if o else None, **o)

    return run


def h5_list(path):
    import h5py

    def run():
        with h5py.File(path, "r") as f:
            return [(n, (d.dtype, d.shape)[1]) for n, d in f.items()]

    return run


def h5_read(path, rows):
    import h5py

    out = warm((rows, 1024), np.float32, 8)

    def run():
        with h5py.File(path, "r") as f:
            f["x"].read_direct(out)
        return out

    return run


def h5_column(path):
    """A chunk is in the cache of the library, as it is one of 1 MiB, if it fits."""
    import h5py

    f = keep(("h5", path), lambda: h5py.File(path, "r", rdcc_nbytes=0))
    return lambda: f["x"][100:200, 7]


def sqlite_read(path):
    """Rows go to an array as fast as NumPy takes them, then to columns."""
    import sqlite3

    def run():
        db = sqlite3.connect(path)
        a = np.fromiter(db.execute("SELECT n, x FROM tensors"), np.dtype([("n", "i8"), ("x", "f8")]))
        db.close()
        return np.ascontiguousarray(a["n"]), np.ascontiguousarray(a["x"])

    return run


def sqlite_write(source, path):
    import sqlite3

    db = sqlite3.connect(source)
    a = np.fromiter(db.execute("SELECT n, x FROM tensors"), np.dtype([("n", "i8"), ("x", "f8")]))
    db.close()

    def run():
        db = sqlite3.connect(path)
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA journal_mode = MEMORY")
        db.execute("CREATE TABLE tensors (n INTEGER, x REAL)")
        db.executemany("INSERT INTO tensors VALUES (?, ?)", zip(a["n"].tolist(), a["x"].tolist()))
        db.commit()
        db.close()

    return run, lambda: remove(path), sqlite_read(path)


def text_lines(path):
    def run():
        with open(path, encoding="utf-8", newline="\n") as f:
            return f.read().split("\n")

    return run, None, lambda: np.frombuffer("\n".join(run()).encode(), np.uint8)


def load_save(source, path):
    return lambda: np.save(path, np.load(source)), lambda: remove(path), lambda: np.load(path)


def load_half(source, path):
    return lambda: np.save(path, np.load(source, mmap_mode="r").astype(np.float16)), lambda: remove(path), lambda: np.load(path)


def load_turned(source, path):
    def run():
        a = np.load(source, mmap_mode="r")
        np.save(path, np.ascontiguousarray(a.reshape(-1, 1024, a.shape[1]).transpose(0, 2, 1)))

    return run, lambda: remove(path), lambda: np.load(path)


def mmap_open(path):
    return lambda: np.load(path, mmap_mode="r")


def mmap_sum(path):
    return lambda: np.load(path, mmap_mode="r").sum(dtype=np.float32)


def named(name):
    """A dtype of NumPy or ml_dtypes."""
    if name.startswith(("bfloat", "float8_", "float6_", "float4_", "int4", "uint4")):
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def into(out, a):
    """a written over out, the fastest way to memory whose pages are there."""

    def run():
        np.copyto(out, a, casting="unsafe")
        return out

    return run


def cast(source, target, n, path):
    """n elements of a .npy file of weights, or of a file of bytes."""
    def make():
        if source == "uint8":
            return np.fromfile(path, np.uint8, n)
        return floats(path).reshape(-1)[:n].astype(named(source))

    return into(warm((n,), named(target)), keep(("cast", source, n), make))


def made_of(shape, dtype):
    """The source of tensor.go's made: bytes that count in steps of 256."""

    n = math.prod(shape) * np.dtype(dtype).itemsize
    if len(made.get("made", ())) < n:  # others are views of the longest
        made["made"] = np.repeat((np.arange(-(-n // 256)) & 255).astype(np.uint8), 256)
    return made["made"][:n].view(dtype).reshape(shape)


def pair(source, target, n):
    """Random bits of one type to another."""

    def make():
        kept.clear()  # one source at a time is enough
        d = named(source)
        b = np.random.default_rng(1).integers(0, 256, n * d.itemsize, np.uint8)
        bits = {"bool": 1, "int4": 4, "uint4": 4, "float4_e2m1fn": 4, "float6_e2m3fn": 6, "float6_e3m2fn": 6}.get(source, 8)
        return (b & (1 << bits) - 1).view(d)

    key = (source, n)
    a = kept[key] if key in kept else kept.setdefault(key, make())
    out = warm((n * named(target).itemsize,), np.uint8, 7).view(named(target))

    def run():
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.copyto(out, a, casting="unsafe")

    return run


kept = {}


def permute(shape, axes, dtype):
    a = made_of(shape, dtype)
    return into(warm(tuple(shape[i] for i in axes), np.dtype(dtype), 3), a.transpose(axes))


def step(n, k, dtype):
    return into(warm((n,), np.dtype(dtype), 5), made_of((n * k,), dtype)[::k])


def rearranged(pattern, sizes, shape, dtype):
    from einops import rearrange

    a = made_of(shape, dtype)
    return lambda: rearrange(a, pattern, **(sizes or {}))


def pad(images, mode):
    a = made_of((images, 3, 224, 224), "float32")
    return lambda: np.pad(a, ((0, 0), (0, 0), (3, 3), (3, 3)), mode)


def of_file(path, shape):
    """The first elements of a .npy file, in another shape."""
    return floats(path).reshape(-1)[: math.prod(shape)].reshape(shape)


def block_mean(path, side, pixels):
    a = of_file(path, (side, side)).reshape(pixels, side // pixels, pixels, side // pixels)
    return lambda: a.mean((1, 3))


def envelope(path, n, columns):
    a = of_file(path, (n,)).reshape(columns, -1)
    return lambda: np.stack([a.min(1), a.max(1)])


def windows_sum(path, high, wide):
    a = of_file(path, (high, wide))
    return lambda: np.lib.stride_tricks.sliding_window_view(a, (3, 3)).sum((2, 3))


def conv2d(impl, path, shape, filters):
    """The same size as the input, zeros around it."""
    from scipy import ndimage, signal

    a, w = of_file(path, shape), of_file(path, filters)
    if impl == "ndimage":
        out = warm(tuple(shape[1:]), np.dtype("float32"), 3)
        return lambda: ndimage.correlate(a[0], w[0, 0], out, mode="constant")[None]
    if impl == "fftconvolve":
        return lambda: signal.fftconvolve(a[0], w[0, 0, ::-1, ::-1], "same")[None]

    def run():
        p = np.pad(a, ((0, 0), (1, 1), (1, 1)))
        col = np.lib.stride_tricks.sliding_window_view(p, (3, 3), (1, 2)).transpose(0, 3, 4, 1, 2)
        return (w.reshape(len(w), -1) @ col.reshape(w[0].size, -1)).reshape(len(w), *a.shape[1:])

    return run


# Codecs: data of a file, encoded and decoded in memory by two threads where the peer has them. What was
# encoded stays for the decoder; its ratio goes with the answer.

THREADS = 2
CHUNK = 1 << 20
extra = {}
counter = itertools.count()


def blosc(a, level, codec):
    import blosc2

    blosc2.set_nthreads(THREADS)
    params = dict(typesize=a.itemsize, clevel=level, codec=getattr(blosc2.Codec, codec), filters=[blosc2.Filter.SHUFFLE], filters_meta=[0], nthreads=THREADS)
    b = a.tobytes()

    def decode(parts, out):
        for i, p in enumerate(parts):
            blosc2.decompress2(p, dst=out[i * CHUNK:(i + 1) * CHUNK], nthreads=THREADS)

    return lambda: [blosc2.compress2(b[i:i + CHUNK], **params) for i in range(0, len(b), CHUNK)], decode


def zstd(a, level):
    import zstandard
    from concurrent.futures import ThreadPoolExecutor

    b, pool = memoryview(a.tobytes()), ThreadPoolExecutor(THREADS)

    def decode(parts, out):
        def one(i):
            out[i * CHUNK:(i + 1) * CHUNK] = np.frombuffer(zstandard.ZstdDecompressor().decompress(parts[i]), np.uint8)

        list(pool.map(one, range(len(parts))))

    return lambda: list(pool.map(lambda i: zstandard.ZstdCompressor(level).compress(b[i:i + CHUNK]), range(0, len(b), CHUNK))), decode


def zip_nn(a):
    import zipnn

    z = zipnn.ZipNN(input_format="byte", bytearray_dtype={"uint16": "bfloat16"}.get(str(a.dtype), str(a.dtype)), threads=THREADS)
    b = a.tobytes()

    def decode(parts, out):
        out[:] = np.frombuffer(z.decompress(parts[0]), np.uint8)

    return lambda: [z.compress(bytearray(b))], decode


def hdf5(a):
    import h5py

    def encode():
        f = h5py.File(f"bench{next(counter)}", "w", driver="core", backing_store=False)
        f.create_dataset("x", data=a, chunks=True, compression="gzip", shuffle=True)
        return f

    def decode(f, out):
        f["x"].read_direct(out.view(a.dtype).reshape(a.shape))

    return encode, decode


def zarr3(a):
    import zarr

    def encode():
        z = zarr.create_array(zarr.storage.MemoryStore(), shape=a.shape, dtype=a.dtype)
        z[:] = a
        return z

    def decode(z, out):
        out[:] = z[:].reshape(-1).view(np.uint8)

    return encode, decode


def stored(x):
    if isinstance(x, list):
        return sum(map(len, x))
    return x["x"].id.get_storage_size() if hasattr(x, "driver") else x.nbytes_stored()


def codec(op, impl, path, dtype, shape, *args):
    a = keep(("codec", path), lambda: np.fromfile(path, np.dtype(dtype)).reshape(shape))
    encode, decode = keep(("codec", path, impl, *args), lambda: globals()[impl](a, *args))
    parts = keep(("coded", path, impl, *args), encode)
    extra["Ratio"] = a.nbytes / stored(parts)
    if op == "encode":
        return encode
    out = warm((a.nbytes,), np.uint8, 6)
    out[:] = 0
    decode(parts, out)
    if not np.array_equal(out, a.reshape(-1).view(np.uint8)):
        raise ValueError(impl + " gave other bytes back")
    return lambda: decode(parts, out)


def scipy_matrix(path, side, n):
    """The matrix of sparse_matrix.go, whose parts lie one behind the other in a file."""
    import scipy.sparse as sp

    def make():
        with open(path, "rb") as f:
            indptr, indices = np.fromfile(f, np.int32, side + 1), np.fromfile(f, np.int32, n)
            return sp.csr_array((np.fromfile(f, np.float64), indices, indptr), shape=(side, side))

    return keep(("matrix", path), make)


def matrix_npz(op, path, side, n):
    """save_npz and load_npz, compressed, in memory."""
    import io
    import scipy.sparse as sp

    a = scipy_matrix(path, side, n)
    raw = a.data.nbytes + a.indices.nbytes + a.indptr.nbytes

    def encode():
        out = io.BytesIO()
        sp.save_npz(out, a, compressed=True)
        return out.getvalue()

    packed = keep(("matrix_npz", path), encode)
    extra["Ratio"] = raw / len(packed)
    load = lambda: sp.load_npz(io.BytesIO(packed))
    return (encode, None, load) if op == "encode" else load


def matrix(op, path, side, n):
    import scipy.sparse as sp

    a = scipy_matrix(path, side, n)
    if op == "csr-to-csc":
        return a.tocsc
    if op == "csr-to-coo":
        return a.tocoo
    if op == "coo-to-csr":
        c = keep(("coo", path), lambda: a.tocsc().tocoo())
        return lambda: sp.coo_array((c.data, (c.row, c.col)), shape=c.shape).tocsr()
    x = keep(("vector", side), lambda: np.arange(side) / side)
    return lambda: a @ x


def read_table(impl, path, header, workers):
    """A table of text as arrays. NumPy and json use one thread, pandas as many as
    it is told."""
    if impl == "json":
        import json as parser

        def run():
            with open(path, "rb") as f:
                return np.array([parser.loads(line) for line in f])

        return run
    if impl == "numpy":
        return lambda: np.loadtxt(path, delimiter=",")
    import pandas as pd
    pd.set_option("mode.max_threads", workers)
    run = lambda: pd.read_csv(path, engine="c", header="infer" if header else None)
    return run, None, lambda: run().select_dtypes("number").to_numpy(np.float64)


def market_read(path):
    import scipy.io
    run = lambda: scipy.io.mmread(path)
    return run, None, lambda: run().tocsr()


def market_write(path):
    import io
    import scipy.io
    a = keep(("market", path), lambda: scipy.io.mmread(path))
    def run():
        out = io.BytesIO()
        scipy.io.mmwrite(out, a)
        return out

    return run, None, lambda: scipy.io.mmread(io.BytesIO(run().getvalue())).tocsr()


def pillow_resize(path, height, width, to_height, to_width, name):
    from PIL import Image

    a = keep(("image", height, width), lambda: Image.fromarray(np.fromfile(path, np.uint8).reshape(height, width, 3)))
    a.load()
    method = getattr(Image.Resampling, name.upper())
    return lambda: a.resize((to_width, to_height), method)


def pillow_decode(path):
    from PIL import Image
    return lambda: np.asarray(Image.open(path))


def pillow_encode(path, format):
    import io
    from PIL import Image

    a = keep(("photograph", path), lambda: Image.open(path))
    a.load()

    def run():
        out = io.BytesIO()
        a.save(out, format, quality=90)
        extra["Ratio"] = a.width * a.height * 3 / out.tell()
        return out

    return run, None, lambda: np.asarray(Image.open(run()))


def pillow_folder(folder, path, side, workers):
    """The JPEG files of a folder as one array, in memory, and then in a file."""
    import concurrent.futures
    import pathlib
    from PIL import Image
    names = sorted(pathlib.Path(folder).iterdir())
    out = np.empty((len(names), side, side, 3), np.uint8)

    def one(i):
        with Image.open(names[i]) as img:
            out[i] = img.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)

    def run():
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(one, range(len(names))):
                pass
        np.save(path, out)
        return out

    return run


def resample_poly(path, up, down, quality):
    """With SciPy's own filter, or with one of transform/audio."""
    from scipy import signal

    x = keep(("samples", path), lambda: np.fromfile(path, np.float32))
    if quality == "default":
        return lambda: signal.resample_poly(x, up, down)
    passes, db = {"good": (0.90, 102), "fast": (0.80, 62), "best": (0.95, 145)}[quality]
    nyquist = 1 / max(up, down)
    half = math.ceil((db - 7.95) / (2.285 * math.pi * (1 - passes) * nyquist) / 2)
    h = signal.firwin(2 * half + 1, (1 + passes) / 2 * nyquist, window=("kaiser", 0.1102 * (db - 8.7)))
    return lambda: signal.resample_poly(x, up, down, window=h)


def sound_read(path):
    import soundfile
    return lambda: soundfile.read(path, dtype="int16")[0]


def sound_write(path, source):
    """At the level that the library has when it is told none, 5."""
    import soundfile
    x, rate = keep(("sound", source), lambda: soundfile.read(source, dtype="int16"))
    return lambda: soundfile.write(path, x, rate), lambda: remove(path), sound_read(path)


def sound_make(path, source):
    import soundfile
    x, rate = keep(("sound", source), lambda: soundfile.read(source, dtype="int16"))
    return lambda: soundfile.write(path, x, rate, bitrate_mode="CONSTANT", compression_level=0.6)


def batches(impl, path, batch, shuffle, f32):
    """An epoch of batches, made ahead by two workers; nothing is done to them."""
    a = keep(("images", path), lambda: np.load(path, mmap_mode="r"))
    return {"numpy-pool": pool_batches, "torch": torch_batches, "tf.data": tf_batches}[impl](a, batch, shuffle, f32)


def pool_batches(a, batch, shuffle, f32):
    from collections import deque
    from concurrent.futures import ThreadPoolExecutor

    pool = keep(("pool",), lambda: ThreadPoolExecutor(THREADS))
    ahead = 5
    shape = (batch, a.shape[3], *a.shape[1:3]) if f32 else (batch, *a.shape[1:])
    outs = [warm(shape, np.dtype("float32" if f32 else "uint8"), ("batch", i)) for i in range(ahead + 1)]
    staged = [warm((batch, *a.shape[1:]), np.uint8, ("stage", i)) for i in range(ahead + 1)]
    rng = np.random.default_rng(1)

    def make(k, samples):
        out = (staged if f32 else outs)[k][: len(samples)]
        if shuffle:
            np.take(a, samples, 0, out, "clip")
        else:
            np.copyto(out, a[samples[0] : samples[-1] + 1])
        if f32:
            np.multiply(out.transpose(0, 3, 1, 2), np.float32(1 / 255), outs[k][: len(samples)], dtype=np.float32)

    def run():
        order = rng.permutation(len(a)) if shuffle else np.arange(len(a))
        ready = deque()
        for i in range(0, len(a), batch):
            if len(ready) == ahead:
                ready.popleft().result()
            ready.append(pool.submit(make, i // batch % (ahead + 1), order[i : i + batch]))
        for r in ready:
            r.result()

    return run


def torch_batches(a, batch, shuffle, f32):
    """The usual data set of single images and the usual loader."""
    import torch

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(a)

        def __getitem__(self, i):
            x = torch.from_numpy(np.array(a[i]))
            return x.permute(2, 0, 1).to(torch.float32) / 255 if f32 else x

    loader = keep(("torch", a.shape, batch, shuffle, f32), lambda: torch.utils.data.DataLoader(
        Images(), batch_size=batch, shuffle=shuffle, num_workers=THREADS, persistent_workers=True, multiprocessing_context="fork"))

    def run():
        for _ in loader:
            pass

    return run


def tf_batches(a, batch, shuffle, f32):
    import tensorflow as tf

    def make():
        d = tf.data.Dataset.range(len(a))
        if shuffle:
            d = d.shuffle(len(a), seed=1)
        x = tf.constant(np.asarray(a))
        d = d.batch(batch)
        if f32:
            def one(i):
                return tf.transpose(tf.cast(tf.gather(x, i), tf.float32) / 255, (0, 3, 1, 2))
        else:
            def one(i):
                return tf.gather(x, i)
        return d.map(one, num_parallel_calls=THREADS).prefetch(5)

    d = keep(("tf", a.shape, batch, shuffle, f32), make)

    def run():
        for _ in d:
            pass

    return run


def dequantise(scheme, rows, columns, target):
    """Values a byte each: NumPy has none of 4 bits packed."""
    kind, group = {"i8:axis=0": ("int8", columns), "i4:group=32": ("int8", 32), "u4:group=128": ("uint8", 128),
                   "mxfp8_e4m3": ("float8_e4m3fn", 32), "mxfp4": ("float4_e2m1fn", 32)}[scheme]
    r = np.random.default_rng(1)
    codes = r.integers(0, 256 if kind in ("int8", "float8_e4m3fn") else 16, (rows * columns // group, group), np.uint8)
    values = codes.view(named(kind))
    scales = r.standard_normal((len(values), 1), np.float32)
    zeros = r.integers(0, 16, (len(values), 1), np.uint8).astype(np.float32) if kind == "uint8" else None
    out = warm(values.shape, np.float32)
    other = warm(values.shape, named("bfloat16"), 1) if target == "bf16" else None

    def run():
        with np.errstate(all="ignore"):
            np.copyto(out, values, casting="unsafe")
            if zeros is not None:
                np.subtract(out, zeros, out=out)
            np.multiply(out, scales, out=out)
            if other is not None:
                np.copyto(other, out, casting="unsafe")

    return run


def safetensors_names(path):
    from safetensors import safe_open

    def run():
        with safe_open(path, "np") as f:
            return list(f.keys())

    return run


def safetensors_list(path):
    from safetensors import safe_open

    def run():
        with safe_open(path, "np") as f:
            all = []
            for name in f.keys():
                x = f.get_slice(name)
                x.get_dtype()
                all.append((name, x.get_shape()))
            return all

    return run


def gguf_open(path):
    from gguf import GGUFReader

    return lambda: [x.name for x in GGUFReader(path).tensors]


def gguf_dequantise(path, kind, rows, stored):
    from gguf import GGMLQuantizationType, quants

    blocks = keep(("blocks", kind, rows), lambda: np.fromfile(path, np.uint8, rows * stored).reshape(rows, stored))

    def run():
        with np.errstate(all="ignore"):
            return quants.dequantize(blocks, GGMLQuantizationType[kind])

    return run


def torch_make(path, n):
    import torch

    def run():
        torch.save({f"layer.{i}.weight": torch.full((16,), float(i)) for i in range(n)}, path)

    return run


def torch_load(path):
    import torch

    return lambda: torch.load(path, mmap=True, weights_only=True)


def versions():
    import importlib.metadata

    all = {"Python": sys.version.split()[0]}
    for name in ["numpy", "scipy", "h5py", "zarr", "blosc2", "tensorstore", "safetensors", "ztensor", "zipnn", "gguf", "einops", "zstandard", "pandas", "pillow", "soundfile", "torch", "tensorflow"]:
        try:
            importlib.import_module({"pillow": "PIL"}.get(name, name))
            all[name] = importlib.metadata.version(name)
        except Exception as e:
            all[name] = f"not here: {e!r}"
    extra["Versions"] = all
    return lambda: None


def arrays(r):
    """The arrays of a result, whatever holds it."""
    if hasattr(r, "indptr"):
        return [r.indptr, r.indices, r.data]
    if hasattr(r, "row") and hasattr(r, "col"):
        return [np.stack((r.row, r.col), 1), r.data]
    if isinstance(r, (tuple, list)):
        return [x for part in r for x in arrays(part)]
    return [np.asarray(r)]


def differs(r, want):
    """In which way a result is not what is wanted, "" if in none."""
    if "list" in want:
        names = dict(x if isinstance(x, (tuple, list)) else (x, None) for x in r)
        if names.keys() != want["list"].keys():
            return f"{len(names)} names, {len(want['list'])} wanted"
        for name, shape in names.items():
            if shape is not None and want["list"][name] is not None and list(shape) != (want["list"][name] or []):
                return f"{name} has shape {shape}, {want['list'][name]} is wanted"
        return ""
    got = arrays(r)
    if len(got) != len(want["arrays"]):
        return f"{len(got)} arrays, {len(want['arrays'])} wanted"
    for i, (a, w) in enumerate(zip(got, want["arrays"])):
        shape = tuple(w["shape"] or ())
        if a.shape != shape:
            return f"array {i} has shape {a.shape}, {shape} is wanted"
        if want["loose"]:
            b = np.fromfile(w["path"], w["dtype"]).reshape(shape).astype(np.float64)
            with np.errstate(all="ignore"):
                far = np.abs(np.asarray(a, np.float64) - b)
            top = np.max(np.abs(b), initial=0, where=np.isfinite(b))
            if not np.array_equal(np.isnan(a), np.isnan(b)) or np.max(far, initial=0, where=np.isfinite(b) & np.isfinite(far)) > want["loose"] * top:
                return f"array {i} is up to {np.nanmax(far) / top:.2g} of the largest element away"
        else:
            a = np.ascontiguousarray(a).reshape(-1).view(np.uint8)
            b = np.fromfile(w["path"], np.uint8)
            if not np.array_equal(a, b):
                if a.size != b.size:
                    return f"array {i} ({got[i].dtype}) has {a.size} bytes, {b.size} are wanted"
                at = int(np.argmax(a != b))
                return f"array {i} ({got[i].dtype}): {np.count_nonzero(a != b)} of {a.size} bytes, the first at {at}"
    return ""


for line in sys.stdin:
    extra.clear()
    try:
        m = json.loads(line)
        run = globals()[m["op"]](*m["args"])
        run, clean, look = (*run, None, None)[:3] if isinstance(run, tuple) else (run, None, None)
        total = 0
        for _ in range(2 if clean else 0):  # outside the clock, as fresh does in save.go
            clean()
            run()
        for _ in range(m["n"]):
            if clean:
                clean()
            begin = time.perf_counter_ns()
            r = run()
            total += time.perf_counter_ns() - begin
            if "want" in m:
                extra["Differs"] = differs(look() if look else r, m["want"])
            del r
        if clean:
            clean()
        answer = {"NS": total, **extra}
    except Exception as e:  # the other side reports it
        answer = {"Error": repr(e)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()

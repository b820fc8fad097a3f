"""Measures opening, viewing and reading from Python beside NumPy, safetensors, h5py and zarr, in one run:

    python bench.py [--size MIB] [--rounds N] [--tool bin/tensorfile]

Rounds are interleaved: each measures every reader once, in turn. Printed are the median and the least time, and the
ratio of the median to that of tensorfile. With a tool, its decoding is measured beside that of Python. Files are in
the page cache. Peers that are not installed are left out."""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import numpy as np

import tensorfile

try:
    import safetensors.numpy
except ImportError:
    safetensors = None
try:
    import h5py
except ImportError:
    h5py = None
try:
    import zarr
except ImportError:
    zarr = None


def measure(title, cases, rounds, per=1, unit=1e6, name="us"):
    """Times of cases by name, interleaved, after a round that does not count."""
    times = {k: [] for k in cases}
    for i in range(rounds + 1):
        for k, fn in cases.items():
            t = time.perf_counter()
            fn()
            t = time.perf_counter() - t
            if i:
                times[k].append(t / per * unit)
    ours = statistics.median(times["tensorfile"])
    print("\n%s (%s)" % (title, name))
    for k, x in times.items():
        m = statistics.median(x)
        print("  %-28s median %10.2f  least %10.2f  %6.2fx" % (k, m, min(x), m / ours))


def one_large(folder, a, rounds):
    p = lambda name: os.path.join(folder, name)  # noqa: E731
    np.save(p("a.npy"), a)
    tensorfile.save(p("a.tensor"), {"a": a})
    cases = {
        "tensorfile": lambda: close(tensorfile.open(p("a.tensor")), lambda f: f["a"][...]),
        "numpy.load(mmap_mode='r')": lambda: np.load(p("a.npy"), mmap_mode="r"),
    }
    reads = {
        "tensorfile": lambda: close(tensorfile.open(p("a.tensor")), lambda f: f["a"].read()),
        "numpy.load": lambda: np.load(p("a.npy")),
    }
    out = np.empty_like(a)
    into = {"tensorfile": lambda: close(tensorfile.open(p("a.tensor")), lambda f: f["a"].read(out=out))}
    cut = np.s_[:: 7, 3:50]
    slices = {
        "tensorfile": lambda: close(tensorfile.open(p("a.tensor")), lambda f: f["a"].read(cut)),
        "numpy.load(mmap_mode='r')": lambda: np.array(np.load(p("a.npy"), mmap_mode="r")[cut]),
    }
    if safetensors:
        safetensors.numpy.save_file({"a": a}, p("a.safetensors"))
        cases["safetensors get_slice[0]"] = lambda: one_row(p("a.safetensors"))
        reads["safetensors load_file"] = lambda: safetensors.numpy.load_file(p("a.safetensors"))
    if h5py:
        with h5py.File(p("a.h5"), "w") as f:
            f["a"] = a
        cases["h5py [0]"] = lambda: close(h5py.File(p("a.h5")), lambda f: f["a"][0])
        reads["h5py [...]"] = lambda: close(h5py.File(p("a.h5")), lambda f: f["a"][...])
        into["h5py read_direct"] = lambda: close(h5py.File(p("a.h5")), lambda f: f["a"].read_direct(out))
        slices["h5py"] = lambda: close(h5py.File(p("a.h5")), lambda f: f["a"][cut])
    if zarr:
        zarr.create_array(p("a.zarr"), data=a, compressors=None, overwrite=True)
        cases["zarr [0]"] = lambda: zarr.open_array(p("a.zarr"), mode="r")[0]
        reads["zarr [...]"] = lambda: zarr.open_array(p("a.zarr"), mode="r")[...]
        slices["zarr"] = lambda: zarr.open_array(p("a.zarr"), mode="r")[cut]
    mib = a.nbytes >> 20
    measure("open, one view, close: %d MiB" % mib, cases, max(rounds, 30))
    measure("all elements into new memory: %d MiB" % mib, reads, rounds, unit=1e3, name="ms")
    measure("all elements into memory that is there: %d MiB" % mib, into, rounds, unit=1e3, name="ms")
    measure("[::7, 3:50] of plain bytes, copied: %d MiB" % mib, slices, rounds, unit=1e3, name="ms")


def one_row(path):
    with safetensors.safe_open(path, framework="np") as f:
        f.get_slice("a")[0:1]


def close(f, fn):
    with f:
        return fn(f)


def many_small(folder, n, rounds):
    p = lambda name: os.path.join(folder, name)  # noqa: E731
    tensors = {"layers.%05d.weight" % i: np.full((3, 4), i, "f4") for i in range(n)}
    tensorfile.save(p("m.tensor"), tensors)
    cases = {"tensorfile": lambda: close(tensorfile.open(p("m.tensor")), lambda f: [t[...] for t in f.values()])}
    if safetensors:
        safetensors.numpy.save_file(tensors, p("m.safetensors"))
        cases["safetensors load_file"] = lambda: safetensors.numpy.load_file(p("m.safetensors"))
    if h5py:
        with h5py.File(p("m.h5"), "w") as f:
            for k, v in tensors.items():
                f[k] = v
        cases["h5py"] = lambda: close(h5py.File(p("m.h5")), lambda f: [d[...] for d in f.values()])
    measure("open, a view of each of %d tensors, close: a tensor" % n, cases, rounds, per=n)
    f = tensorfile.open(p("m.tensor"))
    names = list(f)
    measure("a view by name in an open file", {"tensorfile": lambda: [f[k][...] for k in names]}, rounds, per=n)
    f = tensorfile.open(p("m.tensor"))
    t = f[names[7]]
    measure("a view of an open tensor", {"tensorfile": lambda: [t[...] for _ in range(1000)]}, rounds, per=1000)


def compressed(folder, rounds, tool, mib):
    """Smooth rows, which every codec makes smaller; the codec of each library that is nearest to zstd 1 with a shuffle."""
    p = lambda name: os.path.join(folder, name)  # noqa: E731
    rng = np.random.default_rng(1)
    a = np.cumsum(rng.standard_normal((mib * 128, 2048)).astype("f4"), axis=1, dtype="f4")
    tensorfile.save(p("c.tensor"), {"a": a}, codec="shuffle|zstd:1", chunks=(128, 2048))
    f = tensorfile.open(p("c.tensor"))
    cases = {"tensorfile": lambda: f["a"][...]}
    out = np.empty_like(a)
    into = {"tensorfile": lambda: f["a"].read(out=out)}
    part = {"tensorfile": lambda: f["a"][1000:1010, ::3]}
    if h5py:
        with h5py.File(p("c.h5"), "w") as g:
            g.create_dataset("a", data=a, chunks=(128, 2048), compression="gzip", compression_opts=1, shuffle=True)
        h = h5py.File(p("c.h5"))
        cases["h5py gzip 1, shuffle"] = lambda: h["a"][...]
        into["h5py gzip 1, shuffle"] = lambda: h["a"].read_direct(out)
        part["h5py gzip 1, shuffle"] = lambda: h["a"][1000:1010, ::3]
    if zarr:
        codec = zarr.codecs.BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")
        z = zarr.create_array(p("c.zarr"), data=a, chunks=(128, 2048), compressors=codec, overwrite=True)
        cases["zarr blosc zstd 1, shuffle"] = lambda: z[...]
        part["zarr blosc zstd 1, shuffle"] = lambda: z[1000:1010, ::3]
    measure("%d MiB in chunks into new memory" % mib, cases, rounds, unit=1e3, name="ms")
    measure("%d MiB in chunks into memory that is there" % mib, into, rounds, unit=1e3, name="ms")
    measure("[1000:1010, ::3] of chunks", part, max(rounds, 20))
    if tool:
        beside_go(f["a"], out, p("c.tensor"), tool, rounds)


def beside_go(t, out, path, tool, rounds):
    """The tool's bench, which reads the same tensor into memory that is there by the same engine, and Python in turn."""
    ratios = []
    for _ in range(rounds):
        times = []
        for _ in range(9):
            b = time.perf_counter()
            t.read(out=out)
            times.append(time.perf_counter() - b)
        p = subprocess.run([tool, "bench", path, "--codec", "lz4", "--size", "1MiB", "--time", "400ms", "--json"], capture_output=True, text=True, check=True)
        (row,) = [r for r in json.loads(p.stdout)["rows"] if r["op"] == "read"]
        ratios.append(row["ns"] / 1e9 / statistics.median(times))
    print("\nchunks into memory that is there: speed of Python by that of Go")
    print("  median %.3f, from %.3f to %.3f" % (statistics.median(ratios), min(ratios), max(ratios)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tensors", type=int, default=10000)
    parser.add_argument("--tool")
    o = parser.parse_args()
    print("load %.1f %.1f %.1f, %d processors" % (*os.getloadavg(), os.cpu_count() or 0))
    with tempfile.TemporaryDirectory() as folder:
        a = np.random.default_rng(1).standard_normal((o.size * 256, 1024)).astype("f4")
        one_large(folder, a, o.rounds)
        del a
        many_small(folder, o.tensors, o.rounds)
        compressed(folder, o.rounds, o.tool, o.size // 4)
    print("\nload %.1f %.1f %.1f" % os.getloadavg())


if __name__ == "__main__":
    main()

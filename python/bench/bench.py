"""Measures opening, viewing and reading from Python beside NumPy, safetensors, h5py and zarr, in one run:

    python bench.py [--size MIB] [--rounds N] [--tensors N] [--go READSERVER]

Rounds are interleaved: each measures every reader once, in turn, behind one that does not count. Printed are the median
and the least time of each, and how much longer a peer takes than tensorfile: the median of the ratios of the rounds, and
the ratio of the least times, on which other work of the machine has least influence. At the end stand the rows in which
a peer was faster by both. --go is bench/cmd/readserver, which reads the same tensor by Go's reader in turn with Python.
Files are in the page cache. Peers that are not installed are left out, and named."""

import argparse
import os
import statistics
import subprocess
import tempfile
import time

import numpy as np

import tensorfile
import tensorfile.numpy

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

behind = []  # rows in which a peer was faster


def measure(title, cases, rounds, per=1, unit=1e6, name="us"):
    """Times of cases by name, interleaved; the first is ours."""
    times = {k: [] for k in cases}
    for i in range(rounds + 1):
        for k, fn in cases.items():
            t = time.perf_counter()
            fn()
            t = time.perf_counter() - t
            if i:
                times[k].append(t / per * unit)
    (ours, mine), *_ = times.items()
    print("\n%s (%s)" % (title, name))
    for k, x in times.items():
        line = "  %-36s median %10.2f  least %10.2f" % (k, statistics.median(x), min(x))
        if k != ours:
            middle, least = statistics.median([a / b for a, b in zip(x, mine)]), min(x) / min(mine)
            line += "  %6.2fx  least %6.2fx" % (middle, least)
            if middle < 1 and least < 1:
                behind.append("%s: %s %.2fx, least %.2fx" % (title, k, middle, least))
        print(line)


def close(f, fn):
    with f:
        return fn(f)


def one_row(path):
    with safetensors.safe_open(path, framework="np") as f:
        f.get_slice("a")[0:1]


def our_row(path):
    with tensorfile.safe_open(path, framework="np") as f:
        f.get_slice("a")[0:1]


def their_tensor(path):
    with safetensors.safe_open(path, framework="np") as f:
        f.get_tensor("a")


def write_all(p, a):
    """The files of an array in every format that is there."""
    np.save(p + ".npy", a)
    tensorfile.save(p + ".tensor", {"a": a}, durable=False)
    if safetensors:
        safetensors.numpy.save_file({"a": a}, p + ".safetensors")
    if h5py:
        with h5py.File(p + ".h5", "w") as f:
            f["a"] = a
    if zarr:
        zarr.create_array(p + ".zarr", data=a, compressors=None, overwrite=True)


def opening(title, paths, rounds):
    """Open, look at one tensor, close: each of the files in turn, in a process that has done so before."""

    def each(fn):
        def run():
            for p in paths:
                fn(p)

        return run

    cases = {
        "tensorfile": each(lambda p: close(tensorfile.open(p + ".tensor"), lambda f: f["a"][...])),
        "numpy.load(mmap_mode='r')": each(lambda p: np.load(p + ".npy", mmap_mode="r")),
    }
    if safetensors:
        cases["safetensors get_slice[0:1]"] = each(lambda p: one_row(p + ".safetensors"))
        if os.path.getsize(paths[0] + ".safetensors") < 1 << 20:
            cases["safetensors get_tensor"] = each(lambda p: their_tensor(p + ".safetensors"))
    if h5py:
        cases["h5py [0]"] = each(lambda p: close(h5py.File(p + ".h5"), lambda f: f["a"][0]))
    if zarr:
        cases["zarr [0]"] = each(lambda p: zarr.open_array(p + ".zarr", mode="r")[0])
    measure(title, cases, rounds, per=len(paths))
    if safetensors:
        cases = {"tensorfile.safe_open": each(lambda p: our_row(p + ".tensor")), "safetensors.safe_open": each(lambda p: one_row(p + ".safetensors"))}
        measure(title + ", by safe_open and get_slice[0:1]", cases, rounds, per=len(paths))


def one_large(p, a, rounds):
    out = np.empty_like(a)
    cut = np.s_[::7, 3:50]
    reads = {"tensorfile": lambda: close(tensorfile.open(p + ".tensor"), lambda f: f["a"].read()), "numpy.load": lambda: np.load(p + ".npy")}
    into = {"tensorfile": lambda: close(tensorfile.open(p + ".tensor"), lambda f: f["a"].read(out=out))}
    slices = {
        "tensorfile": lambda: close(tensorfile.open(p + ".tensor"), lambda f: f["a"].read(cut)),
        "numpy.load(mmap_mode='r')": lambda: np.array(np.load(p + ".npy", mmap_mode="r")[cut]),
    }
    sums = {
        "tensorfile": lambda: close(tensorfile.open(p + ".tensor"), lambda f: f["a"][...].sum()),
        "numpy.load(mmap_mode='r')": lambda: np.load(p + ".npy", mmap_mode="r").sum(),
    }
    if safetensors:
        reads["safetensors load_file"] = lambda: safetensors.numpy.load_file(p + ".safetensors")
        sums["safetensors load_file"] = lambda: safetensors.numpy.load_file(p + ".safetensors")["a"].sum()
    if h5py:
        reads["h5py [...]"] = lambda: close(h5py.File(p + ".h5"), lambda f: f["a"][...])
        into["h5py read_direct"] = lambda: close(h5py.File(p + ".h5"), lambda f: f["a"].read_direct(out))
        slices["h5py"] = lambda: close(h5py.File(p + ".h5"), lambda f: f["a"][cut])
        sums["h5py"] = lambda: close(h5py.File(p + ".h5"), lambda f: f["a"][...].sum())
    if zarr:
        reads["zarr [...]"] = lambda: zarr.open_array(p + ".zarr", mode="r")[...]
        slices["zarr"] = lambda: zarr.open_array(p + ".zarr", mode="r")[cut]
        sums["zarr"] = lambda: zarr.open_array(p + ".zarr", mode="r")[...].sum()
    mib = a.nbytes >> 20
    measure("all elements into new memory: %d MiB" % mib, reads, rounds, unit=1e3, name="ms")
    measure("all elements into memory that is there: %d MiB" % mib, into, rounds, unit=1e3, name="ms")
    measure("[::7, 3:50] of plain bytes, copied: %d MiB" % mib, slices, rounds, unit=1e3, name="ms")
    measure("the sum of all elements: %d MiB" % mib, sums, rounds, unit=1e3, name="ms")


def many_small(folder, n, rounds):
    p = os.path.join(folder, "m")
    tensors = {"layers.%05d.weight" % i: np.full((3, 4), i, "f4") for i in range(n)}
    tensorfile.save(p + ".tensor", tensors, durable=False)
    views = {"tensorfile": lambda: close(tensorfile.open(p + ".tensor"), lambda f: [t[...] for t in f.values()])}
    loads = {"tensorfile.numpy.load_file": lambda: tensorfile.numpy.load_file(p + ".tensor")}
    f = tensorfile.open(p + ".tensor")
    names = list(f)
    named = {"tensorfile": lambda: [f[k][...] for k in names]}
    t, mapping = f[names[7]], np.memmap(p + ".tensor", "u1", "r")
    held = {
        "tensorfile": lambda: [t[...] for _ in range(n)],
        "numpy.ndarray over a mapping": lambda: [np.ndarray((3, 4), "f4", mapping, 16384, (16, 4)) for _ in range(n)],
    }
    if safetensors:
        safetensors.numpy.save_file(tensors, p + ".safetensors")
        views["safetensors safe_open, get_tensor"] = lambda: close(safetensors.safe_open(p + ".safetensors", framework="np"), lambda s: [s.get_tensor(k) for k in s.keys()])
        views["safetensors load_file"] = lambda: safetensors.numpy.load_file(p + ".safetensors")
        loads["safetensors.numpy.load_file"] = lambda: safetensors.numpy.load_file(p + ".safetensors")
        s = safetensors.safe_open(p + ".safetensors", framework="np")
        named["safetensors get_tensor"] = lambda: [s.get_tensor(k) for k in names]
    if h5py:
        with h5py.File(p + ".h5", "w") as g:
            for k, v in tensors.items():
                g[k] = v
        views["h5py"] = lambda: close(h5py.File(p + ".h5"), lambda g: [d[...] for d in g.values()])
        h = h5py.File(p + ".h5")
        named["h5py"] = lambda: [h[k][...] for k in names]
    measure("open, a view of each of %d tensors, close: a tensor" % n, views, rounds, per=n)
    measure("load %d tensors into memory of their own: a tensor" % n, loads, rounds, per=n)
    measure("a view by name in an open file", named, rounds, per=n)
    measure("a view of an open tensor", held, rounds, per=n)
    f.close()


def kinds(mib):
    """Data of the rows of compressed tensors: name, array, pipeline, chunk."""
    rng, n = np.random.default_rng(1), mib << 20
    rows = n // (2048 * 4)
    smooth = np.cumsum(rng.standard_normal((rows, 2048)).astype("f4"), axis=1, dtype="f4")
    yield "smooth f32", smooth, "shuffle|zstd:1"
    yield "weights bf16, as u16", (rng.standard_normal((n // 4096, 2048)).astype("f4").view("u4") >> 16).astype("u2"), "planes"
    yield "sorted i64", np.cumsum(rng.integers(0, 50, (n // (8 * 2048), 2048)), dtype="i8").reshape(-1, 2048), "delta|bitpack"
    few = np.zeros((rows, 2048), "f4")
    few.reshape(-1)[rng.integers(0, few.size, few.size // 200)] = rng.standard_normal(few.size // 200)
    yield "mostly zero f32", few, "shuffle|lz4"


def compressed(folder, rounds, go, mib):
    """Each kind in chunks of 128 rows, by the codec of each library that is nearest."""
    for i, (kind, a, codec) in enumerate(kinds(mib)):
        p = os.path.join(folder, "c%d" % i)
        chunk = (128, a.shape[1])
        tensorfile.save(p + ".tensor", {"a": a}, codec=codec, chunks=chunk, durable=False)
        f = tensorfile.open(p + ".tensor")
        out = np.empty_like(a)
        cases = {"tensorfile " + codec: lambda: f["a"][...]}
        into = {"tensorfile " + codec: lambda: f["a"].read(out=out)}
        part = {"tensorfile " + codec: lambda: f["a"][1000:1010, ::3]}
        if h5py:
            with h5py.File(p + ".h5", "w") as g:
                g.create_dataset("a", data=a, chunks=chunk, compression="gzip", compression_opts=1, shuffle=True)
            h = h5py.File(p + ".h5")
            cases["h5py gzip 1, shuffle"] = lambda: h["a"][...]
            into["h5py gzip 1, shuffle"] = lambda: h["a"].read_direct(out)
            part["h5py gzip 1, shuffle"] = lambda: h["a"][1000:1010, ::3]
        if zarr:
            blosc = zarr.codecs.BloscCodec(cname="zstd", clevel=1, shuffle="shuffle")
            z = zarr.create_array(p + ".zarr", data=a, chunks=chunk, compressors=blosc, overwrite=True)
            cases["zarr blosc zstd 1, shuffle"] = lambda: z[...]
            part["zarr blosc zstd 1, shuffle"] = lambda: z[1000:1010, ::3]
        what = "%d MiB of %s in chunks" % (a.nbytes >> 20, kind)
        measure(what + ", into new memory", cases, rounds, unit=1e3, name="ms")
        measure(what + ", into memory that is there", into, rounds, unit=1e3, name="ms")
        measure("[1000:1010, ::3] of " + what, part, max(rounds, 20))
        if go:
            beside_go(what, f["a"], out, p + ".tensor", go, 20 * rounds)
        f.close()
        if h5py:
            h.close()


def beside_go(what, t, out, path, go, rounds):
    """Go's reader and Python in turn, one read each, into memory that is there: the speed of Python by that of Go."""
    server = subprocess.Popen([go, path, "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    theirs, ours = [], []
    for i in range(rounds + 1):
        server.stdin.write("\n")
        server.stdin.flush()
        g = int(server.stdout.readline()) / 1e9
        b = time.perf_counter()
        t.read(out=out)
        b = time.perf_counter() - b
        if i:
            theirs.append(g)
            ours.append(b)
    server.stdin.close()
    server.wait()
    ratios = [g / b for g, b in zip(theirs, ours)]
    print("\n%s, into memory that is there: speed of Python by that of Go, %d reads each in turn" % (what, rounds))
    print("  median of ratios %.3f, of medians %.3f, of the least %.3f" % (statistics.median(ratios), statistics.median(theirs) / statistics.median(ours), min(theirs) / min(ours)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=256, help="MiB of the large file; of those in chunks a quarter")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tensors", type=int, default=10000)
    parser.add_argument("--files", type=int, default=100)
    parser.add_argument("--go", help="bench/cmd/readserver")
    o = parser.parse_args()
    for name, module in (("safetensors", safetensors), ("h5py", h5py), ("zarr", zarr)):
        print("%s %s" % (name, getattr(module, "__version__", "is not installed: left out")))
    print("load %.1f %.1f %.1f, %d processors" % (*os.getloadavg(), os.cpu_count() or 0))
    b = time.perf_counter()
    tensorfile.library_version()
    print("the library is loaded, once for a process, in %.1f ms" % (1e3 * (time.perf_counter() - b)))
    with tempfile.TemporaryDirectory() as folder:
        p = lambda name: os.path.join(folder, name)  # noqa: E731
        rng = np.random.default_rng(1)
        small = [p("s%03d" % i) for i in range(o.files)]
        for s in small:
            write_all(s, rng.standard_normal((64, 64)).astype("f4"))
        opening("open, one view, close: %d files of 16 KiB" % o.files, small, max(o.rounds, 20))
        many_small(folder, o.tensors, o.rounds)
        a = rng.standard_normal((o.size * 256, 1024)).astype("f4")
        write_all(p("a"), a)
        opening("open, one view, close: %d MiB" % o.size, [p("a")], max(o.rounds, 50))
        one_large(p("a"), a, o.rounds)
        del a
        compressed(folder, o.rounds, o.go, o.size // 4)
    print("\nload %.1f %.1f %.1f" % os.getloadavg())
    print("rows in which a peer was faster: %s" % ("".join("\n  " + x for x in behind) or "none"))


if __name__ == "__main__":
    main()

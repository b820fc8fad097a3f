"""Arrays of random dtype, shape, chunk shape and codec, written by the tool and read by the reader beside this
file, which must find the same bytes and nothing wrong:

    python exchange.py TOOL [COUNT]"""
import os, random, subprocess, sys, tempfile
import numpy as np
import composites, tensorfile, verify

DTYPES = "u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8 c8 c16 ? S5 V6 U3".split()
CODECS = ["raw", "lz4", "zstd:1", "shuffle|lz4", "shuffle|zstd:3", "bitshuffle|lz4", "delta|zstd", "delta:z|bitshuffle|lz4",
          "xordelta|planes", "planes", "delta|bitpack", "predict|planes", "predict:paeth:a0,1|zstd", "predict:a0,1|bitpack",
          "bitpack|zstd", "planes|lz4", "shuffle|s2", "delta|deflate", "fast", "auto", "best"]


def array(r):
    d = np.dtype(r.choice(DTYPES))
    rank = r.randint(1, 4)
    shape = [r.randint(1, 40 if rank < 3 else 12) for _ in range(rank)]
    n = int(np.prod(shape))
    g = np.random.default_rng(r.getrandbits(32))
    if d.kind == "b":
        a = g.random(n) < 0.1
    elif d.kind in "iu":
        low, high = np.iinfo(d).min, np.iinfo(d).max
        a = r.choice([lambda: np.cumsum(g.integers(-3, 9, n)), lambda: g.integers(0, 100, n), lambda: np.full(n, 7),
                      lambda: g.integers(low, high, n, d, endpoint=True)])()
    elif d.kind in "fc":
        a = r.choice([lambda: np.cumsum(g.standard_normal(n)), lambda: 0.02 * g.standard_normal(n), lambda: np.zeros(n)])()
    elif d.kind == "U":
        a = np.array(["".join(chr(r.randint(65, 900)) for _ in range(3)) for _ in range(n)], d)
    else:
        a = g.integers(32, 80, n * d.itemsize, np.uint8).view(d)
    return a.astype(d).reshape(shape)


def matrices(tool, count):
    """Dense arrays through every sparse layout, in plain parts and in chunks: elements, content hash and checks."""
    r, read = random.Random(2612), 0
    with tempfile.TemporaryDirectory() as folder:
        npy, native = os.path.join(folder, "x.npy"), os.path.join(folder, "x.tensor")
        while read < count:
            a = array(r)
            layout = r.choice(["coo", "csf", "bitmap"] + (["csr", "csc", "bsr"] if a.ndim == 2 else []))
            if a.dtype.kind not in "biufc": continue
            a = np.where(np.random.default_rng(read).random(a.shape) < r.choice([0, 0.1, 0.6]), a, np.zeros((), a.dtype)).astype(a.dtype)
            np.save(npy, a)
            store = ["--codec", r.choice(["zstd", "shuffle|lz4", "raw"]), "--chunk", str(r.randint(1, 50))] if r.random() < 0.6 else []
            args = [tool, "convert", "-f", npy, native, "--layout", layout] + store
            p = subprocess.run(args, capture_output=True, text=True)
            assert p.returncode == 0, (args, p.stderr)
            t = tensorfile.File.open(native)["x"]
            what = "%s %s %s %s" % (a.dtype, a.shape, layout, store)
            errors = verify.verify(t.f)
            assert not errors, (what, [str(e) for e in errors])
            got = composites.elements(t)
            assert composites.LAYOUTS[t.layout] == layout and got.dtype == a.dtype and got.tobytes() == a.tobytes(), what
            sums = subprocess.run([tool, "hash", "--tensors", native], capture_output=True, text=True)
            assert composites.content_hash(t).hex() in sums.stdout, (what, sums.stdout)
            read += 1
    print("exchange: %d sparse tensors read, equal bit for bit" % read)


def main(tool, count=200):
    r = random.Random(2611)
    read = opaque = undefined = 0
    with tempfile.TemporaryDirectory() as folder:
        npy, native = os.path.join(folder, "x.npy"), os.path.join(folder, "x.tensor")
        while read < count:
            a, codec = array(r), r.choice(CODECS)
            np.save(npy, a)
            chunk = ",".join(str(r.randint(1, n + 2)) for n in a.shape)
            p = subprocess.run([tool, "convert", "-f", npy, native, "--codec", codec, "--chunk", chunk], capture_output=True, text=True)
            if p.returncode:  # not every stage is there for every dtype
                assert "pipeline.stage" in p.stderr, p.stderr
                undefined += 1
                continue
            t = tensorfile.File.open(native)["x"]
            errors = verify.verify(t.f)
            what = "%s %s in %s by %s" % (a.dtype, a.shape, chunk, codec)
            assert not errors, (what, [str(e) for e in errors])
            try:
                assert t.image() == a.tobytes(), what
                read += 1
            except tensorfile.Error as e:
                assert e.rule == "pipeline.stage" and any(s in codec for s in ("s2", "deflate")), (what, str(e))
                opaque += 1
    print("exchange: %d files read, equal bit for bit; %d opaque, %d pipelines not defined for their dtype" % (read, opaque, undefined))
    matrices(tool, count // 2)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

"""The three jobs of beam/examples on Dask: docs/engines.md says when to use which.

    python dask_jobs.py statistics --in a.tensor --tensor x --axis 3 --out s.shards.json
    python dask_jobs.py rechunk --in a.tensor --chunk 64,64,64 --memory 268435456 --shards 16 --out b.shards.json
    python dask_jobs.py images --in s3://bucket/photos/ --size 224 --shards 8 --out p.shards.json

They run on the threads of this machine, or on the cluster that --scheduler names: its workers then open the paths, so
that they must be ones that all of them reach. A worker writes a shard under a name of its own. When all are there this
process gives one of each its name, and writes the index of the set: a task that ran again, or on two workers, leaves
one shard. Reading objects of s3:// takes s3fs, pictures Pillow.
"""

import argparse
import glob
import hashlib
import json
import os
import uuid

import dask
import dask.array as da
import fsspec
import numpy as np
import tensorfile


def shard_name(out, i, n):
    return "%s-%05d-of-%05d.tensor" % (out.removesuffix(".shards.json"), i + 1, n)


def share(rows, i, n):
    """The rows that shard i of n has, as Beam's sink shares them out."""
    return rows * i // n, rows * (i + 1) // n


def write_shard(name, fill):
    """Writes a shard by fill(writer) under an unfinished name, and says of it what the index has."""
    path = "%s.%s.unfinished" % (name, uuid.uuid4().hex)
    with tensorfile.open(path, "x") as w:
        fill(w)
    sha = hashlib.sha256()
    with open(path, "rb") as f:
        while b := f.read(1 << 22):
            sha.update(b)
    with tensorfile.open(path) as f:
        tensors = {k: {"dtype": t.type.name, "shape": list(t.shape), "attrs": t.attrs} for k, t in f.items()}
        return path, {"file": os.path.basename(name), "bytes": os.path.getsize(path), "uuid": f.uuid, "sha256": sha.hexdigest()}, tensors, f.attrs


def write_index(out, shards):
    """Gives shards that write_shard has written their names, and writes the index of them (docs/shards.md)."""
    tensors = {}
    for i, (_, _, have, _) in enumerate(shards):
        for name, t in have.items():
            x = tensors.setdefault(name, {**t, "shards": [], "rows": []})
            x["shards"].append(i)
            x["rows"] += t["shape"][:1]
    for x in tensors.values():
        x["shape"][:1] = [sum(x["rows"])] if x["rows"] else []
        if len(x["shards"]) == 1:
            del x["rows"]
        if not x["attrs"]:
            del x["attrs"]
    index = {"schema": "tensorfile/shards/1", "shards": [s for _, s, _, _ in shards], "tensors": tensors}
    if shards[0][3]:
        index["attrs"] = shards[0][3]
    with open(out + ".unfinished", "w") as f:
        json.dump(index, f)
    for path, s, _, _ in shards:
        os.replace(path, os.path.join(os.path.dirname(out), s["file"]))
    os.replace(out + ".unfinished", out)
    for path in glob.glob(glob.escape(out.removesuffix(".shards.json")) + "-*.unfinished"):  # of tasks that ran twice
        os.remove(path)


def statistics(source, name, axis, out):
    """Mean and variance of each channel, the population's: "mean" and "variance", f64."""
    with tensorfile.open(source) as f:
        t = f[name]
        a = da.from_array(t, chunks=t.chunks or "auto").astype("f8")
        others = tuple(k for k in range(a.ndim) if k != axis % a.ndim)
        mean, variance = dask.compute(a.mean(axis=others), a.var(axis=others))

    def fill(w):
        w["mean"], w["variance"] = mean, variance

    write_index(out, [write_shard(shard_name(out, 0, 1), fill)])


def rechunk(source, chunk, codec, memory, shards, out):
    """All tensors in other chunks by another codec. A worker holds memory bytes of rows, and a row of chunks."""
    with tensorfile.open(source) as f:
        most = max([t.shape[0] for t in f.values() if t.shape], default=1)
        plan = {k: t.shape for k, t in f.items()}
        for name, t in f.items():
            if t.shape and t.nbytes // t.shape[0] * (t.chunks or (1,))[0] > memory:
                raise ValueError("%s: a row of chunks is more than %d bytes" % (name, memory))
    if not 1 <= shards <= most:
        raise ValueError("shards: 1 to %d" % most)

    @dask.delayed
    def one(i):
        def fill(w):
            for name, shape in plan.items():
                t = f[name]
                if not shape or 0 in shape:
                    if i == 0:
                        w.write(name, t)
                    continue
                begin, end = share(shape[0], i, shards)
                own = tuple(min(c, n) for c, n in zip(chunk, (end - begin, *shape[1:]))) if len(chunk) == len(shape) else t.chunks
                step = max(memory // (t.nbytes // shape[0]), 1)
                step = max(step // (own or (1,))[0], 1) * (own or (1,))[0]
                for at in range(begin, end, step):
                    rows = t.read(np.s_[at : min(at + step, end)])
                    if at == begin:
                        w.write(name, rows, codec=codec, chunks=own, attrs=t.attrs, type=t.type if rows.dtype != t.dtype else None)
                    else:
                        w.append(name, rows)

        with tensorfile.open(source) as f:
            if f.attrs:
                return write_shard(shard_name(out, i, shards), lambda w: (w.set_attrs(f.attrs), fill(w)))
            return write_shard(shard_name(out, i, shards), fill)

    write_index(out, dask.compute(*[one(i) for i in range(shards)]))


def picture(path, size):
    """The middle of a picture, square, as RGB of size pixels."""
    from PIL import Image, ImageOps

    with fsspec.open(path) as f, Image.open(f) as p:
        p = p.convert("RGB")
        return np.asarray(p if p.size == (size, size) else ImageOps.fit(p, (size, size), Image.Resampling.BILINEAR))


def images(source, size, shards, out):
    """A data set of the pictures under a folder or prefix: "images", u8, and "labels", i64, the number of the folder."""
    fs, root = fsspec.core.url_to_fs(source)
    names = sorted(fs.unstrip_protocol(p) for p in fs.find(root) if p.lower().endswith((".png", ".jpg", ".jpeg")))
    folders = [n.rsplit("/", 2)[1] for n in names]
    classes = sorted(set(folders))
    if not 1 <= shards <= len(names):
        raise ValueError("shards: 1 to %d pictures" % len(names))

    @dask.delayed
    def one(i):
        begin, end = share(len(names), i, shards)

        def fill(w):
            w.set_attrs({"classes": classes})
            w.write("images", np.stack([picture(n, size) for n in names[begin:end]]), codec="zstd:3", chunks=(1, size, size, 3))
            w["labels"] = np.array([classes.index(c) for c in folders[begin:end]], "i8")

        return write_shard(shard_name(out, i, shards), fill)

    write_index(out, dask.compute(*[one(i) for i in range(shards)]))


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("job", choices=["statistics", "rechunk", "images"])
    p.add_argument("--in", dest="source", required=True, metavar="IN")
    p.add_argument("--out", required=True, metavar="NAME.shards.json")
    p.add_argument("--tensor")
    p.add_argument("--axis", type=int, default=-1)
    p.add_argument("--chunk", type=lambda s: tuple(int(n) for n in s.split(",")), default=())
    p.add_argument("--codec", default="shuffle|zstd:3")
    p.add_argument("--memory", type=int, default=256 << 20)
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--shards", type=int, default=1)
    p.add_argument("--scheduler", help="address of a cluster of dask.distributed")
    return p


def main():
    o = arguments().parse_args()
    if o.scheduler:
        import distributed

        distributed.Client(o.scheduler)
    if o.job == "statistics":
        statistics(o.source, o.tensor, o.axis, o.out)
    elif o.job == "rechunk":
        rechunk(o.source, o.chunk, o.codec, o.memory, o.shards, o.out)
    else:
        images(o.source, o.size, o.shards, o.out)


if __name__ == "__main__":
    main()

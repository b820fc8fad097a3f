"""Libraries that keep arrays in files, behind one set of operations: save and
load of one plain array, make, load, slice and append of one in compressed
chunks, and many small ones. Shuffle and zstd at level 1 where the library has
them. A store is a file or a folder; nothing is synced."""




class H5:
    ext = ".h5"

    def save(self, path, a, chunk=None):
        import h5py

        o = {"chunks": chunk, "compression": "gzip", "compression_opts": 1, "shuffle": True} if chunk else {}
        with h5py.File(path, "w") as f:
            f.create_dataset("x", data=a, maxshape=(None, *a.shape[1:]) if chunk else None, **o)

    def load(self, path):
        return self.slice(path, ())

    def slice(self, path, where):
        import h5py

        with h5py.File(path, "r") as f:
            return f["x"][where]

    def append(self, path, rows):
        import h5py

        with h5py.File(path, "r+") as f:
            x = f["x"]
            n = len(x)
            x.resize(n + len(rows), 0)
            x[n:] = rows

    def many(self, path, arrays):
        import h5py

        with h5py.File(path, "w") as f:
            for name, a in arrays.items():
                f[name] = a

    def list(self, path):
        import h5py

        with h5py.File(path, "r") as f:
            return [(name, list(x.shape)) for name, x in f.items()]

    def one(self, path, name):
        import h5py

        with h5py.File(path, "r") as f:
            return f[name][()]


class Zarr:
    ext = ".zarr"

    def save(self, path, a, chunk=None):
        import zarr

        c = [zarr.codecs.BloscCodec(cname="zstd", clevel=1, shuffle="shuffle", typesize=a.itemsize)] if chunk else None
        z = zarr.create_array(path, shape=a.shape, dtype=a.dtype, chunks=chunk or a.shape, compressors=c, overwrite=True)
        z[:] = a

    def load(self, path):
        return self.slice(path, slice(None))

    def slice(self, path, where):
        import zarr

        return zarr.open_array(path, mode="r")[where]

    def append(self, path, rows):
        import zarr

        zarr.open_array(path, mode="r+").append(rows)

    def many(self, path, arrays):
        import zarr

        g = zarr.create_group(path, overwrite=True)
        for name, a in arrays.items():
            g.create_array(name, data=a, chunks=a.shape, compressors=None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of being new in format 3
            zarr.consolidate_metadata(path)

    def list(self, path):
        import zarr

        return [(name, list(x.shape)) for name, x in zarr.open_consolidated(path, mode="r").arrays()]

    def one(self, path, name):
        import zarr

        return zarr.open_consolidated(path, mode="r")[name][:]


class TensorStore:
    ext = ".zarr3"

    def context(self):
        import tensorstore as ts

        return keep("tensorstore", lambda: ts.Context({"data_copy_concurrency": {"limit": THREADS}}))

    def open(self, path, **how):
        import tensorstore as ts

        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path + "/"}, **how}
        return ts.open(spec, context=self.context()).result()

    def save(self, path, a, chunk=None):
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
        if chunk:
            codecs.append({"name": "blosc", "configuration": {"cname": "zstd", "clevel": 1, "shuffle": "shuffle", "typesize": a.itemsize, "blocksize": 0}})
        grid = {"name": "regular", "configuration": {"chunk_shape": chunk or a.shape}}
        meta = {"shape": a.shape, "data_type": str(a.dtype), "chunk_grid": grid, "codecs": codecs}
        self.open(path, metadata=meta, create=True, delete_existing=True).write(a).result()

    def load(self, path):
        return self.open(path).read().result()

    def slice(self, path, where):
        return self.open(path)[where].read().result()

    def append(self, path, rows):
        x = self.open(path)
        n = x.shape[0]
        x = x.resize(exclusive_max=[n + len(rows), *x.shape[1:]]).result()
        x[n:].write(rows).result()


class Blosc2:
    ext = ".b2nd"

    def save(self, path, a, chunk=None):
        import blosc2

        c = {"codec": blosc2.Codec.ZSTD, "clevel": 1 if chunk else 0, "filters": [blosc2.Filter.SHUFFLE], "nthreads": THREADS}
        blosc2.asarray(a, urlpath=path, mode="w", chunks=chunk, cparams=c)

    def open(self, path, mode="r"):
        import blosc2

        return blosc2.open(path, mode=mode, dparams={"nthreads": THREADS}, **({"mmap_mode": "r"} if mode == "r" else {}))

    def load(self, path):
        return self.open(path)[:]

    def slice(self, path, where):
        return self.open(path)[where]

    def append(self, path, rows):
        x = self.open(path, "a")
        n = x.shape[0]
        x.resize((n + len(rows), *x.shape[1:]))
        x[n:] = rows


class SafeTensors:
    ext = ".safetensors"

    def save(self, path, a):
        from safetensors.numpy import save_file

        save_file({"x": a}, path)

    def load(self, path):
        from safetensors.numpy import load_file

        return load_file(path)["x"]

    def many(self, path, arrays):
        from safetensors.numpy import save_file

        save_file(arrays, path)

    def list(self, path):
        from safetensors import safe_open

        with safe_open(path, "np") as f:
            return [(name, list(f.get_slice(name).get_shape())) for name in f.keys()]

    def one(self, path, name):
        from safetensors import safe_open

        with safe_open(path, "np") as f:
            return f.get_tensor(name)


class ZTensor:
    ext = ".zt"

    def save(self, path, a, chunk=None):
        self.write(path, {"x": a}, "zt.zstd-seekable/1" if chunk else None)

    def write(self, path, arrays, encoding=None):
        import ztensor

        w = ztensor.Writer(path, canonical=encoding is None)
        for name, a in sorted(arrays.items()):
            w.add(name, a.reshape(-1).view(np.uint8), list(a.shape), {"float32": "f32"}[str(a.dtype)], encoding=encoding)
        w.finish()

    def load(self, path):
        return self.one(path, "x")

    def many(self, path, arrays):
        self.write(path, arrays)

    def list(self, path):
        import ztensor

        with ztensor.open(path) as f:
            return [(t.name, list(t.shape)) for t in f.values()]

    def one(self, path, name):
        """A copy, like the others': the file is closed."""
        import ztensor

        with ztensor.open(path) as f:
            t = f[name]
            return np.frombuffer(t.tobytes(), np.float32).reshape(t.shape)


class Numpy:
    ext = ".npy"

    def save(self, path, a):
        np.save(path, a)

    def load(self, path):
        return np.load(path)

    def many(self, path, arrays):
        with open(path, "wb") as f:
            np.savez(f, **arrays)

    def one(self, path, name):
        with np.load(path) as z:
            return z[name]


stores = {"h5py": H5(), "zarr": Zarr(), "tensorstore": TensorStore(), "blosc2": Blosc2(), "safetensors": SafeTensors(), "ztensor": ZTensor(), "numpy": Numpy()}


def store(op, impl, path, source, *args):
    """op of a store at path, of the array in the .npy file source, or of so many
    small ones. The result to compare is what the store then holds."""
    s = stores[impl]
    if op in ("list", "one"):
        path = source + s.ext  # both read it
        if not os.path.exists(path):
            s.many(path, small(source))
        return lambda: getattr(s, op)(path, *args)
    a = floats(source)
    chunk = tuple(args[0]) if args and args[0] else None
    path = (path if op in ("save", "append") else source + (".chunks" if chunk else "")) + s.ext
    if op == "save":
        o = (chunk,) if chunk else ()
        return lambda: s.save(path, a, *o), lambda: wipe(path), lambda: s.load(path)
    if op == "append":
        rows = np.ascontiguousarray(a[: args[1]])
        return lambda: s.append(path, rows), lambda: (wipe(path), s.save(path, a, chunk)), lambda: s.load(path)
    if not os.path.exists(path):
        s.save(path, a, *((chunk,) if chunk else ()))
    if op == "load":
        return lambda: s.load(path)
    where = tuple(slice(*x) for x in args[1])
    return lambda: s.slice(path, where)


def small(n):
    """The tensors of open.go's manyFile."""
    data = np.fromfile(n, np.float32).reshape(-1, 16)
    names = open(n + ".names", encoding="utf-8").read().split("\n")
    shapes = [(16,), (4, 4), (2, 2, 4)]
    return {name: data[i].reshape(shapes[i % 3]) for i, name in enumerate(names)}


def wipe(path):
    import shutil

    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)

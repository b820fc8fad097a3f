"""Files that are open for writing, and whole files."""

from __future__ import annotations

import ctypes as c
import os
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np

from . import _attrs, _lib
from ._errors import BadArgument, Closed, Exists, TensorNotFound, error_of
from ._file import File, Generation, StrPath, _fspath, read
from ._native import NativeReader, _ranges as _struct_ranges, _release
from ._select import plan
from ._source import _composed, _composite_struct, _extents, _one_extent, _shared, _Source, _source, _Store, _units, _utf8
from ._tensor import Tensor
from ._types import DType

__all__ = ["Writer", "append", "load", "open", "save"]


class Writer(Mapping[str, Tensor]):
    """A file that is open for writing: a mapping that takes arrays, and gives the tensors of the last commit.

    What is written becomes visible, durable and whole with ``commit``; each is a generation. ``close``, and the end of
    ``with`` without an exception, commit what is there to be committed; ``discard``, an exception or the loss of
    the object leave the file at its last commit. One process writes to a file at a time.

    Values are arrays and numbers, tensors of torch, matrices of scipy.sparse, lists of str, Ragged, Sparse and
    Quantised, and tensors of other files, which are copied as they are stored.
    """

    def __init__(self, path: str, mode: str, *, durable: bool = True, wait: float = 0, time: int = 0, deterministic: bool = False, align: int = 0) -> None:
        """Use open()."""
        if "://" in path:
            raise error_of("%s: files on servers are read and not written" % path, "unsupported")
        self._path, self._mode = path, mode
        self._lib = _lib.current()
        self._process = _lib._process
        self._lock = threading.RLock()
        self._pending = False
        self._w = 0
        self._closed = False
        self._shown: Optional[File] = None
        self._finalize: Optional[weakref.finalize[Any, Any]] = None
        self._durable, self._wait, self._time = durable, wait, time
        number = c.c_uint64()
        if mode == "a" and os.path.exists(path):
            self._edit()
        else:
            o = _lib.CreateOptions(c.sizeof(_lib.CreateOptions), mode == "w", deterministic, not durable, align, time)
            if mode != "w" and os.path.lexists(path) and not (mode == "a" and os.path.islink(path)):
                raise Exists("%s: is there already" % path, "already exists")
            self._lib.create(os.fsencode(path), c.byref(o), c.byref(number))
            self._begin(number.value)
            self._new = self._pending = True

    def _edit(self) -> None:
        number = c.c_uint64()
        o = _lib.EditOptions(c.sizeof(_lib.EditOptions), int(self._wait * 1000), 0, self._time)
        self._lib.edit(os.fsencode(self._path), c.byref(o), c.byref(number))
        self._begin(number.value)
        self._new = False

    def _begin(self, number: int) -> None:
        self._w = number
        self._finalize = weakref.finalize(self, _release, self._lib.close_writer, number, self._process)
        self._finalize.atexit = True  # the temporary file of a new one goes

    def _end(self) -> None:
        if self._finalize is not None:
            self._finalize()
        self._w, self._finalize = 0, None

    def _writer(self) -> int:
        if self._closed:
            raise Closed("%s: the file is closed" % self._path, "closed")
        if self._process != _lib._process:
            raise error_of("%s: was opened for writing before fork: it belongs to the parent" % self._path, "forked")
        if not self._w:
            self._edit()
        return self._w

    def _do(self, f: Any, *args: Any) -> None:
        with self._lock:
            f(self._writer(), *args)
            self._pending = True

    # ---- writing ----

    def write(self, name: str, value: Any, *, codec: Optional[str] = None, chunks: Union[int, Sequence[int], None] = None, dims: Optional[Sequence[Optional[str]]] = None,
              attrs: Optional[Mapping[str, Any]] = None, fill: Any = None, replace: bool = False, type: Optional[DType] = None) -> None:  # fmt: skip
        """Writes a tensor.

        Without codec, chunks and fill it becomes plain bytes, which can be mapped, with the strides of the array. codec
        is "auto", "fast", "best" or a pipeline such as "shuffle|zstd:3"; chunks the extents of a chunk, one number
        along axis 0 or one an axis; fill the value of which chunks take no room. dims names the axes; attrs is a dict.
        replace takes the place of a tensor of that name, in a file that is edited. type says what the elements are, and
        the value is then their units, as Tensor.units gives them: blocks of ggml, say, or bf16 as words of two bytes.
        """
        n = _utf8(name)
        if isinstance(value, Tensor):
            if fill is not None:
                raise BadArgument("a copied tensor keeps its fill value", "wrong argument")
            reader = value._file._reader()
            if not isinstance(reader, NativeReader):
                raise error_of("tensor %r was not read by the library" % value.name, "unsupported")
            store = _Store(value.ndim, codec=codec, chunks=chunks, dims=dims, attrs=value.attrs if attrs is None else attrs, replace=replace)
            self._do(self._lib.write_from, reader._tensor(value._record), n, c.byref(store.struct))
            return
        whole = _composed(value) if type is None else None
        if whole is not None:
            if fill is not None:
                raise BadArgument("fill is for dense tensors; of sparse ones it is a part", "wrong argument")
            held: list[Any] = []
            store = _Store(len(whole.shape), codec=codec, chunks=_one_extent(chunks), dims=dims, attrs=attrs, replace=replace)
            self._do(self._lib.write_composite, n, c.byref(_composite_struct(whole, held)), c.byref(store.struct))
            return
        src = _source(value) if type is None else _units(value, type)
        rank = len(src.shape)
        store = _Store(rank, codec=codec, chunks=_extents(chunks, src.shape, src.type), dims=dims, attrs=attrs, fill=fill, dtype=src.type, replace=replace)
        self._do(self._lib.write, n, c.byref(src.struct()), c.byref(store.struct))

    def append(self, name: str, rows: Any, *, codec: Optional[str] = None, chunks: Union[int, Sequence[int], None] = None, fill: Any = None, shared: bool = False) -> None:
        """Appends rows along axis 0 to a tensor, which has the same dtype and the same other axes.

        A tensor of plain bytes becomes chunked, once; codec, chunks and fill say how. Rows of sparse (csr, coo, bsr,
        bitmap), ragged and string tensors are appended to all parts. shared allows to change chunks that other names
        show, too.
        """
        n = _utf8(name)
        self._commit_new()
        whole = _composed(rows)
        if whole is not None:
            held: list[Any] = []
            store = _Store(len(whole.shape), codec=codec, chunks=_one_extent(chunks), shared=shared)
            self._do(self._lib.append_composite, n, c.byref(_composite_struct(whole, held)), c.byref(store.struct))
            return
        src = _source(rows)
        store = _Store(len(src.shape), codec=codec, chunks=_extents(chunks, src.shape, src.type), fill=fill, dtype=src.type, shared=shared)
        self._do(self._lib.append, n, c.byref(src.struct()), c.byref(store.struct))

    def write_region(self, name: str, key: Any, value: Any, *, shared: bool = False) -> None:
        """Replaces the selected elements of a chunked tensor: slices and integers select. The shape is that of the last
        commit."""
        shape = self[name].shape
        p = plan(key, shape)
        if any(i is not None and not isinstance(i, slice) and not (isinstance(i, int) and i == 0) for i in p.place) or None in p.place:
            raise error_of("elements are replaced by slices and integers", "index out of range")
        d = self[name].type
        a = np.asarray(value)
        if DType.of(a.dtype) != d:
            a = a.astype(d.numpy)
        kept = tuple(x.size for x, i in zip(p.axes, p.place) if isinstance(i, slice))
        box = np.broadcast_to(a, kept).reshape(p.shape)
        from ._tensor import _ranges

        ranges = _ranges(p)
        src = _source(np.ascontiguousarray(box))
        store = _Store(-1, shared=shared)
        self._do(self._lib.write_region, _utf8(name), _struct_ranges(ranges), c.byref(src.struct()), c.byref(store.struct))

    def shrink(self, name: str, rows: int) -> None:
        """Cuts a chunked tensor to its first rows."""
        self._commit_new()
        self._do(self._lib.shrink, _utf8(name), int(rows))

    def rename(self, name: str, to: str) -> None:
        """Gives a tensor another name."""
        self._commit_new()
        self._do(self._lib.rename, _utf8(name), _utf8(to))

    def copy(self, name: str, to: str) -> None:
        """Gives a tensor a second name; both share their bytes."""
        self._commit_new()
        self._do(self._lib.copy, _utf8(name), _utf8(to))

    def set_attrs(self, attrs: Mapping[str, Any], name: Optional[str] = None) -> None:
        """Replaces all attributes of a tensor, or of the file."""
        if name is not None:
            self._commit_new()
        self._do(self._lib.set_attributes, None if name is None else _utf8(name), _attrs.encode(attrs))

    def revert(self, generation: int) -> None:
        """The next commit holds what an older generation held."""
        self._commit_new()
        self._do(self._lib.revert, int(generation))

    def _commit_new(self) -> None:
        """What edits a file takes one: a new file is put in place first."""
        with self._lock:
            if self._new and not self._closed:
                self.commit()

    def __setitem__(self, name: str, value: Any) -> None:
        self.write(name, value, replace=not self._new)

    def __delitem__(self, name: str) -> None:
        self._commit_new()
        self._do(self._lib.remove, _utf8(name))

    def save(self, tensors: Mapping[str, Any], **store: Any) -> None:
        """Writes many tensors. Arrays that share memory share it in the file: tied weights and views are stored once,
        with their strides, unless codec, chunks or fill ask for more."""
        items: list[tuple[str, _Source]] = []
        for name, value in tensors.items():
            if store.get("codec") or store.get("chunks") or store.get("fill") is not None or isinstance(value, Tensor) or _composed(value) is not None:
                self.write(name, value, **store)
            else:
                items.append((name, _source(value)))
        rest = {k: v for k, v in store.items() if k in ("dims", "attrs", "replace") and v is not None}
        bad = set(store) - {"codec", "chunks", "fill", "dims", "attrs", "replace"}
        if bad:
            raise TypeError("unknown: %s" % ", ".join(sorted(bad)))
        for low, high, group in _shared(items):
            if len(group) == 1:
                name, src = group[0]
                s = _Store(len(src.shape), **rest)
                self._do(self._lib.write, _utf8(name), c.byref(src.struct()), c.byref(s.struct))
                continue
            storage = c.c_uint64()
            self._do(self._lib.write_storage, low, high - low, c.byref(storage))
            for name, src in group:
                s = _Store(len(src.shape), **rest)
                shown = src._replace(address=0).struct()
                self._do(self._lib.write_on, storage, src.address - low, _utf8(name), c.byref(shown), c.byref(s.struct))

    # ---- ends ----

    def commit(self) -> None:
        """Makes what was written visible and durable. The file can be written to after that."""
        with self._lock:
            self._lib.commit(self._writer())
            self._pending = False
            self._shown = None
            if self._new:
                self._end()
                self._new = False

    def discard(self) -> None:
        """Ends writing. What was not committed leaves no trace."""
        with self._lock:
            self._closed = True
            if self._process == _lib._process:
                self._end()

    def close(self) -> None:
        """Commits what is there to be committed, and ends writing."""
        with self._lock:
            if self._closed:
                return
            try:
                if self._pending and self._process == _lib._process:
                    self.commit()
            finally:
                self.discard()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind: Any, *args: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        if getattr(self, "_pending", False) and not self._closed and self._process == _lib._process:
            warnings.warn("%s was not closed: what was not committed is lost" % self._path, ResourceWarning, stacklevel=2)

    # ---- reading ----

    @property
    def committed(self) -> Optional[File]:
        """The file as of the last commit, or None before the first."""
        with self._lock:
            if self._shown is None and not self._new:
                f = read(self._path)
                f._writer = weakref.ref(self)
                self._shown = f
            return self._shown

    @property
    def path(self) -> str:
        return self._path

    @property
    def mode(self) -> str:
        return self._mode

    @property
    def attrs(self) -> dict[str, Any]:
        """The attributes of the file as of the last commit. To change them: ``set_attrs``."""
        f = self.committed
        return f.attrs if f else {}

    @property
    def generation(self) -> int:
        """The number of the last commit, 0 before the first."""
        f = self.committed
        return f.generation if f else 0

    def generations(self) -> list[Generation]:
        """The commits, newest first."""
        f = self.committed
        return f.generations() if f else []

    def __getitem__(self, name: str) -> Tensor:
        f = self.committed
        if f is None:
            raise TensorNotFound("no tensor %r: nothing is committed" % (name,), "not found")
        return f[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.committed or ())

    def __len__(self) -> int:
        return len(self.committed or ())

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return "<Writer %r%s>" % (self._path, ", closed" if self._closed else "")

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a file that is open for writing is not pickled: one process writes at a time")


def open(path: StrPath, mode: str = "r", *, generation: Optional[int] = None, mmap: bool = True, verify: str = "on demand",
         workers: int = 0, max_bytes: int = 0, native_only: bool = False, map_remote: bool = False,
         engine: Optional[str] = None, **writing: Any) -> Any:  # fmt: skip
    """Opens a file.

    mode 'r' reads: a File. 'w' makes a new file, in place of one that is there; 'x' a new file where none may be;
    'a' appends to a file and edits it, or makes it: a Writer.

    path is a file in this format, or in any that the library reads (safetensors, GGUF, .npy, ...), or an http address.

    generation shows an older commit. mmap=False reads instead of mapping. verify="first use" compares plain bytes
    with their checksums when they are first taken; chunks always are. workers is the most threads of a read, 0 one
    per processor. max_bytes is the most bytes of one result, 0 for 4 GiB or eight times the file, -1 for no limit.
    native_only refuses other formats, map_remote maps on network file systems. engine="python" takes the reader
    that needs no library, "library" insists on the library.

    A Writer takes durable=False (not to wait for the disk), wait (seconds to wait for another writer), time (of
    commits, ns since 1970), and, new files only, deterministic and align.

    >>> import numpy as np, tensorfile, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "x.tensor")
    >>> with tensorfile.open(path, "w") as f:
    ...     f["a"] = np.arange(6.0).reshape(2, 3)
    >>> with tensorfile.open(path) as f:
    ...     f["a"][1, ::2]
    array([3., 5.])
    """
    p = _fspath(path)
    if mode == "r":
        if writing:
            raise TypeError("not for reading: %s" % ", ".join(sorted(writing)))
        return read(p, generation=generation, mmap=mmap, verify=verify, workers=workers, max_bytes=max_bytes,
                    native_only=native_only, map_remote=map_remote, engine=engine)  # fmt: skip
    if mode in ("w", "x", "a"):
        if generation is not None:
            raise BadArgument("a Writer begins at the newest generation: revert() goes back", "wrong argument")
        if engine == "python":
            raise error_of("writing takes the library", "unsupported")
        return Writer(p, mode, **writing)
    raise BadArgument("mode is 'r', 'w', 'x' or 'a', not %r" % (mode,), "wrong argument")


def save(path: StrPath, tensors: Mapping[str, Any], *, attrs: Optional[Mapping[str, Any]] = None, overwrite: bool = True, durable: bool = True, **store: Any) -> None:
    """Writes a file of tensors, whole or not at all.

    Arrays that share memory share it in the file. attrs are those of the file; codec, chunks, dims and fill are as of
    Writer.write, for all tensors.

    >>> import numpy as np, tensorfile, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "x.tensor")
    >>> a = np.arange(6, dtype="i4").reshape(2, 3)
    >>> tensorfile.save(path, {"a": a, "a.T": a.T, "name": ["x", "y"]})
    >>> with tensorfile.open(path) as f:
    ...     f["a.T"].strides, f["a"].storage == f["a.T"].storage, f["name"][...].tolist()
    ((4, 12), True, ['x', 'y'])
    """
    if not isinstance(tensors, Mapping):
        raise TypeError("tensors are a dict of names and arrays, not %s" % type(tensors).__name__)
    with Writer(_fspath(path), "w" if overwrite else "x", durable=durable) as w:
        if attrs:
            w.set_attrs(attrs)
        w.save(tensors, **store)


def load(path: StrPath, names: Optional[Sequence[str]] = None, **options: Any) -> dict[str, Any]:
    """The tensors of a file, all or those named: dense ones as arrays, mapped where they can be and then read-only;
    sparse, ragged, string and quantised ones as Sparse, Ragged, Strings and Quantised.

    >>> import numpy as np, tensorfile, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "x.tensor")
    >>> tensorfile.save(path, {"a": np.arange(3)})
    >>> tensorfile.load(path)
    {'a': array([0, 1, 2])}
    """
    if isinstance(names, str):
        raise TypeError("names are a list of str")
    with open(path, **options) as f:
        found = f.items() if names is None else [(n, f[n]) for n in names]
        return {n: t.composite() if t._record.layout else t[...] for n, t in found}


def append(path: StrPath, tensors: Mapping[str, Any], *, durable: bool = True, wait: float = 0, **store: Any) -> None:
    """Appends rows to tensors of a file, and adds those that are not there, in one commit. The file is made if it is
    not there.

    >>> import numpy as np, tensorfile, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "log.tensor")
    >>> for i in range(3):
    ...     tensorfile.append(path, {"loss": np.array([0.5 ** i])})
    >>> tensorfile.load(path)["loss"]
    array([1.  , 0.5 , 0.25])
    """
    with Writer(_fspath(path), "a", durable=durable, wait=wait) as w:
        there = w.committed
        for name, rows in tensors.items():
            if there is not None and name in there:
                w.append(name, rows, **store)
            else:
                w.write(name, rows, **store)

"""Files: open for reading, and for writing."""

from __future__ import annotations

import ctypes as c
import os
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, NamedTuple, Optional, Union

import numpy as np

from . import _attrs, _lib
from ._composite import Composite, Sparse, Strings
from ._errors import BadArgument, Closed, Error, Exists, TensorNotFound, error_of
from ._native import NativeReader, _ranges as _struct_ranges, _release
from ._record import LAYOUTS, Reader, Record
from ._select import plan
from ._tensor import Tensor
from ._types import DType

__all__ = ["File", "Generation", "Report", "Writer", "append", "from_bytes", "load", "open", "save"]

StrPath = Union[str, "os.PathLike[str]"]


class Generation(NamedTuple):
    """A commit: its number, the one before it (0: none), time in ns since 1970, committed bytes of the file with it,
    bytes that it added, and bytes that it reaches."""

    number: int
    previous: int
    time: int
    length: int
    bytes: int
    live: int


class Report(NamedTuple):
    """What a verification found. status is "ok", "damaged", or "unknown" if nothing is wrong with what could be
    checked but not all could; findings and unknown are dicts with message, kind, offset, tensor, rule and more."""

    status: str
    generations: int
    tensors: int
    storages: int
    blocks: int
    bytes: int
    findings: list[dict[str, Any]]
    unknown: list[dict[str, Any]]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong, and all could be checked. So is the truth of a report."""
        return not self.findings and not self.unknown

    def __bool__(self) -> bool:
        return self.ok


class File(Mapping[str, Tensor]):
    """A file that is open for reading: a mapping from names to tensors, in the order of the names.

    It shows the generation that it was opened on for as long as it is open, whatever is committed meanwhile;
    ``refresh`` opens the newest one. Arrays that were taken from it may be used after it is closed.

    A file is safe to use from many threads. In the child of a fork it opens itself again, when it is first used; a
    file that is pickled is opened again by its path and generation, and an Error says if another one is there now.
    """

    def __init__(self, path: str, reader: Reader, options: dict[str, Any], source: Any) -> None:
        """Use open()."""
        self._path, self._options, self._source = path, options, source
        self._r: Optional[Reader] = reader
        self._process = _lib._process
        self._lock = threading.RLock()
        self._uuid: Optional[tuple[str, int]] = None
        self._writer: Optional[weakref.ref["Writer"]] = None
        self._touch: Optional[Callable[[Record], None]] = None
        self._most = options.get("max_bytes", 0)
        if options.get("verify") == "first use":
            self._touch = self._check_first
        self._bools: set[Any] = set()  # tensors of bool that were looked at
        _open_files[id(self)] = weakref.ref(self)

    def _check_first(self, r: Record) -> None:
        self._reader().touch(r)

    def _reader(self) -> Reader:
        r = self._r
        if r is None:
            raise Closed("%s: the file is closed" % self._path, "closed")
        if self._process != _lib._process and r.name == "library":
            return self._again()
        return r

    def _again(self) -> Reader:
        """Opens the file in the child of a fork, where the library's threads are gone."""
        with self._lock:
            if self._process != _lib._process and self._r is not None:
                uuid, generation = self._identity
                self._r = _reader_of(self._source, generation, self._options)
                self._process = _lib._process
                _same(self._path, self._r, uuid)
            if self._r is None:
                raise Closed("%s: the file is closed" % self._path, "closed")
            return self._r

    @property
    def _identity(self) -> tuple[str, int]:
        if self._uuid is None:
            i = self._reader().info()
            self._uuid = i["uuid"], i["generation"]
        return self._uuid

    def _allow(self, t: Tensor, n: int) -> None:
        """Refuses results that a small file has no business to ask memory for."""
        most = self._most
        if most == 0:
            most = self._most = max(4 << 30, 8 * int(self._reader().info()["size"]))
        if most > 0 and n > most:
            raise error_of("tensor %r: the result takes %d bytes, at most %d (max_bytes)" % (t.name, n, most), "limit exceeded")

    def _write_region(self, name: str, key: Any, value: Any) -> None:
        w = self._writer() if self._writer else None
        if w is None:
            raise TypeError("the file is open for reading: open it with mode 'a' to change elements")
        w.write_region(name, key, value)

    # ---- what it is ----

    @property
    def path(self) -> str:
        return self._path

    @property
    def mode(self) -> str:
        return "r"

    @property
    def closed(self) -> bool:
        return self._r is None

    @property
    def engine(self) -> str:
        """"library", or "python" for the reader that comes without it."""
        return self._reader().name

    @property
    def info(self) -> dict[str, Any]:
        """format, uuid, generation, time (ns since 1970), length (committed bytes), size, tensors, mapped, read_only."""
        return self._reader().info()

    @property
    def generation(self) -> int:
        """The number of the commit that is shown; 0 for files of other formats."""
        return self._identity[1]

    @property
    def uuid(self) -> str:
        """The identity of a native file, kept through commits; "" for files of other formats."""
        return self._identity[0]

    @property
    def attrs(self) -> dict[str, Any]:
        """The attributes of the file, a dict of the caller's own."""
        return _attrs.decode(self._reader().attributes(None))

    def generations(self) -> list[Generation]:
        """The commits, newest first."""
        return [Generation(**g) for g in self._reader().generations()]

    def at(self, generation: int) -> "File":
        """The same file as it was at a generation, a file of its own."""
        return _open(self._source, self._path, _generation(generation), self._options)

    def verify(self, quick: bool = False, sample: float = 0) -> Report:
        """Checks structure and checksums of all generations. quick: the structure only; sample: a share of the
        payloads, chosen at random. Damage is a report, not an exception."""
        r = self._reader().verify(quick, sample)
        return Report(**{k: r[k] for k in Report._fields})

    def changed(self) -> bool:
        """Whether the file on disk is no longer the one that was opened: cut short, replaced, written in place. That it
        was appended to does not count."""
        try:
            self._reader().changed()
        except Error as e:
            if e.kind == "changed while open":
                return True
            raise
        return False

    def refresh(self) -> Optional["File"]:
        """The newest generation as a file of its own, or None if this is it."""
        newer = self._reader().refresh()
        return None if newer is None else File(self._path, newer, self._options, self._source)

    # ---- the mapping ----

    def __getitem__(self, name: str) -> Tensor:
        if not isinstance(name, str):
            raise TypeError("names of tensors are str, not %s" % type(name).__name__)
        return Tensor(self, self._reader().record(name))

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        try:
            self._reader().record(name)
        except TensorNotFound:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._reader().records()))

    def __len__(self) -> int:
        return len(self._reader().records())

    def values(self) -> Any:
        return [Tensor(self, r) for r in self._reader().records().values()]

    def items(self) -> Any:
        return [(k, Tensor(self, r)) for k, r in self._reader().records().items()]

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return "<File %r%s>" % (self._path, ", closed" if self.closed else "")

    # ---- its end ----

    def close(self) -> None:
        """Closes the file. Its tensors can be read no more; arrays that were taken from it stay, and the mapping with
        them."""
        with self._lock:
            r, self._r = self._r, None
        if r is not None and (r.name != "library" or self._process == _lib._process):
            r.close()

    def __enter__(self) -> "File":
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def __del__(self) -> None:
        if _open_files is not None:  # it is, when the interpreter ends
            _open_files.pop(id(self), None)

    def __reduce__(self) -> tuple[Any, ...]:
        if not isinstance(self._source, str):
            raise TypeError("a file in memory is not pickled: its bytes are")
        path = self._path if "://" in self._path else os.path.abspath(self._path)
        return _reopen, (path, *self._identity, tuple(sorted(self._options.items())))


_open_files: "dict[int, weakref.ref[File]]" = {}


def _all_open() -> list[File]:
    return [f for f in (ref() for ref in list(_open_files.values())) if f is not None]


def _before_fork() -> None:
    """Asks what a child will need to know, which it cannot ask any more."""
    for f in _all_open():
        try:
            f._identity
        except Error:
            pass  # closed, or damaged: the child says so


def _after_fork() -> None:
    """Locks that a thread of the parent may hold are nobody's in the child."""
    for f in _all_open():
        f._lock = threading.RLock()
        if f._r is not None:
            f._r._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork)

_unpickled: "weakref.WeakValueDictionary[Any, File]" = weakref.WeakValueDictionary()


def _reopen(path: str, uuid: str, generation: int, options: tuple[tuple[str, Any], ...]) -> File:
    """A file that was pickled: one for all that was pickled of it."""
    key = path, uuid, generation, options, os.getpid()
    f = _unpickled.get(key)
    if f is None or f.closed:
        f = open(path, generation=generation or None, **dict(options))
        try:
            _same(path, f._reader(), uuid)
        except Error:
            f.close()
            raise
        _unpickled[key] = f
    return f


def _reopen_tensor(path: str, uuid: str, generation: int, options: tuple[tuple[str, Any], ...], keys: tuple[str, ...]) -> Tensor:
    t = _reopen(path, uuid, generation, options)[keys[0]]
    for role in keys[1:]:
        t = t.parts[role]
    return t


def _same(path: str, r: Reader, uuid: str) -> None:
    have = r.info()["uuid"]
    if have != uuid:
        raise error_of("%s: is another file now: %s, not %s" % (path, have or "no native one", uuid or "a foreign one"), "changed while open")


def _reader_of(path: Any, generation: int, options: Mapping[str, Any]) -> Reader:
    o = dict(options)
    engine = o.pop("engine", None)
    if engine not in (None, "library", "python"):
        raise BadArgument("engine is 'library' or 'python', not %r" % (engine,), "wrong argument")
    if engine == "library":
        _lib.current()
    if engine == "python" or not _lib.available():
        from ._pure import PureReader

        if engine is None:
            _warn_once()
        return PureReader.open(path, generation, **o)
    return NativeReader.open(path, generation, **o)


_warned = False


def _warn_once() -> None:
    global _warned
    if not _warned:
        _warned = True
        warnings.warn("tensorfile reads without its library (%s): slower, and native files only" % _lib.why_not(), RuntimeWarning, stacklevel=5)


def _fspath(path: StrPath) -> str:
    p = os.fspath(path)
    if not isinstance(p, str):
        raise TypeError("path is a str or os.PathLike of it, not %s" % type(path).__name__)
    if "\0" in p:
        raise BadArgument("a path with a null character", "wrong argument")
    return p


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
        if verify not in ("on demand", "first use"):
            raise BadArgument("verify is 'on demand' or 'first use', not %r" % (verify,), "wrong argument")
        options: dict[str, Any] = {"mmap": bool(mmap), "verify": verify, "workers": int(workers), "max_bytes": int(max_bytes),
                                   "native_only": bool(native_only), "map_remote": bool(map_remote), "engine": engine}  # fmt: skip
        return _open(p, p, _generation(generation), options)
    if mode in ("w", "x", "a"):
        if generation is not None:
            raise BadArgument("a Writer begins at the newest generation: revert() goes back", "wrong argument")
        if engine == "python":
            raise error_of("writing takes the library", "unsupported")
        return Writer(p, mode, **writing)
    raise BadArgument("mode is 'r', 'w', 'x' or 'a', not %r" % (mode,), "wrong argument")


def _open(source: Any, path: str, generation: int, options: dict[str, Any]) -> File:
    return File(path, _reader_of(source, generation, options), options, source)


def _generation(n: Any) -> int:
    if n is None:
        return 0
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n < 1 << 64:
        raise BadArgument("generations are numbered from 1: %r" % (n,), "wrong argument")
    return int(n)


def from_bytes(data: Any, *, generation: Optional[int] = None, max_bytes: int = 0, engine: Optional[str] = None) -> File:
    """Opens a file in memory: bytes, or anything with a buffer, which must stay as it is while the file is open.

    >>> import numpy as np, tensorfile
    >>> from tensorfile.numpy import save
    >>> tensorfile.from_bytes(save({"a": np.arange(3)}))["a"][1:]
    array([1, 2])
    """
    raw = np.frombuffer(data, np.uint8)
    options: dict[str, Any] = {"max_bytes": int(max_bytes), "engine": engine}
    return _open(raw, "<memory>", _generation(generation), options)


# ---- writing ----


def _ints(values: Sequence[int]) -> Any:
    return (c.c_int64 * len(values))(*values)


class _Source(NamedTuple):
    """Elements in memory: strides are bytes between units, address is that of element (0, ..., 0). held keeps it."""

    type: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    address: int
    held: Any

    def struct(self) -> _lib.Array:
        n = len(self.shape)
        return _lib.Array(_descriptor(self.type), n, _ints(self.shape) if n else None, _ints(self.strides) if n else None, self.address or None)

    def extent(self) -> tuple[int, int]:
        """The addresses of the first byte and behind the last."""
        units = self.type.units(self.shape)
        if 0 in units:
            return self.address, self.address
        low = sum(min(0, (n - 1) * s) for n, s in zip(units, self.strides))
        high = sum(max(0, (n - 1) * s) for n, s in zip(units, self.strides))
        return self.address + low, self.address + high + self.type.unit_bytes


def _descriptor(d: DType) -> _lib.Descriptor:
    return _lib.Descriptor.from_buffer_copy(d.pack())


def _source(a: Any) -> _Source:
    """The elements of an array, of numbers, or of a tensor of torch."""
    if type(a).__module__.partition(".")[0] == "torch":
        from .torch import _memory

        return _memory(a)
    x = np.asarray(a)
    if x.dtype.kind in "US" and isinstance(a, (list, tuple)):
        raise TypeError("a list of str and others: strings are all str")
    d = DType.of(x.dtype)
    if not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    if d.packed:
        if not x.ndim:
            raise BadArgument("a tensor of %s has at least one axis" % d.name, "shape mismatch")
        units = np.ascontiguousarray(d.pack_units(x))
        strides = units.strides[:-1] + (d.unit_bytes,)
        return _Source(d, x.shape, strides, units.ctypes.data, units)
    if any(s % x.dtype.alignment for s in x.strides) or x.ctypes.data % x.dtype.alignment:
        x = x.copy()
    return _Source(d, x.shape, x.strides, x.ctypes.data, x)


def _units(a: Any, d: DType) -> _Source:
    """Elements of a type whose units are in an array."""
    x = np.ascontiguousarray(a)
    if x.dtype.itemsize != d.unit_bytes or x.dtype.hasobject or not x.dtype.isnative:
        raise TypeError("units of %s are of %d bytes, not %s" % (d.name, d.unit_bytes, x.dtype))
    if d.packed and not np.ndim(a):
        raise BadArgument("a tensor of %s has at least one axis" % d.name, "shape mismatch")
    x = x.reshape(np.shape(a))
    return _Source(d, (*x.shape[:-1], x.shape[-1] * d.unit_elems) if d.packed else x.shape, x.strides, x.ctypes.data, x)


def _is_text(a: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == object and a.size > 0 and all(isinstance(s, str) for s in a.reshape(-1).tolist()) or a.dtype.kind == "T"
    if isinstance(a, (list, tuple)):
        return bool(a) and all(isinstance(s, str) or _is_text(s) for s in a)
    return isinstance(a, str)


def _is_sparse(a: Any) -> bool:
    top = type(a).__module__.partition(".")[0]
    if top == "scipy":
        return hasattr(a, "tocsr")
    return top == "torch" and str(a.layout) != "torch.strided"


def _composed(value: Any) -> Optional[Composite]:
    """The composite that a value is, or is to become."""
    if isinstance(value, Composite):
        return value
    if _is_sparse(value):
        return Sparse.of(value)
    if _is_text(value):
        return Strings.of(value.astype(object) if isinstance(value, np.ndarray) else value)
    return None


class _Store:
    """How a tensor is stored, as the library takes it, with all that it points to."""

    def __init__(self, rank: int, *, codec: Optional[str] = None, chunks: Union[int, Sequence[int], None] = None, dims: Optional[Sequence[Optional[str]]] = None,
                 attrs: Optional[Mapping[str, Any]] = None, fill: Any = None, dtype: Optional[DType] = None, replace: bool = False, shared: bool = False) -> None:  # fmt: skip
        s = self.struct = _lib.Store(c.sizeof(_lib.Store))
        s.attributes = _attrs.encode(attrs)
        if dims is not None:
            if isinstance(dims, str) or len(dims) != rank:
                raise BadArgument("dims are %d names, one an axis, not %r" % (rank, dims), "shape mismatch")
            s.dims = (c.c_char_p * max(1, rank))(*[_utf8(d) if d is not None else b"" for d in dims])
        if codec is not None:
            s.codec = _utf8(codec)
        if chunks is not None:
            extents = [chunks] if isinstance(chunks, (int, np.integer)) else list(chunks)
            if rank >= 0 and len(extents) != rank and not (len(extents) == 1 and isinstance(chunks, (int, np.integer))):
                raise BadArgument("chunks has %d extents, the tensor %d axes" % (len(extents), rank), "shape mismatch")
            if any(n < 1 for n in extents):
                raise BadArgument("extents of chunks are 1 or more: %s" % (extents,), "shape mismatch")
            s.chunk = _ints([int(n) for n in extents])
        if fill is not None:
            if dtype is None or dtype.packed:
                raise BadArgument("fill is for tensors of whole bytes", "wrong argument")
            raw = np.asarray(fill, dtype.numpy).astype(dtype.numpy.newbyteorder("<") if dtype.numpy.kind in "iufc" and not dtype.ml_name else dtype.numpy)
            if raw.ndim:
                raise BadArgument("fill is one element", "wrong argument")
            self._fill = raw.tobytes()
            s.fill, s.fill_size = self._fill, len(self._fill)
        s.replace, s.shared = replace, shared


def _utf8(text: Any) -> bytes:
    if not isinstance(text, str):
        raise TypeError("expected str, got %s" % type(text).__name__)
    if "\0" in text:
        raise BadArgument("text with a null character: %r" % text, "wrong argument")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise BadArgument("text that UTF-8 does not have: %r" % text, "wrong argument") from None


def _composite_struct(x: Composite, held: list[Any]) -> _lib.Composite:
    """The composite as the library takes it; held keeps what it points to."""
    parts = (_lib.CompositePart * max(1, len(x.parts)))()
    for p, (role, value) in zip(parts, x.parts.items()):
        p.role = role.encode("ascii")
        if isinstance(value, Composite):
            p.composite = c.pointer(_composite_struct(value, held))
        else:
            src = _mask_source(value) if role == "mask" else _source(value)
            held.append(src)
            p.array = c.pointer(src.struct())
    n = len(x.shape)
    return _lib.Composite(LAYOUTS.index(x.layout), x.flags, _descriptor(x.type), n, _ints(x.shape) if n else None, len(x.parts), parts)


def _mask_source(mask: Any) -> _Source:
    """A mask is stored as bits."""
    d, m = DType(1, 0, 1, 8, 1), np.asarray(mask, bool)
    units = np.ascontiguousarray(d.pack_units(m))
    return _Source(d, m.shape, units.strides, units.ctypes.data, units)


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
                f: File = open(self._path)
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


def _extents(chunks: Any, shape: Sequence[int], d: DType) -> Any:
    """One number is the extent along axis 0, the others whole; along a packed axis in whole units."""
    if isinstance(chunks, (int, np.integer)) and not isinstance(chunks, bool):
        if not shape:
            raise BadArgument("a tensor without axes has no chunks", "shape mismatch")
        e = d.unit_elems
        return [int(chunks), *(max(1, n) for n in shape[1:-1]), *(max(1, -(-n // e)) * e for n in shape[1:][-1:])]
    return chunks


def _one_extent(chunks: Any) -> Any:
    if chunks is not None and not isinstance(chunks, (int, np.integer)):
        raise BadArgument("of a composite chunks is one number, of its parts along axis 0", "shape mismatch")
    return chunks


def _shared(items: list[tuple[str, _Source]]) -> list[tuple[int, int, list[tuple[str, _Source]]]]:
    """Sources that overlap in memory, together with the bytes that they reach: each group in the order of names
    given. A group whose members do not stand at multiples of their alignment from its begin is taken apart."""
    order = sorted(range(len(items)), key=lambda i: items[i][1].extent())
    groups: list[tuple[int, int, list[int]]] = []
    for i in order:
        low, high = items[i][1].extent()
        if groups and low < groups[-1][1] and low < high:
            a, b, members = groups[-1]
            groups[-1] = a, max(b, high), [*members, i]
        else:
            groups.append((low, high, [i]))
    out = []
    for low, high, members in groups:
        if len(members) > 1 and any((items[i][1].address - low) % _alignment(items[i][1].type) for i in members):
            out += [(*items[i][1].extent(), [i]) for i in members]
        else:
            out.append((low, high, sorted(members)))
    out.sort(key=lambda g: g[2][0])
    return [(low, high, [items[i] for i in members]) for low, high, members in out]


def _alignment(d: DType) -> int:
    if d.packed or d.cls in (6, 7):
        return 1
    return min(8, d.unit_bytes // 2 if d.cls == 5 else d.unit_bytes)


# ---- whole files ----


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


"""Files that are open for reading."""

from __future__ import annotations

import os
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Union

import numpy as np

from . import _attrs, _lib
from ._errors import BadArgument, Closed, Error, TensorNotFound, error_of
from ._native import NativeReader
from ._record import Reader, Record
from ._tensor import Tensor

if TYPE_CHECKING:
    from ._writer import Writer

__all__ = ["File", "Generation", "Report", "from_bytes"]

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

    _uuid: Optional[tuple[str, int]] = None
    _writer: Optional[weakref.ref["Writer"]] = None
    _touch: Optional[Callable[[Record], None]] = None

    def __init__(self, path: str, reader: Reader, options: dict[str, Any], source: Any) -> None:
        """Use open()."""
        self._path, self._options, self._source = path, options, source
        self._r: Optional[Reader] = reader
        self._process = _lib._process
        self._lock = threading.RLock()
        # What is taken without asking the reader: records by name, and the mapping as arrays of a type, by its name.
        # Others take their place when the file is closed, and in the child of a fork.
        self._known: dict[str, Record] = {}
        self._words: dict[str, np.ndarray[Any, Any]] = {}
        self._most = options.get("max_bytes", 0)
        if options.get("verify") == "first use":
            self._touch = self._check_first
        self._bools: set[Any] = set()  # tensors of bool that were looked at
        _open_files[id(self)] = weakref.ref(self)

    def _forget(self) -> None:
        self._known, self._words = {}, {}

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
                r = _reader_of(self._source, generation, self._options)
                _same(self._path, r, uuid)  # an error now and whenever it is tried again
                self._r, self._process = r, _lib._process
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
        return File(self._path, _reader_of(self._source, _generation(generation), self._options), self._options, self._source)

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
        r = self._known.get(name)
        return Tensor(self, self._find(name) if r is None else r)

    def _find(self, name: str) -> Record:
        if not isinstance(name, str):
            raise TypeError("names of tensors are str, not %s" % type(name).__name__)
        known = self._known
        r = known[name] = self._reader().record(name)
        return r

    def _records(self) -> dict[str, Record]:
        known, reader = self._known, self._reader()
        found = reader.records()
        if found is not known:
            with self._lock:
                if self._known is known:
                    self._known = found
        return found

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        try:
            self._reader()
            return name in self._known or bool(self._find(name))
        except TensorNotFound:
            return False

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._records()))

    def __len__(self) -> int:
        return len(self._records())

    def values(self) -> Any:
        return [Tensor(self, r) for r in self._records().values()]

    def items(self) -> Any:
        return [(k, Tensor(self, r)) for k, r in self._records().items()]

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
            self._forget()
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
        f._forget()
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
        f = read(path, generation=generation or None, **dict(options))
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
    """Says at the line of the caller's program that there is no library."""
    global _warned
    if not _warned:
        _warned = True
        level, frame = 1, sys._getframe()
        while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
            level, frame = level + 1, frame.f_back
        warnings.warn("tensorfile reads without its library (%s): slower, and native files only" % _lib.why_not(), RuntimeWarning, stacklevel=level)


def _fspath(path: StrPath) -> str:
    p = os.fspath(path)
    if not isinstance(p, str):
        raise TypeError("path is a str or os.PathLike of it, not %s" % type(path).__name__)
    if "\0" in p:
        raise BadArgument("a path with a null character", "wrong argument")
    return p


def read(path: str, *, generation: Optional[int] = None, mmap: bool = True, verify: str = "on demand", workers: int = 0, max_bytes: int = 0,
         native_only: bool = False, map_remote: bool = False, engine: Optional[str] = None) -> File:  # fmt: skip
    """open() for reading."""
    if verify not in ("on demand", "first use"):
        raise BadArgument("verify is 'on demand' or 'first use', not %r" % (verify,), "wrong argument")
    options: dict[str, Any] = {"mmap": bool(mmap), "verify": verify, "workers": int(workers), "max_bytes": int(max_bytes),
                               "native_only": bool(native_only), "map_remote": bool(map_remote), "engine": engine}  # fmt: skip
    n = _generation(generation)
    return File(path, _reader_of(path, n, options), options, path)


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
    return File("<memory>", _reader_of(raw, _generation(generation), options), options, raw)

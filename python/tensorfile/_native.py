"""Reading by the library."""

from __future__ import annotations

import ctypes as c
import json
import os
import struct
import threading
from typing import Any, Optional

import numpy as np

from . import _lib
from ._errors import Error, NotThere, TensorNotFound
from ._record import CHUNKED, RAW, Ranges, Record
from ._types import DType

__all__ = ["NativeReader"]

_FORMATS: dict[Any, str] = {c.c_size_t: "u8", c.c_int64: "i8", c.c_uint64: "u8", c.c_int32: "i4", c.c_uint32: "u4"}
_ITEM: np.dtype[Any] = np.dtype(
    {
        "names": [f[0] for f in _lib.Info._fields_],
        "formats": [_FORMATS.get(f[1], "V16") for f in _lib.Info._fields_],
        "offsets": [getattr(_lib.Info, f[0]).offset for f in _lib.Info._fields_],
        "itemsize": c.sizeof(_lib.Info),
    }
)
_SIZE = c.sizeof(_lib.Info)
_RANGES: list[Any] = [_lib.Range * n for n in range(_lib.MAX_RANK + 1)]


class _Lease:
    """A lease of the mapping of a file, released with its last user."""

    def __init__(self, lib: _lib.Library, number: int) -> None:
        self.lib, self.number, self.process = lib, number, _lib._process

    def __del__(self, _lib: Any = _lib, _failed: Any = Error) -> None:
        if self.process == _lib._process:  # else it is the parent's
            try:
                self.lib.release_lease(self.number)
            except _failed:
                pass  # nothing is left to do


class _Handle:
    """A tensor's handle, released with its last user. path is the name, and the roles that lead to a part: the child
    of a fork looks it up again."""

    __slots__ = ("lib", "number", "path", "process")

    def __init__(self, lib: _lib.Library, number: int, path: tuple[str, ...]) -> None:
        self.lib, self.number, self.path, self.process = lib, number, path, _lib._process

    def __del__(self, _lib: Any = _lib, _failed: Any = Error) -> None:
        if self.process == _lib._process:
            try:
                self.lib.release_tensor(self.number)
            except _failed:
                pass


def _release(f: Any, number: int, process: int) -> None:
    """Gives a writer back, if this is the process that has it."""
    if process == _lib._process:
        try:
            f(number)
        except Error:
            pass


def _records(items: int, count: int) -> list[Record]:
    """The records of so many descriptions at an address. Numbers and texts that they point to lie behind them, in the
    same block. Columns are taken together: a call for each field of each tensor would take ten times as long."""
    memory: Any = (c.c_char * (count * _SIZE)).from_address(items)
    rows = np.frombuffer(memory, _ITEM)
    rank, kind = rows["rank"], rows["storage_kind"]
    names, codecs = _texts(rows["name"]), [""] * count
    chunked = np.flatnonzero(kind >= CHUNKED)
    for i, text in zip(chunked.tolist(), _texts(rows["codec"][chunked])):
        codecs[i] = text
    shapes, strides = _numbers(rows["shape"], rank), _numbers(rows["strides"], np.where(kind == RAW, rank, 0))
    chunks: list[Any] = [None] * count
    with_chunks = chunked[rows["chunk"][chunked] != 0]
    for i, t in zip(with_chunks.tolist(), _numbers(rows["chunk"][with_chunks], rank[with_chunks])):
        chunks[i] = t
    types = list(map(DType.unpack, rows["dtype"].tolist()))
    rest = (rows[k].tolist() for k in ("layout", "layout_flags", "storage_kind", "big_endian", "nbytes", "stored", "offset", "storage", "generation"))
    return list(map(Record._make, zip(names, types, shapes, strides, chunks, codecs, *rest, [None] * count)))


def _texts(at: np.ndarray[Any, Any]) -> list[str]:
    """The texts at these addresses, which end with NUL."""
    if not len(at):
        return []
    low, last = int(at.min()), int(at.max())
    raw = c.string_at(low, last - low) + c.string_at(last) + b"\0"
    ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == 0)
    begin = (at - np.uint64(low)).astype(np.int64)
    end = ends[np.searchsorted(ends, begin)]
    if raw.isascii():
        text = raw.decode("ascii")
        return [text[a:b] for a, b in zip(begin.tolist(), end.tolist())]
    return [raw[a:b].decode("utf-8") for a, b in zip(begin.tolist(), end.tolist())]


def _numbers(at: np.ndarray[Any, Any], n: np.ndarray[Any, Any]) -> list[tuple[int, ...]]:
    """n numbers of 64 bits at each of these addresses."""
    out: list[tuple[int, ...]] = [()] * len(at)
    some = np.flatnonzero(n)
    if not len(some):
        return out
    low = int(at[some].min())
    high = int((at[some] + n[some].astype(np.uint64) * np.uint64(8)).max())
    block = np.frombuffer(c.string_at(low, high - low), np.int64)
    begin = ((at - np.uint64(low)) >> np.uint64(3)).astype(np.int64)
    for k in np.unique(n[some]).tolist():
        which = np.flatnonzero(n == k)
        values = map(tuple, block[begin[which, None] + np.arange(k)].tolist())
        if len(which) == len(out):
            return list(values)
        for i, t in zip(which.tolist(), values):
            out[i] = t
    return out


_UNPACK = struct.Struct("=6Q16siiIiiiqqqqQQ").unpack
_SHAPES = [struct.Struct("=%dq" % n).unpack for n in range(_lib.MAX_RANK + 1)]


def _one(at: int, own: Any) -> Record:
    """The record of the description at an address."""
    name, _, codec, shape, strides, chunk, dtype, rank, layout, flags, _, kind, big, _, nbytes, stored, offset, storage, generation = _UNPACK(c.string_at(at, _SIZE))
    size, ints = 8 * rank, _SHAPES[rank]
    return Record(
        c.string_at(name).decode("utf-8"),
        DType.unpack(dtype),
        ints(c.string_at(shape, size)),
        ints(c.string_at(strides, size)) if kind == RAW else (),
        ints(c.string_at(chunk, size)) if chunk else None,
        c.string_at(codec).decode("utf-8") if kind >= CHUNKED else "",
        layout, flags, kind, big, nbytes, stored, offset, storage, generation, own,
    )  # fmt: skip


def _ranges(ranges: Ranges) -> Any:
    return _RANGES[len(ranges)](*ranges) if ranges else None


class NativeReader:
    """A file opened by the library."""

    name = "library"

    def __init__(self, lib: _lib.Library, number: int, held: Any = None) -> None:
        self._lib, self._number, self._process = lib, number, _lib._process
        self._held = held  # memory that the file is in
        self._open = True
        self._lock = threading.RLock()
        self._records: Optional[dict[str, Record]] = None  # all, once they were asked for
        self._found: dict[str, Record] = {}  # those that were asked for one by one
        self._handles: dict[tuple[str, ...], _Handle] = {}  # of tensors that were read
        self.mapping = self._map()

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            self.close()

    def close(self, _lib: Any = _lib, _failed: Any = Error) -> None:
        if self._open and self._process == _lib._process:
            self._open = False
            try:
                self._lib.close(self._number)
            except _failed:
                pass

    @staticmethod
    def open(path: Any, generation: int = 0, *, mmap: bool = True, verify: str = "on demand", workers: int = 0, max_bytes: int = 0,
             native_only: bool = False, map_remote: bool = False) -> "NativeReader":  # fmt: skip
        """Opens a path, an address, or the bytes of a file, an array of u1 that nobody writes to."""
        flags = (0 if mmap else _lib.NO_MMAP) | (_lib.VERIFY_FIRST_USE if verify == "first use" else 0)
        flags |= (_lib.NATIVE_ONLY if native_only else 0) | (_lib.MAP_REMOTE if map_remote else 0)
        options = _lib.OpenOptions(c.sizeof(_lib.OpenOptions), flags, workers, generation, max_bytes)
        lib, number = _lib.current(), c.c_uint64()
        if not isinstance(path, str):  # an array of bytes
            lib.open_memory(path.ctypes.data, path.nbytes, c.byref(options), c.byref(number))
            return NativeReader(lib, number.value, path)
        f = lib.open_url if path.startswith(("http://", "https://")) else lib.open
        try:
            f(path.encode("utf-8", "surrogateescape"), c.byref(options), c.byref(number))
        except NotThere as e:
            if generation and os.path.exists(path):
                raise TensorNotFound(e.message, e.kind) from None
            raise
        return NativeReader(lib, number.value)

    def _map(self) -> Optional[np.ndarray[Any, Any]]:
        lease, data, size = c.c_uint64(), c.c_void_p(), c.c_size_t()
        try:
            self._lib.map_file(self._number, c.byref(lease), c.byref(data), c.byref(size))
        except Error:
            return None  # read, not mapped
        memory: Any = (c.c_char * size.value).from_address(data.value or 0)
        memory.lease = _Lease(self._lib, lease.value)  # arrays have the memory as their base, and so the lease
        return np.frombuffer(memoryview(memory).toreadonly(), np.uint8)

    def info(self) -> dict[str, Any]:
        i = _lib.FileInfo()
        self._lib.describe_file(self._number, c.byref(i))
        return {
            "format": i.format.decode(),
            "uuid": i.uuid.decode(),
            "generation": i.generation,
            "time": i.time,
            "length": i.length,
            "size": i.size,
            "tensors": i.tensors,
            "mapped": bool(i.mapped),
            "read_only": bool(i.read_only),
        }

    def _list(self, f: Any, number: int) -> dict[str, Record]:
        items = _lib.List()
        f(number, c.byref(items))
        try:
            return {r.name: r for r in _records(items.items, items.count)} if items.count else {}
        finally:
            self._lib.list_free(c.byref(items))

    def records(self) -> dict[str, Record]:
        with self._lock:
            if self._records is None:
                self._records = self._list(self._lib.list_tensors, self._number)
            return self._records

    def record(self, name: str) -> Record:
        known = self._found if self._records is None else self._records
        try:
            return known[name]
        except KeyError:
            pass  # if it is not there at all, the library says it better
        h = self._lookup(name)
        info = c.c_void_p()
        self._lib.describe(h.number, c.byref(info))
        r = self._found[name] = _one(info.value or 0, h)
        return r

    def _lookup(self, *path: str) -> _Handle:
        number = c.c_uint64()
        name, roles = path[0], path[1:]
        if "\0" in name:
            raise TensorNotFound("no tensor %r" % name, "not found")
        self._lib.lookup(self._number, name.encode("utf-8", "surrogatepass"), c.byref(number))
        h = _Handle(self._lib, number.value, (name,))
        for role in roles:
            h = self._part(h.number, h.path, role)
        return h

    def _part(self, parent: int, path: tuple[str, ...], role: str) -> _Handle:
        number = c.c_uint64()
        self._lib.part(parent, role.encode(), c.byref(number))
        return _Handle(self._lib, number.value, (*path, role))

    def _tensor(self, r: Record) -> int:
        h = r.own
        if h is None or h.lib is not self._lib:
            path = h.path if h else (r.name,)
            h = self._handles.get(path)
            if h is None:
                h = self._handles[path] = self._lookup(*path)
        number: int = h.number
        return number

    def parts(self, r: Record) -> dict[str, Record]:
        number = self._tensor(r)
        path = r.own.path if r.own else (r.name,)
        found = self._list(self._lib.list_parts, number)
        return {role: p._replace(own=self._part(number, path, role)) for role, p in found.items()}

    def touch(self, r: Record) -> None:
        """Checks the sums of plain bytes once, if the file was opened so."""
        lease, data = c.c_uint64(), c.c_void_p()
        self._lib.map(self._tensor(r), c.byref(lease), c.byref(data))
        self._lib.release_lease(lease)

    def attributes(self, r: Optional[Record]) -> str:
        if r is None:
            return self._lib.take_text(self._lib.file_attributes, self._number)
        return self._lib.take_text(self._lib.attributes, self._tensor(r))

    def read(self, r: Record, ranges: Ranges, dst: np.ndarray[Any, Any]) -> None:
        self._lib.read(self._tensor(r), _ranges(ranges), dst.ctypes.data, dst.nbytes)

    def dequantise(self, r: Record, ranges: Ranges, dst: np.ndarray[Any, Any]) -> None:
        to = _lib.Descriptor.from_buffer_copy(DType.of(dst.dtype).pack())
        self._lib.dequantise(self._tensor(r), c.byref(to), _ranges(ranges), dst.ctypes.data, dst.nbytes)

    def hash(self, r: Record) -> bytes:
        out = (c.c_uint8 * 32)()
        self._lib.hash(self._tensor(r), out)
        return bytes(out)

    def generations(self) -> list[dict[str, int]]:
        p, n = c.c_void_p(), c.c_size_t()
        self._lib.generations(self._number, c.byref(p), c.byref(n))
        raw = self._lib.take_memory(p, n.value * c.sizeof(_lib.Generation))
        names = [f[0] for f in _lib.Generation._fields_]
        return [{k: getattr(g, k) for k in names} for g in (_lib.Generation * n.value).from_buffer_copy(raw)] if n.value else []

    def verify(self, quick: bool, sample: float) -> dict[str, Any]:
        options, ok = _lib.VerifyOptions(c.sizeof(_lib.VerifyOptions), quick, 0, sample), c.c_int32()
        text = self._lib.take_text(self._lib.verify, self._number, c.byref(options), c.byref(ok))
        report: dict[str, Any] = json.loads(text)
        return report

    def changed(self) -> None:
        self._lib.check(self._number)

    def refresh(self) -> Optional["NativeReader"]:
        newer = c.c_uint64()
        self._lib.refresh(self._number, c.byref(newer))
        return NativeReader(self._lib, newer.value) if newer.value else None

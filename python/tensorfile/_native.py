"""Reading by the library."""

from __future__ import annotations

import ctypes as c
import json
import os
import struct
import sys
import threading
from typing import Any, Optional

import numpy as np

from . import _lib
from ._errors import Error, NotThere, TensorNotFound
from ._record import CHUNKED, RAW, Ranges, Record, c_strides, place
from ._types import BOOL, DType

__all__ = ["NativeReader"]

_FORMATS: dict[Any, str] = {c.c_size_t: "u8", c.c_int64: "i8", c.c_uint64: "u8", c.c_int32: "i4", c.c_uint32: "u4"}
_FIELDS = [(f[0], _FORMATS.get(f[1], "V16"), getattr(_lib.Info, f[0]).offset) for f in _lib.Info._fields_]
_FIELDS += [(k, f, _lib.Info.dtype.offset + getattr(_lib.Descriptor, k).offset) for k, f in (("cls", "u1"), ("unit_elems", "u4"), ("unit_bytes", "u4"))]
_ITEM: np.dtype[Any] = np.dtype({"names": [f[0] for f in _FIELDS], "formats": [f[1] for f in _FIELDS], "offsets": [f[2] for f in _FIELDS], "itemsize": c.sizeof(_lib.Info)})
_SIZE = c.sizeof(_lib.Info)
# Of any size, of which a part is looked at: to make a type for each size takes longer than to open a file.
_Memory: Any = c.c_uint8 * sys.maxsize
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


def _memory(at: int, size: int) -> memoryview:
    """So many bytes at an address, which nobody holds."""
    return memoryview(_Memory.from_address(at))[:size]


def _records(items: int, count: int) -> dict[str, Record]:
    """The records of so many descriptions at an address, by name. Numbers and texts that they point to lie behind them, in the
    same block. Columns are taken together: a call for each field of each tensor would take ten times as long."""
    rows = np.frombuffer(_memory(items, count * _SIZE), _ITEM)
    rank, kind, unit = rows["rank"], rows["storage_kind"], rows["unit_bytes"].astype(np.int64)
    names, codecs = _texts(rows["name"]), [""] * count
    chunked = np.flatnonzero(kind >= CHUNKED)
    for i, text in zip(chunked.tolist(), _texts(rows["codec"][chunked])):
        codecs[i] = text
    types = list(map(DType.unpack, rows["dtype"].tolist()))
    shapes = _numbers(rows["shape"], rank)
    # Most are plain bytes in C order.
    plain = np.flatnonzero((kind == RAW) & (rows["unit_elems"] == 1))
    plain = plain[_in_c_order(rows["shape"][plain], rows["strides"][plain], rank[plain], unit[plain])]
    strides: list[Any] = [None] * count
    other = np.setdiff1d(np.flatnonzero(kind == RAW), plain, assume_unique=True)
    for i, t in zip(other.tolist(), _numbers(rows["strides"][other], rank[other])):
        strides[i] = None if t == c_strides(types[i], shapes[i]) else t
    offset = rows["offset"]
    plain = plain[(offset[plain] >= 0) & (rows["big_endian"][plain] == 0) & (rows["cls"][plain] != BOOL)]
    plain = plain[offset[plain] % unit[plain] == 0]
    first = np.full((2, count), -1)
    first[:, plain] = offset[plain] // unit[plain]
    first[1, plain] += rows["nbytes"][plain] // unit[plain]
    chunks: list[Any] = [None] * count
    with_chunks = chunked[rows["chunk"][chunked] != 0]
    for i, t in zip(with_chunks.tolist(), _numbers(rows["chunk"][with_chunks], rank[with_chunks])):
        chunks[i] = t
    rest = (rows[k].tolist() for k in ("layout", "layout_flags", "storage_kind", "big_endian", "nbytes", "stored", "offset", "storage", "generation"))
    return dict(zip(names, map(Record._make, zip(names, types, shapes, strides, chunks, codecs, *rest, [None] * count, *first.tolist()))))


def _in_c_order(shapes: np.ndarray[Any, Any], strides: np.ndarray[Any, Any], rank: np.ndarray[Any, Any], unit: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which of the strides at these addresses are those of C order."""
    same = np.ones(len(rank), bool)
    for k in np.unique(rank[rank > 0]).tolist():
        which = np.flatnonzero(rank == k)
        s, t, want = _columns(shapes[which], k), _columns(strides[which], k), unit[which]
        for axis in reversed(range(k)):
            same[which] &= t[:, axis] == want
            want = want * s[:, axis]
    return same


def _columns(at: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
    """n numbers of 64 bits at each of these addresses."""
    low, high = int(at.min()), int(at.max()) + 8 * n
    block = np.frombuffer(_memory(low, high - low), np.int64)
    begin = ((at - np.uint64(low)) >> np.uint64(3)).astype(np.int64)
    columns: np.ndarray[Any, Any] = block[begin[:, None] + np.arange(n)]
    return columns


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
    """As many numbers of 64 bits as n says at each of these addresses."""
    out: list[tuple[int, ...]] = [()] * len(at)
    for k in np.unique(n[n > 0]).tolist():
        which = np.flatnonzero(n == k)
        values = map(tuple, _columns(at[which], k).tolist())
        if len(which) == len(out):
            return list(values)
        for i, t in zip(which.tolist(), values):
            out[i] = t
    return out


_UNPACK = struct.Struct("=6Q16siiIiiiqqqqQQ").unpack
_SHAPES = [struct.Struct("=%dq" % n).unpack for n in range(_lib.MAX_RANK + 1)]


def _one(at: int, name: str) -> Record:
    """The record of the description at an address, of a tensor of this name."""
    _, _, codec, shape, strides, chunk, dtype, rank, layout, flags, _, kind, big, _, nbytes, stored, offset, storage, generation = _UNPACK(c.string_at(at, _SIZE))
    size, ints, type = 8 * rank, _SHAPES[rank], DType.unpack(dtype)
    extents = ints(c.string_at(shape, size)) if rank else ()
    if kind != RAW:
        text, chunks = c.string_at(codec).decode("utf-8"), ints(c.string_at(chunk, size)) if chunk else None
        return Record(name, type, extents, None, chunks, text, layout, flags, kind, big, nbytes, stored, offset, storage, generation, None, -1, -1)
    steps = ints(c.string_at(strides, size)) if rank else ()
    if steps != c_strides(type, extents):
        return Record(name, type, extents, steps, None, "", layout, flags, kind, big, nbytes, stored, offset, storage, generation, None, -1, -1)
    first, behind = place(type, offset, nbytes, big)
    return Record(name, type, extents, None, None, "", layout, flags, kind, big, nbytes, stored, offset, storage, generation, None, first, behind)


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
        options = None
        if flags or workers or generation or max_bytes:
            options = c.byref(_lib.OpenOptions(c.sizeof(_lib.OpenOptions), flags, workers, generation, max_bytes))
        lib, number = _lib.current(), c.c_uint64()
        if not isinstance(path, str):  # an array of bytes
            lib.open_memory(path.ctypes.data, path.nbytes, options, c.byref(number))
            return NativeReader(lib, number.value, path)
        f = lib.open_url if path.startswith(("http://", "https://")) else lib.open
        try:
            f(path.encode("utf-8", "surrogateescape"), options, c.byref(number))
        except NotThere as e:
            if generation and os.path.exists(path):
                raise TensorNotFound(e.message, e.kind) from None
            raise
        return NativeReader(lib, number.value)

    def _map(self) -> Optional[np.ndarray[Any, Any]]:
        m = _lib.Mapped()
        try:
            self._lib.map_file(self._number, c.byref(m), c.byref(m, 8), c.byref(m, 16))
        except Error:
            return None  # read, not mapped
        memory: Any = _Memory.from_address(m.data)
        memory.lease = _Lease(self._lib, m.lease)  # arrays have the memory as their base, and so the lease
        return np.frombuffer(memoryview(memory)[: m.size].toreadonly(), np.uint8)

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
            return _records(items.items, items.count) if items.count else {}
        finally:
            self._lib.list_free(c.byref(items))

    def records(self) -> dict[str, Record]:
        with self._lock:
            if self._records is None:
                self._records = self._list(self._lib.list_tensors, self._number)
            return self._records

    def record(self, name: str) -> Record:
        if "\0" in name:
            raise TensorNotFound("no tensor %r" % name, "not found")
        items = _lib.List()
        ref = c.byref(items)
        self._lib.list_named(self._number, name.encode("utf-8", "surrogatepass"), ref)
        try:
            return _one(items.items, name)
        finally:
            self._lib.list_free(ref)

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
            if h is None:  # of two threads here at once one handle is kept, and both use it
                h = self._handles.setdefault(path, self._lookup(*path))
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

"""Reading by the library."""

from __future__ import annotations

import ctypes as c
import json
import os
import threading
import weakref
from typing import Any, Optional

import numpy as np

from . import _lib
from ._errors import Error, NotThere, TensorNotFound
from ._record import CHUNKED, RAW, Ranges, Record
from ._types import BOOL, DType

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
_SHAPES = [c.c_int64 * n for n in range(_lib.MAX_RANK + 1)]
_RANGES: list[Any] = [_lib.Range * n for n in range(_lib.MAX_RANK + 1)]


class _Lease:
    def __init__(self, lib: _lib.Library, number: int) -> None:
        self.close = weakref.finalize(self, _release, lib.release_lease, number, _lib.generation_of_process())
        self.close.atexit = False  # arrays may live longer than that


def _release(f: Any, number: int, process: int, held: Any = None) -> None:
    """Gives a handle back, if this is the process that has it. held is what must live until then."""
    if process == _lib.generation_of_process():
        try:
            f(number)
        except Error:
            pass  # nothing is left to do


class _Handle:
    """A tensor's handle, released with its last user. path is the name, and the roles that lead to a part: the child
    of a fork looks it up again."""

    def __init__(self, lib: _lib.Library, number: int, path: tuple[str, ...]) -> None:
        self.number, self.path, self.lib = number, path, lib
        weakref.finalize(self, _release, lib.release_tensor, number, _lib.generation_of_process()).atexit = False


def _ints(address: int, n: int) -> tuple[int, ...]:
    return tuple(_SHAPES[n].from_address(address)) if n else ()


def _text(address: int) -> str:
    return c.string_at(address).decode("utf-8") if address else ""


def _record(row: tuple[Any, ...], key: Any = None) -> Record:
    """The record of an item of a list, as a tuple of numbers."""
    (name, _, codec, shape, strides, chunk, dtype, rank, layout, flags, _, kind, big, _, nbytes, stored, offset, storage, generation) = row
    r = Record()
    r.name = c.string_at(name).decode("utf-8")
    r.type = DType.unpack(dtype)
    r.shape = _ints(shape, rank)
    r.strides = _ints(strides, rank) if kind == RAW else ()
    r.chunks = _ints(chunk, rank) if kind == CHUNKED and chunk else None
    r.codec = _text(codec)
    r.layout, r.flags, r.kind, r.big_endian = layout, flags, kind, bool(big)
    r.nbytes, r.stored, r.offset, r.storage, r.generation = nbytes, stored, offset, storage, generation
    r.key, r.sound = key, r.type.cls != BOOL
    return r


def _ranges(ranges: Ranges) -> Any:
    return _RANGES[len(ranges)](*ranges) if ranges else None


class NativeReader:
    """A file opened by the library."""

    name = "library"

    def __init__(self, lib: _lib.Library, number: int, held: Any = None) -> None:
        self._lib, self._number = lib, number
        self._close = weakref.finalize(self, _release, lib.close, number, _lib.generation_of_process(), held)
        self._close.atexit = False
        self._lock = threading.RLock()
        self._records: Optional[dict[str, Record]] = None
        self.mapping = self._map()

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
            if not items.count:
                return {}
            raw = (c.c_char * (items.count * c.sizeof(_lib.Info))).from_address(items.items)
            rows = np.frombuffer(raw, _ITEM).tolist()
            return {r.name: r for r in map(_record, rows)}
        finally:
            self._lib.list_free(c.byref(items))

    def records(self) -> dict[str, Record]:
        with self._lock:
            if self._records is None:
                self._records = self._list(self._lib.list_tensors, self._number)
            return self._records

    def record(self, name: str) -> Record:
        if self._records is not None:
            try:
                return self._records[name]
            except KeyError:
                pass  # the library says it better
        h = self._lookup(name)
        info = c.POINTER(_lib.Info)()
        self._lib.describe(h.number, c.byref(info))
        row = np.frombuffer(bytes(info.contents), _ITEM).tolist()[0]
        return _record(row, h)

    def _lookup(self, *path: str) -> _Handle:
        number = c.c_uint64()
        name, roles = path[0], path[1:]
        if "\0" in name:
            raise TensorNotFound("no tensor %r" % name, "not found")
        self._lib.lookup(self._number, name.encode("utf-8", "surrogatepass"), c.byref(number))
        h = _Handle(self._lib, number.value, (name,))
        for role in roles:
            h = self._part(h, role)
        return h

    def _part(self, h: _Handle, role: str) -> _Handle:
        number = c.c_uint64()
        self._lib.part(h.number, role.encode(), c.byref(number))
        return _Handle(self._lib, number.value, (*h.path, role))

    def _tensor(self, r: Record) -> int:
        h = r.key
        if h is None or h.lib is not self._lib:
            h = r.key = self._lookup(*(h.path if h else (r.name,)))
        number: int = h.number
        return number

    def parts(self, r: Record) -> dict[str, Record]:
        found = self._list(self._lib.list_parts, self._tensor(r))
        for role, p in found.items():
            p.key = self._part(r.key, role)
        return found

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

    def close(self) -> None:
        self._close()

"""Reading without the library: by the reader that was written from the specification alone, spec/reader. It has no
s2 and no deflate, checks sums in plain Python and decodes a tensor whole, so it is slow on large chunked tensors;
plain bytes are mapped all the same, and not compared with their sums."""

from __future__ import annotations

import builtins
import math
import mmap as _mmap
import os
import threading
from typing import Any, Iterator, Optional

import numpy as np

from ._errors import Error, NotThere, TensorNotFound, error_of
from ._reader import attributes as _attributes, composites as _composites, tensorfile as _container, verify as _verify
from ._record import CHUNKED, NO_BYTES, RAW, Ranges, Record, c_strides, place
from ._types import BLOCK, STRING, DType

__all__ = ["PureReader"]


_KINDS = {"Format": "malformed", "Limit": "limit exceeded"}


def _raise(e: Any, where: str) -> Error:
    return error_of("%s: %s" % (where, e), _KINDS.get(e.kind, e.kind.lower()), e.rule)


class _Guarded:
    """Turns what the reader raises into this package's errors."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, e: Any, tb: Any) -> None:
        if isinstance(e, _attributes.Error):
            raise _raise(e, self.where) from None
        if isinstance(e, ImportError):
            raise error_of("%s: %s: without the library decoding takes it: pip install zstandard lz4" % (self.where, e), "unsupported") from None
        if isinstance(e, RecursionError):
            raise error_of("%s: nested too deep" % self.where, "limit exceeded") from None


class PureReader:
    name = "python"

    def __init__(self, path: str, data: Any, generation: int, first_use: bool, mapped: bool) -> None:
        self._path, self._data = path, data
        self._lock = threading.RLock()
        self._guard = _Guarded(path)
        self._stat = os.stat(path) if path != "<memory>" else None
        with self._guard:
            try:
                self._f: Any = _container.File(data, generation or None)
            except KeyError:
                raise TensorNotFound("%s: no generation %d" % (path, generation), "not found") from None
        self.mapping: Optional[np.ndarray[Any, Any]] = np.frombuffer(data, np.uint8) if mapped else None
        self._first_use = first_use
        self._all: Optional[dict[str, Record]] = None

    @staticmethod
    def open(path: Any, generation: int = 0, *, mmap: bool = True, verify: str = "on demand", workers: int = 0, max_bytes: int = 0,
             native_only: bool = False, map_remote: bool = False) -> "PureReader":  # fmt: skip
        if not isinstance(path, str):  # an array of bytes
            return PureReader("<memory>", path.tobytes(), generation, verify == "first use", False)
        if path.startswith(("http://", "https://")):
            raise error_of("%s: reading from servers takes the library" % path, "unsupported")
        try:
            with builtins.open(path, "rb") as f:
                size = os.fstat(f.fileno()).st_size
                data = _mmap.mmap(f.fileno(), 0, access=_mmap.ACCESS_READ) if mmap and size else f.read()
        except FileNotFoundError as e:
            raise NotThere("%s: %s" % (path, e.strerror), "not found") from None
        except OSError as e:
            raise error_of("%s: %s" % (path, e.strerror), "input/output error") from None
        return PureReader(path, data, generation, verify == "first use", mmap and size > 0)

    def info(self) -> dict[str, Any]:
        root = self._f.root
        u = self._f.uuid.hex()
        return {
            "format": "tensorfile",
            "uuid": "-".join([u[:8], u[8:12], u[12:16], u[16:20], u[20:]]),
            "generation": root.generation,
            "time": int.from_bytes(root.raw[40:48], "little", signed=True),
            "length": root.length,
            "size": len(self._data),
            "tensors": len(self.records()),
            "mapped": self.mapping is not None,
            "read_only": bool(root.features[1]),
        }

    def records(self) -> dict[str, Record]:
        with self._lock, self._guard:
            if self._all is None:
                self._all = {t.name: self._record(t, t.name) for t in self._f.tensors()}
            return self._all

    def record(self, name: str) -> Record:
        try:
            return self.records()[name]
        except KeyError:
            raise TensorNotFound("%s: no tensor %r" % (self._path, name), "not found") from None

    def _record(self, t: Any, name: str) -> Record:
        d = DType(*t.dtype.raw()) if t.dtype.cls else STRING
        r = Record(name, d, tuple(t.shape), None, None, "", t.layout, t.flags, NO_BYTES, False, 0, 0, -1, 0, t.generation, t, -1, -1)
        if t.kind == 2:
            parts = self.parts(r).values()
            return r._replace(nbytes=sum(p.nbytes for p in parts), stored=sum(p.stored for p in parts))
        r = r._replace(nbytes=d.nbytes(r.shape), storage=t.storage)
        if not t.storage:
            return r
        s = self._f.root.storages[t.storage]
        s.parse()
        if s.kind == 1:
            strides = tuple(t.strides)
            r = r._replace(kind=RAW, stored=s.stored, offset=s.payload + t.offset if math.prod(r.shape) else -1)
            if strides != c_strides(d, r.shape):
                return r._replace(strides=strides)
            first, behind = place(d, r.offset, r.nbytes, False)
            return r._replace(first=first, behind=behind)
        return r._replace(kind=CHUNKED, stored=s.stored, codec=s.text.decode("ascii", "replace"), chunks=self._turned(t, s))

    @staticmethod
    def _turned(t: Any, s: Any) -> tuple[int, ...]:
        """The chunk shape in the order of the tensor's axes, which may be a permutation of the grid's."""
        units = s.dtype.units(s.shape)
        steps = [s.dtype.b * math.prod(units[k + 1 :]) for k in range(len(units))]
        left = list(range(len(units)))
        out = []
        for stride, n in zip(t.strides, t.dtype.units(t.shape)):
            k = next((k for k in left if steps[k] == stride and (units[k] == n or k == 0)), left[0])
            left.remove(k)
            out.append(int(s.chunk[k]))
        return tuple(out)

    def parts(self, r: Record) -> dict[str, Record]:
        with self._guard:
            return {role: self._record(p, role) for role, p in _composites.parts(r.own).items()}

    def attributes(self, r: Optional[Record]) -> str:
        import json

        with self._guard:
            return json.dumps(self._f.attributes() if r is None else r.own.attributes(), ensure_ascii=False)

    def _units(self, r: Record) -> np.ndarray[Any, Any]:
        """The units of a tensor, an array of bytes with an axis for those of a unit."""
        t = r.own
        with self._guard, self._lock:
            size = r.type.unit_bytes
            shape = (*r.type.units(r.shape), size)
            if 0 in shape:
                return np.empty(shape, np.uint8)
            s = self._f.root.storages[t.storage]
            if r.kind == RAW and not self._first_use:
                data = np.frombuffer(self._data, np.uint8)[s.payload : s.payload + s.size]
            else:
                data = np.frombuffer(s.bytes(), np.uint8)
            return np.ndarray(shape, np.uint8, data.data, t.offset, (*t.strides, 1))

    def read(self, r: Record, ranges: Ranges, dst: np.ndarray[Any, Any]) -> None:
        units = self._units(r)
        if r.type.cls == 1 and r.type.bits == 8 and units.size and int(units.max()) > 1:
            raise error_of("%s: tensor %r: a bool of %d: dtype.bool" % (self._path, r.name, int(units.max())), "corrupt", "dtype.bool")
        index = [slice(a, None if b < 0 else b, s) for a, b, s in ranges]
        if r.type.packed:
            e = r.type.unit_elems
            a, b, _ = ranges[-1]
            index[-1] = slice(a // e, -(-b // e))
        out = dst.view(np.uint8).reshape(*dst.shape, r.type.unit_bytes) if dst.ndim else dst.reshape(1).view(np.uint8)
        out[...] = units[tuple(index)]
        if r.type.packed and r.type.bits and ranges[-1][1] == r.shape[-1] and r.shape[-1] % r.type.unit_elems:
            rows = out.reshape(-1, dst.shape[-1] * r.type.unit_bytes)
            n = (ranges[-1][1] - ranges[-1][0]) * r.type.bits
            bits = np.unpackbits(rows, axis=1, bitorder="little")
            bits[:, n:] = 0
            rows[...] = np.packbits(bits, axis=1, bitorder="little")

    def dequantise(self, r: Record, ranges: Ranges, dst: np.ndarray[Any, Any]) -> None:
        if r.type.cls == BLOCK:
            raise error_of("%s: tensor %r: numbers of %s blocks take the library; units() has their bytes" % (self._path, r.name, r.type.name), "unsupported")
        with self._guard:
            x = _composites.elements(r.own)
        dst[...] = x[tuple(slice(a, None if b < 0 else b, s) for a, b, s in ranges)].astype(dst.dtype)

    def touch(self, r: Record) -> None:
        """Compares plain bytes with their sums, once."""
        if r.storage:
            with self._guard, self._lock:
                self._f.root.storages[r.storage].bytes()

    def hash(self, r: Record) -> bytes:
        with self._guard:
            h: bytes = _composites.content_hash(r.own)
            return h

    def _history(self) -> Iterator[Any]:
        with self._guard:
            yield from self._f.history()

    def generations(self) -> list[dict[str, int]]:
        roots = list(self._history())
        out = []
        for root, before in zip(roots, [*roots[1:], None]):
            out.append(
                {
                    "number": root.generation,
                    "previous": before.generation if before else 0,
                    "time": int.from_bytes(root.raw[40:48], "little", signed=True),
                    "length": root.length,
                    "bytes": root.length - (before.length if before else 0),
                    "live": int.from_bytes(root.raw[96:104], "little"),
                }
            )
        return out

    def verify(self, quick: bool, sample: float) -> dict[str, Any]:
        if quick or sample:
            raise error_of("%s: without the library a verification checks all" % self._path, "unsupported")
        with self._guard:
            found = [{"message": str(e), "kind": _KINDS.get(e.kind, e.kind.lower()), "rule": e.rule} for e in _verify.verify(self._f)]
            root = self._f.root
            self._f.tensors()
        return {
            "status": "damaged" if found else "ok",
            "generations": len(list(self._history())),
            "tensors": len(self.records()),
            "storages": len(root.storages),
            "blocks": 0,
            "bytes": root.length,
            "findings": found,
            "unknown": [],
        }

    def changed(self) -> None:
        if self._stat is None:
            return
        now: Optional[os.stat_result]
        try:
            now = os.stat(self._path)
        except OSError:
            now = None
        was = self._stat
        if now is None or (now.st_dev, now.st_ino) != (was.st_dev, was.st_ino) or now.st_size < was.st_size:
            raise error_of("%s: is no longer the file that was opened" % self._path, "changed while open")

    def refresh(self) -> Optional["PureReader"]:
        if self._stat is None:
            return None
        newer = PureReader.open(self._path, mmap=self.mapping is not None, verify="first use" if self._first_use else "on demand")
        same = newer._f.root.generation <= self._f.root.generation and newer._f.uuid == self._f.uuid
        return None if same else newer

    def close(self) -> None:
        self.mapping = None
        self._all = None


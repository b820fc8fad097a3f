"""Tensors of an open file."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any, Iterator, Optional

import numpy as np

from . import _attrs, _dlpack
from ._composite import Composite, Quantised, Ragged, Sparse, Strings, composite_of, error_for
from ._errors import Error, WrongType, error_of
from ._record import CHUNKED, LAYOUTS, RAW, Ranges, Record, c_strides
from ._select import Plan, plan
from ._types import BLOCK, BOOL, DType

if TYPE_CHECKING:
    from ._file import File

__all__ = ["Tensor"]

_F32, _OBJECT = np.dtype("<f4"), np.dtype(object)
_LARGE = 1 << 20  # bytes from which on several threads copy faster than one
_LITTLE = sys.byteorder == "little"
_RAGGED, _STRING, _QUANTISED = 7, 8, 9


class Tensor:
    """A tensor of an open file: a description, and elements when they are asked for.

    ``t[...]`` takes what NumPy takes: slices with steps, integers, None, lists of integers, masks. What lies in the
    file as plain bytes comes as a view of the mapping, read-only, without a copy; it may be used after the file is
    closed, and keeps the mapping. Anything else is read, decoded by several threads without the GIL, into a new
    array. ``read`` always makes a new array.

    Elements below a byte come one a byte, in the types of ml_dtypes; blocks of ggml and quantised tensors as the
    numbers that they stand for; sparse ones as dense arrays (see ``sparse``); of ragged tensors ``t[i]`` is a row and
    ``t[a:b]`` a Ragged; strings come as arrays of str.

    A tensor is safe to use from many threads.
    """

    __slots__ = ("_file", "_record", "_path", "__weakref__")

    _file: "File"
    _record: Record
    _path: tuple[str, ...]  # of a part: the composite's name, and the roles behind it

    def __init__(self, file: "File", record: Record, path: tuple[str, ...] = ()) -> None:
        self._file, self._record, self._path = file, record, path

    # ---- what it is ----

    @property
    def name(self) -> str:
        """Its name in the file; of a part its role."""
        return self._record.name

    @property
    def file(self) -> "File":
        """The file that it was taken from."""
        return self._file

    @property
    def type(self) -> DType:
        """The type of an element, as the format says it."""
        return self._record.type

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of what ``t[...]`` gives; object for strings, float32 for blocks of ggml. What is mapped from a
        file of another format may be big-endian. A TypeError if that takes ml_dtypes and it is not installed."""
        r = self._record
        if r.layout == _STRING:
            return _OBJECT
        d = _F32 if r.type.cls == BLOCK and r.type.known else r.type.numpy
        return d.newbyteorder(">") if r.big_endian and self._mapped else d

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of elements along each axis."""
        return self._record.shape

    @property
    def ndim(self) -> int:
        return len(self._record.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self._record.shape)

    @property
    def strides(self) -> Optional[tuple[int, ...]]:
        """Bytes between neighbours along each axis, of plain bytes in the file; None of what is chunked or
        composed."""
        r = self._record
        if r.kind != RAW:
            return None
        return c_strides(r.type, r.shape) if r.strides is None else r.strides

    @property
    def chunks(self) -> Optional[tuple[int, ...]]:
        """The extents of a chunk; None for a tensor that is not chunked."""
        return self._record.chunks

    @property
    def codec(self) -> Optional[str]:
        """The pipeline by which chunks are stored, or several, a line each; None for plain bytes."""
        return self._record.codec or None

    @property
    def nbytes(self) -> int:
        """Bytes of all elements, as the file counts them: packed types below a byte an element; of a composite, of its
        parts."""
        return self._record.nbytes

    @property
    def stored(self) -> int:
        """Bytes in the file."""
        return self._record.stored

    @property
    def layout(self) -> str:
        """"dense", or the layout of a composite: coo, csr, csc, bsr, csf, bitmap, ragged, string, quantised."""
        n = self._record.layout
        return LAYOUTS[n] if n < len(LAYOUTS) else "layout%d" % n

    @property
    def generation(self) -> int:
        """The generation of the file that wrote this tensor's entry; 0 in files of other formats."""
        return self._record.generation

    @property
    def storage(self) -> int:
        """Tensors of a file with the same number share bytes; 0 for none."""
        return self._record.storage

    @property
    def attrs(self) -> dict[str, Any]:
        """The attributes, a dict of the caller's own. To change them: ``File.set_attrs``."""
        return _attrs.decode(self._file._reader().attributes(self._record))

    @property
    def dims(self) -> Optional[tuple[Optional[str], ...]]:
        """The names of the axes, None for one without; None if none has one."""
        found = self.attrs.get("dims")
        return tuple(found) if isinstance(found, list) else None

    @property
    def parts(self) -> dict[str, "Tensor"]:
        """The tensors that a composite is made of, by role; empty for a dense one."""
        if not self._record.layout:
            return {}
        path = self._path or (self.name,)
        return {role: Tensor(self._file, p, (*path, role)) for role, p in self._file._reader().parts(self._record).items()}

    def hash(self) -> bytes:
        """The content hash, SHA-256: equal for equal types, shapes and elements, however they are stored."""
        return self._file._reader().hash(self._record)

    def __len__(self) -> int:
        if not self._record.shape:
            raise TypeError("len() of a tensor without axes")
        return self._record.shape[0]

    def __iter__(self) -> Iterator[Any]:
        for i in range(len(self)):
            yield self[i]

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        how = "" if self.layout == "dense" else " " + self.layout
        return "<Tensor %r%s %s %s>" % (self.name, how, self.shape, self.type.name)

    def __reduce__(self) -> tuple[Any, ...]:
        from ._file import _reopen_tensor

        return _reopen_tensor, (*self._file.__reduce__()[1], self._path or (self.name,))

    # ---- elements ----

    @property
    def _mapped(self) -> bool:
        r = self._record
        return r.kind == RAW and r.offset >= 0 and not r.type.packed and self._file._reader().mapping is not None

    def _view(self) -> Optional[np.ndarray[Any, Any]]:
        """The elements in the mapping, or None."""
        r, file = self._record, self._file
        if r.first >= 0:
            words = file._words.get(r.type.name)
            if words is not None:
                return words[r.first : r.behind].reshape(r.shape)
        if r.offset < 0 or r.kind != RAW or r.type.unit_elems != 1:
            return None
        all_words = file._words
        mapping = file._reader().mapping
        if mapping is None:
            return None
        if file._touch is not None:
            file._touch(r)
        elif r.first >= 0 and _LITTLE:
            size = r.type.unit_bytes
            words = all_words[r.type.name] = mapping[: len(mapping) // size * size].view(r.type.numpy)
            return words[r.first : r.behind].reshape(r.shape)
        v: np.ndarray[Any, Any] = np.ndarray(r.shape, self.dtype, mapping, r.offset, r.strides)
        if r.type.cls == BOOL and v.size and (r.offset, r.shape, r.strides) not in file._bools:
            if int(v.view(np.uint8).max()) > 1:
                raise error_of("tensor %r: a bool of another value than 0 and 1: dtype.bool" % self.name, "corrupt", "dtype.bool")
            file._bools.add((r.offset, r.shape, r.strides))
        return v

    def __getitem__(self, key: Any) -> Any:
        r = self._record
        if r.first >= 0:
            words = self._file._words.get(r.type.name)
            if words is not None:
                x = words[r.first : r.behind].reshape(r.shape)
                return x if key is Ellipsis else x[key]
        v = self._view()
        if v is not None:
            return v if key is Ellipsis else v[key]
        return self._select(key)

    def read(self, key: Any = ..., out: Optional[np.ndarray[Any, Any]] = None) -> Any:
        """The selected elements in an array of the caller's: a new one, or out, which has their shape and dtype.

        Unlike ``t[key]`` it never gives a view of the file: it copies, in the machine's byte order."""
        if out is not None:
            return self._read_out(key, out)
        v = self._view()
        if v is None:
            return self._select(key)
        x = v if key is Ellipsis else v[key]
        if not isinstance(x, np.ndarray):
            return x
        if x.dtype.isnative and x.nbytes < _LARGE:
            return x if x.flags.owndata and x.flags.c_contiguous else x.copy()
        return self._copy(key, x, np.empty(x.shape, x.dtype.newbyteorder("=")))

    def _copy(self, key: Any, x: np.ndarray[Any, Any], out: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Fills out with x, which is the view of the mapping at key, or what NumPy has copied already. From some size on
        the library copies, by several threads, if there are no lists in the key."""
        if x.nbytes >= _LARGE and not x.flags.owndata and out.flags.c_contiguous:
            p = plan(key, self.shape)
            if not any(isinstance(i, np.ndarray) for i in p.place):
                self._file._reader().read(self._record, _ranges(p), out.reshape(p.shape))
                return out
        return _fill(out, x)

    def _read_out(self, key: Any, out: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        if not isinstance(out, np.ndarray):
            raise TypeError("out is an array, not %s" % type(out).__name__)
        want = self.dtype.newbyteorder("=")
        if out.dtype != want:
            raise WrongType("out is of %s, elements of %s" % (out.dtype, want), "wrong dtype")
        if not out.flags.writeable:
            raise ValueError("out is read-only")
        v = self._view()
        if v is None and not self._record.layout and not self._record.type.packed and out.flags.c_contiguous:
            p = plan(key, self.shape, self._near())
            if out.shape == p.shape and all(len(a.runs) == 1 for a in p.axes) and all(isinstance(i, slice) for i in p.place):
                self._file._reader().read(self._record, _ranges(p), out)
                return out
        x = np.asarray(self._select(key) if v is None else v[key])
        if x.shape != out.shape:
            raise error_of("out is of shape %s, the selection of %s" % (out.shape, x.shape), "shape mismatch")
        return self._copy(key, x, out) if v is not None else _fill(out, x)

    def _near(self) -> tuple[int, ...]:
        """How far apart listed indices may lie to be read at once."""
        r = self._record
        return r.chunks if r.chunks and r.kind == CHUNKED else ()

    def _select(self, key: Any) -> Any:
        r = self._record
        if r.layout and r.layout != _QUANTISED:
            return self._composed(key)
        d = self.dtype
        reader = self._file._reader()
        p = plan(key, r.shape, self._near())
        self._file._allow(self, math.prod(p.shape) * d.itemsize)
        if r.layout or r.type.cls == BLOCK:
            box = self._dequantised(p)
        elif r.type.packed:
            box = self._unpacked(p)
        else:
            box = np.empty(p.shape, d)
            if box.size:
                _each_run(p, box, lambda ranges, dst: reader.read(r, ranges, dst))
        return box if all(isinstance(i, slice) for i in p.place) else box[p.place]

    def _unpacked(self, p: Plan) -> np.ndarray[Any, Any]:
        """The box of a type below a byte: units are read, and what stands in them taken out."""
        r, e = self._record, self.type.unit_elems
        if not math.prod(p.shape):
            return np.empty(p.shape, r.type.numpy)
        whole, first, count, index = self._whole_units(p)
        box = np.empty((*p.shape[:-1], count), "V%d" % r.type.unit_bytes if r.type.unit_bytes > 1 else "u1")
        reader = self._file._reader()
        _each_run(whole, box, lambda ranges, dst: reader.read(r, ranges, dst))
        units = box.view(np.uint8).reshape(*p.shape[:-1], count * r.type.unit_bytes)
        return _take(r.type.unpack_units(units, count * e), index - first * e)

    def _whole_units(self, p: Plan) -> tuple[Plan, int, int, np.ndarray[Any, Any]]:
        """The plan with all units along the last axis that it touches, the first of them, how many, and the indices that
        it takes."""
        e, n, last = self.type.unit_elems, self.shape[-1], p.axes[-1]
        index = np.concatenate([np.arange(s, s + last.step * k, last.step) for s, k in last.runs])
        first = int(index.min()) // e
        count = int(index.max()) // e + 1 - first
        run = first * e, min(n, (first + count) * e) - first * e
        return p._replace(axes=(*p.axes[:-1], last._replace(runs=(run,), step=1))), first, count, index

    def _dequantised(self, p: Plan) -> np.ndarray[Any, Any]:
        r = self._record
        d = self.dtype.newbyteorder("=")
        box = np.empty(p.shape, d)
        if not box.size:
            return box
        reader = self._file._reader()
        if r.type.cls == BLOCK:
            whole, first, count, index = self._whole_units(p)
            wide = np.empty(whole.shape, _F32)
            _each_run(whole, wide, lambda ranges, dst: reader.dequantise(r, ranges, dst))
            return _take(wide, index - first * r.type.unit_elems)
        if not r.type.packed:
            _each_run(p, box, lambda ranges, dst: reader.dequantise(r, ranges, dst))
            return box
        wide = np.empty(p.shape, _F32)  # numbers are not made packed
        _each_run(p, wide, lambda ranges, dst: reader.dequantise(r, ranges, dst))
        return wide.astype(d)

    def units(self) -> np.ndarray[Any, Any]:
        """The units of the whole tensor as words of their size, ``V`` or ``u``: what is stored of types that NumPy lacks,
        without ml_dtypes, and the bytes of packed types and of blocks, whose last axis has fewer units than elements.
        In C order; of plain bytes without a copy."""
        r = self._record
        if r.layout:
            raise error_of("tensor %r is composed: its parts have bytes" % self.name, "encoded")
        d, shape = r.type.bits_dtype, r.type.units(r.shape)
        reader = self._file._reader()
        if r.kind == RAW and r.offset >= 0 and reader.mapping is not None:
            if self._file._touch is not None:
                self._file._touch(r)
            return np.ndarray(shape, d.newbyteorder(">") if r.big_endian else d, reader.mapping, r.offset, r.strides)
        self._file._allow(self, math.prod(shape) * d.itemsize)
        out = np.empty(shape, d)
        if out.size:
            reader.read(r, [(0, n, 1) for n in r.shape], out)
        return out

    # ---- composites ----

    def composite(self) -> Composite:
        """The parts of a composite as arrays, checked against each other: a Sparse, Ragged, Strings or Quantised.
        Parts of plain bytes are views of the mapping. An Error names the rule that a file breaks."""
        r = self._record
        if not r.layout:
            raise error_of("tensor %r is dense" % self.name, "unsupported")
        parts: dict[str, Any] = {}
        for role, t in self.parts.items():
            parts[role] = t.composite() if t._record.layout else t[...]
        try:
            return composite_of(r.layout, r.shape, r.type, r.flags, parts)
        except Error as e:
            raise error_for(self.name, e) from None

    def _as(self, cls: Any, what: str) -> Any:
        c = self.composite()
        if not isinstance(c, cls):
            raise error_of("tensor %r is %s, not %s" % (self.name, c.layout, what), "unsupported")
        return c

    def sparse(self) -> Sparse:
        """A sparse tensor as its parts; ``.scipy()`` and ``.torch()`` of it are those libraries' own."""
        s: Sparse = self._as(Sparse, "sparse")
        try:
            s.validate()
        except Error as e:
            raise error_for(self.name, e) from None
        return s

    def scipy(self) -> Any:
        """A sparse tensor as an array of scipy.sparse, over the bytes of the file where these are plain."""
        return self.sparse().scipy()

    def ragged(self) -> Ragged:
        """Rows of different lengths, as a sequence of arrays with ``offsets`` and ``values``."""
        x: Ragged = self._as(Ragged, "ragged")
        return x

    def strings(self) -> Strings:
        """Strings, as a sequence of str with ``offsets`` and ``bytes``."""
        x: Strings = self._as(Strings, "strings")
        return x

    def quantised(self) -> Quantised:
        """Numbers with scales, as their parts; ``t[...]`` is what they stand for."""
        x: Quantised = self._as(Quantised, "quantised")
        return x

    def _composed(self, key: Any) -> Any:
        if self._record.layout == _RAGGED:
            return self._rows(key)
        c = self.composite()
        try:
            if isinstance(c, Sparse):
                self._file._allow(self, self.size * self.type.unit_bytes)
            x = c.dense()
        except Error as e:
            raise error_for(self.name, e) from None
        return x if key is Ellipsis else x[key]

    def _rows(self, key: Any) -> Any:
        """Rows of a ragged tensor. One row, or those of a slice: of the values these alone are read."""
        if key is Ellipsis or key == ():
            return self.ragged()
        if isinstance(key, tuple) and len(key) == 1:
            key = key[0]
        n = len(self)
        if isinstance(key, slice):
            a, b, step = key.indices(n)
            if step != 1:
                return Ragged.of([self._rows(i) for i in range(a, b, step)], self.dtype)
            b = max(a, b)
        else:
            try:
                i = key.__index__()
            except AttributeError:
                raise IndexError("rows of a ragged tensor are taken by an integer or a slice") from None
            if not -n <= i < n:
                raise IndexError("index %d is out of bounds for axis 0 with size %d" % (i, n))
            a = i % n
            b = a + 1
        parts = self.parts
        missing = {"offsets", "values"} - parts.keys()
        if missing:
            raise error_of("tensor %r: no part %r: composite.part" % (self.name, missing.pop()), "malformed", "composite.part")
        offsets, values = parts["offsets"], parts["values"]
        if offsets.shape != (n + 1,) or offsets.type.cls not in (2, 3) or offsets.type.packed:
            raise error_of("tensor %r: part 'offsets' is %r: composite.part" % (self.name, offsets), "malformed", "composite.part")
        at = offsets[a : b + 1].astype(np.int64)
        if (np.diff(at) < 0).any() or at[0] < 0 or at[-1] > len(values):
            raise error_of("tensor %r: offsets that fall or lead outside: composite.pointer" % self.name, "corrupt", "composite.pointer")
        x = values[int(at[0]) : int(at[-1])]
        return Ragged(at - at[0], x) if isinstance(key, slice) else x

    # ---- to others ----

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray[Any, Any]:
        """NumPy's way in: without a copy where that can be, which copy=False demands."""
        v = self._view()
        if copy is False and v is None:
            raise ValueError("tensor %r is not plain bytes of a mapped file: its elements cannot come without a copy" % self.name)
        a = np.asarray(self[...] if v is None else v)
        if dtype is not None and np.dtype(dtype) != a.dtype:
            if copy is False:
                raise ValueError("elements are %s: %s takes a copy" % (a.dtype, np.dtype(dtype)))
            return a.astype(dtype)
        return np.array(a) if copy and v is not None else a

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # the memory of the processor

    def __dlpack__(self, *, stream: Any = None, max_version: Optional[tuple[int, int]] = None,
                   dl_device: Optional[tuple[int, int]] = None, copy: Optional[bool] = None) -> Any:  # fmt: skip
        """The elements for ``from_dlpack`` of NumPy, torch, JAX, CuPy: plain bytes without a copy, marked as read-only,
        to consumers that know DLPack 1.0; a copy to others, which could not know that they must not write."""
        if stream is not None:
            raise ValueError("the memory of a processor has no streams")
        if dl_device not in (None, (1, 0)):
            raise BufferError("tensors are in the memory of the processor")
        v = self._view()
        versioned = max_version is not None and max_version[0] >= 1
        if copy is False and (v is None or not versioned):
            raise BufferError("without a copy go plain bytes, to consumers that know DLPack 1.0")
        if v is None or copy or not versioned:
            v = self.read()
        return _dlpack.capsule(v, self.type if not self.type.packed else DType.of(v.dtype), max_version)

    def __buffer__(self, flags: int) -> memoryview:
        """The buffer protocol, of plain bytes: read-only, without a copy; Python asks for it from 3.12 on, before that
        ``t[...]`` has it. BufferError for what is to be decoded, which NumPy then asks for by __array__, and for types
        that buffers have no letter for."""
        v: Any = self._view()
        if v is None or v.dtype.kind not in "biufcSU" or self._record.type.ml_name:
            raise BufferError("tensor %r of %s is no buffer: take its elements" % (self.name, self.type.name))
        return memoryview(v)

    def torch(self) -> Any:
        """A tensor of torch. Plain bytes come without a copy: the memory is the file's, and must not be written to."""
        from .torch import tensor

        return tensor(self)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Replaces elements of a chunked tensor of a file that is open for writing."""
        self._file._write_region(self.name, key, value)


def _fill(out: np.ndarray[Any, Any], x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    out[...] = x
    return out


def _ranges(p: Plan) -> Ranges:
    out = []
    for a in p.axes:
        start, count = a.runs[0]
        stop = start + count * a.step
        out.append((start, stop, a.step) if count else (0, 0, 1))
    return out


def _take(a: np.ndarray[Any, Any], index: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Those of the last axis, in C order."""
    return a if len(index) == a.shape[-1] and (np.diff(index) == 1).all() else np.ascontiguousarray(a[..., index])


def _each_run(p: Plan, box: np.ndarray[Any, Any], read: Any) -> None:
    """Reads all boxes of runs to their places: read(ranges, dst) fills dst in C order."""
    single = p.axes
    for axis, a in enumerate(p.axes):
        if len(a.runs) > 1:
            at = 0
            for run in a.runs:
                part = p._replace(axes=(*single[:axis], a._replace(runs=(run,)), *single[axis + 1 :]))
                place = box[(slice(None),) * axis + (slice(at, at + run[1]),)]
                _each_run(part, place, read)
                at += run[1]
            return
    if box.flags.c_contiguous:
        read(_ranges(p), box)
        return
    dst = np.empty(box.shape, box.dtype)
    read(_ranges(p), dst)
    box[...] = dst


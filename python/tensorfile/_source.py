"""What is written, as the library takes it: elements in memory, composites of them, and how they are stored."""

from __future__ import annotations

import ctypes as c
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from . import _attrs, _lib
from ._composite import Composite, Sparse, Strings
from ._errors import BadArgument
from ._record import LAYOUTS
from ._types import DType


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

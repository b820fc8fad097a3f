"""Tensors that are made of others: sparse, ragged, strings, quantised. What they hold, and all checks of it.

The arrays of a composite come from a file and are never trusted: pointers and indices are checked, by arithmetic
on whole arrays, before anything uses them."""

from __future__ import annotations

import math
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence, Union, overload

import numpy as np

from ._errors import BadArgument, Error, error_of
from ._record import LAYOUTS, SORTED, UNIQUE, UPPER
from ._types import STRING, DType

__all__ = ["Composite", "Quantised", "Ragged", "Sparse", "Strings", "composite_of"]

Array = np.ndarray[Any, Any]
Part = Union[Array, "Composite"]

STRUCTURES = ("general", "symmetric", "skew", "hermitian")
_SCIPY = {"csr": "csr_array", "csc": "csc_array", "bsr": "bsr_array", "coo": "coo_array"}


def _need(ok: Any, rule: str, text: str, kind: str = "corrupt") -> None:
    if not ok:
        raise error_of("%s: %s" % (text, rule), kind, rule)


def _index(a: Array) -> Array:
    """An index array as i8. Numbers that do not fit are no indices of anything."""
    if a.dtype == np.uint64:
        _need(not a.size or int(a.max()) < 1 << 63, "composite.index", "an index above 63 bits")
    return a.astype(np.int64, copy=False)


def _pointers(a: Array, end: int, longest: Optional[int] = None) -> Array:
    p = _index(a)
    _need(p.size and p[0] == 0 and p[-1] == end, "composite.pointer", "pointers from 0 to %d" % end)
    d = np.diff(p)
    _need((d >= 0).all(), "composite.pointer", "pointers that fall")
    _need(longest is None or not d.size or d.max() <= longest, "composite.pointer", "a row longer than %s" % longest)
    return p


class Composite:
    """A tensor made of parts: ``layout`` says how ("csr", "ragged", ...), ``parts`` are arrays by role, as the
    specification names them (spec/tensorfile-1.0.md, "Composites"), and ``shape`` and ``type`` are those of the whole.
    Arrays are not copied: they may be views of a mapped file. What is written to a file is checked by the writer."""

    layout: str
    shape: tuple[int, ...]
    type: DType
    flags: int
    parts: dict[str, Part]

    def __init__(self, layout: str, shape: Iterable[int], type: DType, parts: Mapping[str, Part], flags: int = 0) -> None:
        if layout not in LAYOUTS[1:]:
            raise BadArgument("no layout %r: %s" % (layout, ", ".join(LAYOUTS[1:])), "wrong argument")
        self.layout, self.shape, self.type, self.flags = layout, tuple(int(n) for n in shape), type, flags
        self.parts = dict(parts)

    def __repr__(self) -> str:
        return "<%s %s %s of %s>" % (type(self).__name__, self.layout, self.shape, self.type.name)

    def array(self, role: str) -> Array:
        """The part of a role as an array; a part that is composed itself as its elements."""
        p = self.parts[role]
        return p.dense() if isinstance(p, Composite) else p

    def dense(self) -> Array:
        """All elements, in memory of their own."""
        raise error_of("%s has no dense form" % self, "unsupported")

    # ---- checks of the parts against each other ----

    def _check(self, role: str, kind: str, *shape: Optional[int]) -> None:
        _need(role in self.parts, "composite.part", "no part %r" % role, "malformed")
        p = self.parts[role]
        want = {"index": "iu", "u1": "u", "u4": "u"}.get(kind)
        have = p.shape
        ok = len(have) == len(shape) and all(n is None or n == m for n, m in zip(shape, have))
        if want is not None:
            ok = ok and not isinstance(p, Composite) and p.dtype.kind in want
            ok = ok and (kind == "index" or not isinstance(p, Composite) and p.dtype == np.dtype(kind))
        elif kind == "values":
            ok = ok and (p.type if isinstance(p, Composite) else DType.of(p.dtype)) == self.type
        elif kind == "mask":
            ok = ok and not isinstance(p, Composite) and p.dtype == np.bool_
        _need(ok, "composite.part", "part %r is %s %s" % (role, p.type.name if isinstance(p, Composite) else p.dtype, have), "malformed")


class Sparse(Composite):
    """A sparse tensor in one of the layouts coo, csr, csc, bsr, csf and bitmap.

    >>> import numpy as np, tensorfile
    >>> s = tensorfile.Sparse.coo([[0, 2], [1, 0]], np.array([5.0, 7.0]), (2, 3))
    >>> s.dense()
    array([[0., 0., 5.],
           [7., 0., 0.]])
    """

    @staticmethod
    def coo(indices: Any, values: Any, shape: Sequence[int], *, sorted: bool = False, unique: bool = False) -> "Sparse":
        """Of coordinates, an array (entries, axes), and values."""
        v = np.asarray(values)
        parts = {"indices": np.asarray(indices, dtype=getattr(indices, "dtype", np.int64)), "values": v}
        return Sparse("coo", shape, DType.of(v.dtype), parts, SORTED * sorted | UNIQUE * unique)

    @staticmethod
    def of(matrix: Any) -> "Sparse":
        """Of a matrix or array of scipy.sparse, whose arrays are used as they are, or of a sparse tensor of torch."""
        if type(matrix).__module__.partition(".")[0] == "torch":
            from .torch import _sparse_parts

            return _sparse_parts(matrix)
        m = matrix if matrix.format in _SCIPY else matrix.tocsr()
        values = np.asarray(m.data)
        parts: dict[str, Part]
        if m.format == "coo":
            coords = m.coords if hasattr(m, "coords") else (m.row, m.col)
            parts = {"indices": np.stack(coords, axis=1), "values": values}
            flags = SORTED | UNIQUE if getattr(m, "has_canonical_format", False) and _ascend(np.stack(coords, 1), True) else 0
        else:
            # A matrix without entries in its last rows may have longer arrays than it says.
            n = int(m.indptr[-1])
            parts = {"indptr": m.indptr, "indices": m.indices[:n], "values": values[:n]}
            if m.format == "bsr" and values.ndim == 3 and not n:
                parts["values"] = values[:0]
            flags = SORTED * bool(m.has_sorted_indices) | UNIQUE * bool(m.has_canonical_format)
        return Sparse(m.format, m.shape, DType.of(values.dtype), parts, flags)

    @property
    def structure(self) -> str:
        """general, symmetric, skew or hermitian: of the last three one triangle is stored."""
        return STRUCTURES[self.flags >> 4 & 3]

    @property
    def fill(self) -> Any:
        """The value of an element without an entry."""
        return self.array("fill")[()] if "fill" in self.parts else np.zeros((), self.type.numpy)[()]

    @property
    def nnz(self) -> int:
        """How many values are stored."""
        return math.prod(self.parts["values"].shape)

    def validate(self) -> None:
        """Raises an Error if parts do not fit each other or an index leads astray."""
        self._entries()

    def _structure_ok(self) -> None:
        s = self.flags >> 4 & 3
        allowed = 3 | (0x70 if self.layout in ("coo", "csr", "csc", "csf") else 0)
        ok = not self.flags & ~allowed and (self.layout not in ("csf", "bitmap") or self.flags & 3 == 3)
        ok = ok and (not s or len(self.shape) == 2 and self.shape[0] == self.shape[1]) and (s != 3 or self.type.cls == 5)
        _need(ok and (s or not self.flags & UPPER), "composite.flags", "flags %#x" % self.flags)

    def _entries(self) -> tuple[list[Array], Array]:
        """The coordinates of the values, an array for each axis, and the values, in the order of the file."""
        rank, shape, layout = len(self.shape), self.shape, self.layout
        self._structure_ok()
        if "fill" in self.parts:
            self._check("fill", "values")
        if layout == "coo":
            self._check("indices", "index", None, rank)
            self._check("values", "values", self.parts["indices"].shape[0])
            at = [_index(self.array("indices")[:, k]) for k in range(rank)]
        elif layout in ("csr", "csc", "bsr"):
            h = w = 1
            if layout == "bsr":
                self._check("values", "values", None, None, None)
                _, h, w = self.parts["values"].shape
                _need(h > 0 and w > 0 and shape[0] % h == shape[1] % w == 0, "composite.part", "blocks of %d by %d" % (h, w), "malformed")
            shape = shape[0] // h, shape[1] // w
            self._check("indices", "index", None)
            nnz = self.parts["indices"].shape[0]
            if layout != "bsr":
                self._check("values", "values", nnz)
            _need(self.parts["values"].shape[0] == nnz, "composite.part", "%d values for %d indices" % (self.parts["values"].shape[0], nnz), "malformed")
            major = shape[layout == "csc"]
            self._check("indptr", "index", major + 1)
            ptr = _pointers(self.array("indptr"), nnz)
            rows = np.repeat(np.arange(major), np.diff(ptr))
            minor = _index(self.array("indices"))
            at = [minor, rows] if layout == "csc" else [rows, minor]
        elif layout == "csf":
            at = self._tree()
        else:
            self._check("mask", "mask", *shape)
            self._check("values", "values", None)
            at = list(np.nonzero(self.array("mask")))
            n = self.parts["values"].shape[0]
            _need(len(at[0]) == n, "composite.index", "%d bits for %d values" % (len(at[0]), n))
        for k, x in enumerate(at):
            _need(not x.size or (x.min() >= 0 and x.max() < shape[k]), "composite.index", "indices of axis %d, which has %d" % (k, shape[k]))
        order = at[::-1] if layout == "csc" else at
        if layout not in ("csf", "bitmap") and len(at[0]):
            if self.flags & SORTED:
                _need(_ascend(np.stack(order, 1), bool(self.flags & UNIQUE)), "composite.index", "entries that do not ascend")
            elif self.flags & UNIQUE:
                _need(len(np.unique(np.stack(at, 1), axis=0)) == len(at[0]), "composite.index", "a coordinate twice")
        s = self.flags >> 4 & 3
        if s and len(at[0]):
            i, j = (at[1], at[0]) if self.flags & UPPER else (at[0], at[1])
            _need((i >= j).all() and (s != 2 or (i != j).all()), "composite.index", "an entry outside of the triangle")
        return at, self.array("values")

    def _tree(self) -> list[Array]:
        """Coordinates of the leaves of csf."""
        rank = len(self.shape)
        self._check("order", "u1", rank)
        order = self.array("order").tolist()
        _need(sorted(order) == list(range(rank)), "composite.index", "order %s" % order)
        parent: list[Array] = []
        idx: list[Array] = []
        for k in range(rank):
            self._check("idx%d" % k, "index", None)
            idx.append(_index(self.array("idx%d" % k)))
        first = np.zeros(len(idx[0]), bool)  # whether a node is the first of its siblings
        first[:1] = True
        for k in range(rank):
            _need((np.diff(idx[k])[~first[1:]] > 0).all(), "composite.index", "siblings of level %d that do not ascend" % k)
            if k == rank - 1:
                break
            self._check("ptr%d" % k, "index", len(idx[k]) + 1)
            ptr = _pointers(self.array("ptr%d" % k), len(idx[k + 1]))
            _need((np.diff(ptr) > 0).all(), "composite.pointer", "a node without a child")
            parent.append(np.repeat(np.arange(len(idx[k])), np.diff(ptr)))
            first = np.zeros(len(idx[k + 1]), bool)
            first[ptr[:-1]] = True
        self._check("values", "values", len(idx[-1]))
        at: list[Array] = [np.empty(0)] * rank
        node = np.arange(len(idx[-1]))
        for k in range(rank - 1, -1, -1):
            at[order[k]] = idx[k][node]
            if k:
                node = parent[k - 1][node]
        return at

    def entries(self) -> tuple[tuple[Array, ...], Array]:
        """Coordinates, an array for each axis, and values of all entries, those that a structure implies with
        them; blocks element by element. Coordinates may occur more than once unless the tensor is unique."""
        at, values = self._entries()
        if self.layout == "bsr":
            n, h, w = values.shape
            i = np.broadcast_to(at[0][:, None, None] * h + np.arange(h)[:, None], (n, h, w)).reshape(-1)
            j = np.broadcast_to(at[1][:, None, None] * w + np.arange(w), (n, h, w)).reshape(-1)
            return (i, j), values.reshape(-1)
        s = self.flags >> 4 & 3
        if s:
            off = at[0] != at[1]
            more = values[off]
            more = more if s == 1 else -more if s == 2 else np.conj(more)
            return (np.concatenate([at[0], at[1][off]]), np.concatenate([at[1], at[0][off]])), np.concatenate([values, more])
        return tuple(at), values

    def dense(self) -> Array:
        """All elements, in memory of their own."""
        at, values = self.entries()
        out = np.full(self.shape, self.fill, values.dtype)
        if not values.size:
            return out
        flat = np.ravel_multi_index(at, self.shape)
        _, where, inverse = np.unique(flat, return_index=True, return_inverse=True)
        if len(where) == len(flat):
            out.reshape(-1)[flat] = values
            return out
        sums = values[where]  # the first of each; the others are added in order
        others = np.ones(len(flat), bool)
        others[where] = False
        add = np.logical_or if values.dtype == np.bool_ else np.add
        add.at(sums, inverse.reshape(-1)[others], values[others])
        out.reshape(-1)[flat[where]] = sums
        return out

    def scipy(self) -> Any:
        """An array of scipy.sparse: of csr, csc, bsr and coo over the same arrays, of others in coo. A structure is
        expanded. A ValueError for a fill value that is not 0, which SciPy cannot say."""
        import scipy.sparse

        if "fill" in self.parts and np.asarray(self.fill).tobytes().strip(b"\0"):
            raise BadArgument("elements without an entry are %s, and SciPy's are 0: use dense()" % self.fill, "wrong argument")
        if self.layout in ("csr", "csc", "bsr") and not self.flags >> 4:
            self._entries()
            data, indices, indptr = self.array("values"), self.array("indices"), self.array("indptr")
            width = np.int32 if indices.dtype == indptr.dtype == np.int32 else np.int64
            block = {"blocksize": data.shape[1:]} if self.layout == "bsr" else {}
            m = getattr(scipy.sparse, _SCIPY[self.layout])(self.shape, dtype=data.dtype, **block)
            # Not by its constructor, which copies what is a small part of a large mapping.
            m.data, m.indices, m.indptr = data, indices.astype(width, copy=False), indptr.astype(width, copy=False)
            if self.flags & SORTED:
                m.has_sorted_indices = True
            if self.flags & 3 == 3:
                m.has_canonical_format = True
            return m
        at, values = self.entries()
        m = scipy.sparse.coo_array((values, at), shape=self.shape, copy=False)
        if self.layout in ("csr", "csc"):  # a structure was expanded
            return m.asformat(self.layout)
        return m

    def torch(self) -> Any:
        """A sparse tensor of torch: of csr, csc and bsr in that layout, of others in coo."""
        from .torch import _sparse_tensor

        return _sparse_tensor(self)


def _ascend(rows: Array, strictly: bool) -> bool:
    """Whether rows of coordinates ascend in C order."""
    if len(rows) < 2 or not rows.shape[1]:
        return True
    a, b = rows[:-1], rows[1:]
    differ = a != b
    k = differ.argmax(1)
    i = np.arange(len(k))
    up = b[i, k] > a[i, k]
    return bool((up if strictly else up | ~differ.any(1)).all())


class Ragged(Composite, Sequence[Array]):
    """Rows of different lengths: row i is ``values[offsets[i]:offsets[i + 1]]``. A sequence of arrays.

    >>> import numpy as np, tensorfile
    >>> r = tensorfile.Ragged.of([[1, 2], [], [3]], dtype="i4")
    >>> r.offsets, r.values
    (array([0, 2, 2, 3]), array([1, 2, 3], dtype=int32))
    >>> r[0]
    array([1, 2], dtype=int32)
    """

    def __init__(self, offsets: Any, values: Any, longest: Optional[int] = None) -> None:
        offsets, values = np.asarray(offsets), np.asarray(values)
        if offsets.ndim != 1 or not offsets.size or offsets.dtype.kind not in "iu" or not values.ndim:
            raise BadArgument("offsets are an array of integers, one more than there are rows", "wrong argument")
        _pointers(offsets, len(values), longest)
        if longest is None:
            longest = int(np.diff(_index(offsets)).max(initial=0))
        shape = (len(offsets) - 1, longest, *values.shape[1:])
        super().__init__("ragged", shape, DType.of(values.dtype), {"offsets": offsets, "values": values})

    @staticmethod
    def of(rows: Iterable[Any], dtype: Any = None) -> "Ragged":
        """Of rows: arrays or lists of one dtype, and one shape but for the first axis."""
        arrays = [np.asarray(r, dtype=dtype) for r in rows]
        full = [a for a in arrays if a.size or a.ndim > 1]
        inner = full[0].shape[1:] if full else ()
        arrays = [a if a.ndim > 1 or a.size else a.reshape(0, *inner) for a in arrays]
        offsets = np.concatenate([[0], np.cumsum([len(a) for a in arrays], dtype=np.int64)]).astype(np.int64)
        d = dtype if dtype is not None else np.result_type(*full) if full else np.float64
        values = np.concatenate(arrays).astype(d, copy=False) if arrays else np.empty(0, d)
        return Ragged(offsets, values)

    @property
    def offsets(self) -> Array:
        return self.array("offsets")

    @property
    def values(self) -> Array:
        return self.array("values")

    def __len__(self) -> int:
        return self.shape[0]

    @overload
    def __getitem__(self, i: int) -> Array: ...
    @overload
    def __getitem__(self, i: slice) -> Any: ...
    def __getitem__(self, i: Union[int, slice]) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        k = range(len(self))[i]
        a, b = self.offsets[k : k + 2].tolist()
        return self.values[a:b]

    def __iter__(self) -> Iterator[Array]:
        at = self.offsets.tolist()
        return (self.values[a:b] for a, b in zip(at, at[1:]))

    def tolist(self) -> list[Any]:
        """Lists of lists of Python's numbers."""
        return [r.tolist() for r in self]


class Strings(Composite, Sequence[str]):
    """Strings as their bytes and offsets: string i is ``bytes[offsets[i]:offsets[i + 1]]``, UTF-8.

    >>> import tensorfile
    >>> s = tensorfile.Strings.of(["añb", ""])
    >>> s.offsets, bytes(s.bytes)
    (array([0, 4, 4]), b'a\\xc3\\xb1b')
    """

    def __init__(self, offsets: Any, data: Any, shape: Optional[Sequence[int]] = None) -> None:
        offsets = np.asarray(offsets)
        data = np.frombuffer(data, np.uint8) if isinstance(data, (bytes, bytearray, memoryview)) else np.asarray(data)
        if offsets.ndim != 1 or not offsets.size or offsets.dtype.kind not in "iu" or data.dtype != np.uint8 or data.ndim != 1:
            raise BadArgument("offsets are an array of integers, one more than there are strings, and data is bytes", "wrong argument")
        _pointers(offsets, len(data))
        shape = (len(offsets) - 1,) if shape is None else shape
        if math.prod(shape) != len(offsets) - 1:
            raise BadArgument("%d strings in the shape %s" % (len(offsets) - 1, tuple(shape)), "wrong argument")
        super().__init__("string", shape, STRING, {"offsets": offsets, "bytes": data})

    @staticmethod
    def of(strings: Any) -> "Strings":
        """Of a list of str, or an array of them in any shape."""
        a = np.asarray(strings, dtype=object)
        encoded = []
        for s in a.reshape(-1).tolist():
            if not isinstance(s, str):
                raise TypeError("strings are str, not %s" % type(s).__name__)
            encoded.append(s.encode("utf-8"))
        offsets = np.concatenate([[0], np.cumsum([len(b) for b in encoded], dtype=np.int64)]).astype(np.int64)
        return Strings(offsets, b"".join(encoded), a.shape)

    @property
    def offsets(self) -> Array:
        return self.array("offsets")

    @property
    def bytes(self) -> Array:
        return self.array("bytes")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> list[str]: ...
    def __getitem__(self, i: Union[int, slice]) -> Any:
        if isinstance(i, slice):
            return [self[k] for k in range(*i.indices(len(self)))]
        k = range(len(self))[i]
        a, b = self.offsets[k : k + 2].tolist()
        return self._decode(self.bytes[a:b].tobytes())

    @staticmethod
    def _decode(raw: Any) -> str:
        try:
            return str(raw, "utf-8")
        except UnicodeDecodeError as e:
            raise error_of("a string that is not UTF-8: %s" % e, "corrupt", "composite.utf8") from None

    def tolist(self) -> list[Any]:
        """Lists of str, of the depth of the shape."""
        out: list[Any] = self.dense().tolist()
        return out

    def dense(self) -> Array:
        """An array of str, of dtype object."""
        raw, at = self.bytes.tobytes(), self.offsets.tolist()
        out = np.empty(len(self), object)
        out[:] = [self._decode(raw[a:b]) for a, b in zip(at, at[1:])]
        return out.reshape(self.shape)


class Quantised(Composite):
    """Numbers with scales: an element is ``(value - zero) * scale``, in float32, with a scale and a zero for each
    group of elements. ``group`` has the extent of a group along each axis.

    >>> import numpy as np, tensorfile
    >>> q = tensorfile.Quantised(np.array([[1, 2], [3, 4]], "i1"), np.array([[0.5], [2]], "f4"), group=(1, 2))
    >>> q.dense()
    array([[0.5, 1. ],
           [6. , 8. ]], dtype=float32)
    """

    def __init__(self, values: Any, scales: Any, zeros: Any = None, *, group: Sequence[int], dtype: Any = "float32") -> None:
        parts: dict[str, Part] = {"values": _part(values), "scales": _part(scales), "group": np.asarray(group, np.uint32)}
        if zeros is not None:
            parts["zeros"] = _part(zeros)
        super().__init__("quantised", parts["values"].shape, dtype if isinstance(dtype, DType) else DType.of(dtype), parts)
        self.validate()

    def validate(self) -> None:
        """Raises an Error if parts do not fit each other."""
        self._check("group", "u4", len(self.shape))
        group = self.array("group").tolist()
        _need(all(g > 0 for g in group), "composite.index", "group %s" % group)
        each = [-(-n // g) for n, g in zip(self.shape, group)]
        for role, shape in (("values", self.shape), ("scales", each), ("zeros", each)):
            if role != "zeros" or role in self.parts:
                self._check(role, "number", *shape)
                p = self.parts[role]
                ok = (p.type if isinstance(p, Composite) else DType.of(p.dtype)).cls in (2, 3, 4)
                _need(ok, "composite.part", "part %r is no number" % role, "malformed")

    @property
    def group(self) -> tuple[int, ...]:
        return tuple(self.array("group").tolist())

    def dense(self) -> Array:
        """The elements, in the dtype of the whole."""
        return self.dequantise(self.type.numpy)

    def _wide(self, role: str) -> Array:
        return self.array(role).astype(np.float32)

    def dequantise(self, dtype: Any = "float32") -> Array:
        """The elements as another dtype of floats."""
        index = tuple(np.arange(n) // g for n, g in zip(self.shape, self.group))
        place = np.ix_(*index) if index else ()
        with np.errstate(all="ignore"):  # infinities and NaN are numbers here
            x = self._wide("values") - (self._wide("zeros")[place] if "zeros" in self.parts else np.float32(0))
            x = x * self._wide("scales")[place]
            return x.astype(dtype, copy=False)


def _part(a: Any) -> Part:
    return a if isinstance(a, Composite) else np.asarray(a)


def composite_of(layout: int, shape: Sequence[int], type: DType, flags: int, parts: Mapping[str, Part]) -> Composite:
    """The composite that a file holds, with all checks."""
    name = LAYOUTS[layout] if 0 < layout < len(LAYOUTS) else ""
    low, high = {"csr": (2, 2), "csc": (2, 2), "bsr": (2, 2), "ragged": (2, 32), "string": (0, 32), "quantised": (0, 32)}.get(name, (1, 32))
    _need(name, "composite.layout", "layout %d" % layout, "unsupported")
    _need(low <= len(shape) <= high, "composite.part", "a %s of rank %d" % (name, len(shape)), "malformed")
    _need((type.cls == 0) == (name == "string"), "dtype.none", "a %s of %s" % (name, type.name))
    c: Composite
    if name in ("ragged", "string", "quantised"):
        _need(not flags, "composite.flags", "flags %#x" % flags)
        needed = {"ragged": ("offsets", "values"), "string": ("offsets", "bytes"), "quantised": ("values", "scales", "group")}[name]
        for role in needed:
            _need(role in parts, "composite.part", "no part %r" % role, "malformed")
    if name == "ragged":
        c = Ragged.__new__(Ragged)
        Composite.__init__(c, name, shape, type, parts)
        c._check("offsets", "index", shape[0] + 1)
        c._check("values", "values", None, *shape[2:])
        _pointers(c.array("offsets"), parts["values"].shape[0], shape[1])
    elif name == "string":
        c = Strings.__new__(Strings)
        Composite.__init__(c, name, shape, type, parts)
        c._check("offsets", "index", math.prod(shape) + 1)
        c._check("bytes", "u1", None)
        _pointers(c.array("offsets"), parts["bytes"].shape[0])
    elif name == "quantised":
        c = Quantised.__new__(Quantised)
        Composite.__init__(c, name, shape, type, parts)
        c._check("values", "number", *shape)
        c.validate()
    else:
        c = Sparse(name, shape, type, parts, flags)
    return c


def error_for(t: str, e: Error) -> Error:
    """The same error with the name of the tensor."""
    return type(e)("tensor %r: %s" % (t, e.message), e.kind, e.rule, e.offset)

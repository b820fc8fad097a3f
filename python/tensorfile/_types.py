"""Component types: the descriptors of the format and what they are in NumPy."""

from __future__ import annotations

import ctypes
import functools
import math
import struct
from typing import Any, Optional, Sequence

import numpy as np

__all__ = ["DType", "dtype_of"]

_DESCRIPTOR = struct.Struct("<BBHIII")

NONE, BOOL, INT, UINT, FLOAT, COMPLEX, BYTES, BLOCK = range(8)

# Floats by variant: the name in the format (0 and 1 with their bits) and the type of ml_dtypes.
_FLOATS = {
    0: ("f", ""),
    1: ("bf16", "bfloat16"),
    2: ("f8_e4m3fn", "float8_e4m3fn"),
    3: ("f8_e5m2", "float8_e5m2"),
    4: ("f8_e4m3fnuz", "float8_e4m3fnuz"),
    5: ("f8_e5m2fnuz", "float8_e5m2fnuz"),
    6: ("f8_e8m0", "float8_e8m0fnu"),
    7: ("f4_e2m1", "float4_e2m1fn"),
    8: ("f6_e2m3", "float6_e2m3fn"),
    9: ("f6_e3m2", "float6_e3m2fn"),
}
_FLOAT_UNITS = {1: (16, 1, 2), 7: (4, 2, 1), 8: (6, 4, 3), 9: (6, 4, 3)}  # else (8, 1, 1)

_BLOCKS = {
    2: "q4_0", 3: "q4_1", 6: "q5_0", 7: "q5_1", 8: "q8_0", 9: "q8_1", 10: "q2_k", 11: "q3_k", 12: "q4_k",
    13: "q5_k", 14: "q6_k", 15: "q8_k", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs", 19: "iq1_s", 20: "iq4_nl",
    21: "iq3_s", 22: "iq2_s", 23: "iq4_xs", 29: "iq1_m", 34: "tq1_0", 35: "tq2_0", 39: "mxfp4", 40: "nvfp4",
    41: "q1_0", 42: "q2_0",
}  # fmt: skip


class DType:
    """What an element is, as the format says it: class, variant, bits of an element, and the unit, which is
    what can be addressed: ``unit_elems`` elements in ``unit_bytes`` bytes. Descriptors compare by these numbers.

    >>> import numpy as np, tensorfile
    >>> tensorfile.DType.of(np.dtype("float32"))
    DType('f32')
    """

    __slots__ = ("cls", "variant", "bits", "unit_elems", "unit_bytes", "name", "_numpy")

    cls: int
    variant: int
    bits: int
    unit_elems: int
    unit_bytes: int
    name: str
    _numpy: Optional[np.dtype[Any]]

    def __init__(self, cls: int, variant: int, bits: int, unit_elems: int, unit_bytes: int) -> None:
        self.cls, self.variant, self.bits = cls, variant, bits
        self.unit_elems, self.unit_bytes = unit_elems, unit_bytes
        self.name = self._find_name()
        self._numpy = None

    @staticmethod
    @functools.lru_cache(maxsize=None)
    def unpack(raw: bytes) -> "DType":
        """The descriptor in the 16 bytes that a file has of it."""
        cls, _, variant, bits, elems, size = _DESCRIPTOR.unpack(raw)
        return DType(cls, variant, bits, elems, size)

    def pack(self) -> bytes:
        """The 16 bytes of a descriptor in a file."""
        return _DESCRIPTOR.pack(self.cls, 0, self.variant, self.bits, self.unit_elems, self.unit_bytes)

    @staticmethod
    def of(dtype: Any) -> "DType":
        """The descriptor of a NumPy dtype. Packed types are stored packed: ml_dtypes' ``int4`` takes half a byte
        in a file. A TypeError says what has no place in a file: objects, dates, fields."""
        return dtype_of(np.dtype(dtype))

    @staticmethod
    def named(name: str) -> "DType":
        """The descriptor of a name, such as "bf16", "i4" or "q4_0". It takes the library.

        >>> DType.named("q4_0").unit_elems, DType.named("q4_0").unit_bytes
        (32, 18)
        """
        from ._lib import Descriptor, current

        found = Descriptor()
        if not isinstance(name, str):
            raise TypeError("names are str, not %s" % type(name).__name__)
        current().dtype_parse(name.encode("utf-8", "replace"), ctypes.byref(found))
        return DType.unpack(bytes(found))

    def _key(self) -> tuple[int, int, int, int, int]:
        return self.cls, self.variant, self.bits, self.unit_elems, self.unit_bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DType) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return "DType(%r)" % self.name

    def __reduce__(self) -> tuple[Any, ...]:
        return DType, self._key()

    def _find_name(self) -> str:
        c, v, n = self.cls, self.variant, self.bits
        unit = self.unit_elems, self.unit_bytes
        if c == NONE:
            return "none"
        if c == BOOL and v == 0 and (n, unit) in ((8, (1, 1)), (1, (8, 1))):
            return "bool" if n == 8 else "bool1"
        if c in (INT, UINT) and v == 0 and (n, unit) in ((4, (2, 1)), (8, (1, 1)), (16, (1, 2)), (32, (1, 4)), (64, (1, 8))):
            return "iu"[c - INT] + str(n)
        if c == FLOAT and v == 0 and (n, unit) in ((16, (1, 2)), (32, (1, 4)), (64, (1, 8))):
            return "f" + str(n)
        if c == FLOAT and v in _FLOATS and v and (n, *unit) == _FLOAT_UNITS.get(v, (8, 1, 1)):
            return _FLOATS[v][0]
        if c == COMPLEX and v == 0 and (n, unit) in ((64, (1, 8)), (128, (1, 16))):
            return "c" + str(n)
        if c == BYTES and v < 2 and self.unit_elems == 1:
            return "VS"[v] + str(self.unit_bytes)
        if c == BYTES and v == 2 and self.unit_elems == 1 and self.unit_bytes % 4 == 0:
            return "<U%d" % (self.unit_bytes // 4)
        if c == BLOCK and v in _BLOCKS:
            return _BLOCKS[v]
        return "class%d.v%d.b%d/%dx%d" % (c, v, n, *unit)

    @property
    def known(self) -> bool:
        """Whether elements can be interpreted."""
        return not self.name.startswith("class") and self.cls != NONE

    @property
    def packed(self) -> bool:
        """Whether a unit holds several elements: elements below a byte, and blocks."""
        return self.unit_elems > 1

    @property
    def ml_name(self) -> str:
        """The name of the type in ml_dtypes; empty for what NumPy has itself or nobody has."""
        if not self.known:
            return ""
        if self.cls == FLOAT and self.variant:
            return _FLOATS[self.variant][1]
        if self.cls in (INT, UINT) and self.bits == 4:
            return "int4" if self.cls == INT else "uint4"
        return ""

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype of an element; of a block, ``V`` and its bytes, an element of the array each.

        A TypeError says so where it takes ml_dtypes and that is not installed, or where nothing is known of the
        type.
        """
        found = self._numpy
        if found is None:
            found = self._numpy = self._find_numpy()
        return found

    def _find_numpy(self) -> np.dtype[Any]:
        if self.ml_name:
            try:
                import ml_dtypes
            except ImportError:
                raise TypeError("elements are %s, which NumPy has with ml_dtypes alone: pip install ml_dtypes" % self.name) from None
            try:
                found: np.dtype[Any] = np.dtype(getattr(ml_dtypes, self.ml_name))
                return found
            except AttributeError:
                raise TypeError("elements are %s, which takes a newer ml_dtypes" % self.name) from None
        if not self.known:
            raise TypeError("elements are of the type %s, of which nothing is known but its size" % self.name)
        if self.cls == BOOL:
            return np.dtype(np.bool_)
        if self.cls in (INT, UINT, FLOAT, COMPLEX):
            return np.dtype("<" + "iufc"[self.cls - INT] + str(self.unit_bytes))
        if self.cls == BYTES and self.variant:
            return np.dtype(self.name)
        return np.dtype("V%d" % self.unit_bytes)

    @property
    def bits_dtype(self) -> np.dtype[Any]:
        """A NumPy dtype of units that needs no ml_dtypes: words of the same size, or ``V``."""
        if self.ml_name and not self.packed:
            return np.dtype("<u%d" % self.unit_bytes)
        if self.packed or not self.known:
            return np.dtype("V%d" % self.unit_bytes) if self.unit_bytes > 1 else np.dtype("u1")
        return self.numpy

    def units(self, shape: Sequence[int]) -> tuple[int, ...]:
        """A shape of elements in units: the last axis of packed types is shorter."""
        if not self.packed:
            return tuple(shape)
        return (*shape[:-1], -(-shape[-1] // self.unit_elems))

    def nbytes(self, shape: Sequence[int]) -> int:
        """The bytes of all elements in C order."""
        return math.prod(self.units(shape)) * self.unit_bytes

    def unpack_units(self, units: np.ndarray[Any, Any], n: int) -> np.ndarray[Any, Any]:
        """The elements of bytes, an array of u1 whose last axis is whole units of a packed type below a byte:
        a new array whose last axis has n elements."""
        bits = self.bits
        if bits == 4:
            out = np.empty((*units.shape[:-1], units.shape[-1] * 2), np.uint8)
            np.bitwise_and(units, 15, out=out[..., 0::2])
            np.right_shift(units, 4, out=out[..., 1::2])
        elif bits == 1:
            out = np.unpackbits(units, axis=-1, bitorder="little")
        else:  # 6: four elements in three bytes
            b = units.reshape(*units.shape[:-1], units.shape[-1] // 3, 3).astype(np.uint32)
            word = b[..., 0] | b[..., 1] << 8 | b[..., 2] << 16
            out = np.stack([(word >> 6 * k & 63).astype(np.uint8) for k in range(4)], -1)
            out = out.reshape(*units.shape[:-1], units.shape[-1] // 3 * 4)
        out = np.ascontiguousarray(out[..., :n])
        values: np.ndarray[Any, Any] = out.view(self.numpy)
        return values

    def pack_units(self, a: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The inverse: an array of u1, bits behind the end of a row 0."""
        bits, n = self.bits, a.shape[-1]
        v = np.zeros((*a.shape[:-1], self.units(a.shape)[-1] * self.unit_elems), np.uint8)
        v[..., :n] = np.ascontiguousarray(a).view(np.uint8) & np.uint8((1 << bits) - 1)
        if bits == 4:
            nibbles: np.ndarray[Any, Any] = v[..., 0::2] | v[..., 1::2] << 4
            return nibbles
        if bits == 1:
            return np.packbits(v, axis=-1, bitorder="little")
        w = v.reshape(*v.shape[:-1], v.shape[-1] // 4, 4).astype(np.uint32)
        word = w[..., 0] | w[..., 1] << 6 | w[..., 2] << 12 | w[..., 3] << 18
        out = np.stack([(word >> 8 * k & 255).astype(np.uint8) for k in range(3)], -1)
        return out.reshape(*v.shape[:-1], v.shape[-1] // 4 * 3)


@functools.lru_cache(maxsize=None)
def dtype_of(d: np.dtype[Any]) -> DType:
    """DType.of for a dtype that is one."""
    n = d.itemsize
    for variant, (_, name) in _FLOATS.items():
        if name == d.name:
            bits, elems, size = _FLOAT_UNITS.get(variant, (8, 1, 1))
            return DType(FLOAT, variant, bits, elems, size)
    if d.name in ("int4", "uint4"):
        return DType(INT if d.name == "int4" else UINT, 0, 4, 2, 1)
    if d.kind == "b":
        return DType(BOOL, 0, 8, 1, 1)
    if d.kind in "iuf" and n <= 8:
        return DType({"i": INT, "u": UINT, "f": FLOAT}[d.kind], 0, 8 * n, 1, n)
    if d.kind == "c" and n in (8, 16):
        return DType(COMPLEX, 0, 8 * n, 1, n)
    if d.kind in "SU" and n:
        return DType(BYTES, 1 if d.kind == "S" else 2, 8 * n, 1, n)
    if d.kind == "V" and n and d.names is None and d.subdtype is None and d.type is np.void:
        return DType(BYTES, 0, 8 * n, 1, n)
    advice = {
        "O": "objects: strings go in as a list of str or an array of U, numbers as one dtype",
        "M": "dates: store a.view('i8'), with the unit as an attribute",
        "m": "times: store a.view('i8'), with the unit as an attribute",
        "V": "fields: store one tensor a field, or a.view('V%d')" % n,
        "S": "text without a byte",
        "U": "text without a character",
    }.get(d.kind, "not a type of the format")
    raise TypeError("elements are %s, %s" % (d, advice))


# The descriptor of tensors that have no elements of their own: strings.
STRING = DType(NONE, 0, 0, 0, 0)

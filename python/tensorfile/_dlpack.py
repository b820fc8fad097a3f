"""DLPack. NumPy makes the capsules, which are freed from any thread and after the interpreter's end, too; of the types
that it does not know it is given words of that size, and the code of the type is put in their place."""

from __future__ import annotations

import ctypes as c
from typing import Any, Optional

import numpy as np

from ._types import FLOAT, DType

__all__ = ["capsule"]


class _DataType(c.Structure):
    _fields_ = [("code", c.c_uint8), ("bits", c.c_uint8), ("lanes", c.c_uint16)]


class _Tensor(c.Structure):
    _fields_ = [
        ("data", c.c_void_p),
        ("device_type", c.c_int32),
        ("device_id", c.c_int32),
        ("ndim", c.c_int32),
        ("dtype", _DataType),
        ("shape", c.c_void_p),
        ("strides", c.c_void_p),
        ("byte_offset", c.c_uint64),
    ]


class _Versioned(c.Structure):
    _fields_ = [
        ("major", c.c_uint32),
        ("minor", c.c_uint32),
        ("manager", c.c_void_p),
        ("deleter", c.c_void_p),
        ("flags", c.c_uint64),
        ("tensor", _Tensor),
    ]


# dlpack.h: kDLBfloat, kDLFloat8_..., by the variant of a float here.
_CODES = {1: 4, 2: 10, 3: 12, 4: 11, 5: 13, 6: 14}

_is = c.pythonapi.PyCapsule_IsValid
_is.argtypes, _is.restype = (c.py_object, c.c_char_p), c.c_int
_get = c.pythonapi.PyCapsule_GetPointer
_get.argtypes, _get.restype = (c.py_object, c.c_char_p), c.c_void_p


def capsule(a: np.ndarray[Any, Any], type: DType, max_version: Optional[tuple[int, int]]) -> Any:
    """A capsule of an array whose elements are of a type. BufferError if DLPack does not have it."""
    code = _CODES.get(type.variant) if type.cls == FLOAT else None
    if code is None:
        if a.dtype.kind not in "biufc" or not a.dtype.isnative:
            raise BufferError("DLPack has no %s" % a.dtype)
        return _export(a, max_version)
    made = _export(a.view("u%d" % a.dtype.itemsize), max_version)
    if _is(made, b"dltensor_versioned"):
        held = _Versioned.from_address(_get(made, b"dltensor_versioned")).tensor
    else:
        held = _Tensor.from_address(_get(made, b"dltensor"))
    held.dtype.code = code
    return made


def _export(a: np.ndarray[Any, Any], max_version: Optional[tuple[int, int]]) -> Any:
    try:
        return a.__dlpack__(max_version=max_version)
    except TypeError:  # NumPy before 2.1 knows the old capsules alone
        return np.array(a).__dlpack__()

"""Attributes: JSON in the file, Python's values outside of it."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any, Mapping, Optional

import numpy as np

__all__ = ["decode", "encode"]


def decode(text: str) -> dict[str, Any]:
    """The values of a JSON object: bytes, float32 and the floats that JSON lacks stand in it as {"$bytes": ...} and
    so on (specification, "Attributes")."""
    value: dict[str, Any] = json.loads(text, object_hook=_plain) if text else {}
    return value


def _plain(v: dict[str, Any]) -> Any:
    if len(v) == 1:
        ((k, x),) = v.items()
        if isinstance(x, str):
            if k == "$bytes":
                return base64.b64decode(x, validate=True)
            if k == "$f64":
                return struct.unpack(">d", bytes.fromhex(x))[0]
            if k == "$f32":
                return np.frombuffer(bytes.fromhex(x), ">f4").astype(np.float32)[0]
    return v


def encode(attrs: Optional[Mapping[str, Any]]) -> Optional[bytes]:
    """The JSON object of attributes; a TypeError names a value that has no place in it."""
    if attrs is None:
        return None
    if not isinstance(attrs, Mapping):
        raise TypeError("attributes are a dict, not %s" % type(attrs).__name__)
    return json.dumps(_json(attrs, "attributes"), ensure_ascii=False, allow_nan=False).encode("utf-8")


def _json(v: Any, where: str) -> Any:
    if v is None or isinstance(v, (bool, str)):
        return v
    if isinstance(v, np.bool_):
        return bool(v)
    if isinstance(v, np.float32):
        return {"$f32": struct.pack(">f", v).hex()}
    if isinstance(v, (int, np.integer)):
        return int(v)
    if isinstance(v, (float, np.floating)):
        x = float(v)
        return x if math.isfinite(x) else {"$f64": struct.pack(">d", x).hex()}
    if isinstance(v, (bytes, bytearray, memoryview)):
        return {"$bytes": base64.b64encode(v).decode("ascii")}
    if isinstance(v, np.ndarray):
        return _json(v.tolist(), where)
    if isinstance(v, (list, tuple)):
        return [_json(x, "%s[%d]" % (where, i)) for i, x in enumerate(v)]
    if isinstance(v, Mapping):
        out = {}
        for k, x in v.items():
            if not isinstance(k, str):
                raise TypeError("%s: keys are str, not %s" % (where, type(k).__name__))
            out[k] = _json(x, "%s[%r]" % (where, k))
        return out
    raise TypeError("%s: %s is no value of an attribute" % (where, type(v).__name__))

"""The functions of ``safetensors.numpy``, over this format and over safetensors files: a program changes its import.

>>> import numpy as np, os, tempfile
>>> from tensorfile.numpy import save_file, load_file
>>> path = os.path.join(tempfile.mkdtemp(), "x.tensor")
>>> save_file({"w": np.ones((2, 2), "f4")}, path, metadata={"by": "me"})
>>> load_file(path)["w"].tolist()
[[1.0, 1.0], [1.0, 1.0]]
"""

from __future__ import annotations

import os
import tempfile
from typing import Any, Mapping, Optional

import numpy as np

from ._file import StrPath, _fspath, from_bytes, read
from ._writer import save as _save

__all__ = ["load", "load_file", "save", "save_file"]


def save_file(tensor_dict: Mapping[str, Any], filename: StrPath, metadata: Optional[Mapping[str, str]] = None) -> None:
    """Writes arrays. metadata becomes the attributes of the file."""
    _save(filename, tensor_dict, attrs=metadata)


def load_file(filename: StrPath) -> dict[str, np.ndarray[Any, Any]]:
    """All tensors as arrays of the caller's own."""
    with read(_fspath(filename)) as f:
        return {k: t.read() for k, t in f.items()}


def save(tensor_dict: Mapping[str, Any], metadata: Optional[Mapping[str, str]] = None) -> bytes:
    """The bytes of such a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.tensor")
        _save(path, tensor_dict, attrs=metadata, durable=False)
        with open(path, "rb") as f:
            return f.read()


def load(data: bytes) -> dict[str, np.ndarray[Any, Any]]:
    """All tensors of a file in memory, as arrays of the caller's own."""
    with from_bytes(data) as f:
        return {k: t.read() for k, t in f.items()}

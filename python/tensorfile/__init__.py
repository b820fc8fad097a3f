"""Tensors in files: written once, mapped anywhere, appended to safely, compressed well.

>>> import numpy as np, tensorfile, tempfile, os
>>> path = os.path.join(tempfile.mkdtemp(), "model.tensor")
>>> tensorfile.save(path, {"w": np.arange(6, dtype="f4").reshape(2, 3)}, attrs={"step": 100})
>>> f = tensorfile.open(path)
>>> f["w"]
<Tensor 'w' (2, 3) f32>
>>> f["w"][:, 1:]
array([[1., 2.],
       [4., 5.]], dtype=float32)
>>> f.attrs
{'step': 100}

``open`` reads and writes files, ``save`` and ``load`` whole dicts. ``safe_open``, ``tensorfile.numpy`` and
``tensorfile.torch`` take the place of safetensors; ``tensorfile.data`` makes batches. The guide is docs/python.md.
"""

from ._composite import Composite, Quantised, Ragged, Sparse, Strings
from ._errors import Error
from ._file import File, Generation, Report, from_bytes
from ._lib import available as _available, current as _current
from ._rewrite import Recovery, Repacked, recover, repack
from ._safe import safe_open
from ._tensor import Tensor
from ._types import DType
from ._writer import Writer, append, load, open, save

__all__ = [
    "Composite",
    "DType",
    "Error",
    "File",
    "Generation",
    "Quantised",
    "Ragged",
    "Recovery",
    "Repacked",
    "Report",
    "Sparse",
    "Strings",
    "Tensor",
    "Writer",
    "append",
    "formats",
    "from_bytes",
    "library_version",
    "load",
    "open",
    "recover",
    "repack",
    "safe_open",
    "save",
]

__version__ = "0.1.0"


def library_version() -> str:
    """The version of the library that reads and writes, "" if there is none and files are read without it."""
    return _current().version() if _available() else ""


def formats() -> list[str]:
    """The formats that are read."""
    return _current().formats() if _available() else ["tensorfile"]

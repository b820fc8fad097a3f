"""safe_open, as safetensors has it."""

from __future__ import annotations

from typing import Any, Iterator, Optional, Union

from ._errors import BadArgument
from ._file import File, StrPath, _fspath, read
from ._tensor import Tensor
from ._types import DType

__all__ = ["safe_open"]

_NAMES = {"bool": "BOOL", "bf16": "BF16", "f8_e4m3fn": "F8_E4M3", "f8_e5m2": "F8_E5M2", "f8_e8m0": "F8_E8M0", "f4_e2m1": "F4",
          "f6_e2m3": "F6_E2M3", "f6_e3m2": "F6_E3M2", "c64": "C64"}  # fmt: skip


def _name(d: DType) -> str:
    """The name of a type in safetensors, or the one here where that has none."""
    return _NAMES.get(d.name) or d.name.upper()


class _Slice:
    """A tensor of which parts are to be read."""

    def __init__(self, tensor: Tensor, owner: "safe_open") -> None:
        self._tensor, self._owner = tensor, owner

    def get_shape(self) -> list[int]:
        return list(self._tensor.shape)

    def get_dtype(self) -> str:
        return _name(self._tensor.type)

    def __getitem__(self, key: Any) -> Any:
        return self._owner._take(self._tensor, key)


class safe_open:  # noqa: N801  (its name there)
    """A file of tensors, opened as ``safetensors.safe_open`` opens it: files of this format and of safetensors.

    framework is "np" ("numpy") or "pt" ("torch", "pytorch"); device is that of torch, such as "cpu" or "cuda:0".

    >>> import numpy as np, os, tempfile, tensorfile
    >>> path = os.path.join(tempfile.mkdtemp(), "x.tensor")
    >>> tensorfile.save(path, {"w": np.arange(6.0).reshape(2, 3)})
    >>> with tensorfile.safe_open(path, framework="np") as f:
    ...     for k in f.keys():
    ...         s = f.get_slice(k)
    ...         print(k, s.get_dtype(), s.get_shape(), s[:, 1])
    w F64 [2, 3] [1. 4.]
    """

    def __init__(self, filename: StrPath, framework: str = "np", device: Union[str, int, Any] = "cpu") -> None:
        kinds = {"np": "np", "numpy": "np", "pt": "pt", "torch": "pt", "pytorch": "pt"}
        if framework not in kinds:
            raise BadArgument("framework is 'np' or 'pt', not %r" % (framework,), "wrong argument")
        self._kind = kinds[framework]
        if self._kind == "np" and str(device) != "cpu":
            raise BadArgument("arrays of NumPy are on the device 'cpu', not %r" % (device,), "wrong argument")
        self._device = "cuda:%d" % device if isinstance(device, int) else device
        self._file: File = read(_fspath(filename))

    def _take(self, t: Tensor, key: Any) -> Any:
        if self._kind == "np":
            return t.read(key)
        from .torch import tensor

        return tensor(t, key, device=self._device, copy=True)

    def keys(self) -> list[str]:
        """The names, in order."""
        return sorted(self._file)

    def offset_keys(self) -> list[str]:
        """The names in the order in which the tensors lie in the file."""
        return [t.name for t in sorted(self._file.values(), key=lambda t: (t._record.offset, t.name))]

    def metadata(self) -> Optional[dict[str, str]]:
        """The attributes of the file that are str; None if there are none."""
        attrs = self._file.attrs
        inner = attrs.get("metadata")
        kept = inner if isinstance(inner, dict) else attrs
        found = {k: v for k, v in kept.items() if isinstance(v, str)}
        return found or None

    def get_tensor(self, name: str) -> Any:
        """A tensor, whole, in memory of its own."""
        return self._take(self._file[name], ...)

    def get_slice(self, name: str) -> _Slice:
        """A tensor that is read when it is sliced."""
        return _Slice(self._file[name], self)

    def __enter__(self) -> "safe_open":
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __repr__(self) -> str:
        return "<safe_open %r>" % self._file.path


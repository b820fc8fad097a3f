"""Tensors of torch: the functions of ``safetensors.torch``, sparse tensors, and tensors over the memory of a file."""

from __future__ import annotations

import os
import tempfile
from typing import Any, Mapping, Optional, Union

import numpy as np
import torch as _torch

from ._composite import Sparse
from ._errors import BadArgument
from ._file import StrPath, _fspath, from_bytes, read
from ._record import SORTED, UNIQUE
from ._source import _Source
from ._tensor import Tensor
from ._types import DType
from ._writer import Writer, save as _save

__all__ = ["load", "load_file", "load_model", "save", "save_file", "save_model", "tensor"]

_PLAIN = {  # of torch: the descriptor, and the words that carry it through NumPy
    "bool": ((1, 0, 8, 1, 1), "u1"),
    "int8": ((2, 0, 8, 1, 1), "i1"),
    "int16": ((2, 0, 16, 1, 2), "i2"),
    "int32": ((2, 0, 32, 1, 4), "i4"),
    "int64": ((2, 0, 64, 1, 8), "i8"),
    "uint8": ((3, 0, 8, 1, 1), "u1"),
    "uint16": ((3, 0, 16, 1, 2), "u2"),
    "uint32": ((3, 0, 32, 1, 4), "u4"),
    "uint64": ((3, 0, 64, 1, 8), "u8"),
    "float16": ((4, 0, 16, 1, 2), "i2"),
    "bfloat16": ((4, 1, 16, 1, 2), "i2"),
    "float32": ((4, 0, 32, 1, 4), "f4"),
    "float64": ((4, 0, 64, 1, 8), "f8"),
    "float8_e4m3fn": ((4, 2, 8, 1, 1), "u1"),
    "float8_e5m2": ((4, 3, 8, 1, 1), "u1"),
    "float8_e4m3fnuz": ((4, 4, 8, 1, 1), "u1"),
    "float8_e5m2fnuz": ((4, 5, 8, 1, 1), "u1"),
    "float8_e8m0fnu": ((4, 6, 8, 1, 1), "u1"),
    "complex64": ((5, 0, 64, 1, 8), "c8"),
    "complex128": ((5, 0, 128, 1, 16), "c16"),
}
_OF = {DType(*d): name for name, (d, _) in _PLAIN.items()}


def _torch_type(d: DType) -> Any:
    name = _OF.get(d)
    if name is None or not hasattr(_torch, name):
        raise TypeError("torch has no %s" % d.name)
    return getattr(_torch, name)


def tensor(t: Tensor, key: Any = ..., *, device: Any = "cpu", copy: bool = False) -> Any:
    """A tensor of torch. Plain bytes come without a copy unless copy asks for one or device is another: the memory is
    then that of the file, must not be written to, and stays as long as the tensor does. Sparse tensors come sparse,
    quantised ones as the numbers they stand for."""
    if t.layout in ("ragged", "string"):
        raise TypeError("tensor %r is %s: torch has none" % (t.name, t.layout))
    if t.layout not in ("dense", "quantised"):
        if key is not Ellipsis:
            raise TypeError("a sparse tensor comes whole")
        return t.sparse().torch().to(device)
    mapped = t._mapped and not copy
    if t.layout == "dense" and not t.type.packed and t.type in _OF:
        want = _torch_type(t.type)
        words = t.units() if t.type.ml_name else t  # without ml_dtypes
        a = words[key] if mapped or t.type.ml_name else t.read(key)
        a = np.asarray(a)
    else:
        a = np.asarray(t.read(key))
        want = _torch_type(DType.of(a.dtype))
    if not a.dtype.isnative:
        a = a.astype(a.dtype.newbyteorder("="))
    elif not mapped and not a.flags.writeable:
        a = a.copy()
    elif any(s < 0 for s in a.strides) or any(s % a.itemsize for s in a.strides if a.itemsize):
        a = a.copy()  # torch has no such strides
    words_of = a.view(_PLAIN[_OF_TORCH[want]][1]) if a.dtype.kind not in "c" else a
    made = _from_array(words_of)
    return (made if made.dtype == want else made.view(want)).to(device)


_OF_TORCH = {getattr(_torch, name): name for name in _PLAIN if hasattr(_torch, name)}


def _from_array(a: np.ndarray[Any, Any]) -> Any:
    """torch.from_numpy without its warning about memory that cannot be written to, which is what was asked for."""
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writ", UserWarning)
        return _torch.from_numpy(a)


def _memory(x: Any) -> _Source:
    """The elements of a tensor of torch where they are, or on their way from another device."""
    if x.layout != _torch.strided:
        raise TypeError("a sparse tensor of torch is no array")
    y = x.detach().resolve_conj().resolve_neg()
    if y.device.type != "cpu":
        y = y.cpu()
    name = _OF_TORCH.get(y.dtype)
    if name is None:
        raise TypeError("elements are %s, which the format has no type for" % y.dtype)
    d = DType(*_PLAIN[name][0])
    strides = tuple(s * y.element_size() for s in y.stride())
    return _Source(d, tuple(y.shape), strides, y.data_ptr(), y)


def _array(x: Any) -> np.ndarray[Any, Any]:
    """A tensor of torch as an array of NumPy, with ml_dtypes where that takes it."""
    y = x.detach().resolve_conj().resolve_neg().cpu()
    d = DType(*_PLAIN[_OF_TORCH[y.dtype]][0])
    if d.ml_name:
        y = y.view(_torch.int16 if d.unit_bytes == 2 else _torch.uint8)
    a: np.ndarray[Any, Any] = y.numpy()
    return a.view(d.numpy) if d.ml_name else a


def _sparse_parts(x: Any) -> Sparse:
    """The parts of a sparse tensor of torch."""
    layout = str(x.layout).replace("torch.sparse_", "")
    if x.layout == _torch.sparse_coo:
        unique = x.is_coalesced()
        x = x if unique else x.coalesce() if x.dense_dim() else x
        if x.dense_dim():
            raise BadArgument("a sparse tensor whose values are arrays has no layout here", "wrong argument")
        values = _array(x._values())
        flags = SORTED | UNIQUE if x.is_coalesced() else 0
        return Sparse("coo", tuple(x.shape), DType.of(values.dtype), {"indices": _array(x._indices()).T, "values": values}, flags)
    if x.dim() != 2:
        raise BadArgument("a %s tensor has two axes here, not %d" % (layout, x.dim()), "wrong argument")
    if layout == "bsc":
        raise BadArgument("torch's layout bsc has none here: to_sparse_bsr()", "wrong argument")
    column = layout == "csc"
    ptr, idx = (x.ccol_indices(), x.row_indices()) if column else (x.crow_indices(), x.col_indices())
    values = _array(x.values())
    return Sparse(layout, tuple(x.shape), DType.of(values.dtype), {"indptr": _array(ptr), "indices": _array(idx), "values": values})


def _sparse_tensor(s: Sparse) -> Any:
    """A sparse tensor of torch, in memory of its own."""
    if "fill" in s.parts and np.asarray(s.fill).tobytes().strip(b"\0"):
        raise BadArgument("elements without an entry are %s, and torch's are 0" % s.fill, "wrong argument")

    def own(a: np.ndarray[Any, Any]) -> Any:
        d = DType.of(a.dtype)
        b = np.array(a, order="C")
        return _from_array(b.view(_PLAIN[_OF[d]][1]) if d.ml_name else b).view(_torch_type(d))

    if s.layout in ("csr", "csc", "bsr") and not s.flags >> 4:
        s.validate()
        make = getattr(_torch, "sparse_%s_tensor" % s.layout)
        indices = [own(s.array(r).astype(np.int64)) for r in ("indptr", "indices")]
        return make(*indices, own(s.array("values")), size=s.shape)
    at, values = s.entries()
    indices = _torch.from_numpy(np.stack(at).astype(np.int64)) if len(at) else _torch.zeros((0, 1), dtype=_torch.int64)
    return _torch.sparse_coo_tensor(indices, own(values), size=s.shape, is_coalesced=s.flags & 3 == 3 and not s.flags >> 4 and s.layout == "coo" or None)


# ---- as safetensors.torch ----


def save_file(tensors: Mapping[str, Any], filename: StrPath, metadata: Optional[Mapping[str, str]] = None, **store: Any) -> None:
    """Writes tensors of torch. Those that share memory share it in the file: tied weights and transposes are stored
    once, with their strides, and come back so. Unlike safetensors it asks for nothing to be made contiguous."""
    _save(filename, tensors, attrs=metadata, **store)


def load_file(filename: StrPath, device: Union[str, int] = "cpu") -> dict[str, Any]:
    """All tensors in memory of their own: those that share bytes in the file share memory, with their strides."""
    with read(_fspath(filename)) as f:
        return _load(f, "cuda:%d" % device if isinstance(device, int) else device)


def _load(f: Any, device: Any) -> dict[str, Any]:
    groups: dict[int, list[Tensor]] = {}
    out: dict[str, Any] = {}
    for name, t in f.items():
        out[name] = None  # the order of names
        if t._mapped and t.type in _OF and t.size and not t._record.big_endian and all(s >= 0 for s in t.strides or ()):
            groups.setdefault(t.storage or -len(groups) - 1, []).append(t)
        else:
            out[name] = tensor(t, device=device, copy=True)
    for group in groups.values():
        # One copy of the bytes that the group reaches, and a view of it for each.
        ends = []
        for t in group:
            r = t._record
            ends.append((r.offset, r.offset + sum((n - 1) * s for n, s in zip(r.shape, t.strides or ())) + r.type.unit_bytes))
        low, high = min(a for a, _ in ends), max(b for _, b in ends)
        low -= low % 16
        if f._touch is not None:
            f._touch(group[0]._record)
        mapping = f._reader().mapping
        own = _torch.empty(high - low, dtype=_torch.uint8)
        own.numpy()[...] = mapping[low:high]
        own = own.to(device)
        for t in group:
            want, size = _torch_type(t.type), t.type.unit_bytes
            start = t._record.offset - low
            strides = t.strides or ()
            if start % size or any(s % size for s in strides):
                out[t.name] = tensor(t, device=device, copy=True)
                continue
            words = own[: (high - low) // size * size].view(want)
            out[t.name] = words.as_strided(t.shape, [s // size for s in strides], start // size)
    return out


def save(tensors: Mapping[str, Any], metadata: Optional[Mapping[str, str]] = None) -> bytes:
    """The bytes of such a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.tensor")
        _save(path, tensors, attrs=metadata, durable=False)
        with open(path, "rb") as f:
            return f.read()


def load(data: bytes) -> dict[str, Any]:
    """All tensors of a file in memory."""
    with from_bytes(data) as f:
        return _load(f, "cpu")


def save_model(model: Any, filename: StrPath, metadata: Optional[Mapping[str, str]] = None, force_contiguous: bool = True) -> None:
    """Writes the state of a module. Tied weights stay tied; force_contiguous is there for programs that give it."""
    with Writer(_fspath(filename), "w") as w:
        if metadata:
            w.set_attrs(metadata)
        w.save(model.state_dict())


def load_model(model: Any, filename: StrPath, strict: bool = True, device: Union[str, int] = "cpu") -> tuple[list[str], list[str]]:
    """Loads the state of a module: names that are missing, and names that the module has not. strict makes them an
    error."""
    missing, unexpected = model.load_state_dict(load_file(filename, device=device), strict=strict)
    return list(missing), list(unexpected)


"""What a file says of a tensor, whichever way it is read."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Protocol, Sequence

import numpy as np

from ._types import BOOL, DType

__all__ = ["LAYOUTS", "Reader", "Record", "c_strides", "place"]

LAYOUTS = ("dense", "coo", "csr", "csc", "bsr", "csf", "bitmap", "ragged", "string", "quantised")
SORTED, UNIQUE, UPPER = 1, 2, 64

# How bytes are stored.
NO_BYTES, RAW, CHUNKED, STREAM = range(4)

Ranges = Sequence[tuple[int, int, int]]  # start, stop, step for each axis, in elements


class Record(NamedTuple):
    """Shapes count elements, strides bytes between units, None for C order. offset is that of element (0, ..., 0) in the
    mapping, or -1. own is the engine's. first and behind say which elements of the mapping these are, if it is taken as
    an array of their type: of plain bytes in C order and the machine's byte order, at a multiple of the type's size. For
    others, and for bools, which are looked at, first is -1."""

    name: str
    type: DType
    shape: tuple[int, ...]
    strides: Optional[tuple[int, ...]]
    chunks: Optional[tuple[int, ...]]
    codec: str
    layout: int
    flags: int
    kind: int
    big_endian: bool
    nbytes: int
    stored: int
    offset: int
    storage: int
    generation: int
    own: Any
    first: int
    behind: int


def c_strides(type: DType, shape: Sequence[int]) -> tuple[int, ...]:
    """The strides of plain bytes in C order."""
    units = type.units(shape) if shape else ()
    out, step = [0] * len(units), type.unit_bytes
    for i in reversed(range(len(units))):
        out[i] = step
        step *= units[i]
    return tuple(out)


def place(type: DType, offset: int, nbytes: int, big_endian: bool) -> tuple[int, int]:
    """first and behind of plain bytes in C order."""
    size = type.unit_bytes
    if offset < 0 or type.unit_elems != 1 or big_endian or type.cls == BOOL or offset % size:
        return -1, -1
    first = offset // size
    return first, first + nbytes // size


class Reader(Protocol):
    """A way to read one generation of a file. Safe for many threads."""

    name: str  # of the engine
    _lock: Any
    mapping: Optional[np.ndarray[Any, Any]]  # the bytes of the file, u1, read-only; it holds itself open

    def info(self) -> dict[str, Any]: ...
    def records(self) -> dict[str, Record]: ...
    def record(self, name: str) -> Record: ...
    def parts(self, r: Record) -> dict[str, Record]: ...
    def attributes(self, r: Optional[Record]) -> str: ...
    def read(self, r: Record, ranges: Ranges, dst: np.ndarray[Any, Any]) -> None:
        """Elements to dst, C order, the machine's byte order, packed rows as whole units; a range along a packed
        axis begins and ends with a unit and has step 1."""

    def dequantise(self, r: Record, ranges: Ranges, dst: np.ndarray[Any, Any]) -> None: ...
    def hash(self, r: Record) -> bytes: ...
    def generations(self) -> list[dict[str, int]]: ...
    def verify(self, quick: bool, sample: float) -> dict[str, Any]: ...
    def changed(self) -> None:
        """An Error if the file on disk is no longer the one that was opened."""

    def refresh(self) -> Optional["Reader"]: ...
    def touch(self, r: Record) -> None:
        """Compares plain bytes with their sums, once."""

    def close(self) -> None: ...

"""What a file says of a tensor, whichever way it is read."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Protocol, Sequence

import numpy as np

from ._types import DType

__all__ = ["LAYOUTS", "Reader", "Record"]

LAYOUTS = ("dense", "coo", "csr", "csc", "bsr", "csf", "bitmap", "ragged", "string", "quantised")
SORTED, UNIQUE, UPPER = 1, 2, 64

# How bytes are stored.
NO_BYTES, RAW, CHUNKED, STREAM = range(4)

Ranges = Sequence[tuple[int, int, int]]  # start, stop, step for each axis, in elements


class Record(NamedTuple):
    """Shapes count elements, strides bytes between units. offset is that of element (0, ..., 0) in the mapping, or
    -1. own is the engine's."""

    name: str
    type: DType
    shape: tuple[int, ...]
    strides: tuple[int, ...]
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

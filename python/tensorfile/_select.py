"""Selections: what stands between the brackets of ``t[...]``, as a box to read and an index to apply to it."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple, Sequence

import numpy as np

__all__ = ["Axis", "Plan", "plan"]


class Axis(NamedTuple):
    """The indices to read along an axis: runs of (start, count) one after the other, all with one step."""

    runs: tuple[tuple[int, int], ...]
    step: int

    @property
    def size(self) -> int:
        return sum(n for _, n in self.runs)


class Plan(NamedTuple):
    """What to read, an Axis for each axis of the tensor, and the index that makes the result of the box."""

    axes: tuple[Axis, ...]
    place: tuple[Any, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the box."""
        return tuple(a.size for a in self.axes)


def _one(start: int, count: int, step: int = 1) -> Axis:
    return Axis(((start, count),), step)


def _int(i: Any, n: int, axis: int) -> int:
    j = operator.index(i)
    if not -n <= j < n:
        raise IndexError("index %d is out of bounds for axis %d with size %d" % (j, axis, n))
    return j + n if j < 0 else j


def _is_int(k: Any) -> bool:
    if isinstance(k, (bool, np.bool_)):
        return False
    if isinstance(k, np.ndarray):
        return k.ndim == 0 and k.dtype.kind in "iu"
    try:
        operator.index(k)
    except TypeError:
        return False
    return True


def _array(k: Any) -> np.ndarray[Any, Any]:
    """An index array: integers, or a mask."""
    a = np.asarray(k)
    if a.size == 0 and a.dtype.kind == "f":
        a = a.astype(np.intp)  # an empty list
    if a.dtype.kind not in "iub":
        raise IndexError("only integers, slices (`:`), ellipsis (`...`), None, and integer or boolean arrays are indices, not %s" % type(k).__name__)
    if a.dtype.kind == "b" and a.ndim == 0:
        raise IndexError("a single bool is no index: an integer or an array of bool is")
    return a


def _expand(key: Any, rank: int) -> list[Any]:
    """The parts of a key, one for each axis and each None, masks as the index arrays that they stand for."""
    parts = list(key) if isinstance(key, tuple) else [key]
    out: list[Any] = []
    used = 0
    dots = -1
    for k in parts:
        if k is Ellipsis:
            if dots >= 0:
                raise IndexError("an index can only have a single ellipsis ('...')")
            dots = len(out)
            continue
        if k is None:
            out.append(None)
            continue
        if isinstance(k, slice) or _is_int(k):
            out.append(k)
            used += 1
            continue
        a = _array(k)
        if a.dtype.kind == "b":
            out.extend(_Mask(a, i) for i in range(a.ndim))
            used += a.ndim
        else:
            out.append(a)
            used += 1
    if used > rank:
        raise IndexError("too many indices: %d for %d dimensions" % (used, rank))
    fill = [slice(None)] * (rank - used)
    if dots < 0:
        dots = len(out)
    return out[:dots] + fill + out[dots:]


class _Mask:
    """Axis i of a mask."""

    def __init__(self, mask: np.ndarray[Any, Any], i: int) -> None:
        self.mask, self.i = mask, i

    def indices(self, n: int, axis: int) -> np.ndarray[Any, Any]:
        if self.mask.shape[self.i] != n:
            raise IndexError("boolean index did not match along axis %d: size %d, want %d" % (axis, self.mask.shape[self.i], n))
        return np.nonzero(self.mask)[self.i]


def _runs(idx: np.ndarray[Any, Any], gap: int) -> tuple[Axis, np.ndarray[Any, Any]]:
    """The runs that hold these indices, cut where more than gap lie between two of them, and the places of the
    indices in what is read."""
    u = np.unique(idx)
    if u.size == 0:
        return _one(0, 0), idx
    cut = np.nonzero(np.diff(u) > gap)[0] + 1
    starts = u[np.concatenate([[0], cut])]
    counts = u[np.concatenate([cut - 1, [u.size - 1]])] - starts + 1
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    run = np.searchsorted(starts, idx, side="right") - 1
    places = idx - starts[run] + before[run]
    return Axis(tuple(zip(starts.tolist(), counts.tolist())), 1), places


def plan(key: Any, shape: Sequence[int], chunks: Sequence[int] = ()) -> Plan:
    """What to read for a key, by NumPy's rules, and how to get from there to the result.

    chunks are the extents along which a gap between listed indices costs nothing to read over.
    """
    axes: list[Axis] = []
    index: list[Any] = []
    for k in _expand(key, len(shape)):
        if k is None:
            index.append(None)
            continue
        axis = len(axes)
        n = shape[axis]
        if isinstance(k, slice):
            start, stop, step = k.indices(n)
            count = len(range(start, stop, step))
            axes.append(_one(start if count else 0, count, step))
            index.append(slice(None))
        elif isinstance(k, _Mask):
            a, places = _runs(k.indices(n, axis), chunks[axis] if chunks else 1)
            axes.append(a)
            index.append(places)
        elif isinstance(k, np.ndarray) and k.ndim:
            bad = (k >= n) | (k < -n) if k.dtype.kind == "i" else k >= n
            if bad.any():
                raise IndexError("index %d is out of bounds for axis %d with size %d" % (k[bad][0], axis, n))
            i = k.astype(np.int64)
            a, places = _runs(np.where(i < 0, i + n, i), chunks[axis] if chunks else 1)
            axes.append(a)
            index.append(places)
        else:
            axes.append(_one(_int(k, n, axis), 1))
            index.append(0)
    return Plan(tuple(axes), tuple(index))

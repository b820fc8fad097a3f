"""Batches for training: the order of samples of the loader (docs/loader.md), shared out among ranks, in NumPy."""

from __future__ import annotations

import operator
from typing import Any, Callable, Iterator, Mapping, Optional

import numpy as np

from ._errors import BadArgument
from ._tensor import Tensor

__all__ = ["Batches", "Order"]

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_M1, _M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB

Indices = np.ndarray[Any, np.dtype[np.int64]]


def _mix(z: int) -> int:
    z = (z ^ z >> 30) * _M1 & _MASK
    z = (z ^ z >> 27) * _M2 & _MASK
    return z ^ z >> 31


def _key(seed: int, epoch: int, number: int) -> int:
    k = _mix((seed + _STEP) & _MASK)
    k = _mix((k + _STEP + epoch) & _MASK)
    return _mix((k + _STEP + number) & _MASK)


def permutation(n: int, key: int, at: Any) -> Indices:
    """Where a permutation of 0 ... n-1 under a key takes the numbers at: a Feistel network, walked until it is inside."""
    x = np.asarray(at, dtype=np.uint64).copy()
    if n < 2 or not x.size:
        return x.astype(np.int64)
    bits = max(6, (n - 1).bit_length())
    keys = [np.uint64(_mix((key + (i + 1) * _STEP) & _MASK)) for i in range(8)]
    u = np.uint64

    def mix(z: Any) -> Any:
        z = (z ^ z >> u(30)) * u(_M1)
        z = (z ^ z >> u(27)) * u(_M2)
        return z ^ z >> u(31)

    todo = np.arange(x.size)
    with np.errstate(over="ignore"):
        while todo.size:
            v = x.reshape(-1)[todo]
            wide, narrow = bits - bits // 2, bits // 2
            left, right = v >> u(wide), v & u((1 << wide) - 1)
            width = [narrow, wide]
            for k in keys:
                left, right = right, left ^ (mix(right + k) & u((1 << width[0]) - 1))
                width.reverse()
            v = left << u(wide) | right
            x.reshape(-1)[todo] = v
            todo = todo[v >= u(n)]
    return x.astype(np.int64)


class Order:
    """The order of n samples in an epoch, and the part of it that a rank gets: that of the loader.

    Samples are shuffled inside windows of blocks, which change places themselves, so that what is stored in blocks is
    read once. block and window count samples: a block is the rows of a chunk, a window what is held in memory; without
    blocks all samples are shuffled among each other. division says what ranks get when samples do not divide evenly:
    "all" every sample once, "drop" equally many and the last are left out, "repeat" equally many and the first come
    again. fixed keeps the order of the blocks.

    It is a sampler for torch's DataLoader, too: ``DataLoader(dataset, sampler=Order(...))``, with ``set_epoch``.

    >>> list(Order(10, seed=0))[:8]
    [9, 8, 4, 0, 3, 1, 6, 7]
    >>> [len(Order(10, rank=r, world=3)) for r in range(3)]
    [4, 3, 3]
    """

    def __init__(self, n: int, *, seed: int = 0, shuffle: bool = True, block: int = 1, window: Optional[int] = None, rank: int = 0, world: int = 1,
                 division: str = "all", fixed: bool = False) -> None:  # fmt: skip
        self.n, self.seed, self.shuffle, self.fixed = operator.index(n), operator.index(seed), bool(shuffle), bool(fixed)
        self.block, self.rank, self.world, self.division = operator.index(block), operator.index(rank), operator.index(world), division
        if self.n < 0 or not 0 <= self.seed <= _MASK:
            raise BadArgument("n is 0 or more, and seed of 64 bits", "wrong argument")
        if self.block < 1 or window is not None and operator.index(window) < 1:
            raise BadArgument("block and window are 1 or more", "wrong argument")
        if not 0 <= self.rank < self.world:
            raise BadArgument("rank %d of %d" % (self.rank, self.world), "wrong argument")
        if division not in ("all", "drop", "repeat"):
            raise BadArgument("division is 'all', 'drop' or 'repeat', not %r" % (division,), "wrong argument")
        blocks = -(-self.n // self.block)
        self.group = max(1, blocks) if window is None else max(1, operator.index(window) // self.block)
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """The epoch of which the order is; each has its own."""
        self.epoch = operator.index(epoch)

    def part(self) -> tuple[int, int]:
        """The places [begin, end) of the epoch that the rank gets; behind the end of the samples they begin again."""
        n, r, w = self.n, self.rank, self.world
        if self.division == "drop":
            return r * (n // w), (r + 1) * (n // w)
        if self.division == "repeat":
            each = -(-n // w)
            return r * each, (r + 1) * each
        return r * (n // w) + min(r, n % w), (r + 1) * (n // w) + min(r + 1, n % w)

    def __len__(self) -> int:
        a, b = self.part()
        return b - a

    def windows(self) -> Iterator[Indices]:
        """The samples of the rank, a window at a time."""
        n, block, lo, hi = self.n, self.block, *self.part()
        if n == 0:
            return
        blocks = -(-n // block)
        places = np.arange(blocks, dtype=np.int64)
        order = permutation(blocks, _key(self.seed, self.epoch, 0), places) if self.shuffle and not self.fixed else places
        sizes = np.minimum(block, n - order * block)
        for base in range(0, hi, n):  # again from the first
            at = base
            for first in range(0, blocks, self.group):
                mine = slice(first, first + self.group)
                size = int(sizes[mine].sum())
                a, b = max(lo - at, 0), min(hi - at, size)
                at += size
                if a >= b:
                    continue
                if block == 1:
                    yield order[first + a : first + b]
                    continue
                samples = np.concatenate([np.arange(k * block, min((k + 1) * block, n)) for k in order[mine].tolist()])[a:b]
                if self.shuffle:
                    samples = samples[permutation(b - a, _key(self.seed, self.epoch, first // self.group + 1), np.arange(b - a))]
                yield samples

    def indices(self) -> Indices:
        """All samples of the rank, in order."""
        found = list(self.windows())
        return np.concatenate(found) if found else np.empty(0, np.int64)

    def __iter__(self) -> Iterator[int]:
        for w in self.windows():
            yield from w.tolist()


class Batches:
    """Batches along axis 0 of tensors with equally many rows: each is a dict of arrays, or what transform makes of it.

    Tensors in chunks are read a window at a time, each chunk once an epoch; others sample by sample from the mapping.
    Arguments beside batch are those of Order; block is the rows of the chunks unless it is given, and window as many
    blocks as fit memory bytes. An epoch is one pass of ``for``; ``set_epoch`` gives the next its own order. It can
    be pickled, and used in a forked worker, as its tensors can.

    >>> import numpy as np, os, tempfile, tensorfile
    >>> path = os.path.join(tempfile.mkdtemp(), "x.tensor")
    >>> tensorfile.save(path, {"x": np.arange(10), "y": np.arange(10) ** 2})
    >>> f = tensorfile.open(path)
    >>> for b in Batches({"x": f["x"], "y": f["y"]}, batch=4, seed=0):
    ...     print(b["x"], b["y"])
    [9 8 4 0] [81 64 16  0]
    [3 1 6 7] [ 9  1 36 49]
    [5 2] [25  4]
    """

    def __init__(self, tensors: Mapping[str, Tensor], batch: int, *, seed: int = 0, shuffle: bool = True, block: Optional[int] = None, window: Optional[int] = None,
                 rank: int = 0, world: int = 1, division: str = "all", drop_last: bool = False, memory: int = 64 << 20,
                 transform: Optional[Callable[[dict[str, Any]], Any]] = None) -> None:  # fmt: skip
        if not tensors:
            raise BadArgument("no tensors", "wrong argument")
        rows = {k: len(t) for k, t in tensors.items()}
        n = next(iter(rows.values()))
        if any(m != n for m in rows.values()):
            raise BadArgument("tensors have as many rows: %s" % rows, "shape mismatch")
        if operator.index(batch) < 1:
            raise BadArgument("a batch has a sample or more", "wrong argument")
        self.tensors, self.batch, self.drop_last, self.transform = dict(tensors), operator.index(batch), drop_last, transform
        if block is None:
            chunked = [t.chunks[0] for t in tensors.values() if t.chunks]
            block = min(max(1, n), int(np.lcm.reduce(chunked))) if chunked else 1
        if window is None and block > 1:
            row = sum(t.nbytes for t in tensors.values()) // max(1, n) + 1
            window = max(block, memory // row)
        self.order = Order(n, seed=seed, shuffle=shuffle, block=block, window=window, rank=rank, world=world, division=division)

    def set_epoch(self, epoch: int) -> None:
        """The epoch of which the order is."""
        self.order.set_epoch(epoch)

    def share(self, rank: int, world: int) -> "Batches":
        """The same for one of world consumers, each of which gets a part: a worker of a DataLoader, a task of Ray."""
        o = self.order
        return Batches(self.tensors, self.batch, seed=o.seed, shuffle=o.shuffle, block=o.block, window=o.group * o.block,
                       rank=o.rank * world + rank, world=o.world * world, division=o.division, drop_last=self.drop_last,
                       transform=self.transform)._at(o.epoch)  # fmt: skip

    def _at(self, epoch: int) -> "Batches":
        self.order.set_epoch(epoch)
        return self

    def __len__(self) -> int:
        n = len(self.order)
        return n // self.batch if self.drop_last else -(-n // self.batch)

    def _groups(self) -> Iterator[dict[str, Any]]:
        """Samples as they are read: a window, or of what is not in blocks a batch."""
        for w in self.order.windows():
            step = max(1, len(w)) if self.order.block > 1 else self.batch
            for i in range(0, len(w), step):
                yield {k: t.read(w[i : i + step]) for k, t in self.tensors.items()}

    def __iter__(self) -> Iterator[Any]:
        held: list[dict[str, Any]] = []  # samples that are not given out yet
        count = 0
        for g in self._groups():
            held.append(g)
            count += len(next(iter(g.values())))
            while count >= self.batch:
                out, held = self._cut(held, self.batch)
                count -= self.batch
                yield self._done(out)
        if count and not self.drop_last:
            yield self._done(self._cut(held, count)[0])

    @staticmethod
    def _cut(held: list[dict[str, Any]], n: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The first n samples, and what remains."""
        taken: list[dict[str, Any]] = []
        held = list(held)
        while n:
            g = held.pop(0)
            have = len(next(iter(g.values())))
            if have > n:
                held.insert(0, {k: v[n:] for k, v in g.items()})
                g, have = {k: v[:n] for k, v in g.items()}, n
            taken.append(g)
            n -= have
        return {k: taken[0][k] if len(taken) == 1 else np.concatenate([g[k] for g in taken]) for k in taken[0]}, held

    def _done(self, b: dict[str, Any]) -> Any:
        return b if self.transform is None else self.transform(b)


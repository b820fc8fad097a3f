"""Whole files, written anew: without what nothing reaches any more, or from what is left of a damaged one."""

from __future__ import annotations

import ctypes as c
import json
import os
from collections.abc import Iterable
from typing import Any, NamedTuple, Optional

from . import _lib
from ._file import StrPath, _fspath, _generation, read
from ._native import NativeReader

__all__ = ["Recovery", "Repacked", "recover", "repack"]


class Repacked(NamedTuple):
    """What a repack did: the generations that the new file holds, oldest first, tensors of the newest, storages that were
    copied and their bytes, and bytes of the file before and after."""

    generations: list[int]
    tensors: int
    storages: int
    payload: int
    before: int
    after: int


class Recovery(NamedTuple):
    """What was found in a damaged file. tensors, storages and bytes were kept; damaged_chunks are among them, and read as
    errors. lost are dicts with name, message, kind, offset, rule and more; damage are such of structures;
    unnamed_entries could not be read, so that the names of their tensors are not known. unacknowledged are names in
    commits that never ended. catalog_whole says that the catalog of the generation is undamaged."""

    uuid: str
    generation: int
    catalog_whole: bool
    tensors: int
    storages: int
    bytes: int
    damaged_chunks: int
    damage: list[dict[str, Any]]
    lost: list[dict[str, Any]]
    unnamed_entries: int
    unacknowledged: list[str]
    unreadable: int

    @property
    def whole(self) -> bool:
        """Whether no tensor is lost and no chunk is damaged. So is the truth of a recovery."""
        return not self.lost and not self.unnamed_entries and not self.damaged_chunks

    def __bool__(self) -> bool:
        return self.whole


def repack(path: StrPath, to: Optional[StrPath] = None, *, generation: Optional[int] = None, keep: Iterable[int] = (), keep_all: bool = False,
           overwrite: bool = False, deterministic: bool = False, durable: bool = True, wait: float = 0) -> Repacked:  # fmt: skip
    """Writes a file anew, without what was removed or replaced and without older generations.

    to is another path, or None: in place, in one step, while files and arrays that are open keep what they show. keep
    are generations to keep, too, keep_all all of them; generation is the one to write, None the newest. Bytes are
    copied as they are and compared with their checksums: damage is an Error, and nothing is written. wait is how many
    seconds to wait for a writer.

    >>> import numpy as np, tensorfile, tempfile, os
    >>> path = os.path.join(tempfile.mkdtemp(), "log.tensor")
    >>> for i in range(3):
    ...     tensorfile.save(path, {"a": np.zeros(1000)}) if i == 0 else tensorfile.append(path, {"a": np.ones(1000)})
    >>> r = tensorfile.repack(path)
    >>> r.generations, r.after < r.before, tensorfile.open(path)["a"].shape
    ([3], True, (3000,))
    """
    p = _fspath(path)
    numbers = [_generation(n) for n in keep]
    o = _lib.RepackOptions(c.sizeof(_lib.RepackOptions))
    o.keep, o.keep_count, o.keep_all = (c.c_uint64 * len(numbers))(*numbers), len(numbers), keep_all
    o.overwrite, o.deterministic, o.no_sync, o.wait_ms = overwrite, deterministic, not durable, int(wait * 1000)
    with read(p, generation=generation, native_only=True, engine="library") as f:
        reader = f._reader()
        assert isinstance(reader, NativeReader)
        lib = _lib.current()
        report = json.loads(lib.take_text(lib.repack, reader._number, os.fsencode(p if to is None else _fspath(to)), c.byref(o)))
    return Repacked(**{k: report[k] for k in Repacked._fields})


def recover(path: StrPath, to: Optional[StrPath] = None, *, unacknowledged: bool = False, overwrite: bool = False, durable: bool = True) -> Recovery:
    """Writes what is whole of a damaged file to another one, and says what is lost.

    It needs neither header nor catalog, of which a file holds each entry twice, and compares all checksums. The damaged
    file is not changed. to None writes nothing and finds out what would be. unacknowledged takes what belongs to
    commits that never ended, too. Loss is a report, not an exception; an Error means that nothing was written.

    >>> import numpy as np, tensorfile, tempfile, os
    >>> folder = tempfile.mkdtemp()
    >>> path = os.path.join(folder, "x.tensor")
    >>> tensorfile.save(path, {"a": np.arange(3), "b": np.arange(4)})
    >>> with open(path, "r+b") as f:
    ...     n = f.write(bytes(12288))  # no header is left
    >>> r = tensorfile.recover(path, os.path.join(folder, "y.tensor"))
    >>> bool(r), r.tensors, r.lost, tensorfile.load(os.path.join(folder, "y.tensor"))["b"]
    (True, 2, [], array([0, 1, 2, 3]))
    """
    o = _lib.RecoverOptions(c.sizeof(_lib.RecoverOptions), overwrite, not durable, unacknowledged)
    lib, whole = _lib.current(), c.c_int32()
    text = lib.take_text(lib.recover, os.fsencode(_fspath(path)), None if to is None else os.fsencode(_fspath(to)), c.byref(o), c.byref(whole))
    report = json.loads(text)
    return Recovery(**{k: report[k] for k in Recovery._fields})

"""Errors: one class, and for each kind a class that is a Python exception of that sense, too."""

from __future__ import annotations

from typing import Optional

__all__ = ["Error", "error_of"]


class Error(Exception):
    """What is wrong with a file, or with what was asked of it.

    kind is a word such as "corrupt", "truncated" or "not found"; rule the rule of the specification that is
    broken, or ""; offset the byte offset in the file, or -1. commit_unknown is True beside a failed commit of
    which it is not known whether it is on disk: the file is the one before it or the new one, whole.

    Errors are ordinary exceptions, too, where Python has one of that sense: a tensor that is not there is a
    KeyError, a file a FileNotFoundError, an index out of range an IndexError, a closed file a ValueError.
    """

    kind: str
    rule: str
    offset: int
    commit_unknown: bool

    def __init__(self, message: str, kind: str = "", rule: str = "", offset: int = -1, commit_unknown: bool = False) -> None:
        super().__init__(message)
        self.message, self.kind, self.rule, self.offset, self.commit_unknown = message, kind, rule, offset, commit_unknown

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (type(self).__name__, self.message, self.kind, self.rule, self.offset, self.commit_unknown)


class TensorNotFound(Error, KeyError):
    """No tensor, part or generation of that name."""


class NotThere(Error, FileNotFoundError):
    """No file of that name."""


class Exists(Error, FileExistsError):
    """The destination is there and was not to be replaced."""


class Locked(Error, BlockingIOError):
    """Another writer holds the file."""


class IOFailed(Error, OSError):
    """The system said no."""


class OutOfRange(Error, IndexError):
    """An index or selection outside the tensor."""


class Closed(Error, ValueError):
    """The file was closed."""


class BadArgument(Error, ValueError):
    """An argument that no file could take: a shape, a name, an option."""


class WrongType(Error, TypeError):
    """Another dtype."""


class NoMemory(Error, MemoryError):
    """Memory, or a limit of it."""


_KINDS: dict[str, type[Error]] = {
    "not found": TensorNotFound,
    "already exists": Exists,
    "locked": Locked,
    "no space": IOFailed,
    "input/output error": IOFailed,
    "index out of range": OutOfRange,
    "closed": Closed,
    "wrong handle": Closed,
    "wrong argument": BadArgument,
    "shape mismatch": BadArgument,
    "wrong dtype": WrongType,
    "no memory": NoMemory,
}


def error_of(message: str, kind: str, rule: str = "", offset: int = -1, commit_unknown: bool = False, file: bool = False) -> Error:
    """The error of a kind. file says that what is not found is a file."""
    cls: type[Error] = NotThere if file and kind == "not found" else _KINDS.get(kind, Error)
    return cls(message, kind, rule, offset, commit_unknown)


def _again(cls: str, *args: object) -> Error:
    e: Optional[type[Error]] = globals().get(cls)
    return (e or Error)(*args)  # type: ignore[arg-type]

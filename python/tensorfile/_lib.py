"""The library: loading it, what its functions take, its errors, and the rule for fork.

A Go runtime does not survive fork. A child that uses a file loads a copy of the library of its own, from a
file in memory, and opens the file again: ``current()`` is what says so to its callers, by another object."""

from __future__ import annotations

import ctypes as c
import os
import sys
import tempfile
import threading
from typing import Any, Optional

from ._errors import Error, error_of

__all__ = ["Library", "current", "available", "why_not", "generation_of_process"]

ABI = 1
MAX_RANK = 32

# Flags of OpenOptions.
NO_MMAP, MAP_REMOTE, VERIFY_FIRST_USE, NATIVE_ONLY = 1, 2, 4, 8

KINDS = {
    1: "truncated", 2: "malformed", 3: "corrupt", 4: "overflow", 5: "limit exceeded", 6: "unsupported", 7: "duplicate", 8: "unsafe path",
    9: "changed while open", 10: "already exists", 11: "locked", 12: "no space", 13: "input/output error", 14: "not found", 15: "closed", 16: "in use",
    17: "wrong dtype", 18: "not contiguous", 19: "misaligned", 20: "foreign byte order", 21: "encoded", 22: "shape mismatch", 23: "index out of range",
    24: "not mapped", 25: "the writer has failed before", 32: "wrong argument", 33: "wrong handle", 34: "forked", 35: "no memory", 36: "internal error",
}  # fmt: skip


class ErrorInfo(c.Structure):
    _fields_ = [("kind", c.c_int32), ("commit_unknown", c.c_int32), ("offset", c.c_int64), ("rule", c.c_char * 48), ("message", c.c_char * 960)]


class Descriptor(c.Structure):
    _fields_ = [("cls", c.c_uint8), ("reserved", c.c_uint8), ("variant", c.c_uint16), ("bits", c.c_uint32), ("unit_elems", c.c_uint32), ("unit_bytes", c.c_uint32)]


class OpenOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("flags", c.c_uint32), ("workers", c.c_int32), ("generation", c.c_uint64), ("max_bytes", c.c_int64)]


class FileInfo(c.Structure):
    _fields_ = [
        ("format", c.c_char * 24),
        ("uuid", c.c_char * 40),
        ("generation", c.c_uint64),
        ("time", c.c_int64),
        ("length", c.c_int64),
        ("size", c.c_int64),
        ("tensors", c.c_int64),
        ("mapped", c.c_int32),
        ("read_only", c.c_int32),
    ]


class Generation(c.Structure):
    _fields_ = [("number", c.c_uint64), ("previous", c.c_uint64), ("time", c.c_int64), ("length", c.c_int64), ("bytes", c.c_int64), ("live", c.c_int64)]


class VerifyOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("quick", c.c_int32), ("workers", c.c_int32), ("sample", c.c_double)]


class Info(c.Structure):
    """Pointers are numbers: most of them are never followed."""

    _fields_ = [
        ("name", c.c_size_t),
        ("dtype_name", c.c_size_t),
        ("codec", c.c_size_t),
        ("shape", c.c_size_t),
        ("strides", c.c_size_t),
        ("chunk", c.c_size_t),
        ("dtype", c.c_uint8 * 16),
        ("rank", c.c_int32),
        ("layout", c.c_int32),
        ("layout_flags", c.c_uint32),
        ("parts", c.c_int32),
        ("storage_kind", c.c_int32),
        ("big_endian", c.c_int32),
        ("elements", c.c_int64),
        ("nbytes", c.c_int64),
        ("stored", c.c_int64),
        ("offset", c.c_int64),
        ("storage", c.c_uint64),
        ("generation", c.c_uint64),
    ]


class List(c.Structure):
    _fields_ = [("count", c.c_size_t), ("items", c.c_size_t)]


class Mapped(c.Structure):
    """What map_file gives."""

    _fields_ = [("lease", c.c_uint64), ("data", c.c_size_t), ("size", c.c_size_t)]


class Range(c.Structure):
    _fields_ = [("start", c.c_int64), ("stop", c.c_int64), ("step", c.c_int64)]


class Array(c.Structure):
    _fields_ = [("dtype", Descriptor), ("rank", c.c_int32), ("shape", c.POINTER(c.c_int64)), ("strides", c.POINTER(c.c_int64)), ("data", c.c_void_p)]


class CreateOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("overwrite", c.c_int32), ("deterministic", c.c_int32), ("no_sync", c.c_int32), ("align", c.c_int32), ("time", c.c_int64)]


class EditOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("wait_ms", c.c_int32), ("remote_fs", c.c_int32), ("time", c.c_int64)]


class RepackOptions(c.Structure):
    _fields_ = [
        ("size", c.c_size_t),
        ("keep", c.POINTER(c.c_uint64)),
        ("keep_count", c.c_size_t),
        ("keep_all", c.c_int32),
        ("overwrite", c.c_int32),
        ("deterministic", c.c_int32),
        ("no_sync", c.c_int32),
        ("wait_ms", c.c_int32),
        ("reserved", c.c_int32),
    ]


class RecoverOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("overwrite", c.c_int32), ("no_sync", c.c_int32), ("unacknowledged", c.c_int32), ("reserved", c.c_int32)]


class Store(c.Structure):
    _fields_ = [
        ("size", c.c_size_t),
        ("attributes", c.c_char_p),
        ("dims", c.POINTER(c.c_char_p)),
        ("codec", c.c_char_p),
        ("chunk", c.POINTER(c.c_int64)),
        ("fill", c.c_char_p),
        ("fill_size", c.c_size_t),
        ("replace", c.c_int32),
        ("shared", c.c_int32),
    ]


class Composite(c.Structure):
    pass


class CompositePart(c.Structure):
    _fields_ = [("role", c.c_char_p), ("array", c.POINTER(Array)), ("composite", c.POINTER(Composite))]


Composite._fields_ = [
    ("layout", c.c_int32),
    ("flags", c.c_uint32),
    ("dtype", Descriptor),
    ("rank", c.c_int32),
    ("shape", c.POINTER(c.c_int64)),
    ("count", c.c_size_t),
    ("parts", c.POINTER(CompositePart)),
]

_handle = c.c_uint64
_ref = c.c_void_p  # of what is passed by byref, or None
_text = c.c_char_p

# Without their last argument, the error.
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "dtype_parse": (_text, _ref),
    "open": (_text, _ref, _ref),
    "open_memory": (_ref, c.c_size_t, _ref, _ref),
    "open_url": (_text, _ref, _ref),
    "close": (_handle,),
    "refresh": (_handle, _ref),
    "check": (_handle,),
    "describe_file": (_handle, _ref),
    "file_attributes": (_handle, _ref, _ref),
    "generations": (_handle, _ref, _ref),
    "verify": (_handle, _ref, _ref, _ref, _ref),
    "list_tensors": (_handle, _ref),
    "list_named": (_handle, _text, _ref),
    "lookup": (_handle, _text, _ref),
    "part": (_handle, _text, _ref),
    "list_parts": (_handle, _ref),
    "describe": (_handle, _ref),
    "attributes": (_handle, _ref, _ref),
    "hash": (_handle, _ref),
    "release_tensor": (_handle,),
    "map": (_handle, _ref, _ref),
    "map_file": (_handle, _ref, _ref, _ref),
    "release_lease": (_handle,),
    "read": (_handle, _ref, _ref, c.c_size_t),
    "read_into": (_handle, _ref, _ref),
    "read_rows": (_handle, _ref, c.c_size_t, _ref, c.c_size_t),
    "dequantise": (_handle, _ref, _ref, _ref, c.c_size_t),
    "create": (_text, _ref, _ref),
    "edit": (_text, _ref, _ref),
    "write": (_handle, _text, _ref, _ref),
    "write_storage": (_handle, _ref, c.c_size_t, _ref),
    "write_on": (_handle, c.c_uint64, c.c_int64, _text, _ref, _ref),
    "write_composite": (_handle, _text, _ref, _ref),
    "write_from": (_handle, _handle, _text, _ref),
    "append": (_handle, _text, _ref, _ref),
    "append_composite": (_handle, _text, _ref, _ref),
    "write_region": (_handle, _text, _ref, _ref, _ref),
    "shrink": (_handle, _text, c.c_int64),
    "remove": (_handle, _text),
    "rename": (_handle, _text, _text),
    "copy": (_handle, _text, _text),
    "set_attributes": (_handle, _text, _text),
    "revert": (_handle, c.c_uint64),
    "commit": (_handle,),
    "close_writer": (_handle,),
    "repack": (_handle, _text, _ref, _ref, _ref),
    "recover": (_text, _text, _ref, _ref, _ref, _ref),
}


class _Local(threading.local):
    """The error of a thread: nothing is allocated for calls that succeed."""

    def __init__(self) -> None:
        self.error = ErrorInfo()
        self.ref = c.byref(self.error)


class Library:
    """A copy of the library in this process. Its methods are the functions of tensorfile.h without the prefix and
    without the last argument; a failure is an Error."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._dll = c.CDLL(path, mode=getattr(os, "RTLD_LOCAL", 0) | getattr(os, "RTLD_NOW", 0))
        self._local = _Local()
        self._dll.tensorfile_abi_version.restype = c.c_uint32
        abi = self._dll.tensorfile_abi_version()
        if abi != ABI:
            raise OSError("%s is of ABI version %d, want %d" % (path, abi, ABI))
        for name, args in _FUNCTIONS.items():
            f = getattr(self._dll, "tensorfile_" + name)
            f.argtypes = (*args, _ref)
            f.restype = c.c_int32
            setattr(self, name, self._checked(f, name in ("open", "create", "edit", "recover")))
        self._free = self._dll.tensorfile_free
        self._free.argtypes, self._free.restype = (c.c_void_p,), None
        self.list_free = self._dll.tensorfile_list_free
        self.list_free.argtypes, self.list_free.restype = (_ref,), None
        self._dll.tensorfile_version.restype = _text
        self._dll.tensorfile_formats.restype = _text

    def _checked(self, f: Any, file: bool) -> Any:
        local = self._local

        def call(*args: Any) -> None:
            if f(*args, local.ref):
                raise self._error(local.error, file)

        return call

    @staticmethod
    def _error(e: ErrorInfo, file: bool) -> Error:
        return error_of(
            e.message.decode("utf-8", "replace"),
            KINDS.get(e.kind, "unknown"),
            e.rule.decode("ascii", "replace"),
            e.offset,
            bool(e.commit_unknown),
            file,
        )

    def version(self) -> str:
        return (self._dll.tensorfile_version() or b"").decode()

    def formats(self) -> list[str]:
        return (self._dll.tensorfile_formats() or b"").decode().split()

    def take_text(self, f: Any, *args: Any) -> str:
        """What a function gives by (char **, size_t *), freed."""
        p, n = c.c_void_p(), c.c_size_t()
        f(*args, c.byref(p), c.byref(n))
        try:
            return c.string_at(p, n.value).decode("utf-8")
        finally:
            self._free(p)

    def take_memory(self, p: c.c_void_p, size: int) -> bytes:
        """The bytes at p, freed."""
        try:
            return c.string_at(p, size) if size else b""
        finally:
            self._free(p)

    # For mypy, which does not see what __init__ sets.
    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


_lock = threading.Lock()
_library: Optional[Library] = None
_failure: Optional[str] = None
_process = 0  # counts forks behind which this process stands


def _find() -> str:
    given = os.environ.get("TENSORFILE_LIBRARY")
    if given:
        if given == "none":
            raise OSError("TENSORFILE_LIBRARY is none")
        return given
    name = {"darwin": "libtensorfile.dylib", "win32": "tensorfile.dll"}.get(sys.platform, "libtensorfile.so")
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    if not os.path.exists(path):
        raise OSError("this installation has no %s" % name)
    return path


def _load_copy(path: str) -> Library:
    """Another copy of the same library. What is already loaded is found again by its file, so that takes another
    file: one in memory, where the system has that."""
    with open(path, "rb") as f:
        content = f.read()
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("libtensorfile", os.MFD_CLOEXEC)
        with os.fdopen(fd, "wb") as out:
            out.write(content)
            out.flush()
            return Library("/proc/self/fd/%d" % fd)
    with tempfile.NamedTemporaryFile(suffix=os.path.basename(path)) as out:
        out.write(content)
        out.flush()
        return Library(out.name)


def current() -> Library:
    """The library of this process, loaded when it is first asked for. Error if there is none."""
    global _library, _failure
    if _library is not None:
        return _library
    with _lock:
        if _library is None and _failure is None:
            try:
                path = _find()
                _library = _load_copy(path) if _process and _was_loaded else Library(path)
            except (OSError, AttributeError) as e:
                _failure = str(e)
        if _library is None:
            raise Error("the library of tensorfile is not here: %s" % _failure, "unsupported")
    return _library


def available() -> bool:
    """Whether the library can be loaded."""
    try:
        current()
    except Error:
        return False
    return True


def why_not() -> str:
    """Why it cannot, or ""."""
    return "" if available() else _failure or ""


def generation_of_process() -> int:
    """Changes in the child of a fork."""
    return _process


_was_loaded = False


def _forked() -> None:
    global _library, _lock, _process, _was_loaded
    _was_loaded = _was_loaded or _library is not None
    _library = None
    _lock = threading.Lock()
    _process += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)

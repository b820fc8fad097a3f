"""Opening: modes, options, paths, other formats, bad arguments, hostile files."""

import glob
import http.server
import os
import pathlib
import pickle
import random
import re
import threading

import numpy as np
import pytest
from conftest import HAS_LIBRARY, TESTDATA

import tensorfile

written = pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")
ACCEPT = os.path.join(TESTDATA, "accept")


@pytest.mark.parametrize(
    "args, kw, error",
    [
        (("x",), {}, FileNotFoundError),
        (("",), {}, OSError),
        (("a\0b",), {}, ValueError),
        ((5,), {}, TypeError),
        ((b"x",), {}, TypeError),
        ((None,), {}, TypeError),
        ((".",), {}, (OSError, tensorfile.Error)),
        (("x", "q"), {}, ValueError),
        (("x", "rb"), {}, ValueError),
        (("x", "r"), {"generation": 0}, ValueError),
        (("x", "r"), {"generation": -1}, ValueError),
        (("x", "r"), {"generation": 2**64}, ValueError),
        (("x", "r"), {"generation": "1"}, ValueError),
        (("x", "r"), {"generation": True}, ValueError),
        (("x", "w"), {"generation": 1}, ValueError),
        (("x", "r"), {"verify": "always"}, ValueError),
        (("x", "r"), {"engine": "c"}, ValueError),
        (("x", "r"), {"workers": "two"}, ValueError),
        (("x", "r"), {"nonsense": 1}, TypeError),
        (("x", "w"), {"nonsense": 1}, TypeError),
        (("x", "w"), {"engine": "python"}, tensorfile.Error),
        (("no/such/folder/x", "w"), {}, OSError),
    ],
    ids=repr,
)
def test_bad_arguments(tmp_path, monkeypatch, args, kw, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        tensorfile.open(*args, **kw)
    assert os.listdir(tmp_path) == []


def test_names(engine):
    with tensorfile.open(os.path.join(ACCEPT, "two-tensors.tensor"), engine=engine) as f:
        name = list(f)[0]
        assert name in f and "none" not in f and 5 not in f and "a\0b" not in f
        for bad, error in [("none", KeyError), ("", KeyError), ("a\0b", KeyError), (5, TypeError), (b"x", TypeError), (None, TypeError), (slice(None), TypeError)]:
            with pytest.raises(error):
                f[bad]
        assert f.get("none") is None and dict(f.items()).keys() == set(f) and [t.name for t in f.values()] == list(f)
        assert f == f and f != dict(f) and len({f}) == 1 and f.mode == "r"
        with pytest.raises(KeyError, match="none"):
            f["none"]


def test_paths(tmp_path, engine):
    src = pathlib.Path(ACCEPT, "one-scalar.tensor")
    for name in ("x.tensor", "ä ö.tensor", "no extension"):
        p = tmp_path / name
        p.write_bytes(src.read_bytes())
        with tensorfile.open(p, engine=engine) as f:
            assert len(f) == 1 and f.path == str(p)
    with tensorfile.from_bytes(src.read_bytes(), engine=engine) as f:
        assert len(f) == 1 and not f.info["mapped"] and f.path == "<memory>" and f.verify()
        for t in f.values():
            assert t[...].tobytes() == t.read().tobytes()
    for bad in ("x", 5, [1.5]):
        with pytest.raises((TypeError, ValueError, tensorfile.Error)):
            tensorfile.from_bytes(bad, engine=engine)
    with pytest.raises(tensorfile.Error):
        tensorfile.from_bytes(b"", engine=engine)
    with pytest.raises(tensorfile.Error):
        tensorfile.from_bytes(b"x" * 100, engine=engine)


@written
def test_other_formats(tmp_path, rng):
    import safetensors.numpy

    a = rng.standard_normal((3, 4)).astype("f4")
    np.save(tmp_path / "a.npy", a)
    np.save(tmp_path / "big.npy", a.astype(">f8"))
    np.savez_compressed(tmp_path / "z.npz", a=a, big=a.astype(">f4"))
    safetensors.numpy.save_file({"w": a}, tmp_path / "m.safetensors", metadata={"k": "v"})
    with tensorfile.open(tmp_path / "a.npy") as f:
        (t,) = f.values()
        assert f.info["format"] == "npy" and np.shares_memory(t[...], f._reader().mapping) and np.array_equal(t[...], a) and f.generation == 0
    with tensorfile.open(tmp_path / "big.npy") as f:
        (t,) = f.values()
        assert t.dtype == np.dtype(">f8") and t[...].dtype == np.dtype(">f8") and np.array_equal(t[...], a) and t.read().dtype == np.dtype("<f8")
    with tensorfile.open(tmp_path / "z.npz") as f:
        assert np.array_equal(f["a"][1:, ::2], a[1:, ::2]) and np.array_equal(f["big"][...], a)
    with tensorfile.open(tmp_path / "m.safetensors") as f:
        assert np.array_equal(f["w"][...], a)
    with pytest.raises(tensorfile.Error):
        tensorfile.open(tmp_path / "a.npy", native_only=True)
    with pytest.raises(tensorfile.Error):
        tensorfile.open(tmp_path / "a.npy", engine="python")
    assert "safetensors" in tensorfile.formats() and tensorfile.library_version() == tensorfile.__version__


class Ranges(http.server.BaseHTTPRequestHandler):
    """A server of one file, by ranges."""

    protocol_version = "HTTP/1.1"
    content = b""

    def do_GET(self, body=True):
        m = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        n = len(self.content)
        a, b = 0, n
        if m:
            a, b = (n - int(m[2]), n) if not m[1] else (int(m[1]), min(n, int(m[2]) + 1) if m[2] else n)
        part = self.content[max(0, a) : b]
        self.send_response(206 if m else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", '"x"')
        self.send_header("Accept-Ranges", "bytes")
        if m:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (max(0, a), b - 1, n))
        self.end_headers()
        if body:
            self.wfile.write(part)

    def do_HEAD(self):
        self.do_GET(False)

    def log_message(self, *args):
        pass


@written
def test_addresses(path, rng):
    a = rng.standard_normal((100, 30))
    tensorfile.save(path, {"a": a, "z": a.astype("f4")})
    Ranges.content = pathlib.Path(path).read_bytes()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ranges)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = "http://127.0.0.1:%d/x.tensor" % server.server_port
        with tensorfile.open(address) as f:
            assert f.path == address and list(f) == ["a", "z"] and not f.info["mapped"]
            assert np.array_equal(f["a"][3:50, ::4], a[3:50, ::4]) and np.array_equal(f["z"][...], a.astype("f4"))
            assert np.array_equal(pickle.loads(pickle.dumps(f["a"]))[0], a[0])
            with pytest.raises(ValueError):
                np.asarray(f["a"], copy=False)
        with pytest.raises(tensorfile.Error):
            tensorfile.open(address, engine="python")
        with pytest.raises(tensorfile.Error):
            tensorfile.open(address, "w")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    with pytest.raises((tensorfile.Error, OSError)):
        tensorfile.open(address)


@written
def test_max_bytes(path):
    """What a small file has no business to ask for is not asked for."""
    tensorfile.save(path, {"a": np.zeros((1000, 1000))}, chunks=[100, 1000])
    with tensorfile.open(path) as f:
        f._allow(f["a"], 4 << 30)
        with pytest.raises(tensorfile.Error):
            f._allow(f["a"], (4 << 30) + 1)
    with tensorfile.open(path, max_bytes=10000) as f:
        assert f["a"][0].sum() == 0 and f["a"][5, 5] == 0
        for use in (lambda: f["a"][:2], lambda: f["a"][...], lambda: f["a"].read(), lambda: f["a"].units()):
            with pytest.raises(tensorfile.Error) as e:
                use()
            assert e.value.kind == "limit exceeded" and "max_bytes" in str(e.value)
    with tensorfile.open(path, max_bytes=-1) as f:
        f._allow(f["a"], 1 << 62)


@written
def test_verify_on_first_use(path):
    a = np.arange(10000, dtype="i4")
    tensorfile.save(path, {"a": a, "b": a + 1})
    with tensorfile.open(path) as f:
        at = f["a"]._record.offset
    with open(path, "r+b") as f:
        f.seek(at + 400)
        f.write(b"\xff")
    with tensorfile.open(path) as f:
        assert f["a"][100] != 100
        r = f.verify()
        assert not r and r.status == "damaged" and any(x["rule"] == "storage.crc" for x in r.findings)
        assert f.verify(quick=True)
    for engine in ("library", "python"):
        with tensorfile.open(path, verify="first use", engine=engine) as f:
            with pytest.raises(tensorfile.Error, match="storage.crc"):
                f["a"][...]
            assert f["b"][0] == 1


def use_all(f):
    for t in list(f.values()):
        t.attrs, t.dims, repr(t)
        if t.size <= 1 << 16:
            t.composite() if t._record.layout else t.units()
            t.read()


def test_damaged_files(tmp_path, engine):
    """Bytes changed at random, and files cut short: an Error of this package or a result, and nothing else."""
    r = random.Random(engine)
    tried = failed = 0
    for name in ("composites", "chunks", "all-dtypes", "chunks-grown", "two-tensors"):
        whole = pathlib.Path(ACCEPT, name + ".tensor").read_bytes()
        for _ in range(60 if engine == "library" else 12):
            b = bytearray(whole)
            if r.random() < 0.2:
                del b[r.randrange(len(b)) :]
            for _ in range(r.choice([1, 1, 3, 20])):
                if b:
                    at = r.randrange(len(b)) if r.random() < 0.5 else min(len(b) - 1, 12288 + r.randrange(4096))
                    b[at] ^= 1 << r.randrange(8)
            p = tmp_path / "x.tensor"
            p.write_bytes(b)
            tried += 1
            try:
                with tensorfile.open(p, engine=engine, native_only=True) as f:
                    use_all(f)
                    f.verify()
            except (tensorfile.Error, TypeError) as e:
                failed += 1
                assert not isinstance(e, TypeError) or isinstance(e, tensorfile.Error) or "nothing is known" in str(e), e
            p.unlink()
    assert tried > 50 and failed > tried // 5


def test_without_the_library(monkeypatch):
    """It is said once, and files are read all the same."""
    from tensorfile import _file, _lib

    monkeypatch.setenv("TENSORFILE_LIBRARY", "none")
    monkeypatch.setattr(_lib, "_library", None)
    monkeypatch.setattr(_lib, "_failure", None)
    monkeypatch.setattr(_file, "_warned", False)
    p = os.path.join(ACCEPT, "chunks.tensor")
    with pytest.warns(RuntimeWarning, match="without its library") as said:
        f = tensorfile.open(p)
    assert [w.filename for w in said] == [__file__]
    assert f.engine == "python" and tensorfile.formats() == ["tensorfile"] and tensorfile.library_version() == ""
    tensorfile.open(p).close()
    for use in (lambda: tensorfile.save("x", {}), lambda: tensorfile.open(p, engine="library"), lambda: tensorfile.open("http://127.0.0.1/x")):
        with pytest.raises(tensorfile.Error) as e:
            use()
        assert e.value.kind == "unsupported"
    monkeypatch.undo()
    assert not _lib._failure


def test_version():
    with open(os.path.join(TESTDATA, "..", "writer.go")) as f:
        assert 'const Version = "%s"' % tensorfile.__version__ in f.read()
    assert len(glob.glob(os.path.join(os.path.dirname(tensorfile.__file__), "py.typed"))) == 1

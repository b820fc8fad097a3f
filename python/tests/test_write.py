"""Writing: what comes back is what went in, bit for bit, by both engines."""

import os
import pathlib

import ml_dtypes
import numpy as np
import pytest
from conftest import HAS_LIBRARY

import tensorfile
from tensorfile import Quantised, Ragged, Sparse, Strings

pytestmark = pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "S5", "U3", "V6", "bfloat16", "float8_e4m3fn", "float8_e5m2",
          "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "int4", "uint4"]  # fmt: skip


def elements(name, shape, rng):
    d = np.dtype(getattr(ml_dtypes, name, name))
    n = int(np.prod(shape))
    if d.kind == "b":
        return (rng.random(n) < 0.5).reshape(shape)
    if d.kind == "U":
        return np.array(["".join(map(chr, rng.integers(65, 900, 3))) for _ in range(n)], d).reshape(shape)
    raw = rng.integers(0, 256, n * d.itemsize, np.uint8)
    if d.kind == "S":
        raw = raw % 90 + 33
    for bits, names in ((4, ("int4", "uint4", "float4_e2m1fn")), (6, ("float6_e2m3fn", "float6_e3m2fn"))):
        if name in names:
            raw &= (1 << bits) - 1
    return raw.view(d).reshape(shape)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and np.ascontiguousarray(a).tobytes() == np.ascontiguousarray(b).tobytes()


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("store", [{}, {"codec": "zstd:1", "chunks": 4}], ids=["plain", "chunked"])
def test_every_dtype(path, rng, name, store, engine):
    arrays = {"a": elements(name, (5, 12), rng), "one": elements(name, (7,), rng), "odd": elements(name, (3, 2, 9), rng), "none": elements(name, (0, 4), rng)}
    tensorfile.save(path, arrays, **store)
    with tensorfile.open(path, engine=engine) as f:
        assert sorted(f) == sorted(arrays)
        for k, a in arrays.items():
            t = f[k]
            assert t.shape == a.shape and t.dtype == a.dtype and t.ndim == a.ndim and t.size == a.size
            assert same(t[...], a) and same(t.read(), a) and same(np.asarray(t), a)
            assert (t.chunks is None) == (not store) and (t.codec is None) == (not store)
        assert same(f["a"][1:4, ::-3], arrays["a"][1:4, ::-3])
        assert same(f["odd"][:, 1, 2:7], arrays["odd"][:, 1, 2:7])
        assert same(f["odd"][..., [8, 0, 3]], arrays["odd"][..., [8, 0, 3]])
        assert f.verify()


def test_numbers_and_lists(path):
    tensorfile.save(path, {"f": 1.5, "i": 3, "b": True, "c": 1j, "l": [1, 2, 3], "ll": [[1.0], [2.0]], "np": np.float32(7)})
    got = tensorfile.load(path)
    assert got["f"] == 1.5 and got["f"].shape == () and got["i"] == 3 and got["i"].dtype == np.int64 and got["b"].dtype == bool
    assert got["c"] == 1j and got["l"].tolist() == [1, 2, 3] and got["ll"].tolist() == [[1.0], [2.0]] and got["np"].dtype == np.float32


def test_order_in_memory_is_kept(path, rng):
    a = rng.standard_normal((4, 5, 6))
    views = {"t": a.T, "f": np.asfortranarray(a), "wide": np.broadcast_to(a[0, 0], (7, 6)), "row": a[1, 2, 1:4]}
    for name, v in views.items():
        tensorfile.save(path, {name: v})
        t = tensorfile.open(path)[name]
        assert t.strides == v.strides and same(t[...], v), name
        assert t[...].strides == v.strides
    flip = a[::-1, :, ::-2]  # no order that a file keeps, but for bytes that are shared
    tensorfile.save(path, {"a": a, "flip": flip})
    assert same(tensorfile.load(path)["flip"], flip) and tensorfile.open(path)["flip"].strides == flip.strides
    tensorfile.save(path, {"flip": flip})
    assert same(tensorfile.load(path)["flip"], flip)


def test_foreign_byte_order_and_odd_addresses(path, rng):
    a = rng.integers(0, 2**32, 11, dtype="u4")
    odd = np.frombuffer(b"x" + a.tobytes(), np.uint8)[1:].view("u4")
    fields = np.zeros(5, [("a", "u1"), ("b", "f8")])
    fields["b"] = np.arange(5)
    tensorfile.save(path, {"big": a.astype(">u4"), "odd": odd, "field": fields["b"]})
    got = tensorfile.load(path)
    assert same(got["big"], a) and same(got["odd"], a) and got["field"].tolist() == [0, 1, 2, 3, 4]


def test_shared_memory_is_shared_in_the_file(path, rng):
    a = rng.standard_normal((30, 40)).astype("f4")
    tensorfile.save(path, {"w": a, "tied": a, "t": a.T, "part": a[3:9, ::2], "last": a[-1], "other": a.copy(), "bits": a.view("u4")})
    with tensorfile.open(path) as f:
        assert len({f[k].storage for k in ("w", "tied", "t", "part", "last", "bits")}) == 1
        assert f["other"].storage != f["w"].storage
        for k, v in (("w", a), ("tied", a), ("t", a.T), ("part", a[3:9, ::2]), ("last", a[-1]), ("bits", a.view("u4"))):
            assert same(f[k][...], v) and f[k].strides == v.strides
    # 4800 bytes of a once, and of its copy.
    assert os.path.getsize(path) < 2 * 4800 + 32768


def test_attributes(path):
    attrs = {"s": "ä\n", "n": None, "b": True, "i": -(2**63), "u": 2**64 - 1, "f": 0.1, "nan": float("nan"), "inf": float("-inf"), "raw": b"\0\xff", "list": [1, [2.5, "x"]],
             "deep": {"a": {"b": [None]}}, "f32": np.float32(0.1), "np": np.int16(5), "array": np.arange(3), "tuple": (1, 2)}  # fmt: skip
    with tensorfile.open(path, "w") as f:
        f.set_attrs(attrs)
        f.write("t", np.zeros((2, 3)), attrs={"unit": "m", "raw": b"abc"}, dims=["y", None])
    with tensorfile.open(path) as f:
        got = f.attrs
        assert np.isnan(got.pop("nan")) and got.pop("array") == [0, 1, 2] and got.pop("tuple") == [1, 2]
        assert got["f32"] == np.float32(0.1) and isinstance(got["f32"], np.float32)
        assert got == {k: v for k, v in attrs.items() if k not in ("nan", "array", "tuple")}
        t = f["t"]
        assert t.dims == ("y", None) and t.attrs["unit"] == "m" and t.attrs["raw"] == b"abc"
        t.attrs["unit"] = "s"
        assert t.attrs["unit"] == "m", "a dict of the caller's own"


@pytest.mark.parametrize("bad", [{1: 2}, {"a": object()}, {"a": {1, 2}}, {"a": {2: 3}}, [1], "x", {"a": 2**64}, {"a": "\ud800"}], ids=repr)
def test_bad_attributes(path, bad):
    with pytest.raises((TypeError, ValueError, tensorfile.Error)):
        tensorfile.save(path, {"a": 1}, attrs=bad)
    assert not os.path.exists(path)


def test_commits_and_generations(path):
    with tensorfile.open(path, "w") as f:
        f["a"] = np.arange(3)
        assert len(f) == 0 and f.generation == 0 and f.generations() == []
        f.commit()
        assert f.generation == 1 and f["a"][...].tolist() == [0, 1, 2]
        f["b"] = np.arange(2)
        assert "b" not in f
        f.commit()
        f["a"] = np.arange(5)  # replaces
        del f["b"]
    with tensorfile.open(path) as f:
        assert f.generation == 3 and list(f) == ["a"] and f["a"].shape == (5,)
        assert [g.number for g in f.generations()] == [3, 2, 1] and [g.previous for g in f.generations()] == [2, 1, 0]
        old = f.at(1)
        assert old["a"][...].tolist() == [0, 1, 2] and list(old) == ["a"] and old.generation == 1
        assert list(tensorfile.open(path, generation=2)) == ["a", "b"]
        with pytest.raises(KeyError):
            f.at(4)
        with tensorfile.open(path, "a") as w:
            w.revert(2)
        assert list(f) == ["a"] and f.refresh().generation == 4 and sorted(f.refresh()) == ["a", "b"]
        assert f.refresh().refresh() is None


def test_append_grow_shrink_and_regions(path, rng):
    a = rng.standard_normal((5, 7)).astype("f4")
    with tensorfile.open(path, "w") as f:
        f.write("x", a, chunks=[4, 4], codec="shuffle|zstd:1")
        f.commit()
        f.append("x", a[:3])
        f.append("x", a[0:1])
        f.commit()
        want = np.concatenate([a, a[:3], a[:1]])
        assert same(f["x"][...], want)
        f["x"][2:9:3, -1] = 7
        f["x"][0] = np.arange(7)
        f.commit()
        want[2:9:3, -1], want[0] = 7, np.arange(7)
        assert same(f["x"][...], want)
        f.shrink("x", 6)
    assert same(tensorfile.load(path)["x"], want[:6])
    with pytest.raises(tensorfile.Error):
        tensorfile.append(path, {"x": np.zeros((1, 8), "f4")})
    with pytest.raises(tensorfile.Error):
        tensorfile.append(path, {"x": np.zeros((1, 7), "f8")})
    assert same(tensorfile.load(path)["x"], want[:6])


def test_edit_names_and_attributes(path):
    tensorfile.save(path, {"a": np.arange(4), "b": np.arange(3.0)})
    with tensorfile.open(path, "a") as f:
        f.rename("a", "c")
        f.copy("b", "b2")
        f.set_attrs({"k": 1}, name="b")
        f.set_attrs({"file": 2})
    with tensorfile.open(path) as f:
        assert list(f) == ["b", "b2", "c"] and f["b"].storage == f["b2"].storage and f["b"].attrs == {"k": 1} and f.attrs == {"file": 2}


def test_fill(path):
    a = np.full((100, 100), -1.5, "f4")
    a[3, 4] = 2
    tensorfile.save(path, {"a": a}, chunks=[10, 10], fill=-1.5)
    with tensorfile.open(path) as f:
        assert same(f["a"][...], a) and f["a"].stored == 400


def test_copy_between_files(path, rng, tmp_path):
    a = rng.integers(0, 9, (20, 20))
    tensorfile.save(path, {"a": a, "s": Sparse.coo([[0, 1]], np.array([2.0]), (3, 3))}, attrs={"x": 1})
    other = str(tmp_path / "y.tensor")
    with tensorfile.open(path) as f, tensorfile.open(other, "w") as g:
        g["b"] = f["a"]
        g.write("z", f["a"], codec="zstd:3", chunks=[5, 5])
        g["s"] = f["s"]
    with tensorfile.open(other) as g:
        assert same(g["b"][...], a) and same(g["z"][...], a) and g["z"].chunks == (5, 5)
        assert g["s"].layout == "coo" and g["s"][...][0, 1] == 2


def test_composites_come_back(path, rng, engine):
    q = rng.integers(-8, 8, (6, 8)).astype(np.int8)
    values = {
        "r": Ragged.of([[1, 2], [], [3, 4, 5]], dtype="i2"),
        "r2": Ragged.of([np.ones((2, 3)), np.zeros((1, 3))]),
        "s": Strings.of(["", "añb", "\0"]),
        "q": Quantised(q, rng.random((6, 2)).astype("f4"), rng.integers(0, 3, (6, 2)).astype("i1"), group=(1, 4)),
        "q4": Quantised(q.astype(ml_dtypes.int4), rng.random((6, 1)).astype(ml_dtypes.bfloat16), group=(1, 8), dtype="bfloat16"),
        "m": Sparse("bitmap", (2, 3), tensorfile.DType.of("f8"), {"mask": np.array([[1, 0, 1], [0, 0, 1]], bool), "values": np.array([1.0, 2, 3])}, 3),
    }
    tensorfile.save(path, values)
    with tensorfile.open(path, engine=engine) as f:
        for k, v in values.items():
            t = f[k]
            c = t.composite()
            assert t.layout == v.layout and t.shape == v.shape and t.type == v.type and sorted(t.parts) == sorted(v.parts)
            for role in v.parts:
                assert same(np.asarray(c.parts[role]), np.asarray(v.parts[role])), (k, role)
        assert f["r"][2].tolist() == [3, 4, 5] and f["r"][-3].tolist() == [1, 2] and f["r"][1:].tolist() == [[], [3, 4, 5]]
        assert f["r"][::-1].tolist() == [[3, 4, 5], [], [1, 2]] and [x.tolist() for x in f["r"]] == [[1, 2], [], [3, 4, 5]]
        assert f["s"][1] == "añb" and f["s"][...].tolist() == ["", "añb", "\0"] and f["s"].dtype == object
        want = (q.astype("f4") - np.repeat(values["q"].parts["zeros"], 4, 1).astype("f4")) * np.repeat(values["q"].parts["scales"], 4, 1)
        assert same(f["q"][...], want) and same(f["q"][1:5, ::3], want[1:5, ::3]) and f["q"].dtype == np.float32
        want = (q.astype("f4") * np.asarray(values["q4"].parts["scales"]).astype("f4")).astype(ml_dtypes.bfloat16)
        assert same(f["q4"][...], want)
        assert f["m"][...].tolist() == [[1, 0, 2], [0, 0, 3]]
        with pytest.raises(IndexError):
            f["r"][3]
        with pytest.raises(IndexError):
            f["r"][0, 1]


def test_append_to_composites(path):
    with tensorfile.open(path, "w") as f:
        f["r"] = Ragged.of([[1, 2], [3]])
        f["s"] = ["a", "bc"]
        f.commit()
        f.append("r", Ragged.of([[], [4, 5, 6]], dtype="i8"))
        f.append("s", ["", "é"])
    got = tensorfile.load(path)
    assert got["r"].tolist() == [[1, 2], [3], [], [4, 5, 6]] and got["s"].tolist() == ["a", "bc", "", "é"]


def test_failure_leaves_nothing(path, tmp_path):
    with pytest.raises(ZeroDivisionError):
        with tensorfile.open(path, "w") as f:
            f["a"] = np.arange(3)
            1 / 0
    assert os.listdir(tmp_path) == []
    tensorfile.save(path, {"a": np.arange(3)})
    before = pathlib.Path(path).read_bytes()
    with pytest.raises(ZeroDivisionError):
        with tensorfile.open(path, "a") as f:
            f["b"] = np.arange(3)
            1 / 0
    assert tensorfile.open(path).generation == 1 and pathlib.Path(path).read_bytes()[: len(before)] == before
    with pytest.raises(FileExistsError):
        tensorfile.save(path, {}, overwrite=False)
    with pytest.raises(FileExistsError):
        tensorfile.open(path, "x")


def test_one_writer(path):
    tensorfile.save(path, {"a": 1})
    with tensorfile.open(path, "a") as f:
        with pytest.raises(tensorfile.Error) as e:
            tensorfile.open(path, "a")
        assert e.value.kind == "locked" and isinstance(e.value, BlockingIOError)
        f["b"] = 2
    assert len(tensorfile.open(path)) == 2


@pytest.mark.parametrize(
    "name, value, store, error",
    [
        ("a", np.array([object()]), {}, TypeError),
        ("a", np.array(["2020-01-01"], "M8[D]"), {}, TypeError),
        ("a", np.zeros(2, [("x", "f4")]), {}, TypeError),
        ("a", np.zeros(2, np.longdouble), {}, TypeError),
        ("a", {"x": 1}, {}, TypeError),
        ("a", ["x", 1], {}, (TypeError, ValueError)),
        ("a", [[1], [2, 3]], {}, (TypeError, ValueError)),
        ("", 1, {}, tensorfile.Error),
        ("a\0b", 1, {}, ValueError),
        ("\n", 1, {}, tensorfile.Error),
        ("\ud800", 1, {}, ValueError),
        ("x" * 1025, 1, {}, tensorfile.Error),
        (5, 1, {}, TypeError),
        (b"a", 1, {}, TypeError),
        ("a", np.zeros((2, 3)), {"dims": ["x"]}, ValueError),
        ("a", np.zeros(2), {"dims": "x"}, ValueError),
        ("a", np.zeros((2, 3)), {"dims": ["x", 5]}, TypeError),
        ("a", np.zeros((2, 3)), {"chunks": [2]}, ValueError),
        ("a", np.zeros((2, 3)), {"chunks": [0, 1]}, ValueError),
        ("a", np.zeros((2, 3)), {"chunks": -1}, ValueError),
        ("a", np.zeros(()), {"chunks": 1}, ValueError),
        ("a", np.zeros((2, 3)), {"chunks": "x"}, (TypeError, ValueError)),
        ("a", np.zeros((2, 3)), {"codec": "nothing"}, tensorfile.Error),
        ("a", np.zeros((2, 3)), {"codec": 5}, TypeError),
        ("a", np.zeros((2, 3)), {"codec": "zstd:99"}, tensorfile.Error),
        ("a", np.zeros((2, 3)), {"fill": "x"}, (TypeError, ValueError)),
        ("a", np.zeros((2, 3)), {"fill": [1, 2]}, ValueError),
        ("a", ["x"], {"fill": 1}, ValueError),
        ("a", ["x"], {"chunks": [1]}, ValueError),
        ("a", np.zeros((1,) * 33), {}, (tensorfile.Error, ValueError)),
        ("a", Sparse("csr", (2, 2), tensorfile.DType.of("f8"), {"indptr": np.array([0, 1, 1]), "indices": np.array([2]), "values": np.ones(1)}), {}, tensorfile.Error),
        ("a", Sparse("csr", (2, 2), tensorfile.DType.of("f8"), {"indptr": np.array([0, 1, 1]), "values": np.ones(1)}), {}, tensorfile.Error),
    ],
    ids=lambda x: repr(x)[:30],
)  # fmt: skip
def test_bad_writes(path, name, value, store, error):
    """Each is refused, and the file goes on."""
    with tensorfile.open(path, "w") as f:
        with pytest.raises(error):
            f.write(name, value, **store)
        f["good"] = np.arange(3)
    assert tensorfile.load(path)["good"].tolist() == [0, 1, 2] and list(tensorfile.open(path)) == ["good"]


def test_bad_edits(path):
    tensorfile.save(path, {"a": np.arange(4)})
    with tensorfile.open(path, "a") as f:
        for call, error in [
            (lambda: f.rename("x", "y"), KeyError),
            (lambda: f.rename("a", "\n"), tensorfile.Error),
            (lambda: f.copy("x", "y"), KeyError),
            (lambda: f.append("x", [1]), KeyError),
            (lambda: f.append("a", np.array([1.5])), tensorfile.Error),
            (lambda: f.append("a", np.zeros((1, 1), "i8")), tensorfile.Error),
            (lambda: f.shrink("x", 1), KeyError),
            (lambda: f.shrink("a", -1), tensorfile.Error),
            (lambda: f.__delitem__("x"), KeyError),
            (lambda: f.revert(9), KeyError),
            (lambda: f.revert(-1), (KeyError, tensorfile.Error)),
            (lambda: f.set_attrs({}, name="x"), KeyError),
            (lambda: f.write("a", 1), tensorfile.Error),
            (lambda: f.write_region("x", 0, 1), KeyError),
            (lambda: f["a"].__setitem__([1, 2], 1), IndexError),
            (lambda: f["a"].__setitem__(slice(0, 2), [1, 2, 3]), ValueError),
            (lambda: f["a"].__setitem__(9, 1), IndexError),
        ]:
            with pytest.raises(error):
                call()
        f["b"] = 1
    assert sorted(tensorfile.open(path)) == ["a", "b"]
    with pytest.raises(TypeError):
        tensorfile.open(path)["a"][0] = 1
    for call in (lambda: f.commit(), lambda: f.write("c", 1), lambda: f.append("a", [1])):
        with pytest.raises(ValueError):
            call()

"""Selections are those of NumPy: random keys on random shapes, by every way to read."""

import random

import numpy as np
import pytest

import tensorfile
from tensorfile import _tensor
from tensorfile._select import plan

pytestmark = pytest.mark.skipif("not __import__('conftest').HAS_LIBRARY", reason="files are written")


def random_key(r, shape):
    """A key that NumPy takes."""
    key, arrays = [], None
    axis = 0
    while axis < len(shape):
        n = shape[axis]
        kind = r.choice("ssssiilmnN.")
        if kind == "s":
            a, b = (r.choice([None, r.randint(-n - 2, n + 2)]) for _ in range(2))
            key.append(slice(a, b, r.choice([None, 1, 2, 3, -1, -2, n + 1])))
        elif kind == "i" and n:
            key.append(r.choice([int, np.int64])(r.randint(-n, n - 1)))
        elif kind == "l" and n and arrays is None:
            arrays = [r.randint(-n, n - 1) for _ in range(r.randint(0, 5))]
            key.append(r.choice([arrays, np.array(arrays, np.int16)]))
        elif kind == "m" and arrays is None:
            arrays = [r.random() < 0.5 for _ in range(n)]
            key.append(np.array(arrays, bool))
        elif kind in "nN":
            key.append(None)
            continue
        elif kind == "." and Ellipsis not in [k for k in key if not isinstance(k, (list, np.ndarray))] and r.random() < 0.5:
            key.append(Ellipsis)
            axis += r.randint(0, len(shape) - axis)
            if axis < len(shape):
                left = [slice(None)] * (len(shape) - axis)
                return tuple(key + left)
            break
        else:
            key.append(slice(None))
        axis += 1
    while key and r.random() < 0.2 and len(key) > 1 and isinstance(key[-1], slice) and key[-1] == slice(None):
        key.pop()
    return key[0] if len(key) == 1 and r.random() < 0.5 and not isinstance(key[0], list) else tuple(key)


STORED = {"plain": {}, "large": {}, "chunks": {"chunks": True}, "codec": {"codec": "shuffle|zstd:1", "chunks": True}}


@pytest.mark.parametrize("how", STORED)
def test_random_keys(path, rng, how, engine, monkeypatch):
    r = random.Random(how)
    if how == "large":  # plain bytes that the library copies
        monkeypatch.setattr(_tensor, "_LARGE", 0)
    arrays = {}
    with tensorfile.open(path, "w") as f:
        for i, shape in enumerate([(7,), (5, 6), (3, 4, 5), (2, 3, 4, 5), (), (0, 3), (40, 3), (9, 1, 11)]):
            a = rng.integers(-(2**31), 2**31, shape).astype(r.choice(["i4", "i8", "f4", "u2", "f8"]))
            arrays["t%d" % i] = a
            store = dict(STORED[how])
            if store.pop("chunks", None):
                if not shape:
                    continue
                store["chunks"] = [r.randint(1, max(1, n)) for n in shape]
            f.write("t%d" % i, a, **store)
    with tensorfile.open(path, engine=engine) as f:
        tried = 0
        for name, t in f.items():
            a = arrays[name]
            for _ in range(60):
                key = random_key(r, a.shape)
                want, got = a[key], t[key]
                assert type(got) is type(want), key
                np.testing.assert_array_equal(got, want, err_msg=repr(key))
                assert got.dtype == want.dtype and got.shape == want.shape, key
                own = t.read(key)
                np.testing.assert_array_equal(own, want)
                if isinstance(own, np.ndarray):
                    assert own.dtype == want.dtype and own.flags.writeable and not np.shares_memory(own, f._reader().mapping)
                    out = np.empty_like(want)
                    assert t.read(key, out=out) is out and np.array_equal(out, want)
                tried += 1
        assert tried >= 400


def test_masks_of_many_axes(path, rng):
    a = rng.integers(0, 100, (6, 7, 8))
    tensorfile.save(path, {"a": a}, chunks=[2, 3, 4], codec="zstd:1")
    t = tensorfile.open(path)["a"]
    for shape in ((6,), (6, 7), (6, 7, 8)):
        m = rng.random(shape) < 0.4
        np.testing.assert_array_equal(t[m], a[m])
    m = rng.random((7, 8)) < 0.4
    np.testing.assert_array_equal(t[1:4, m], a[1:4, m])
    np.testing.assert_array_equal(t[..., m], a[..., m])
    i, j = np.array([[0, 5], [3, 1]]), np.array([2, 6])
    np.testing.assert_array_equal(t[i, j], a[i, j])
    np.testing.assert_array_equal(t[i, :, j], a[i, :, j])
    np.testing.assert_array_equal(t[:, i, None, 3], a[:, i, None, 3])


@pytest.mark.parametrize(
    "key, error",
    [
        (7, IndexError),
        (-8, IndexError),
        ((0, 0, 0), IndexError),
        ((Ellipsis, 0, Ellipsis), IndexError),
        ("x", IndexError),
        (1.5, IndexError),
        ([1.5], IndexError),
        ([7], IndexError),
        ([-8], IndexError),
        (True, IndexError),
        (np.zeros(3, bool), IndexError),
        (np.zeros((7, 4), bool), IndexError),
        (slice(None, None, 0), ValueError),
        (slice("a"), TypeError),
        ([[1, 2], [3]], (IndexError, ValueError)),
        (object(), IndexError),
        (np.array([2**63], np.uint64), IndexError),
    ],
    ids=repr,
)
def test_bad_keys(path, key, error):
    a = np.arange(35).reshape(7, 5)
    tensorfile.save(path, {"a": a}, chunks=[3, 2])
    with pytest.raises(error):
        tensorfile.open(path)["a"][key]


def test_chunks_that_lists_do_not_touch_are_not_read():
    """Indices are cut into runs where a chunk lies between them."""
    p = plan([0, 1, 50, 2, 99], (100,), (10,))
    assert p.axes[0].runs == ((0, 3), (50, 1), (99, 1))
    assert p.place[0].tolist() == [0, 1, 3, 2, 4]
    p = plan(([3, 3, 3], slice(5, 1, -2)), (10, 10))
    assert p.axes[0].runs == ((3, 1),) and p.axes[1].runs == ((5, 2),) and p.axes[1].step == -2
    assert p.place[0].tolist() == [0, 0, 0]

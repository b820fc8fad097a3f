"""The order of samples is the loader's: its golden file, which plain Python made from docs/loader.md; and batches."""

import json
import multiprocessing
import os

import numpy as np
import pytest
from conftest import HAS_LIBRARY, ROOT

import tensorfile
from tensorfile.data import Batches, Order, permutation

with open(os.path.join(ROOT, "loader", "testdata", "order.json")) as f:
    GOLDEN = json.load(f)


def test_orders():
    assert len(GOLDEN["orders"]) >= 40
    for c in GOLDEN["orders"]:
        o = Order(c["n"], seed=int(c["seed"]), shuffle=c["shuffle"], block=c["block"], window=c["group"] * c["block"], rank=c["rank"], world=c["world"], division=c["division"], fixed=c["fixed"])
        o.set_epoch(c["epoch"])
        assert o.indices().tolist() == list(o) == c["samples"] and len(o) == len(c["samples"]), c


def test_permutations():
    assert len(GOLDEN["permutations"]) >= 10
    for c in GOLDEN["permutations"]:
        assert permutation(int(c["n"]), int(c["key"]), [int(x) for x in c["at"]]).tolist() == [int(x) for x in c["goes"]], c


def test_ranks_share_all(rng):
    for division in ("all", "drop", "repeat"):
        for world in (1, 2, 3, 7):
            parts = [Order(23, seed=5, block=4, window=8, rank=r, world=world, division=division).indices() for r in range(world)]
            every = np.concatenate(parts)
            if division == "all":
                assert sorted(every.tolist()) == list(range(23)) and max(map(len, parts)) - min(map(len, parts)) <= 1
            elif division == "drop":
                assert len(set(every.tolist())) == len(every) == 23 // world * world and len(set(map(len, parts))) == 1
            else:
                assert set(every.tolist()) == set(range(23)) and len(set(map(len, parts))) == 1


@pytest.mark.parametrize("kw", [{"n": -1}, {"seed": -1}, {"seed": 2**64}, {"block": 0}, {"window": 0}, {"rank": 2, "world": 2}, {"rank": -1}, {"world": 0}, {"division": "x"}], ids=repr)
def test_bad_orders(kw):
    with pytest.raises(ValueError):
        Order(**{"n": 5, **kw})


@pytest.fixture
def file(path, rng):
    x, y = rng.standard_normal((103, 3, 2)).astype("f4"), np.arange(103)
    with tensorfile.open(path, "w") as f:
        f.write("x", x, chunks=[10, 3, 2], codec="shuffle|zstd:1")
        f["y"] = y
    return tensorfile.open(path), x, y


@pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("drop_last", [True, False])
def test_batches(file, shuffle, drop_last):
    f, x, y = file
    b = Batches({"x": f["x"], "y": f["y"]}, 8, seed=3, shuffle=shuffle, window=30, drop_last=drop_last)
    assert b.order.block == 10
    seen = []
    for epoch in (0, 1):
        b.set_epoch(epoch)
        got = list(b)
        assert len(got) == len(b) == (12 if drop_last else 13)
        rows = np.concatenate([g["y"] for g in got])
        assert np.array_equal(np.concatenate([g["x"] for g in got]), x[rows]) and all(len(g["y"]) == 8 for g in got[:12])
        assert rows.tolist() == b.order.indices().tolist()[: len(rows)]
        seen.append(rows.tolist())
    assert (seen[0] == seen[1]) is not shuffle
    if not shuffle and not drop_last:
        assert seen[0] == y.tolist()


@pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")
def test_each_chunk_is_read_once(file, monkeypatch):
    f, _, _ = file
    read = []
    engine = type(f._reader())
    real = engine.read

    def counted(self, r, ranges, dst):
        read.append(ranges[0])
        real(self, r, ranges, dst)

    monkeypatch.setattr(engine, "read", counted)
    list(Batches({"x": f["x"]}, 4, seed=1, window=20))
    rows = [i for a, b, _ in read for i in range(a // 10, -(-b // 10))]
    assert sorted(rows) == list(range(11))


@pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")
def test_shares_and_bad_arguments(file):
    f, _, y = file
    b = Batches({"y": f["y"]}, 4, seed=1, rank=1, world=2)
    shares = [b.share(i, 3) for i in range(3)]
    assert [s.order.rank for s in shares] == [3, 4, 5] and all(s.order.world == 6 for s in shares)
    every = [k for r in range(2) for i in range(3) for g in Batches({"y": f["y"]}, 4, seed=1, rank=r, world=2).share(i, 3) for k in g["y"].tolist()]
    assert sorted(every) == y.tolist()
    assert next(iter(Batches({"y": f["y"]}, 4, transform=lambda g: g["y"].sum(), shuffle=False))) == 6
    with tensorfile.open(f.path, "a") as w:
        w["short"] = np.arange(5)
    for bad in (lambda: Batches({}, 4), lambda: Batches({"y": f["y"]}, 0), lambda: Batches({"y": f["y"], "s": f.refresh()["short"]}, 4)):
        with pytest.raises(ValueError):
            bad()
    with pytest.raises(TypeError):
        Batches({"y": f["y"]}, "4")


def worker(job):
    batches, rank = job
    return [g["y"].tolist() for g in batches.share(rank, 2)]


@pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_in_workers(file, method):
    f, _, y = file
    b = Batches({"x": f["x"], "y": f["y"]}, 8, seed=2)
    with multiprocessing.get_context(method).Pool(2) as pool:
        got = pool.map(worker, [(b, 0), (b, 1)])
        pool.close()
        pool.join()
    assert sorted(k for w in got for g in w for k in g) == y.tolist()

"""Ray Data over the loader's sharding, on a cluster of two workers on this machine. The blocks of docs/python.md, too."""

import numpy as np
import page
import pytest
import tensorfile
from tensorfile.data import Batches

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", object_store_memory=100 << 20)
    yield
    ray.shutdown()


def test_page(cluster, tmp_path, capfd):
    tensorfile.save(tmp_path / "d.tensor", {"a": np.arange(1000.0).reshape(100, 10)}, codec="zstd:1", chunks=(30, 5))
    # The workers do not stand in this folder, so the page's path is made whole.
    import tour

    code = "\n".join(tour.blocks(page.PAGE, "python/tests/full/test_ray.py"))
    assert code.count(">>>") == 5 and 'path="d.tensor"' in code
    lines = [line[4:] for line in code.replace('"d.tensor"', repr(str(tmp_path / "d.tensor"))).splitlines() if line[:4] in (">>> ", "... ")]
    scope = {}
    exec("\n".join(lines[:-1]), scope)
    assert eval(lines[-1], scope) == 100


def test_every_sample_comes_once(cluster, path, rng):
    x, y = rng.standard_normal((103, 4)).astype("f4"), np.arange(103)
    tensorfile.save(path, {"x": x, "y": y}, chunks=10, codec="shuffle|zstd:1")

    def samples(task):
        import os

        f = tensorfile.open(path)
        out = []
        for b in Batches({"x": f["x"], "y": f["y"]}, 8, seed=3, rank=task["id"], world=2):
            out += [{"x": r, "y": int(k), "pid": os.getpid()} for r, k in zip(b["x"], b["y"])]
        return out

    rows = ray.data.range(2, override_num_blocks=2).flat_map(samples).take_all()
    assert sorted(r["y"] for r in rows) == y.tolist()
    assert all(np.array_equal(r["x"], x[r["y"]]) for r in rows)


def test_tensors_as_arguments(cluster, path, rng):
    a = rng.standard_normal((40, 5))
    tensorfile.save(path, {"a": a}, chunks=7, codec="zstd:1")
    t = tensorfile.open(path)["a"]

    @ray.remote
    def total(t, lo, hi):
        return float(t[lo:hi].sum())

    got = ray.get([total.remote(t, i, i + 10) for i in range(0, 40, 10)])
    np.testing.assert_allclose(got, a.reshape(4, -1).sum(1))

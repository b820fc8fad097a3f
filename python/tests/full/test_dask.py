"""Arrays of Dask over tensors, by threads and by a cluster of two processes on this machine. The blocks of docs/python.md, too."""

import numpy as np
import page
import pytest
import tensorfile

da = pytest.importorskip("dask.array")
distributed = pytest.importorskip("distributed")


def test_page(tmp_path):
    page.check("test_dask.py", tmp_path, 6)


@pytest.fixture
def arrays(path, rng):
    a = rng.standard_normal((210, 34)).astype("f4")
    with tensorfile.open(path, "w") as f:
        f.write("chunked", a, chunks=[50, 16], codec="shuffle|zstd:1")
        f["plain"] = a
    return tensorfile.open(path), a


def test_threads(arrays):
    f, a = arrays
    for name, chunks in (("chunked", f["chunked"].chunks), ("plain", (64, 34))):
        d = da.from_array(f[name], chunks=chunks)
        assert d.dtype == a.dtype and d.shape == a.shape
        np.testing.assert_array_equal(d.compute(), a)
        np.testing.assert_array_equal((d[5:77:3, [1, 4, 9]] * 2).compute(), a[5:77:3, [1, 4, 9]] * 2)


@pytest.mark.filterwarnings("ignore")
def test_cluster_of_two(arrays):
    """Tensors go to the workers as path, generation and name; both workers read."""
    f, a = arrays
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, distributed.Client(cluster) as client:
        assert len(client.scheduler_info()["workers"]) == 2
        d = da.from_array(f["chunked"], chunks=f["chunked"].chunks)
        np.testing.assert_array_equal(d.compute(), a)
        np.testing.assert_allclose(d.mean(axis=0).compute(), a.mean(axis=0), rtol=1e-5)
        import os

        pids = client.run(lambda t: (os.getpid(), float(t[3, 4])), f["plain"])
        assert len({p for p, _ in pids.values()}) == 2 and {x for _, x in pids.values()} == {float(a[3, 4])}

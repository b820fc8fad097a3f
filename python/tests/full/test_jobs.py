"""The three jobs of python/examples on Dask: results are those of NumPy and, where there is Go, of Beam's jobs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorfile

pytest.importorskip("dask.array")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
JOBS = os.path.join(ROOT, "python", "examples", "dask_jobs.py")


@pytest.fixture(scope="module")
def beam(tmp_path_factory):
    """Runs a job of beam/examples on Prism."""
    if not shutil.which("go"):
        pytest.skip("there is no Go")
    path = str(tmp_path_factory.mktemp("beam") / "jobs")
    subprocess.run(["go", "build", "-o", path, "./examples"], cwd=os.path.join(ROOT, "beam"), check=True)
    return lambda *args: subprocess.run([path, *args], check=True, capture_output=True)


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    """Runs the command-line tool."""
    if not shutil.which("go"):
        pytest.skip("there is no Go")
    path = str(tmp_path_factory.mktemp("tool") / "tensorfile")
    subprocess.run(["go", "build", "-o", path, "./cmd/tensorfile"], cwd=ROOT, check=True)
    return lambda *args: subprocess.run([path, *args], check=True, capture_output=True, text=True).stdout


def test_page():
    """The commands of docs/engines.md have flags that the programs know."""
    sys.path.insert(0, os.path.dirname(JOBS))
    import dask_jobs

    with open(os.path.join(ROOT, "beam", "examples", "main.go")) as f:
        known = set(re.findall(r'flag\.\w+\("(\w+)"', f.read()))
    with open(os.path.join(ROOT, "docs", "engines.md")) as f:
        lines = f.read().splitlines()
    ours = [shlex.split(line)[2:] for line in lines if line.startswith("python dask_jobs.py ")]
    theirs = [shlex.split(line)[3:] for line in lines if line.startswith("go run ./examples ")]
    assert [dask_jobs.arguments().parse_args(args).job for args in ours] == [args[1] for args in theirs] == ["statistics", "rechunk", "images"]
    assert all(a[1:] in known for args in theirs for a in args if a.startswith("-"))


def shards(index):
    with open(index) as f:
        return json.load(f)["shards"]


def dask(*args):
    subprocess.run([sys.executable, JOBS, *args], check=True)


def test_statistics(tmp_path, rng, beam, tool):
    x = (rng.standard_normal((60, 41, 5)) * [1, 10, 100, 1e-3, 7] + [0, 5, -1e4, 1, 3]).astype("f4")
    source = str(tmp_path / "a.tensor")
    tensorfile.save(source, {"x": x}, chunks=(16, 10, 5), codec="shuffle|zstd:1")
    dask("statistics", "--in", source, "--tensor", "x", "--axis", "2", "--out", str(tmp_path / "d.shards.json"))
    beam("-job", "statistics", "-in", source, "-tensor", "x", "-axis", "2", "-out", str(tmp_path / "b.shards.json"))
    wide = x.astype("f8")
    for name in "d", "b":
        assert "ok" in tool("verify", str(tmp_path / (name + ".shards.json")))
        f = tensorfile.open(str(tmp_path / (name + "-00001-of-00001.tensor")))
        np.testing.assert_allclose(f["mean"].read(), wide.mean(axis=(0, 1)), rtol=1e-12)
        np.testing.assert_allclose(f["variance"].read(), wide.var(axis=(0, 1)), rtol=1e-12)


def test_rechunk(tmp_path, rng, beam, tool):
    a, b = rng.integers(-9000, 9000, (97, 50, 7)).astype("i2"), np.arange(11.0)
    source = str(tmp_path / "a.tensor")
    with tensorfile.open(source, "w") as w:
        w.set_attrs({"made": "for a test"})
        w.write("a", a, chunks=(9, 50, 4), codec="zstd:1", attrs={"scale": 3})
        w["b"] = b
    # 10,000 bytes of memory are a seventh of the tensor.
    dask("rechunk", "--in", source, "--chunk", "5,10,7", "--memory", "10000", "--shards", "4", "--out", str(tmp_path / "d.shards.json"))
    beam("-job", "rechunk", "-in", source, "-chunk", "5,10,7", "-memory", "10000", "-shards", "4", "-out", str(tmp_path / "b.shards.json"))
    for name in "d", "b":
        index = str(tmp_path / (name + ".shards.json"))
        assert "ok" in tool("verify", index)
        tool("diff", "--metadata", source, index)
        rows = []
        for s in shards(index):
            f = tensorfile.open(str(tmp_path / s["file"]))
            assert f["a"].chunks == (5, 10, 7) and f["a"].codec == "shuffle|zstd:3"
            rows.append(f["a"].read())
        assert [len(r) for r in rows] == [24, 24, 24, 25]
        np.testing.assert_array_equal(np.concatenate(rows), a)
    tool("diff", str(tmp_path / "d.shards.json"), str(tmp_path / "b.shards.json"))
    assert not [n for n in os.listdir(tmp_path) if "unfinished" in n]


def test_images(tmp_path, rng, beam, tool):
    image = pytest.importorskip("PIL.Image")
    want, labels = [], []
    for label, folder in enumerate(["ants", "bees"]):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        for i in range(5):
            p = rng.integers(0, 256, (8, 8, 3), dtype="u1")
            if i == 2:
                p[:] = p[:, :, :1]
                image.fromarray(p[:, :, 0]).save(tmp_path / "photos" / folder / ("%d.png" % i))
            else:
                image.fromarray(p).save(tmp_path / "photos" / folder / ("%d.png" % i))
            want.append(p)
            labels.append(label)
    dask("images", "--in", str(tmp_path / "photos"), "--size", "8", "--shards", "3", "--out", str(tmp_path / "d.shards.json"))
    beam("-job", "images", "-in", str(tmp_path / "photos"), "-size", "8", "-shards", "3", "-out", str(tmp_path / "b.shards.json"))
    for name in "d", "b":
        index = str(tmp_path / (name + ".shards.json"))
        assert "ok" in tool("verify", index)
        files = [tensorfile.open(str(tmp_path / s["file"])) for s in shards(index)]
        np.testing.assert_array_equal(np.concatenate([f["images"].read() for f in files]), want)
        np.testing.assert_array_equal(np.concatenate([f["labels"].read() for f in files]), labels)
        assert files[0].attrs == {"classes": ["ants", "bees"]}
    tool("diff", "--metadata", str(tmp_path / "d.shards.json"), str(tmp_path / "b.shards.json"))

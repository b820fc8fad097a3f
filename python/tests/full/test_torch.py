"""torch: state dicts with tied and strided tensors, DLPack, sparse tensors, DataLoader with workers, safetensors' API. The blocks of docs/python.md, too."""

import numpy as np
import page
import pytest
import tensorfile
from tensorfile.data import Batches, Order

torch = pytest.importorskip("torch")

import tensorfile.torch as tt  # noqa: E402

TYPES = [getattr(torch, n) for n in tt._PLAIN if hasattr(torch, n)]


def test_page(tmp_path):
    page.check("test_torch.py", tmp_path, 16)


def random(dtype, shape):
    g = torch.Generator().manual_seed(1)
    size = torch.empty((), dtype=dtype).element_size()
    if dtype == torch.bool:
        return torch.rand(shape, generator=g) < 0.5
    if dtype.is_complex:
        return torch.randn(shape, generator=g, dtype=dtype)
    if dtype.is_floating_point and size > 1:
        return torch.randn(shape, generator=g).to(dtype)
    return torch.randint(0, 100, (*shape[:-1], shape[-1] * size), generator=g, dtype=torch.uint8).view(dtype)


def same(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.numel() == 0:
        return True
    if a.dim() == 0:
        a, b = a.reshape(1), b.reshape(1)
    return torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("store", [{}, {"codec": "zstd:1", "chunks": 2}], ids=["plain", "chunked"])
def test_every_type(path, dtype, store):
    x = {"a": random(dtype, (5, 6)), "one": random(dtype, (3,)), "none": torch.empty((0, 2), dtype=dtype)}
    if not store:
        x["scalar"] = random(dtype, (1,))[0]
    tt.save_file(x, path, **store)
    got = tt.load_file(path)
    assert sorted(got) == sorted(x) and all(same(x[k], got[k]) for k in x)
    with tensorfile.open(path) as f:
        assert all(same(f[k].torch(), x[k]) for k in x)
        with tensorfile.safe_open(path, framework="pt") as s:
            assert all(same(s.get_tensor(k), x[k]) for k in x) and same(s.get_slice("a")[1:3, ::2], x["a"][1:3, ::2])
    got["a"].zero_() if dtype not in (torch.float8_e8m0fnu,) else None
    assert same(tt.load_file(path)["a"], x["a"]), "memory of their own"


def test_tied_and_strided(path):
    base = torch.randn(10, 8)
    state = {"w": base, "tied": base, "t": base.T, "row": base[3], "step": base[::2, 1:], "wide": base[:1].expand(4, 8), "other": base.clone()}
    tt.save_file(state, path)
    with tensorfile.open(path) as f:
        assert len({f[k].storage for k in state if k != "other"}) == 1 and f["other"].storage != f["w"].storage
    got = tt.load_file(path)
    for k, v in state.items():
        assert same(got[k], v) and got[k].stride() == v.stride(), k
    got["w"][3, 0] = 42
    assert got["tied"][3, 0] == got["t"][0, 3] == got["row"][0] == 42 and got["other"][3, 0] != 42


def test_modules(path):
    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = torch.nn.Embedding(20, 8)
            self.norm = torch.nn.BatchNorm1d(8)
            self.head = torch.nn.Linear(8, 20, bias=False)
            self.head.weight = self.embed.weight

    torch.manual_seed(1)
    a, b = Model(), Model()
    tt.save_model(a, path, metadata={"epoch": "3"})
    assert tt.load_model(b, path) == ([], [])
    assert all(same(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values()))
    with tensorfile.open(path) as f:
        assert f["head.weight"].storage == f["embed.weight"].storage and f.attrs == {"epoch": "3"}
    assert tt.load(tt.save(a.state_dict())).keys() == a.state_dict().keys()


@pytest.mark.filterwarnings("ignore")
def test_dlpack(path):
    a = np.arange(12, dtype="f4").reshape(3, 4)
    tensorfile.save(path, {"a": a})
    tt.save_file({"bf": torch.arange(6.0).to(torch.bfloat16)}, path + "2")
    with tensorfile.open(path) as f:
        x = torch.from_dlpack(f["a"])
        assert np.shares_memory(x.numpy(), f._reader().mapping)
    assert torch.equal(x, torch.from_numpy(a)), "after the file is closed"
    with tensorfile.open(path + "2") as f:
        assert torch.from_dlpack(f["bf"]).dtype == torch.bfloat16 and torch.from_dlpack(f["bf"]).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", ["coo", "csr", "csc", "bsr"])
def test_sparse(path, layout):
    d = torch.randn(6, 8) * (torch.rand(6, 8) < 0.3)
    s = {"coo": d.to_sparse(), "csr": d.to_sparse_csr(), "csc": d.to_sparse_csc(), "bsr": d.to_sparse_bsr((2, 4))}[layout]
    tensorfile.save(path, {"s": s})
    with tensorfile.open(path) as f:
        t = f["s"]
        back = t.torch()
        assert t.layout == layout and back.layout == s.layout and torch.equal(back.to_dense(), d)
        np.testing.assert_array_equal(t[...], d.numpy())


class Samples(torch.utils.data.IterableDataset):
    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        w = torch.utils.data.get_worker_info()
        return iter(self.batches if w is None else self.batches.share(w.id, w.num_workers))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_data_loader(path, rng, method):
    """Every sample comes once an epoch, whole, from two workers of two ranks; the tensors were used before the fork."""
    x, y = rng.standard_normal((203, 6)).astype("f4"), np.arange(203)
    with tensorfile.open(path, "w") as f:
        f.write("x", x, chunks=[16, 6], codec="shuffle|zstd:1")
        f["y"] = y
    f = tensorfile.open(path)
    f["x"][0]
    seen = []
    for rank in range(2):
        b = Batches({"x": f["x"], "y": f["y"]}, 8, seed=5, rank=rank, world=2)
        loader = torch.utils.data.DataLoader(Samples(b), batch_size=None, num_workers=2, multiprocessing_context=method)
        for got in loader:
            assert torch.equal(got["x"], torch.from_numpy(x[got["y"].numpy()]))
            seen += got["y"].tolist()
    assert sorted(seen) == y.tolist()
    sampler = Order(203, seed=1)
    loader = torch.utils.data.DataLoader(f["x"], batch_size=10, sampler=sampler, num_workers=2, multiprocessing_context=method)
    got = torch.cat(list(loader))
    assert torch.equal(got, torch.from_numpy(x[sampler.indices()]))

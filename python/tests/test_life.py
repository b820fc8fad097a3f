"""Lifetimes, processes and threads: garbage collection in any order, fork and spawn, pickles, the end of the
interpreter, a file that changes."""

import copy
import faulthandler
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest
from conftest import HAS_LIBRARY

import tensorfile

pytestmark = pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")
FORK = hasattr(os, "fork")


@pytest.fixture
def file(path, rng):
    """A file with plain bytes and chunks of the same array."""
    a = rng.standard_normal((500, 40)).astype("f4")
    with tensorfile.open(path, "w") as f:
        f["plain"] = a
        f.write("chunked", a, chunks=[64, 40], codec="shuffle|zstd:1")
        f["rows"] = tensorfile.Ragged.of([[1, 2], [3]])
    return path, a


def mapped(path):
    """Whether this process maps a file."""
    with open("/proc/self/maps") as f:
        return any(line.rstrip().endswith(path) for line in f)


# ---- garbage collection ----


def test_arrays_hold_the_mapping(file, engine):
    path, a = file
    f = tensorfile.open(path, engine=engine)
    t = f["plain"]
    x = t[10:20, ::2]
    f.close()
    del f, t
    gc.collect()
    np.testing.assert_array_equal(x, a[10:20, ::2])
    assert mapped(path) and not x.flags.writeable
    y = x[1]
    del x
    gc.collect()
    np.testing.assert_array_equal(y, a[11, ::2])
    assert mapped(path)
    del y
    gc.collect()
    assert not mapped(path)


@pytest.mark.parametrize("order", ["fta", "fat", "tfa", "taf", "aft", "atf"])
def test_any_order(file, order):
    """File, tensor and array are let go in any order; what is left works."""
    path, a = file
    held = {"f": tensorfile.open(path)}
    held["t"] = held["f"]["plain"]
    held["a"] = held["t"][...]
    for k in order:
        del held[k]
        gc.collect()
        if "a" in held:
            assert held["a"].sum() == a.sum()
        if "t" in held:
            assert (held["t"][3] == a[3]).all() and (held["t"].file["chunked"][3] == a[3]).all()
        if "f" in held:
            assert len(held["f"]) == 3
    assert not mapped(path)


def test_in_a_cycle(file):
    path, _ = file
    f = tensorfile.open(path)
    loop = {"f": f, "a": f["plain"][...], "t": f["chunked"]}
    loop["self"] = loop
    gone = weakref.ref(f)
    del f, loop
    gc.collect()
    assert gone() is None and not mapped(path)


def test_closed(file):
    path, a = file
    f = tensorfile.open(path)
    t, c = f["plain"], f["chunked"]
    assert t[0, 0] == a[0, 0] and len(f.items()) == 3, "what is kept for the next time goes with the file"
    f.close()
    f.close()
    assert f.closed and repr(f).endswith("closed>")
    for use in (lambda: t[0], lambda: c[0], lambda: f["plain"], lambda: list(f), lambda: len(f), lambda: f.attrs, lambda: t.attrs, lambda: f.verify(), lambda: f.info, lambda: np.asarray(c)):
        with pytest.raises(ValueError, match="closed"):
            use()
    assert t.shape == (500, 40) and t.name == "plain" and repr(t)


def test_many_files_leave_no_descriptor(file):
    path, _ = file
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(300):
        f = tensorfile.open(path)
        f["plain"][0], f["chunked"][0], f["rows"].parts
        if _ % 2:
            f.close()
    del f
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before + 2 and not mapped(path)


# ---- pickles ----


def test_pickle(file, engine):
    path, a = file
    f = tensorfile.open(path, engine=engine)
    g, t = pickle.loads(pickle.dumps((f, f["chunked"])))
    assert t.file is g and g is not f and g.generation == f.generation and g.engine == engine
    np.testing.assert_array_equal(t[3:5], a[3:5])
    assert pickle.loads(pickle.dumps(f)) is g, "one file for all that is pickled of it"
    assert copy.copy(f["plain"])[0, 0] == a[0, 0]
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(tensorfile.open(path, "a"))
    assert pickle.loads(pickle.dumps(f["rows"].parts["values"]))[...].tolist() == [1, 2, 3]
    e = pickle.loads(pickle.dumps(tensorfile.Error("m", "corrupt", "ref.crc", 5)))
    assert (str(e), e.kind, e.rule, e.offset) == ("m", "corrupt", "ref.crc", 5)
    for c in (tensorfile.Ragged.of([[1], []]), tensorfile.Strings.of(["x"]), tensorfile.DType.of("f4")):
        assert repr(pickle.loads(pickle.dumps(c))) == repr(c)


def test_pickle_is_of_the_generation(file):
    path, a = file
    f = tensorfile.open(path)
    raw = pickle.dumps(f["plain"])
    with tensorfile.open(path, "a") as w:
        w["plain"] = np.zeros(3)
    assert pickle.loads(raw).shape == (500, 40)
    assert tensorfile.open(path)["plain"].shape == (3,)


def test_pickle_of_a_file_that_was_replaced(file):
    path, _ = file
    raw = pickle.dumps(tensorfile.open(path)["plain"])
    tensorfile.save(path, {"plain": np.zeros(3)})
    with pytest.raises(tensorfile.Error, match="another file"):
        pickle.loads(raw)
    os.remove(path)
    with pytest.raises(FileNotFoundError):
        pickle.loads(raw)


# ---- fork ----


def in_fork(fn, timeout=60):
    """What fn returns in the child of a fork. The child must end by itself."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(r)
            with os.fdopen(w, "wb") as out:
                pickle.dump(fn(), out)
            status = 0
        except BaseException as e:
            print(repr(e), file=sys.stderr)
        finally:
            os._exit(status)
    os.close(w)
    watch = threading.Timer(timeout, os.kill, (pid, 9))
    watch.start()
    with os.fdopen(r, "rb") as f:
        raw = f.read()
    _, status = os.waitpid(pid, 0)
    watch.cancel()
    assert status == 0, status
    return pickle.loads(raw)


@pytest.mark.skipif(not FORK, reason="no fork")
def test_fork_reads_everything(file):
    """A child opens a file again when it is first used; arrays that it has go on as they are."""
    path, a = file
    f = tensorfile.open(path)
    plain, chunked, rows, values = f["plain"], f["chunked"], f["rows"], f["rows"].parts["values"]
    x, _ = plain[...], chunked[0]

    def child():
        ok = [np.array_equal(x, a), np.array_equal(plain[...], a), np.array_equal(chunked[...], a), rows[0].tolist() == [1, 2], values[...].tolist() == [1, 2, 3]]
        g = tensorfile.open(path)
        ok += [np.array_equal(g["chunked"][5], a[5]), bool(g.verify()), f.generation == 1, f.attrs == {}]
        g.close()
        return ok

    for _ in range(5):
        assert all(in_fork(child))
    assert np.array_equal(chunked[...], a), "the parent goes on"


@pytest.mark.skipif(not FORK, reason="no fork")
def test_fork_of_a_fork(file):
    path, a = file
    f = tensorfile.open(path)
    assert in_fork(lambda: np.array_equal(f["chunked"][...], a) and in_fork(lambda: np.array_equal(f["chunked"][...], a)))


@pytest.mark.skipif(not FORK, reason="no fork")
def test_fork_while_others_read(file):
    """Threads of the parent read all the while: no lock of theirs is waited for."""
    path, a = file
    f = tensorfile.open(path)
    stop = threading.Event()

    def read():
        while not stop.is_set():
            f["chunked"][...]
            list(f.items())

    threads = [threading.Thread(target=read) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for _ in range(10):
            assert in_fork(lambda: np.array_equal(f["chunked"][7:9], a[7:9]))
    finally:
        stop.set()
        for t in threads:
            t.join()


@pytest.mark.skipif(not FORK, reason="no fork")
def test_fork_with_a_writer(path):
    """A file that is open for writing belongs to the parent."""
    w = tensorfile.open(path, "w")
    w["a"] = np.arange(3)

    def child():
        kinds = []
        for use in (lambda: w.write("b", 1), lambda: w.commit()):
            try:
                use()
            except tensorfile.Error as e:
                kinds.append(e.kind)
        w.close()
        other = path + ".child"
        tensorfile.save(other, {"c": 1})
        return kinds, list(tensorfile.open(other))

    assert in_fork(child) == (["forked", "forked"], ["c"])
    w.close()
    assert tensorfile.load(path)["a"].tolist() == [0, 1, 2]


@pytest.mark.skipif(not FORK, reason="no fork")
def test_fork_after_the_file_was_replaced(file):
    path, _ = file
    f = tensorfile.open(path)
    t = f["plain"]
    x = t[0, 0]
    tensorfile.save(path, {"plain": np.zeros(3)})

    def kind(use):
        try:
            use()
        except tensorfile.Error as e:
            return e.kind

    uses = [lambda: t[0, 0], lambda: t.read(), lambda: f["plain"], lambda: list(f)]
    for i in range(4):
        assert in_fork(lambda: [kind(use) for use in uses[i:] + uses[:i]]) == ["changed while open"] * 4
    assert f["plain"][0, 0] == t[0, 0] == x


def total(args):
    t, a, b = args
    return float(np.asarray(t[a:b], np.float64).sum())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools(file, method):
    """Tensors are handed to the workers of a pool by any start method."""
    path, a = file
    with tensorfile.open(path) as f:
        f["chunked"][0]
        with multiprocessing.get_context(method).Pool(2) as pool:
            for name in ("plain", "chunked"):
                jobs = [(f[name], i, i + 100) for i in range(0, 500, 100)]
                assert pool.map(total, jobs) == [float(a[i : i + 100].astype("f8").sum()) for i in range(0, 500, 100)]
            pool.close()
            pool.join()


# ---- threads ----


def test_threads(file):
    """One file, one tensor, many threads: every value is right."""
    path, a = file
    f = tensorfile.open(path)
    t = f["chunked"]
    wrong = []

    def read(seed):
        r = np.random.default_rng(seed)
        for _ in range(40):
            i, j = sorted(r.integers(0, 501, 2).tolist())
            if not np.array_equal(t[i:j], a[i:j]) or not np.array_equal(f["plain"][i:j], a[i:j]):
                wrong.append((i, j))
            pick = r.integers(0, 500, 5)
            if not np.array_equal(t[pick], a[pick]):
                wrong.append(pick)

    threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    for x in threads:
        x.start()
    for x in threads:
        x.join()
    assert not wrong


def test_first_reads_at_once(file):
    """Tensors that were listed, first read by several threads at the same time."""
    path, a = file
    failed, interval = [], sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(60):
            f = tensorfile.open(path)
            t = dict(f.items())["chunked"]
            barrier = threading.Barrier(4)

            def read():
                barrier.wait()
                try:
                    assert np.array_equal(t[100:110], a[100:110])
                except Exception as e:
                    failed.append(e)

            threads = [threading.Thread(target=read) for _ in range(4)]
            for x in threads:
                x.start()
            for x in threads:
                x.join()
            f.close()
    finally:
        sys.setswitchinterval(interval)
    assert not failed


def test_close_while_others_read(file):
    """A read ends well, or says that the file is closed."""
    path, a = file
    for _ in range(20):
        f = tensorfile.open(path)
        t = f["chunked"]
        seen = []

        def read():
            try:
                while True:
                    seen.append(np.array_equal(t[...], a))
            except ValueError as e:
                seen.append("closed" in str(e))

        threads = [threading.Thread(target=read) for _ in range(3)]
        for x in threads:
            x.start()
        while len(seen) < 3:
            pass
        f.close()
        for x in threads:
            x.join()
        assert all(seen)


def test_the_gil_is_released(path, rng):
    """Python goes on while the library decodes: a thread counts during one long read."""
    a = rng.standard_normal((4000, 1000)).astype("f4")
    tensorfile.save(path, {"a": a}, chunks=[200, 1000], codec="planes")
    t = tensorfile.open(path, workers=1)["a"]
    done, count = threading.Event(), 0

    def read():
        t[...]
        done.set()

    thread = threading.Thread(target=read)
    thread.start()
    while not done.is_set():
        count += 1
    thread.join()
    assert count > 100


# ---- the end of the interpreter ----


@pytest.mark.parametrize(
    "program",
    [
        "f = tensorfile.open(path); a = f['plain'][...]; t = f['chunked']",
        "f = tensorfile.open(path); sys.modules['keep'] = f['plain'][...]; atexit.register(lambda: print(f['chunked'][0, 0] == sys.modules['keep'][0, 0]))",
        "f = tensorfile.open(path)\nthreading.Thread(target=lambda: [f['chunked'][...] for _ in range(10000)], daemon=True).start()\ntime.sleep(0.2)",
        "w = tensorfile.open(path + '.new', 'w'); w['a'] = 1; sys.modules['keep'] = w",
        "class K:\n    def __del__(self): self.f.close()\nk = K(); k.f = tensorfile.open(path); sys.modules['keep'] = k",
        "f = tensorfile.open(path); c = f['plain'].__dlpack__(max_version=(1, 0)); sys.modules['keep'] = c",
    ],
    ids=["arrays", "atexit", "daemon", "writer", "del", "dlpack"],
)
def test_interpreter_exit(file, program):
    path, _ = file
    code = "import atexit, sys, threading, time, numpy as np, tensorfile\npath = %r\n%s\nprint('end')" % (path, program)
    p = subprocess.run([sys.executable, "-X", "faulthandler", "-W", "ignore::ResourceWarning", "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120)
    assert (p.returncode, p.stderr) == (0, ""), p.stderr
    assert p.stdout.split()[0] == "end" and ("False" not in p.stdout)
    assert sorted(os.listdir(os.path.dirname(path))) == ["x.tensor"], "nothing half-written is left"


def test_a_writer_that_was_lost_warns(path):
    w = tensorfile.open(path, "w")
    w["a"] = 1
    with pytest.warns(ResourceWarning, match="was not closed"):
        del w
        gc.collect()
    assert os.listdir(os.path.dirname(path)) == []


def test_import_does_not_load_the_library():
    code = "import tensorfile, tensorfile._lib as l; assert l._library is None; import sys; assert 'torch' not in sys.modules and 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# ---- files that change ----


def test_appended_to_while_open(file):
    path, a = file
    f = tensorfile.open(path)
    with tensorfile.open(path, "a") as w:
        w.append("chunked", a[:10])
    assert f["chunked"].shape == (500, 40) and f["chunked"][...].sum() == a.sum() and not f.changed()
    assert f.refresh()["chunked"].shape == (510, 40)


def test_replaced_while_open(file):
    path, a = file
    f = tensorfile.open(path)
    tensorfile.save(path, {"other": 1})
    assert np.array_equal(f["plain"][...], a) and np.array_equal(f["chunked"][...], a) and f.changed()


def test_cut_short_while_open(file):
    """What the library reads is an error; nothing ends the process, with the handlers of faulthandler neither."""
    assert faulthandler.is_enabled()
    path, _ = file
    f = tensorfile.open(path)
    t = f["chunked"]
    os.truncate(path, 16384)
    with pytest.raises(tensorfile.Error) as e:
        t.read()
    assert e.value.kind in ("changed while open", "truncated", "corrupt", "input/output error"), e.value.kind


def test_large_copies_of_plain_bytes_meet_no_fault(path, rng):
    """The library copies them, and a page that is gone is an error; small ones NumPy copies, from what is there."""
    a = rng.integers(0, 1 << 60, (1 << 18, 2))
    tensorfile.save(path, {"a": a})
    f = tensorfile.open(path)
    t = f["a"]
    assert np.array_equal(t.read(), a) and np.array_equal(t.read(np.s_[::3]), a[::3])
    os.truncate(path, 1 << 20)
    for use in (lambda: t.read(), lambda: t.read(np.s_[1:, :1]), lambda: t.read(out=np.empty_like(a)), lambda: t.hash()):
        with pytest.raises(tensorfile.Error) as e:
            use()
        assert e.value.kind == "changed while open"
    assert np.array_equal(t.read(np.s_[:1000]), a[:1000]) and np.array_equal(t[:1000], a[:1000])

"""What the tests share. They run against the installed package; the repository's files are read from where they lie."""

import os

import numpy as np
import pytest

import tensorfile
from tensorfile import _lib

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TESTDATA = os.path.join(ROOT, "testdata")

assert not os.path.samefile(os.path.dirname(os.path.dirname(tensorfile.__file__)), os.path.join(ROOT, "python")), "the tests are of the installed package"

HAS_LIBRARY = os.environ.get("TENSORFILE_LIBRARY") != "none"


@pytest.fixture(scope="session", autouse=True)
def library():
    """Loads the library when the handlers of pytest's faulthandler are in place: docs/python.md, "Rules"."""
    if HAS_LIBRARY and not _lib.available():
        pytest.exit("the library is not there: %s" % _lib.why_not(), 1)


@pytest.fixture(params=["library", "python"])
def engine(request):
    """Each way to read a file."""
    if request.param == "library" and not HAS_LIBRARY:
        pytest.skip("TENSORFILE_LIBRARY is none")
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(2611)


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.tensor")

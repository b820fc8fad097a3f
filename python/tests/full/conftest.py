"""These tests take packages that weigh much: make interop-full installs them."""

import os
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.tensor")


@pytest.fixture
def rng():
    return np.random.default_rng(2611)

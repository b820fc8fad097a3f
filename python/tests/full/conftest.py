"""These tests take packages that weigh much: make interop-full installs them."""

import os
import sys

import numpy as np
import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def pytest_configure(config):
    # JAX, once it is imported, warns wherever a program is started: that forks, and executes at once.
    config.addinivalue_line("filterwarnings", r"ignore:os\.fork\(\) was called:RuntimeWarning")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "x.tensor")


@pytest.fixture
def rng():
    return np.random.default_rng(2611)


def pytest_addoption(parser):
    parser.addoption("--floor", type=int, default=0, help="how many tests must pass, and none be skipped")


def pytest_sessionfinish(session, exitstatus):
    floor = session.config.getoption("floor")
    stats = session.config.pluginmanager.get_plugin("terminalreporter").stats
    passed, skipped = len(stats.get("passed", ())), len(stats.get("skipped", ()))
    if floor:
        print("\nheavy packages: %d passed (floor %d), %d skipped" % (passed, floor, skipped))
        if exitstatus == 0 and (passed < floor or skipped):
            session.exitstatus = 1

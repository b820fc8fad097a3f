"""Runs the blocks of docs/python.md that say that a file here checks them."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
PAGE = os.path.join(HERE, "..", "..", "..", "docs", "python.md")


def check(name, folder, least):
    """All examples of the blocks that name this file, in a folder."""
    import tour

    here = os.getcwd()
    os.chdir(folder)
    try:
        result = tour.run(os.path.abspath(os.path.join(here, PAGE)) if not os.path.isabs(PAGE) else PAGE, "python/tests/full/" + name)
    finally:
        os.chdir(here)
    assert result.failed == 0 and result.attempted >= least, result

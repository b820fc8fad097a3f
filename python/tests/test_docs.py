"""Examples in docstrings run; every public name has a docstring; the page's blocks of Python are all checked."""

import doctest
import importlib
import inspect
import os
import re

import pytest
from conftest import HAS_LIBRARY, ROOT

import tensorfile

MODULES = ["tensorfile", "tensorfile._types", "tensorfile._composite", "tensorfile._file", "tensorfile._safe", "tensorfile._rewrite", "tensorfile._writer", "tensorfile.data", "tensorfile.numpy"]


@pytest.mark.skipif(not HAS_LIBRARY, reason="files are written")
@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0 and tried > 0


def test_docstrings():
    """Public names, and public methods of public classes but for those whose names say all."""
    plain = {"ndim", "path", "mode", "closed", "numpy", "save", "offsets", "values", "bytes", "group"}
    missing = []
    for name in tensorfile.__all__:
        x = getattr(tensorfile, name)
        if not inspect.getdoc(x):
            missing.append(name)
        for k, v in vars(x).items() if inspect.isclass(x) else ():
            if not k.startswith("_") and (callable(v) or isinstance(v, property)) and not inspect.getdoc(v) and k not in plain:
                missing.append("%s.%s" % (name, k))
    assert not missing


def test_page():
    """A block of Python is checked by a file that is there, says why not, or shows no prompt."""
    with open(os.path.join(ROOT, "docs", "python.md"), encoding="utf-8") as f:
        text = f.read()
    blocks = re.findall(r"([^\n]*)\n```python\n(.*?)^```$", text, re.M | re.S)
    assert len(blocks) >= 15
    for mark, code in blocks:
        m = re.fullmatch(r"<!-- checked by (.*) -->", mark)
        if m:
            assert os.path.exists(os.path.join(ROOT, m.group(1))), mark
        else:
            assert ">>>" not in code, code

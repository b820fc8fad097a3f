"""Runs what docs/python.md shows, as doctests in the order of the page: tour.py PAGE [MARK]. A block belongs to a mark by
the line above it, <!-- checked by MARK -->. It needs the package that it is about, and NumPy."""

import doctest
import os
import re
import sys
import tempfile

MARK = "python/tests/tour.py"


def blocks(page, mark=MARK):
    with open(page, encoding="utf-8") as f:
        text = f.read()
    return re.findall(r"^<!-- checked by %s -->\n```python\n(.*?)^```$" % re.escape(mark), text, re.M | re.S)


def run(page, mark=MARK):
    """How many examples failed, and how many there are."""
    code = "\n".join(blocks(page, mark))
    test = doctest.DocTestParser().get_doctest(code, {}, os.path.basename(page), page, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test)
    return runner.summarize(False)


if __name__ == "__main__":
    page = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        result = run(page, *sys.argv[2:])
        os.chdir(os.path.dirname(page))
    print("%s: %d passed, %d failed" % (os.path.basename(page), result.attempted - result.failed, result.failed))
    sys.exit(result.failed > 0 or result.attempted < 40 and len(sys.argv) == 2)

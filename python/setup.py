"""Puts what lies elsewhere in the repository into the package: the shared library, if TENSORFILE_BUNDLE names one, and
the reader of spec/reader. "make wheel" is what runs this."""

import os
import platform
import re
import shutil
import sysconfig

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = os.path.dirname(os.path.abspath(__file__))
READER = os.path.join(HERE, "..", "spec", "reader")
BUNDLE = os.environ.get("TENSORFILE_BUNDLE")


def text(*path):
    with open(os.path.join(HERE, *path), encoding="utf-8") as f:
        return f.read()


def version():
    return re.search(r'^const Version = "(.*)"$', text("..", "writer.go"), re.M).group(1)


class Build(build_py):
    def run(self):
        super().run()
        target = os.path.join(self.build_lib, "tensorfile")
        reader = os.path.join(target, "_reader")
        for name in ("attributes", "composites", "tensorfile", "verify"):
            # The files stand beside each other there, and in a package here.
            code = text("..", "spec", "reader", name + ".py")
            code = re.sub(r"^from (attributes|tensorfile) import", r"from .\1 import", code, flags=re.M)
            code = re.sub(r"^import composites$", "from . import composites", code, flags=re.M)
            with open(os.path.join(reader, name + ".py"), "w", encoding="utf-8") as f:
                f.write(code)
        if BUNDLE:
            shutil.copyfile(BUNDLE, os.path.join(target, os.path.basename(BUNDLE).partition(".so")[0] + ".so"))


class Wheel(bdist_wheel):
    """The library does not depend on the version of Python. On Linux the tag is that of the newest symbol of the C
    library that it needs, the rule of PEP 600."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = not BUNDLE

    def get_tag(self):
        return "py3", "none", tag() if BUNDLE else "any"


def tag():
    if not sysconfig.get_platform().startswith("linux"):
        return re.sub(r"[-.]", "_", sysconfig.get_platform())
    with open(BUNDLE, "rb") as f:
        needed = re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)", f.read())
    major, minor = max((int(a), int(b)) for a, b in needed)
    return "manylinux_%d_%d_%s" % (major, minor, platform.machine())


setup(version=version(), cmdclass={"build_py": Build, "bdist_wheel": Wheel})

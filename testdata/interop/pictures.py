"""Pictures for tests: files and the elements that they hold, by Pillow and by hand.

    pictures.py write FORMAT SEED COUNT DIR    random files and expected.npz in DIR
    pictures.py check FORMAT DIR               reads out.N.* there, which must hold the elements of out.N.npy
    pictures.py goldens                        the files that are kept
"""

import importlib
import os
import sys

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, here)


def formats(name):
    return importlib.import_module("picture_" + name)


def save(dir, name, files, agree):
    """Files (name, bytes, elements), which a second reader must not contradict."""
    expected, seen = {}, 0
    for file, b, want in files:
        path = os.path.join(dir, file)
        with open(path, "wb") as f:
            f.write(b)
        said = agree(path, want)
        if said is False:
            sys.exit(f"{path}: another reader says other elements")
        seen += said is True
        expected[file] = want
    np.savez_compressed(os.path.join(dir, "expected.npz"), **expected)
    print(f"{name}: {len(expected)} files, {seen} seen alike by another reader")


def main():
    verb, *args = sys.argv[1:]
    if verb == "write":
        name, seed, count, dir = args
        m = formats(name)
        save(dir, name, m.random(np.random.default_rng(int(seed)), int(count)), m.agree)
    elif verb == "check":
        name, dir = args
        m = formats(name)
        n = 0
        for file in sorted(os.listdir(dir)):
            if file.startswith("out.") and not file.endswith(".npy"):
                m.check(os.path.join(dir, file), np.load(os.path.join(dir, file[: file.rindex(".")] + ".npy")))
                n += 1
        print("compared", n)
    elif verb == "goldens":
        for name in ("png", "jpeg", "gif", "tiff", "webp"):
            m = formats(name)
            dir = os.path.join(here, "..", "..", "convert", name, "testdata")
            os.makedirs(dir, exist_ok=True)
            save(dir, name, m.goldens(np.random.default_rng(20261201)), m.agree)
    else:
        sys.exit(__doc__)


main()

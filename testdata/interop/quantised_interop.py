#!/usr/bin/env python3
"""quantised_interop.py FILE: reads each quantised tensor q/NAME of a file with the reader of the specification and
compares its elements, bit for bit, with the dense tensor d/NAME beside it. Prints how many there were."""
import os
import sys

import ml_dtypes
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "spec", "reader"))
import composites
import tensorfile
import verify

f = tensorfile.File.open(sys.argv[1])
errors = verify.verify(f)
assert not errors, [str(e) for e in errors]
n = 0
for key in f.root.tensors:
    name = key.decode()
    if not name.startswith("q/") or "\0" in name:
        continue
    got, want = composites.elements(f[name]), f["d/" + name[2:]]
    if want.dtype.numpy() is None:  # bf16, rounded by ml_dtypes
        got, want = got.astype(ml_dtypes.bfloat16).astype(np.float32), composites.numbers(want)
    else:
        want = want.array()
    assert got.dtype == want.dtype and got.shape == want.shape, (name, got.dtype, got.shape, want.dtype, want.shape)
    assert got.tobytes() == np.ascontiguousarray(want).tobytes(), name
    n += 1
print(n)

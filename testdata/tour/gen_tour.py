"""Makes model.npz, the file of the tour in the README: what NumPy users keep
in one file, from seeded values. NumPy writes it; run by `make goldens`."""
import os
import numpy as np

rng = np.random.default_rng(20261121)
here = os.path.dirname(os.path.abspath(__file__))
tracks = np.zeros(4, dtype=[("id", "<i4"), ("pos", "<f4", (2,)), ("score", "<f8")])
tracks["id"] = [7, 11, 13, 17]
tracks["pos"] = rng.normal(size=(4, 2)).astype("<f4")
tracks["score"] = rng.random(4)
np.savez(
    os.path.join(here, "model.npz"),
    **{
        "encoder.weight": rng.normal(0, 0.02, (48, 64)).astype("<f4"),
        "encoder.bias": rng.normal(0, 0.02, 48).astype("<f4"),
        "embedding": np.asfortranarray(rng.normal(size=(30, 8)).astype("<f2")),
        "image": (np.add.outer(np.arange(24), np.arange(32)) * 4 % 256).astype("u1"),
        "labels": rng.integers(0, 10, 16),
        "mask": rng.random((4, 8)) < 0.3,
        "created": np.array(["2026-11-21T08:00:00", "2026-11-21T08:15:30"], dtype="<M8[s]"),
        "words": np.array(["zero", "eins", "zwölf"]),
        "tracks": tracks,
        "step": np.int64(120000),
    },
)

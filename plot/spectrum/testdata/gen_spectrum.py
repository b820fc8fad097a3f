"""Transforms of numpy.fft and spectrograms of scipy.signal.

    gen_spectrum.py                scipy.jsonl.gz, beside this file
    gen_spectrum.py SEED COUNT     as many cases as lines of JSON
"""

import base64
import sys
from pathlib import Path

import numpy as np
from scipy import signal

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "internal" / "golden"))
from golden import write  # noqa: E402

CASES = 40


def b64(a):
    return base64.b64encode(np.ascontiguousarray(a).tobytes()).decode()


def case(rng):
    if rng.random() < 0.5:
        n = 2 ** int(rng.integers(0, 8))
        x = rng.standard_normal(n) + 1j * rng.standard_normal(n)
        return {"op": "fft", "n": n, "in": b64(x), "out": b64(np.fft.fft(x))}
    window = 2 ** int(rng.integers(2, 7))
    hop = int(rng.integers(max(window // 4, 1), 2 * window))
    n = window + int(rng.integers(0, 300))
    t = np.arange(n)
    x = np.sin(2 * np.pi * rng.uniform(0, 0.5) * t) + 0.1 * rng.standard_normal(n)
    # scipy.signal.spectrogram has no hop above the window; a step through one of 1 has.
    _, _, p = signal.spectrogram(x, 1, "hann", window, window - 1, detrend=False, scaling="spectrum", mode="psd")
    return {"op": "spectrogram", "n": n, "window": window, "hop": hop, "in": b64(x), "out": b64(p[:, ::hop].T)}


if __name__ == "__main__":
    write(__file__, "scipy.jsonl.gz", case, CASES, 20261121, np.random.default_rng)

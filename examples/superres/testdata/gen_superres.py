"""in.png, a picture without a period, and out.png, what NumPy and SciPy make of
it by the steps of the program."""

import os

import numpy as np
from PIL import Image
from scipy import ndimage

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(4)
y, x = np.mgrid[:19, :23]
wave = 128 + 100 * np.sin(0.05 * x * x + 0.3 * y)[..., None] * [1, 0.6, -0.8] + rng.normal(0, 12, (19, 23, 3))
image = np.clip(wave, 0, 255).astype(np.uint8)
image[3:6, 4:9] = [255, 0, 255]  # edges overshoot
Image.fromarray(image).save(os.path.join(here, "in.png"))

big = image.repeat(2, 0).repeat(2, 1) / 255 - 0.5
t = np.arange(-7, 8) / 2
line = np.sinc(t) * np.sinc(t / 4)
line /= line.sum()
out = np.stack([ndimage.correlate(big[..., c], np.outer(line, line), mode="nearest") for c in range(3)], -1)
out = out * 255 + 127.5
fraction = np.abs(out - np.floor(out) - 0.5)
assert fraction.min() > 1e-4, "a tie: float32 could round the other way"
Image.fromarray(np.clip(np.rint(out), 0, 255).astype(np.uint8)).save(os.path.join(here, "out.png"))

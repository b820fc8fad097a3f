"""images.npy, pictures without a period; edges.npy, what NumPy makes of them in
float32, each product and each sum rounded, in the order that package transform/conv
states; sheet.png, the picture of that. SciPy has to agree in float64."""

import os

import numpy as np
from PIL import Image
from scipy import ndimage

here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(8)
n, height, width = 7, 21, 26
k, y, x = np.mgrid[:n, :height, :width]
wave = 128 + 90 * np.sin(0.021 * (k + 2) * x * x + 0.3 * y + k)[..., None] * [1, 0.6, -0.8] + rng.normal(0, 15, (n, height, width, 3))
images = np.clip(wave, 0, 255).astype(np.uint8)
for i in range(n):  # a square with sharp edges, elsewhere in each
    images[i, 2 + i : 9 + i, 3 + 2 * i : 8 + 2 * i] = [255 - 30 * i, 0, 40 * i]
np.save(os.path.join(here, "images.npy"), images)

f32 = np.float32
shapes = np.array([[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], [[-1, -2, -1], [0, 0, 0], [1, 2, 1]], [[1, 1, 1], [1, -8, 1], [1, 1, 1]]], f32)
filters = shapes[:, None] * np.array([0.299, 0.587, 0.114], f32)[:, None, None] * f32(0.25)
assert filters.dtype == f32
planes = images.transpose(0, 3, 1, 2).astype(f32) * f32(1 / 255) + f32(-0.5)
assert planes.dtype == f32
padded = np.pad(planes, ((0, 0), (0, 0), (1, 1), (1, 1)))
edges = np.zeros((n, 3, height, width), f32)
for f in range(3):
    for c in range(3):
        for dy in range(3):
            for dx in range(3):
                edges[:, f] += padded[:, c, dy : dy + height, dx : dx + width] * filters[f, c, dy, dx]
np.save(os.path.join(here, "edges.npy"), edges)

exact = (images / 255 - 0.5).astype(float)
for f in range(3):
    one = sum(ndimage.correlate(exact[..., c], filters[f, c].astype(float)[None], mode="constant") for c in range(3))
    assert np.abs(one - edges[:, f]).max() < 1e-5, np.abs(one - edges[:, f]).max()

out = edges * f32(255) + f32(128)
assert out.dtype == f32
sheet = np.clip(np.rint(out), 0, 255).astype(np.uint8).transpose(0, 2, 3, 1).reshape(n * height, width, 3)
Image.fromarray(sheet).save(os.path.join(here, "sheet.png"), optimize=True)

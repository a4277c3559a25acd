"""Noise of any level taken off a photo by one model that never saw it.

python examples/clean_a_photo.py [FILE]
"""

import sys

import numpy as np
from sklearn.datasets import load_sample_image

from thalweg.estimators import ImageDenoiser
from thalweg.gallery import quick
from thalweg.plots import draw_tiles, figure, save_figure

flower, china = (load_sample_image(name).mean(axis=2) for name in ("flower.jpg", "china.jpg"))
settings = {"width": 32, "depth": 3, "crop": 48, "n_steps": 30 if quick() else 3000}
model = ImageDenoiser(**settings, random_state=0).fit([flower, china[:, :440]])

truth = china[120:280, 460:620]
noise = np.random.default_rng(0).normal(size=truth.shape)
levels = (10, 25, 50)
noisy = [truth + sigma * noise for sigma in levels]
clean = model.project(noisy)
for sigma, before, after in zip(levels, noisy, clean, strict=True):
    was, now = (10 * np.log10(255**2 / np.mean((y - truth) ** 2)) for y in (before, after))
    seen = model.noise_level(before)[0]
    print(f"noise {sigma}, seen as {seen:.0f}: {was:.1f} dB before, {now:.1f} after")
drawn = figure(9, 6.2)
draw_tiles(
    drawn.axes[0], [np.stack(noisy), np.stack(clean)], 0, 255, ["noise", "projected"],
    title="one model for noise of 10, 25 and 50",
)  # fmt: skip
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "clean_photo.png")

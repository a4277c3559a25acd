"""Painting in what is missing of Fashion-MNIST images, beside OpenCV, scikit-image and the mean.

python benchmarks/inpainting.py [--images DIR] [--count 200] [--steps 4000] [--figure FILE]

DIR holds Fashion-MNIST's files (Debian: dataset-fashion-mnist); without it nothing is measured, and
said so. Models learn from the 60,000 training images; the holes are in test images: a block of 12 x
12 pixels, half of the 4 x 4 patches, four fifths of the pixels. Peak signal-to-noise ratio over the
missing pixels, dB, from the mean squared error of all images, and milliseconds an image.
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
from skimage.restoration import inpaint_biharmonic

from thalweg.data import read_idx
from thalweg.estimators import MaskedImageModel
from thalweg.plots import draw_images, save_figure
from thalweg.pretext import Masked, Occluded

HOLES = {
    "block": Occluded(12 / 28),
    "patches": Masked(0.5, (4, 4)),
    "pixels": Masked(0.8, (1, 1)),
}


def by_opencv(images, masks, method):
    return np.stack([
        cv2.inpaint(image, mask.astype(np.uint8), 3, method)
        for image, mask in zip(images, masks, strict=True)
    ])  # fmt: skip


def by_biharmonic(images, masks):
    filled = [
        inpaint_biharmonic(image.astype(float) / 255, mask)
        for image, mask in zip(images, masks, strict=True)
    ]
    return np.clip(255 * np.stack(filled), 0, 255)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--figure")
    options = parser.parse_args()
    folder = Path(options.images)
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        sys.stdout.write(f"skipped: {folder} does not hold Fashion-MNIST's files\n")
        return
    train = read_idx(folder / "train-images-idx3-ubyte.gz")
    test = read_idx(folder / "t10k-images-idx3-ubyte.gz")
    test = test[np.random.default_rng(0).permutation(len(test))[: options.count]]
    shared = {"pretext": "mixed", "fraction": (0.3, 0.9), "n_steps": options.steps,
              "random_state": 0}  # fmt: skip
    models = {
        "U-Net": MaskedImageModel("convolutional", width=16, depth=3, **shared),
        "transformer": MaskedImageModel("transformer", **shared),
    }
    for name, model in models.items():
        start = time.perf_counter()
        model.fit(train)
        sys.stdout.write(f"{name}: trained in {time.perf_counter() - start:.0f} s\n")
    mean = train.mean(axis=0)
    ways = {
        "mean": lambda y, m: np.where(m, mean, y),
        "OpenCV, Telea": lambda y, m: by_opencv(y, m, cv2.INPAINT_TELEA),
        "OpenCV, Navier-Stokes": lambda y, m: by_opencv(y, m, cv2.INPAINT_NS),
        "scikit-image, biharmonic": by_biharmonic,
        **{f"thalweg, {name}": model.complete for name, model in models.items()},
    }
    rows, shown = [], []
    generator = torch.Generator().manual_seed(0)
    sys.stdout.write("| missing | way | dB | ms an image |\n|---|---|---|---|\n")
    for hole, hiding in HOLES.items():
        mask = hiding(torch.from_numpy(test).float(), generator).asked.numpy()
        filled = {}
        for name, way in ways.items():
            start = time.perf_counter()
            filled[name] = way(test, mask)
            spent = 1000 * (time.perf_counter() - start) / len(test)
            error = np.square(filled[name].astype(float) - test)[mask].mean()
            line = f"| {hole} | {name} | {10 * np.log10(255**2 / error):.1f} | {spent:.1f} |"
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        seen = np.where(mask, np.nan, test.astype(float))
        rows += [seen[:10], *(filled[name][:10] for name in (
            "OpenCV, Telea", "scikit-image, biharmonic", "thalweg, U-Net"))]  # fmt: skip
        shown += [hole, "OpenCV, Telea", "biharmonic", "thalweg, U-Net"]
    if options.figure:
        figure = draw_images([*rows, test[:10]], [*shown, "truth"], 0, 255,
                             "Fashion-MNIST, held out")  # fmt: skip
        save_figure(figure, options.figure)


if __name__ == "__main__":
    main()

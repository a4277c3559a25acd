"""A denoiser of images, and one that is a step down an energy, on the twelve images of Set12.

python benchmarks/image_denoiser.py --data-dir DIR [--steps 4000] [--width 64] [--depth 5]
    [--precision bf16] [--seed 0] [--slope 0.3] [--out denoiser.png] [--keep MODEL]

DIR holds denoise/train and denoise/test (PNG); without it nothing is measured, and said so. One
model, which is not told the level of the noise, is asked at three. PSNR in dB, the mean over the
images, answers cut to 0 and 255 as the published figures are (BM3D, WNNM, DnCNN: Zhang, Zuo, Chen,
Meng, Zhang 2017, table 2). With --slope a model beside it, of as
many steps, whose denoiser is a step down the energy. With --keep the model is kept in a file, and
taken from there another time.
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import thalweg
from thalweg.estimators import ImageDenoiser
from thalweg.plots import draw_tiles, figure, save_figure

PUBLISHED = {"BM3D": (32.37, 29.97, 26.72), "WNNM": (32.70, 30.26, 27.05),
             "DnCNN, told the level": (32.86, 30.43, 27.18)}  # fmt: skip
LEVELS = (15, 25, 50)


def images(folder):
    return {p.stem: np.asarray(Image.open(p).convert("L")) for p in sorted(folder.glob("*.png"))}


def psnr(model, truth, sigma):
    """Mean over images, each with noise of a seed of its own."""
    found = []
    for seed, image in enumerate(truth.values()):
        noise = sigma * np.random.default_rng(seed).normal(size=image.shape)
        clean = np.clip(model.project(image.astype(float) + noise), 0, 255)
        found.append(10 * np.log10(255**2 / np.mean((clean - image) ** 2)))
    return float(np.mean(found))


def trained(options, train, **settings):
    begun = time.perf_counter()
    model = ImageDenoiser(
        width=options.width, depth=options.depth, n_steps=options.steps,
        precision=options.precision, random_state=options.seed, **settings,
    ).fit(train)  # fmt: skip
    return model, time.perf_counter() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--depth", type=int, default=5)
    parser.add_argument("--precision", default="no")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="denoiser.png")
    parser.add_argument("--keep")
    parser.add_argument("--slope", type=float, default=0.0)
    options = parser.parse_args()
    folder = options.data_dir and options.data_dir / "denoise"
    if not folder or not folder.is_dir():
        print("denoising left out: --data-dir with denoise/ was not given")
        return
    train, test = list(images(folder / "train").values()), images(folder / "test")
    print(
        f"{platform.machine()}, {torch.get_num_threads()} threads, {len(train)} images to learn "
        f"from, {len(test)} asked about\n\n| | seconds | 15 | 25 | 50 |\n|---|---|---|---|---|"
    )
    for name, values in PUBLISHED.items():
        print(f"| {name} (published) | | " + " | ".join(map(str, values)) + " |")
    if options.keep and Path(options.keep).exists():
        model, seconds = thalweg.load(options.keep), float("nan")
    else:
        model, seconds = trained(options, train)
        if options.keep:
            model.save(options.keep)
    ways = {"the network itself": (model, seconds)}
    if options.slope:
        ways["a step down the energy"] = trained(options, train, by_gradient=options.slope)
    for name, (way, took) in ways.items():
        found = [psnr(way, test, sigma) for sigma in LEVELS]
        print(
            f"| {name} | {took:.0f} | " + " | ".join(f"{p:.2f}" for p in found) + " |", flush=True
        )
    shown = [image[:256, :256] for image in list(test.values())[:4]]
    noisy = [x + 25 * np.random.default_rng(i).normal(size=x.shape) for i, x in enumerate(shown)]
    clean = [np.clip(model.project(y), 0, 255) for y in noisy]
    drawn = figure(12, 9.2)
    rows, labels = [np.stack(each) for each in (shown, noisy, clean)], ["image", "noise", "clean"]
    draw_tiles(drawn.axes[0], rows, 0, 255, labels, title="noise 25, and what the network leaves")
    save_figure(drawn, options.out)


if __name__ == "__main__":
    main()

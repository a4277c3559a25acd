"""A denoiser's energy as a prior: photos sharpened, filled in and enlarged by going down a sum.

python benchmarks/image_prior.py --data-dir DIR [--steps 6000] [--width 64] [--depth 5]
    [--keep MODEL] [--out prior.png]

DIR holds denoise/train and denoise/test; without it nothing is measured, and said so. One gradient
step denoiser, trained on noise alone, is F. Three tasks on the middle 192 x 192 pixels of the
twelve test images: a Gaussian blur of 1.6 pixels with noise 2 taken back, half of the pixels
missing filled in, squares of 2 x 2 pixels that were averaged told apart. ``descend`` brings
|H x - y|^2 / 2 s^2 + w F down; w, and the iterations of Richardson-Lucy, are what was best on three
images that were held back in training. PSNR in dB but for a margin of 8 pixels, the mean of all
images, beside scikit-image's Wiener and Richardson-Lucy, its biharmonic filling, and bicubic
interpolation.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from image_denoiser import images
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch.nn.functional import avg_pool2d, conv2d, pad

import thalweg
from thalweg.core import Energy
from thalweg.energies import Sum
from thalweg.estimators import ImageDenoiser
from thalweg.plots import draw_tiles, figure, save_figure
from thalweg.questions import descend
from thalweg.samplers import LBFGS

SIDE, BLUR, NOISE, MARGIN, HELD = 192, 1.6, 2.0, 8, 3
ITERATIONS = (5, 10, 20, 40)
WEIGHTS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


class Seen(Energy):
    """How far what would be seen of an image is from what was seen of it, by the noise of that."""

    def __init__(self, look, seen, sigma):
        super().__init__()
        self.look, self.seen, self.sigma = look, seen, sigma

    def forward(self, y, x=None):
        away = (self.look(y) - self.seen) / self.sigma
        return 0.5 * away.flatten(1).square().sum(dim=1)


def planes(function):
    """A function of (n, c, height, width) as one of images (n, height, width, c)."""
    return lambda y: function(y.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def blurred():
    reach = int(4 * BLUR + 0.5)
    line = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / BLUR) ** 2)
    line = line / line.sum()

    def blur(y):
        wide = pad(y, (reach,) * 4, mode="reflect")
        return conv2d(conv2d(wide, line.reshape(1, 1, 1, -1)), line.reshape(1, 1, -1, 1))

    return planes(blur)


class Task:
    """What was done to an image, how it is undone by the prior, and by others."""

    def __init__(self, name, others):
        self.name, self.others = name, others

    def look(self, y):
        return {"sharpen": blurred(), "enlarge": planes(lambda y: avg_pool2d(y, 2))}[self.name](y)

    def spoiled(self, image, seed):
        """What is left of an image, and which pixels of it are free."""
        rng, y = np.random.default_rng(seed), torch.from_numpy(image / 255).float()[None, ..., None]
        if self.name == "fill":
            return y, torch.from_numpy(rng.random(image.shape) < 0.5)[None, ..., None]
        seen = self.look(y)
        if self.name == "sharpen":
            seen = seen + NOISE / 255 * torch.from_numpy(rng.normal(size=seen.shape)).float()
        return seen, None

    def begun(self, seen, free):
        """Where the descent begins."""
        if self.name == "sharpen":
            return seen
        if self.name == "enlarge":
            small = Image.fromarray(seen[0, ..., 0].numpy())
            wide = small.resize((2 * small.width, 2 * small.height), Image.BICUBIC)
            return torch.from_numpy(np.array(wide))[None, ..., None]
        from skimage.restoration import inpaint_biharmonic

        known = torch.where(free, 0, seen)[0, ..., 0].numpy()
        filled = inpaint_biharmonic(known, free[0, ..., 0].numpy())
        return torch.where(free, torch.from_numpy(filled).float()[None, ..., None], seen)

    def undone(self, prior, seen, free, weight, steps=60):
        begun = self.begun(seen, free)
        if free is not None:
            return descend(prior, begun, free=free, max_steps=steps, method=LBFGS())
        sigma = NOISE / 255 if self.name == "sharpen" else 1 / 255
        both = Sum([Seen(self.look, seen, sigma), prior], [1.0, weight])
        return descend(both, begun, max_steps=steps, method=LBFGS())


def others_sharpen(seen):
    from skimage.restoration import richardson_lucy, unsupervised_wiener

    reach = int(4 * BLUR + 0.5)
    point = np.zeros((2 * reach + 1,) * 2)
    point[reach, reach] = 1
    point = gaussian_filter(point, BLUR)
    image = seen[0, ..., 0].numpy().astype(float)
    found = {"Wiener": unsupervised_wiener(image, point, rng=0)[0]}
    for count in ITERATIONS:
        found[f"Richardson-Lucy, {count}"] = richardson_lucy(image.clip(0, 1), point, count)
    return found


TASKS = [Task("sharpen", others_sharpen), Task("fill", None), Task("enlarge", None)]


def psnr(found, truth):
    found = np.clip(np.asarray(found, float), 0, 1)
    return 10 * np.log10(1 / np.mean((found - truth / 255)[MARGIN:-MARGIN, MARGIN:-MARGIN] ** 2))


def middle(image):
    # those held back in training are smaller
    top, left = (max(0, (extent - SIDE) // 2) for extent in image.shape)
    return image[top : top + SIDE, left : left + SIDE].astype(float)


def prior_of(options, train):
    if options.keep and Path(options.keep).exists():
        return thalweg.load(options.keep).energy_
    begun = time.perf_counter()
    model = ImageDenoiser(
        width=options.width, depth=options.depth, n_steps=options.steps, by_gradient=0.3,
        precision="bf16", random_state=0,
    ).fit(train)  # fmt: skip
    print(f"trained in {time.perf_counter() - begun:.0f} s\n")
    if options.keep:
        model.save(options.keep)
    return model.energy_


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--depth", type=int, default=5)
    parser.add_argument("--keep")
    parser.add_argument("--out", default="prior.png")
    options = parser.parse_args()
    folder = options.data_dir and options.data_dir / "denoise"
    if not folder or not folder.is_dir():
        print("left out: --data-dir with denoise/ was not given")
        return
    try:
        import skimage  # noqa: F401
    except ImportError:
        print("left out: scikit-image, which is beside it, is not installed")
        return
    train = list(images(folder / "train").values())
    train, held = train[:-HELD], [middle(each) for each in train[-HELD:]]
    test = [middle(each) for each in images(folder / "test").values()]
    prior = prior_of(options, train)
    for each in prior.parameters():
        each.requires_grad_(False)
    print("| task | way | PSNR | s an image |\n|---|---|---|---|", flush=True)
    rows = [np.stack(test[:4]) / 255]
    for task in TASKS:
        weight, left_out = best_weight(task, prior, held), others_left_out(task, held)
        found, seconds, pictures = {}, 0.0, []
        for seed, image in enumerate(test):
            seen, free = task.spoiled(image, seed)
            begun = time.perf_counter()
            ours = task.undone(prior, seen, free, weight)[0, ..., 0].numpy()
            seconds += (time.perf_counter() - begun) / len(test)
            before = task.begun(seen, free)[0, ..., 0].numpy()
            name = {"sharpen": "as it came", "fill": "biharmonic", "enlarge": "bicubic"}[task.name]
            ways = {name: before, **(task.others(seen) if task.others else {})}
            ways[f"down the sum, w = {weight:g}"] = ours
            for way, picture in ways.items():
                if way in left_out:
                    continue
                found.setdefault(way, []).append(psnr(picture, image))
            shown = before if free is None else torch.where(free, 0.5, seen)[0, ..., 0].numpy()
            pictures.append((shown, ours))
        for way, values in found.items():
            took = f"{seconds:.0f}" if way.startswith("down") else ""
            print(f"| {task.name} | {way} | {np.mean(values):.2f} | {took} |", flush=True)
        rows += [np.stack([each[i] for each in pictures[:4]]) for i in range(2)]
    words = ["image", *[word for task in TASKS for word in (f"to {task.name}", "found")]]
    drawn = figure(9, 15.5)
    draw_tiles(
        drawn.axes[0], rows, 0, 1, words, title="what a denoiser knows, beside what was seen"
    )
    save_figure(drawn, options.out)


def best_weight(task, prior, known):
    if task.name == "fill":
        return 1.0
    found = {}
    for weight in WEIGHTS:
        ends = []
        for seed, image in enumerate(known):
            seen, free = task.spoiled(image, 100 + seed)
            ends.append(psnr(task.undone(prior, seen, free, weight)[0, ..., 0], image))
        found[weight] = np.mean(ends)
    return max(found, key=found.get)


def others_left_out(task, known):
    """Of ways with a count of iterations all but the one that was best on images held back."""
    if task.others is None:
        return set()
    found = {}
    for seed, image in enumerate(known):
        for way, picture in task.others(task.spoiled(image, 100 + seed)[0]).items():
            found[way] = found.get(way, 0.0) + psnr(picture, image)
    counted = [way for way in found if "," in way]
    return set(counted) - {max(counted, key=found.get)}


if __name__ == "__main__":
    main()

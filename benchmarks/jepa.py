"""Joint-embedding predictive architectures with and without a code: what they find, what z says.

python benchmarks/jepa.py --data-dir DIR [--fashion DIR] [--steps 3000] [--seeds 0,1,2]
    [--ways A;B] [--figure jepa.png]

DIR holds mnist/mnist.npz; without it scikit-learn's digits are taken, and said so. A block at the
bottom is hidden, of .55 of the height and .75 of the width: what training hides is at most .8 of
either side. ``found``: among the blocks of 1,000 held-out images, how often the own one is nearest
to a prediction, and among the nearest ten; ties count against it. ``spread`` is the mean deviation
of their embeddings. Linear probe on the representation with the labels of 20,000 images and with 10
a class (a held-out part of the training images chooses its penalty), beside pixels, two views and
the network before training. AUROC of the energy of single images by the
volume of their embedding (``GaussianEmbedding``) against turned digits, shuffled ones and
Fashion-MNIST. Images are halved to 14 x 14 pixels. Same number of steps and images for all.
"""

import argparse
import copy
import platform
import time
from pathlib import Path

import numpy as np
import torch
from image_density import digits, odd_ones
from sklearn.metrics import roc_auc_score

from thalweg.energies import GaussianEmbedding
from thalweg.estimators import JEPA, JointEmbeddingModel
from thalweg.plots import draw_tiles, figure, save_figure
from thalweg.probe import Labelled, linear_probe, some_of_each

GALLERY, ALONE, LABELLED, VALIDATION = 1000, 300, 20_000, 2000
WAYS = {
    "one prediction, covariance": {"n_codes": 1},
    "8 codes, covariance": {"n_codes": 8},
    "one prediction, gaussian": {"n_codes": 1, "spread": "gaussian"},
    "8 codes, gaussian": {"n_codes": 8, "spread": "gaussian"},
}


def split(images):
    """What is around a block at the bottom, and the block."""
    side = images.shape[1]
    hidden = np.zeros((side, side), bool)
    wide = round(0.75 * side)
    left = (side - wide) // 2
    hidden[side - round(0.55 * side) :, left : left + wide] = True
    return np.where(hidden, np.nan, images), np.where(hidden, images, np.nan)


def found(model, images):
    """How often the own block is the nearest to a prediction, among the nearest ten; the spread."""
    around, block = split(images)
    gallery = torch.from_numpy(model.embed(block))
    away = torch.stack([
        torch.cdist(torch.from_numpy(each), gallery) for each in model.predict(around)
    ]).min(dim=0).values  # fmt: skip
    place = (away <= away.diagonal()[:, None]).sum(dim=1) - 1
    shares = (float((place < count).float().mean()) for count in (1, 10))
    return *shares, float(gallery.std(dim=0).mean())


def probes(transform, parts, seed):
    """Accuracy with all labels (of the first ones) and with ten a class."""
    known, chosen, asked = (Labelled(transform(items), labels) for items, labels in parts)
    few = some_of_each(known.labels, 10, seed)
    some = Labelled(known.items[few], known.labels[few])
    return linear_probe(known, chosen, asked), linear_probe(some, chosen, asked)


class Embedded(torch.nn.Module):
    """s of a fitted model, of rows in its units."""

    def __init__(self, energy):
        super().__init__()
        self.energy = energy

    def forward(self, y):
        return self.energy.embed(y)


def single(model, images):
    """The energy of single images by the volume of their embedding."""
    # a product of slopes of very different sizes
    alone = GaussianEmbedding(Embedded(copy.deepcopy(model.energy_.energy)).double())
    rows = model.energy_.into(torch.from_numpy(images.reshape(len(images), -1))).double()
    with torch.no_grad():
        return torch.cat([alone(part) for part in rows.split(200)]).numpy()


def halved(images):
    """14 x 14 pixels of 28 x 28; smaller ones as they are."""
    if images.shape[1] != 28:
        return images
    return images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))


def pixels(images):
    return images.reshape(len(images), -1)


def what_codes_say(model, test, train, path):
    """For each code the block of a training image that is nearest to its prediction."""
    top, shown = split(test[:10])[0], split(train[:10_000])[1]
    known = torch.from_numpy(model.embed(shown))
    nearest = [
        shown[torch.cdist(torch.from_numpy(each), known).argmin(dim=1)]
        for each in model.predict(top)
    ]
    rows = [test[:10], np.nan_to_num(top, nan=0.5)]
    rows += [np.where(np.isnan(top), each, top) for each in nearest]
    words = ["image", "given", *[f"z = {z}" for z in range(len(nearest))]]
    drawn = figure(12, 1.1 * len(rows) + 0.6)
    draw_tiles(drawn.axes[0], rows, 0, 1, words, title="what could be below, by the code")
    save_figure(drawn, path)


def made(name, seed, steps, images):
    """What represents images, and the embedding predictor, if it is one that was trained."""
    if name in WAYS:
        model = JEPA(n_steps=steps, random_state=seed, **WAYS[name]).fit(images)
        return model.transform, model
    if name == "two views":
        return JointEmbeddingModel(n_steps=steps, random_state=seed).fit(images).transform, None
    if name == "before training":
        return JEPA(n_steps=0, random_state=seed).fit(images).transform, None
    return pixels, None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--fashion", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", default="0,1,2")
    every = (*WAYS, "two views", "before training", "pixels")
    parser.add_argument("--ways", default=";".join(every))
    parser.add_argument("--figure", default="jepa.png")
    options = parser.parse_args()
    if not set(options.ways.split(";")) <= set(every):
        parser.error(f"--ways: {options.ways}; expected some of {'; '.join(every)}")
    train, labels, test, truth = digits(options.data_dir)
    whole, train, test = test[:ALONE], halved(train), halved(test)
    held = len(train) - min(VALIDATION, len(train) // 5)
    few = min(LABELLED, held)
    parts = (train[:few], labels[:few]), (train[held:], labels[held:]), (test, truth)
    others = {name: halved(each) for name, each in odd_ones(whole, options.fashion).items()}
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, {held} images, "
          f"{options.steps} steps of 256\n")  # fmt: skip
    heads = ["", "seed", "seconds", "found", "of ten", "spread", "linear", "linear 10", *others]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)

    for seed in map(int, options.seeds.split(",")):
        for name in options.ways.split(";"):
            begun = time.perf_counter()
            transform, model = made(name, seed, options.steps, train[:held])
            seconds = time.perf_counter() - begun
            cells = [f"{each:.3f}" for each in found(model, test[:GALLERY])] if model else 3 * [""]
            cells += [f"{each:.3f}" for each in probes(transform, parts, seed)]
            if model:
                inside = single(model, test[:ALONE])
                for other in others.values():
                    marks = np.r_[np.zeros(len(inside)), np.ones(len(other))]
                    cells.append(f"{roc_auc_score(marks, np.r_[inside, single(model, other)]):.3f}")
                if model.n_codes > 1 and not Path(options.figure).exists():
                    what_codes_say(model, test, train[:held], options.figure)
            print(f"| {name} | {seed} | {seconds:.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()

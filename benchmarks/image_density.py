"""Digits painted by energies: how sure a classifier is of them, what they cover, what is odd.

python benchmarks/image_density.py --data-dir DIR [--fashion DIR] [--ways A,B] [--steps 9000]
    [--width 48] [--depth 2] [--precision bf16] [--seed 0] [--draws 1000] [--keep FOLDER]
    [--figures FOLDER]

DIR holds mnist/mnist.npz; without it scikit-learn's digits are taken, and said so. A classifier is
trained on real digits. Of 1,000 draws: its mean confidence, the share of the rarest class, and
precision and recall in its features (nearest 3 of 2,000 real images; Kynkaanniemi, Karras, Laine,
Lehtinen, Aila 2019). AUROC of the energy of held-out digits against Fashion-MNIST (Debian:
dataset-fashion-mnist), and against the same digits turned by 90 degrees and with their sixteen
parts shuffled. With a lower half hidden: share of draws that the classifier gives the digit's own
label, and squared error of the best of ten against that of their mean, beside how sharp they are
(the mean slope between neighbouring pixels, that of the images 1).
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import nn

import thalweg
from thalweg import questions
from thalweg.data import read_idx
from thalweg.estimators import BernoulliRBM, GaussianMixture, ImageDensity, VariationalAutoencoder
from thalweg.plots import draw_tiles, figure, save_figure

K, REAL, HALVED, SEVERAL = 3, 2000, 30, 10
TIMES = (6, 12, 18, 24, 30, 40)


PEERS = {
    "mixture": lambda seed: GaussianMixture(100, covariance_type="diag", random_state=seed),
    "variational autoencoder": lambda seed: VariationalAutoencoder(
        16, hidden=(512, 512), n_steps=5000, random_state=seed
    ),
    "restricted Boltzmann machine": lambda seed: BernoulliRBM(500, n_steps=5000, random_state=seed),
}
WAYS = ("score matching by scales", "persistent contrastive divergence", *PEERS)


class Classifier:
    """A small convolutional network, trained on real digits."""

    def __init__(self, images, labels, steps=1500):
        torch.manual_seed(0)
        side = images.shape[1]
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(64 * (side // 4) ** 2, 128), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(128, 10)
        both = [*self.body.parameters(), *self.head.parameters()]
        optimizer = torch.optim.Adam(both, 1e-3)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        y = torch.from_numpy(labels.astype(np.int64))
        for _ in range(steps):
            index = torch.randint(len(images), (128,))
            batch = self.prepared(images[index.numpy()])
            loss = nn.functional.cross_entropy(self.head(self.body(batch)), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    @staticmethod
    def prepared(images):
        return torch.from_numpy(np.asarray(images, np.float32))[:, None].clamp(0, 1)

    @torch.no_grad()
    def features(self, images):
        return torch.cat([self.body(part) for part in self.prepared(images).split(1000)])

    @torch.no_grad()
    def shares(self, images):
        return self.head(self.features(images)).softmax(dim=1).numpy()


def covered(found, by):
    """Share of features that lie within the K-th neighbour's distance of one of the others."""
    reach = torch.cdist(by, by).kthvalue(K + 1, dim=1).values
    return float((torch.cdist(found, by) <= reach).any(dim=1).float().mean())


def sharpness(images):
    return float(np.abs(np.diff(images, axis=-1)).mean() + np.abs(np.diff(images, axis=-2)).mean())


def shuffled(images, seed=0):
    side = images.shape[1] // 4 * 4
    step, rng = side // 4, np.random.default_rng(seed)
    parts = images[:, :side, :side].reshape(-1, 4, step, 4, step).transpose(0, 1, 3, 2, 4)
    parts = parts.reshape(len(images), 16, step, step)
    mixed = np.stack([each[rng.permutation(16)] for each in parts])
    result = images.copy()
    result[:, :side, :side] = (
        mixed.reshape(-1, 4, 4, step, step).transpose(0, 1, 3, 2, 4).reshape(-1, side, side)
    )
    return result


class Flat:
    """A model of rows, asked about images."""

    def __init__(self, model, side, binary=False):
        self.model, self.side, self.binary = model, side, binary

    def rows(self, images):
        rows = images.reshape(len(images), -1)
        return (rows > 0.5).astype(np.float32) if self.binary else rows

    def fit(self, images):
        self.model.fit(self.rows(images))
        return self

    def energy(self, images):
        return self.model.energy(self.rows(images))

    def sample(self, n, random_state):
        drawn = self.model.sample(n, random_state=random_state)
        return np.asarray(drawn).reshape(n, self.side, self.side)


def made(way, options, side):
    seed = options.seed
    if way == "score matching by scales":
        return ImageDensity(
            width=options.width, depth=options.depth, n_steps=options.steps,
            precision=options.precision, random_state=seed, verbose=1,
        )  # fmt: skip
    if way == "persistent contrastive divergence":
        steps = options.chain_steps or options.steps
        return ImageDensity("persistent-contrastive-divergence", n_steps=steps, random_state=seed)
    return Flat(PEERS[way](seed), side, binary=way == "restricted Boltzmann machine")


def told_apart(model, digits, others, **asked):
    inside = model.energy(digits, **asked)
    found = []
    for other in others:
        outside = model.energy(other, **asked)
        labels = np.r_[np.zeros(len(inside)), np.ones(len(outside))]
        found.append(roc_auc_score(labels, np.minimum(np.r_[inside, outside], 1e30)))
    return found


def completed(model, images, labels, classifier):
    """What becomes of lower halves: shares, errors, sharpness."""
    half = images.shape[1] // 2
    holed = images.copy()
    holed[:, half:] = np.nan
    drawn = np.clip(model.complete(holed, draws=SEVERAL, random_state=0), 0, 1)
    own = np.mean([classifier.shares(each).argmax(axis=1) == labels for each in drawn])
    errors = np.square(drawn - images)[:, :, half:].mean(axis=(2, 3))
    mean = np.square(drawn.mean(axis=0) - images)[:, half:].mean(axis=(1, 2))
    truth = sharpness(images[:, half:])
    return drawn, (
        f"| {own:.3f} | {errors.min(axis=0).mean():.4f} | {errors.mean():.4f} | {mean.mean():.4f} "
        f"| {sharpness(drawn[:, :, half:]) / truth:.2f} "
        f"| {sharpness(drawn.mean(axis=0)[:, half:]) / truth:.2f} |"
    )


def over_time(model, n=10):
    """The same chains as they are at several times, and the times."""
    if model.starts_ is not None:
        times = (2, 20, 100, 400, 1000)
        return [model.sample(n, 0, n_steps=each) for each in times], times
    energy, rescaled = model.energy_.energy.energy, model.energy_
    scales, seen = questions.scales_between(model._largest, 0.02, 40), []
    for count in TIMES:
        blank = torch.full((n, model.n_features_in_), torch.nan)
        generator = torch.Generator().manual_seed(0)
        drawn = questions.draw_by_scales(energy, blank, scales[:count], generator)
        seen.append(rescaled.out(drawn).numpy().reshape(n, *model.shape_[:2]))
    return seen, [f"{float(scales[i - 1]):.2g}" for i in TIMES]


def drawn_figure(rows, labels, title, path):
    shown = figure(12, 1.1 * len(rows) + 0.6)
    draw_tiles(shown.axes[0], rows, 0, 1, labels, title=title)
    save_figure(shown, str(path))


def digits(folder):
    """Images to learn from and held out, from 0 to 1, and their labels."""
    path = folder and folder / "mnist" / "mnist.npz"
    if path and path.exists():
        with np.load(path) as data:
            x, y = (np.concatenate([data[f"{n}_train"], data[f"{n}_test"]]) for n in "xy")
        images, first = x.astype(np.float32) / 255, 60_000
    else:
        print("MNIST left out: --data-dir with mnist/mnist.npz was not given; 8 x 8 digits instead")
        found = load_digits()
        images, y, first = (found.images / 16).astype(np.float32), found.target, 1400
    return images[:first], y[:first], images[first:], y[first:]


def odd_ones(test, fashion):
    """What is no digit, by name."""
    others = {"turned": np.rot90(test, axes=(1, 2)).copy(), "shuffled": shuffled(test)}
    clothes = fashion / "t10k-images-idx3-ubyte.gz"
    if test.shape[1] == 28 and clothes.exists():
        return {"clothes": read_idx(clothes)[: len(test)].astype(np.float32) / 255, **others}
    print("Fashion-MNIST left out: its files are not there, or digits are of another size\n")
    return others


class Table:
    """A row for each way to paint digits."""

    def __init__(self, classifier, real, others):
        self.classifier, self.real, self.others = classifier, classifier.features(real), others
        heads = ["", "seconds", "sure", "rarest", "precision", "recall", "to draw", *others]
        print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))

    def row(self, name, drawn, seconds=0.0, took=0.0, apart=()):
        shares, features = self.classifier.shares(drawn), self.classifier.features(drawn)
        rarest = np.bincount(shares.argmax(axis=1), minlength=10).min() / len(drawn)
        cells = [
            f"{seconds:.0f}", f"{shares.max(axis=1).mean():.3f}", f"{rarest:.3f}",
            f"{covered(features, self.real):.3f}", f"{covered(self.real, features):.3f}",
            f"{took:.0f}", *(f"{each:.3f}" for each in apart),
        ]  # fmt: skip
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def trained(way, options, train):
    """The model, kept or trained, and the seconds of it."""
    said = f"{options.steps}_{options.chain_steps}_{options.width}_{options.depth}_{options.seed}"
    kept = options.keep and options.keep / f"{way.replace(' ', '_')}_{said}.st"
    if kept and kept.exists():
        return thalweg.load(kept), float("nan")
    begun = time.perf_counter()
    model = made(way, options, train.shape[1]).fit(train)
    if kept and isinstance(model, ImageDensity):
        options.keep.mkdir(exist_ok=True)
        model.save(kept)
    return model, time.perf_counter() - begun


def figures(folder, way, model, test, filled):
    """Completions of lower halves, and chains over time."""
    name, holed = way.replace(" ", "_"), test[:10].copy()
    holed[:, test.shape[1] // 2 :] = 0.5
    words = ["image", "given", *[f"draw {i + 1}" for i in range(5)]]
    rows = [test[:10], holed, *filled[:5, :10]]
    drawn_figure(rows, words, f"lower halves: {way}", folder / f"{name}_halves.png")
    seen, times = over_time(model)
    drawn_figure(
        seen, [str(each) for each in times], f"chains: {way}", folder / f"{name}_chains.png"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--fashion", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--chain-steps", type=int)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--figures", type=Path)
    options = parser.parse_args()
    train, labels, test, truth = digits(options.data_dir)
    classifier = Classifier(train, labels)
    right = (classifier.shares(test).argmax(axis=1) == truth).mean()
    print(
        f"{platform.machine()}, {torch.get_num_threads()} threads, {len(train)} images; the "
        f"classifier is right about {right:.1%} of held-out ones\n"
    )
    # real ones that draws are held against, and others that are held against them
    real = test[: min(REAL, len(test) // 2)]
    table = Table(classifier, real, odd_ones(real, options.fashion))
    table.row("held-out images", test[len(real) :][: options.draws])
    halves = {}
    for way in options.ways.split(","):
        model, seconds = trained(way, options, train)
        begun = time.perf_counter()
        # no classifier should judge by what is blacker than black
        drawn = np.clip(model.sample(options.draws, random_state=0), 0, 1)
        took = time.perf_counter() - begun
        apart = told_apart(model, real, table.others.values())
        table.row(way, drawn, seconds, took, apart)
        if way == "score matching by scales":
            for scale in (0.3, 1.0, 2.5):
                found = told_apart(model, real, table.others.values(), scale=scale)
                print(f"energy at scale {scale}: " + ", ".join(f"{each:.3f}" for each in found))
        if isinstance(model, ImageDensity):
            filled, halves[way] = completed(model, test[:HALVED], truth[:HALVED], classifier)
        if options.figures:
            options.figures.mkdir(exist_ok=True)
            tiles = [drawn[i : i + 10] for i in range(0, 80, 10)]
            name = way.replace(" ", "_")
            drawn_figure(tiles, [""] * 8, f"draws: {way}", options.figures / f"{name}.png")
            if isinstance(model, ImageDensity):
                figures(options.figures, way, model, test, filled)
    print("\n| lower half hidden | own label | best of ten | each | their mean | sharp | mean "
          "sharp |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for way, line in halves.items():
        print(f"| {way} {line}")


if __name__ == "__main__":
    main()

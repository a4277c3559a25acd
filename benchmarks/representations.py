"""What representations learned without labels are worth: probes on Fashion-MNIST and on digits.

python benchmarks/representations.py run [--set fashion|digits|others] [--seeds 0,1,2]
    [--ways A,B] [--steps 1500] [--images DIR] >> results.jsonl
python benchmarks/representations.py table results.jsonl

``run`` prints a line of JSON for every way and seed; ``table`` makes the table. DIR holds
Fashion-MNIST's files (Debian: dataset-fashion-mnist); without it that set is skipped, and said so.
The last 5,000 training images (digits: 297 of 1,797) choose the probes' settings, the test images
are looked at once. A seed settles pretraining and which labels are used. All networks see the same
number of images in pretraining; the convolutional ones are one architecture, that of supervised
training too. Fine-tuning takes 150, 300 and 600 steps of 64 with 10, 100 and 1,000 labels a class;
the transformer is not tuned, which takes hours on two cores.

``--set others`` holds them against supervised pretraining: what is asked about are five classes of
Fashion-MNIST, sandals, shirts, sneakers, bags and boots; the encoder beside them was trained with
all labels of the other five, the ways without labels on the images of all ten.

Columns: linear probe and nearest neighbours with all labels; linear probe and fine-tuning with 10,
100 and 1,000 labels a class.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

from thalweg.core import Batch, Energy
from thalweg.data import Shuffled, as_images, random_positions, read_idx
from thalweg.energies import ConvolutionalInpainter
from thalweg.energies.inpainting import Encoding
from thalweg.estimators import (
    JEPA,
    JointEmbeddingModel,
    KMeans,
    MaskedImageModel,
    SparseCoding,
)
from thalweg.objectives import Denoising
from thalweg.pretext import AddedNoise
from thalweg.probe import Labelled, fine_tune, linear_probe, neighbour_probe, some_of_each
from thalweg.training import Recipe, adam, learn

STEPS, BATCH, RATE = 1500, 128, 0.002
CONVOLUTIONAL = {"width": 16, "depth": 2}
NEIGHBOURS_OF = 20_000
ASKED = (5, 6, 7, 8, 9)
"""Classes of Fashion-MNIST that are asked about where the others are supervised"""

TUNING = {10: 150, 50: 200, 100: 300, 1000: 600}


class Restored(Energy):
    """How far a network that was trained to take noise away moves an image."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def reconstruct(self, y, x=None):
        return self.network(torch.cat([y, torch.ones_like(y)], dim=1))

    def forward(self, y, x=None):
        return (y - self.reconstruct(y)).square().sum(dim=1)


class Encoded:
    """What has an encoder of its own, ``found``."""

    def encoder(self):
        return self.found

    @torch.no_grad()
    def transform(self, images):
        rows = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))
        return np.concatenate([self.found(part).numpy() for part in rows.split(500)])


class Supervised(Encoded):
    """The convolutional network trained to tell the classes of other images, with all labels."""

    def __init__(self, items, labels, steps, seed):
        self.items, self.labels, self.steps, self.seed = items, labels, steps, seed

    def fit(self, images):
        source = as_images(self.items)
        mean, spread = float(self.items.mean()), float(self.items.std())
        generator = torch.Generator().manual_seed(self.seed)
        network = ConvolutionalInpainter(source.shape, **CONVOLUTIONAL, generator=generator)
        units = torch.full((source.n_columns,), mean), torch.full((source.n_columns,), spread)
        encoder = Encoding(network, *units, layers=True)
        kinds, target = np.unique(self.labels, return_inverse=True)
        head = torch.nn.LazyLinear(len(kinds))
        head(encoder(torch.from_numpy(source.take(np.arange(2)))))
        optimizer, schedule = adam(
            [{"params": [*network.parameters(), *head.parameters()], "lr": RATE}], self.steps
        )
        for index in random_positions(len(source), BATCH, self.steps, generator):
            guessed = head(encoder(torch.from_numpy(source.take(index))))
            loss = torch.nn.functional.cross_entropy(guessed, torch.from_numpy(target[index]))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
        self.found = encoder.eval()
        return self


class Denoised(Encoded):
    """The convolutional network trained on images with noise as strong as they are."""

    def __init__(self, steps, seed):
        self.steps, self.seed = steps, seed

    def fit(self, images):
        source = as_images(images)
        mean, spread = float(images.mean()), float(images.std())
        generator = torch.Generator().manual_seed(self.seed)
        network = ConvolutionalInpainter(source.shape, **CONVOLUTIONAL, generator=generator)
        order = Shuffled(len(source), BATCH, self.steps, torch.Generator().manual_seed(self.seed))
        learn(
            Restored(network), Denoising(AddedNoise(1.0)),
            lambda index: Batch((torch.from_numpy(source.take(index)) - mean) / spread),
            order, Recipe(self.steps, RATE), generator, title="denoising",
        )  # fmt: skip
        units = torch.full((source.n_columns,), mean), torch.full((source.n_columns,), spread)
        self.found = Encoding(network, *units, layers=True).eval()
        return self


class Patches:
    """Codes of small patches, whitened, averaged over the quarters of an image.

    Coates, Ng, Lee, "An analysis of single-layer networks in unsupervised feature learning" (2011):
    of K-means the distances below the mean one, of sparse coding the codes of either sign.
    """

    def __init__(self, kind, seed, side, count=200):
        self.kind, self.seed, self.side, self.count = kind, seed, side, count

    def fit(self, images):
        random = np.random.default_rng(self.seed)
        which = random.integers(0, len(images), 20_000)
        every = self._patches(images[which])
        rows = every[np.arange(len(which)), random.integers(0, every.shape[1], len(which))]
        rows = self._even(rows)
        self.mean = rows.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov((rows - self.mean).T))
        self.white = vectors / np.sqrt(values + 0.1) @ vectors.T
        rows = (rows - self.mean) @ self.white
        if self.kind == "kmeans":
            model = KMeans(self.count, n_init=1, random_state=self.seed).fit(rows)
            self.centres = model.cluster_centers_
        else:
            self.model = SparseCoding(
                self.count, alpha=0.5, max_iter=5, random_state=self.seed
            ).fit(rows[:5000])  # fmt: skip
        return self

    def _patches(self, images):
        views = np.lib.stride_tricks.sliding_window_view(
            images.astype(np.float32), (self.side, self.side), axis=(1, 2)
        )
        step = 2 if images.shape[1] > 16 else 1
        views = views[:, ::step, ::step]
        self.grid = views.shape[1]
        return views.reshape(len(images), self.grid**2, -1)

    def _even(self, rows):
        """Brightness and contrast taken out of each patch."""
        rows = rows - rows.mean(axis=-1, keepdims=True)
        return rows / np.sqrt(rows.var(axis=-1, keepdims=True) + 10.0)

    def transform(self, images):
        return np.concatenate([
            self._features(images[start : start + 250]) for start in range(0, len(images), 250)
        ])  # fmt: skip

    def _features(self, images):
        rows = (self._even(self._patches(images)) - self.mean) @ self.white
        flat = rows.reshape(-1, rows.shape[-1])
        if self.kind == "kmeans":
            square = (flat**2).sum(1, keepdims=True) - 2 * flat @ self.centres.T
            away = np.sqrt(np.maximum(square + (self.centres**2).sum(1), 0))
            codes = np.maximum(0, away.mean(axis=1, keepdims=True) - away)
        else:
            found = self.model.transform(flat)
            codes = np.concatenate([np.maximum(found, 0), np.maximum(-found, 0)], axis=1)
        maps = codes.reshape(len(images), self.grid, self.grid, -1)
        half = (self.grid + 1) // 2
        parts = [
            maps[:, rows, columns].mean(axis=(1, 2))
            for rows in (slice(half), slice(half, None))
            for columns in (slice(half), slice(half, None))
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)


class Pixels:
    """No representation."""

    def fit(self, images):
        return self

    def transform(self, images):
        return images.reshape(len(images), -1).astype(np.float32)


def ways(name, seed, steps=None, labelled=None):
    small = name == "digits"
    patch = 2 if small else 4
    shared = {"patch": patch, "batch_size": BATCH, "learning_rate": RATE, "random_state": seed}
    steps = steps or (1000 if small else STEPS)
    convolutional = shared | CONVOLUTIONAL | {"network": "convolutional"}
    side = 3 if small else 6
    others = {}
    if labelled is not None:
        others["supervised, the other classes"] = Supervised(*labelled, steps, seed)
    return others | {
        "joint prediction, convolutional": JEPA(
            n_steps=steps, **(convolutional | {"batch_size": BATCH})
        ),
        "masked, transformer": MaskedImageModel(n_steps=steps, **shared),
        "masked, convolutional": MaskedImageModel(n_steps=steps, **convolutional),
        "occluded, convolutional": MaskedImageModel(
            pretext="occluded", n_steps=steps, **convolutional
        ),
        "denoising, convolutional": Denoised(steps, seed),
        "joint embedding, convolutional": JointEmbeddingModel(n_steps=steps, **convolutional),
        "K-means of patches": Patches("kmeans", seed, side),
        "K-means of patches (800)": Patches("kmeans", seed, side, 800),
        "sparse coding of patches": Patches("sparse", seed, side, 100),
        "random, transformer": MaskedImageModel(n_steps=0, **shared),
        "random, convolutional (supervised when tuned)": MaskedImageModel(
            n_steps=0, **convolutional
        ),
        "pixels": Pixels(),
    }  # fmt: skip


def fashion(folder):
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        sys.stderr.write(f"skipped: {folder} does not hold Fashion-MNIST's files\n")
        sys.exit(0)
    images = [read_idx(folder / f"{part}-images-idx3-ubyte.gz") for part in ("train", "t10k")]
    labels = [read_idx(folder / f"{part}-labels-idx1-ubyte.gz") for part in ("train", "t10k")]
    return (
        Labelled(images[0][:55_000], labels[0][:55_000]),
        Labelled(images[0][55_000:], labels[0][55_000:]),
        Labelled(images[1], labels[1]),
    )


def other_classes(parts):
    """Parts with the classes that are asked about alone, and the training items of the others."""

    def of(part, kept):
        return Labelled(part.items[kept], part.labels[kept])

    asked = tuple(of(part, np.isin(part.labels, ASKED)) for part in parts)
    return asked, of(parts[0], ~np.isin(parts[0].labels, ASKED))


def digits():
    data = load_digits()
    images = data.images.astype(np.float32)
    order = np.random.default_rng(0).permutation(len(images))
    parts = order[:1000], order[1000:1297], order[1297:]
    return tuple(Labelled(images[part], data.target[part]) for part in parts)


def measured(model, parts, seed, counts):
    features = [Labelled(model.transform(part.items), part.labels) for part in parts]
    train, validation, test = features
    result = {"size": train.items.shape[1], "linear": linear_probe(*features)}
    few = Labelled(train.items[:NEIGHBOURS_OF], train.labels[:NEIGHBOURS_OF])
    result["neighbours"] = neighbour_probe(few, validation, test)
    rows = [
        Labelled(part.items.reshape(len(part.items), -1).astype(np.float32), part.labels)
        for part in parts
    ]
    # tuning looks at the validation part after every training: some of it is enough
    some = Labelled(rows[1].items[:1000], rows[1].labels[:1000])
    for count in counts:
        chosen = some_of_each(train.labels, count, seed)
        known = Labelled(train.items[chosen], train.labels[chosen])
        result[f"linear {count}"] = linear_probe(known, validation, test)
        if getattr(model, "network", "convolutional") == "convolutional" and hasattr(
            model, "encoder"
        ):
            known = Labelled(rows[0].items[chosen], rows[0].labels[chosen])
            result[f"tuned {count}"] = fine_tune(
                model.encoder(),
                known,
                some,
                rows[2],
                n_steps=TUNING[count],
                random_state=seed,
            )
    return result


def run(options):
    if options.set == "digits":
        parts, counts = digits(), (10, 50)
    else:
        parts, counts = fashion(Path(options.images)), (10, 100, 1000)
    every, labelled = parts[0].items, None
    if options.set == "others":
        parts, labelled = other_classes(parts)
    for seed in map(int, options.seeds.split(",")):
        for name, model in ways(options.set, seed, options.steps, labelled).items():
            if options.ways and not any(name.startswith(way) for way in options.ways.split(",")):
                continue
            start = time.perf_counter()
            model.fit(every)
            trained = time.perf_counter() - start
            found = measured(model, parts, seed, counts)
            line = {"set": options.set, "way": name, "seed": seed, "seconds": trained, **found,
                    "probes": time.perf_counter() - start - trained}  # fmt: skip
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()


def table(options):
    lines = [json.loads(line) for line in Path(options.file).read_text().splitlines()]
    for name in dict.fromkeys(line["set"] for line in lines):
        here = [line for line in lines if line["set"] == name]
        known = {"set", "way", "seed", "seconds", "size", "probes"}
        columns = [key for key in max(here, key=len) if key not in known]
        sys.stdout.write(f"\n| {name} | seeds | size | s | " + " | ".join(columns) + " |\n")
        sys.stdout.write("|---" * (len(columns) + 4) + "|\n")
        for way in dict.fromkeys(line["way"] for line in here):
            rows = [line for line in here if line["way"] == way]
            cells = [
                f"{np.mean([row[key] for row in rows]):.3f} +- "
                f"{np.std([row[key] for row in rows]):.3f}" if key in rows[0] else ""
                for key in columns
            ]  # fmt: skip
            seconds = np.mean([row["seconds"] for row in rows])
            head = f"| {way} | {len(rows)} | {rows[0]['size']} | {seconds:.0f} | "
            sys.stdout.write(head + " | ".join(cells) + " |\n")


def main():
    parser = argparse.ArgumentParser()
    verbs = parser.add_subparsers(dest="verb", required=True)
    runs = verbs.add_parser("run")
    runs.add_argument("--set", choices=("fashion", "digits", "others"), default="fashion")
    runs.add_argument("--seeds", default="0,1,2")
    runs.add_argument("--ways", default="")
    runs.add_argument("--steps", type=int)
    runs.add_argument("--images", default="/usr/share/datasets/fashion-mnist")
    tables = verbs.add_parser("table")
    tables.add_argument("file")
    options = parser.parse_args()
    (run if options.verb == "run" else table)(options)


if __name__ == "__main__":
    main()

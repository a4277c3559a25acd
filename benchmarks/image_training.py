"""Training on images and clips: throughput beside a plain PyTorch loop, and memory from disk.

python benchmarks/image_training.py speed [--repeat 5] [--steps 60]
python benchmarks/image_training.py disk [--files 100000] [--steps 300] [--folder DIR]

``speed`` trains the same network on the same batches by ``fit`` of the library and by a loop
written out in PyTorch (same hiding, loss and optimizer), by turns, and prints items a second,
medians, and what fit adds. ``disk`` writes a folder of PNG files, trains a masked model on it in a
process of its own, and prints the peak of that process's memory.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from thalweg.core import Batch
from thalweg.data import Shuffled, as_images, turning_digits
from thalweg.energies import (
    ClipShape,
    ConvolutionalInpainter,
    FrameNetwork,
    FramePrediction,
    GaussianNoise,
    MaskedPrediction,
    PatchTransformer,
)
from thalweg.estimators import MaskedImageModel
from thalweg.latents import Exhaustive, FreeEnergy, OneHot
from thalweg.objectives import Denoising, RelaxedPushDown
from thalweg.pretext import Masked, Shaped
from thalweg.training import Recipe, learn

BATCH = 128
CLIPS = 32


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def by_fit(energy, objective, take, n, batch, steps):
    learn(energy, objective, take, Shuffled(n, batch, steps, seeded()), Recipe(steps, 1e-3),
        seeded(1), title="speed")  # fmt: skip


def plain(module, loss_of, n, batch, steps):
    optimizer = torch.optim.Adam(module.parameters(), 1e-3, fused=True)
    order, generator = torch.randperm(n, generator=seeded()), seeded(1)
    for i in range(steps):
        start = i * batch % (n - batch)
        loss = loss_of(order[start : start + batch], generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


def images(network):
    """A masked model of 28 x 28 images."""
    rows = np.random.default_rng(0).random((8192, 28, 28), dtype=np.float32)
    source, flat = as_images(rows), torch.from_numpy(rows).flatten(1)
    hide = Shaped(Masked(0.75, (4, 4)), source.shape)

    def ours(steps):
        energy = MaskedPrediction(network, source.n_columns)
        by_fit(energy, Denoising(hide), lambda i: Batch(torch.from_numpy(source.take(i))),
               len(rows), BATCH, steps)  # fmt: skip

    def loss_of(index, generator):
        y = flat[index]
        spoiled = hide(y, generator)
        seen = ~spoiled.y.isnan()
        made = network(torch.cat([spoiled.y.nan_to_num(), seen.float()], dim=1))
        return ((made - y) * spoiled.asked).square().sum(dim=1).mean()

    return ours, lambda steps: plain(network, loss_of, len(rows), BATCH, steps), BATCH


def frames():
    """The discrete next frame, 16 codes, 32 x 32 pixels; four frames and the one that follows."""
    digits = np.random.default_rng(0).integers(0, 255, (20, 14, 14), dtype=np.uint8)
    clips = turning_digits(digits, 600, seeded(), length=5).frames
    rows = torch.from_numpy(clips).float().flatten(1) / 255
    shape = ClipShape(32, 32, 1, 4, 1)
    x, y = rows[:, : 4 * shape.frame], rows[:, 4 * shape.frame :]
    network = FrameNetwork(shape, 16, 48, generator=seeded())
    energy = FreeEnergy(FramePrediction(network, OneHot(16), GaussianNoise(0.3)), Exhaustive())
    log_sigma, codes = energy.energy.cost.log_sigma, torch.eye(16)

    def ours(steps):
        by_fit(energy, RelaxedPushDown(0.0), lambda i: Batch(y[i], x[i]), len(rows), CLIPS, steps)

    def loss_of(index, generator):
        context, target = x[index], y[index]
        state, near = network.state(context), network.near(context)
        share = network.log_share(context)

        def cost(z):
            square = (target - network.from_state(z, state, near)).square().sum(dim=1)
            scale = 0.5 * torch.exp(-2 * log_sigma)
            return scale * square + shape.frame * (log_sigma + 0.5 * np.log(2 * np.pi))

        with torch.no_grad():
            every = torch.stack([cost(code[None]) for code in codes])
            best = codes[(every - share.T).argmin(dim=0)]
        return (cost(best) - (best * share).sum(dim=1)).mean()

    return ours, lambda steps: plain(energy, loss_of, len(rows), CLIPS, steps), CLIPS


def speed(options):
    shape = (28, 28, 1)
    cases = {
        "masked images, transformer": images(PatchTransformer(shape, generator=seeded())),
        "masked images, convolutional": images(
            ConvolutionalInpainter(shape, 16, generator=seeded())
        ),
        "next frame, 16 codes": frames(),
    }
    sys.stdout.write(f"{torch.get_num_threads()} threads\n")
    sys.stdout.write(
        "| training | thalweg, a second | plain loop | overhead |\n|---|---|---|---|\n"
    )
    for name, (ours, theirs, batch) in cases.items():
        for each in (ours, theirs):
            each(3)
        times = {ours: [], theirs: []}
        for i in range(options.repeat):
            for each in (ours, theirs) if i % 2 else (theirs, ours):
                start = time.perf_counter()
                each(options.steps)
                times[each].append(time.perf_counter() - start)
        one, other = np.median(times[ours]), np.median(times[theirs])
        count = batch * options.steps
        sys.stdout.write(
            f"| {name} | {count / one:.0f} | {count / other:.0f} | {one / other - 1:+.1%} |\n"
        )
        sys.stdout.flush()


def written(folder, count):
    random = np.random.default_rng(0)
    for i in range(count):
        place = folder / f"{i // 1000:03}"
        if i % 1000 == 0:
            place.mkdir(parents=True, exist_ok=True)
        image = np.outer(random.integers(0, 16, 28), random.integers(0, 16, 28)).astype(np.uint8)
        Image.fromarray(image).save(place / f"{i:06}.png", compress_level=1)


def disk(options):
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        start = time.perf_counter()
        written(Path(name), options.files)
        sys.stdout.write(f"{options.files} files written in {time.perf_counter() - start:.0f} s\n")
        sys.stdout.flush()
        command = [sys.executable, __file__, "train", "--folder", name, "--steps",
                   str(options.steps)]  # fmt: skip
        subprocess.run(command, check=True, env=os.environ)


def train(options):
    start = time.perf_counter()
    MaskedImageModel(
        "convolutional", width=16, depth=2, n_steps=options.steps, random_state=0
    ).fit(options.folder)  # fmt: skip
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rate = options.steps * BATCH / spent
    sys.stdout.write(
        f"{options.steps} steps of {BATCH} in {spent:.0f} s with the first pass over all files "
        f"({rate:.0f} images a second), peak memory {peak:.2f} GiB\n"
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("speed", "disk", "train"))
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder")
    options = parser.parse_args()
    {"speed": speed, "disk": disk, "train": train}[options.what](options)


if __name__ == "__main__":
    main()

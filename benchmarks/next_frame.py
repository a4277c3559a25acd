"""The next frame with and without a latent variable: error, sharpness, futures covered.

python benchmarks/next_frame.py turning [--mnist FILE] [--steps 2000] [--ways A,B] [--figure FILE]
    [--gif FILE]
python benchmarks/next_frame.py moving [--mnist FILE] [--steps 600] [--ways A,B]
python benchmarks/next_frame.py clip --video FILE [--steps 600] [--ways A,B]
python benchmarks/next_frame.py behind [--steps 1500]
python benchmarks/next_frame.py panning [--steps 1500] [--seed 0]

``turning``: digits (of MNIST at FILE, halved to 14 pixels, else scikit-learn's) that take a new
direction, one of eight, every third frame; what follows on a turn is asked. ``moving``: Moving
MNIST, two digits of 28 pixels in 64 x 64. ``clip``: a real one, in grey, 64 x 64 pixels; it learns
from the first 80% of the frames. Held-out sequences; pixels are 0 to 255. Sharpness is the energy
of the gradient over that of the real frames. A true mode is covered where a prediction is nearer to
it than half of the way to the next true mode. ``behind``: a disc passes behind a bar; ridge
regression tells where its middle is while all of it is hidden, from the predictor's state or from
the pixels that the predictor saw. ``panning``: a camera goes past layers of three depths, random
texture on all of them; ridge regression tells how far away each square of 4 x 4 pixels is, R2 on
clips that were not seen, from the predictor's state there or from the pixels around it.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import Ridge

from thalweg.data import moving_digits, panning, passing_behind, read_clip, turning_digits
from thalweg.estimators import NextFrame
from thalweg.plots import draw_images, save_figure

CONTEXT = 4
FUTURES = 10
WAYS = {
    "least squares": {"latent": None},
    "discrete": {"latent": "discrete"},
    "discrete in 4 x 4 places": {"latent": "discrete", "places": 4},
    "continuous": {"latent": "continuous", "n_components": 8},
}


def sprites(file, halved):
    if file and Path(file).is_file():
        with np.load(file) as data:
            train, test = data["x_train"][:10_000], data["x_test"][:1000]
        if halved:
            train, test = (
                part.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)).round().astype(np.uint8)
                for part in (train, test)
            )
        return train, test
    sys.stdout.write("MNIST is not there: scikit-learn's digits, doubled to 16 pixels\n")
    digits = (15 * load_digits().images).astype(np.uint8).repeat(2, axis=1).repeat(2, axis=2)
    return digits[:1400], digits[1400:]


def sharpness(frames):
    frames = frames.astype(float)
    return sum(np.square(np.diff(frames, axis=axis)).mean() for axis in (-1, -2))


def copied(x):
    return x[:, -1].astype(float)


def extrapolated(x):
    return np.clip(2.0 * x[:, -1] - x[:, -2], 0, 255)


def row(name, y, single, every, inferred=None, modes=None, seconds=0.0):
    """A line of the table; frames are (n, h, w), futures (n, k, h, w)."""
    error = np.square(single - y).mean()
    best = np.square(every - y[:, None]).mean(axis=(2, 3)).min(axis=1).mean()
    real = sharpness(y)
    cells = [
        name, f"{sharpness(single) / real:.2f}", f"{sharpness(every) / real:.2f}", f"{error:.0f}",
        f"{best:.0f}", "" if inferred is None else f"{np.square(inferred - y).mean():.0f}",
        "" if modes is None else f"{covered(every, modes):.2f}", f"{seconds:.0f}",
    ]  # fmt: skip
    sys.stdout.write("| " + " | ".join(cells) + " |\n")
    sys.stdout.flush()


def covered(every, modes):
    """The mean share of the true futures that some prediction stands for."""
    shares = []
    for true, found in zip(modes, every, strict=True):
        apart = np.square(true[:, None].astype(float) - true[None]).mean(axis=(2, 3))
        np.fill_diagonal(apart, np.inf)
        away = np.square(true[:, None].astype(float) - found[None]).mean(axis=(2, 3)).min(axis=1)
        # half of the way is a quarter of the square
        shares.append(np.mean(away < 0.25 * apart.min(axis=1)))
    return np.mean(shares)


def compare(train, x, y, options, modes=None, **settings):
    sys.stdout.write(
        "| way | sharpness | sharpness of futures | error | best of 10 | inferred z | modes | s |\n"
        "|---|---|---|---|---|---|---|---|\n"
    )
    for name, way in (("copy of the last frame", copied), ("linear extrapolation", extrapolated)):
        row(name, y[:, 0], way(x), way(x)[:, None], modes=modes)
    models = {}
    for name in options.ways.split(","):
        way = WAYS[name]
        start = time.perf_counter()
        models[name] = model = NextFrame(
            context=CONTEXT, n_steps=options.steps, random_state=0, **(settings | way)
        ).fit(train)
        spent = time.perf_counter() - start
        every = model.predict_all(x, 1 if model.latent is None else FUTURES)[:, :, 0]
        inferred = None if model.latent is None else model.reconstruct(x, y)[:, 0]
        row(name, y[:, 0], model.predict(x)[:, 0], every, inferred, modes, spent)
    return models


def turning(options):
    train, test = (
        turning_digits(part, n, torch.Generator().manual_seed(seed), length=10)
        for part, n, seed in zip(
            sprites(options.mnist, halved=True), (3000, 300), (0, 1), strict=True
        )
    )
    at = 7  # a turn, with one in the context before it
    x, y = test.frames[:, at - CONTEXT : at], test.frames[:, at : at + 1].astype(float)
    models = compare(train.frames, x, y, options, test.could_be(at), width=48,
                     learning_rate=0.005)  # fmt: skip
    if options.figure:
        draw(models, x, y, options.figure)
    if options.gif:
        animate(models, x, test.frames[:, at:], options.gif)


def draw(models, x, y, file):
    futures = models["discrete"].predict_all(x[:6], 4)[:, :, 0]
    blurred = models["least squares"].predict(x[:6])
    rows = [np.concatenate([x[i], y[i], blurred[i], futures[i]]).astype(float) for i in range(6)]
    figure = draw_images(rows, [""] * 6, 0, 255)
    titles = [f"t - {CONTEXT - 1 - i}" if i < CONTEXT - 1 else "t" for i in range(CONTEXT)]
    titles += ["t + 1", "least\nsquares", "z 1", "z 2", "z 3", "z 4"]
    for axes, title in zip(figure.axes, titles, strict=False):
        axes.set_title(title, fontsize=8)
    figure.suptitle("past, truth, least squares, four futures of a latent variable", fontsize=9)
    save_figure(figure, file)


def animate(models, x, after, file, steps=3, scale=4):
    """A GIF: past frames, then the truth, least squares and four futures side by side."""
    n = 4
    blurred = models["least squares"].predict(x[:n], steps)[:, None]
    futures = models["discrete"].predict_all(x[:n], 4, steps)
    side = x.shape[2]
    pictures = []
    for t in range(CONTEXT + steps):
        lines = []
        for i in range(n):
            if t < CONTEXT:
                frames = [x[i, t]] * 6
            else:
                every = [after[i], blurred[i, 0], *futures[i]]
                frames = [each[t - CONTEXT] for each in every]
            bar = np.full((side, 2), 120.0)
            cells = [part for frame in frames for part in (np.asarray(frame, float), bar)]
            lines.append(np.concatenate(cells[:-1], axis=1))
            lines.append(np.full((2, lines[-1].shape[1]), 120.0))
        whole = np.clip(np.concatenate(lines[:-1]), 0, 255).astype(np.uint8)
        if t >= CONTEXT:
            # a lighter edge while frames are made up
            whole[0] = whole[-1] = 255
        pictures.append(Image.fromarray(whole.repeat(scale, axis=0).repeat(scale, axis=1)))
    durations = [300] * CONTEXT + [500] * (steps - 1) + [1200]
    pictures[0].save(file, save_all=True, append_images=pictures[1:], duration=durations, loop=0)


def moving(options):
    train, test = (
        moving_digits(part, n, torch.Generator().manual_seed(seed))
        for part, n, seed in zip(
            sprites(options.mnist, halved=False), (800, 100), (0, 1), strict=True
        )
    )
    x, y = test[:, 10 - CONTEXT : 10], test[:, 10:11].astype(float)
    compare(train, x, y, options, width=32, batch_size=16, learning_rate=0.004)


def clip(options):
    if not options.video or not Path(options.video).is_file():
        sys.stdout.write("skipped: --video names no file\n")
        return
    frames = read_clip(options.video, (64, 64), grey=True)
    cut = int(0.8 * len(frames))
    after = frames[cut:]
    starts = np.arange(len(after) - CONTEXT)
    x = np.stack([after[s : s + CONTEXT] for s in starts])
    y = np.stack([after[s + CONTEXT : s + CONTEXT + 1] for s in starts]).astype(float)
    sys.stdout.write(f"{Path(options.video).name}: {len(frames)} frames, {len(after)} held out\n")
    compare(frames[None, :cut], x, y, options, width=32, batch_size=16,
            learning_rate=0.004)  # fmt: skip


def behind(options):
    context, horizon = 8, 5
    train, test = (
        passing_behind(n, torch.Generator().manual_seed(seed)) for n, seed in ((1500, 0), (400, 1))
    )
    model = NextFrame(
        None, context=context, horizon=horizon, width=48, n_steps=options.steps,
        learning_rate=0.004, random_state=0,
    ).fit(train.frames)  # fmt: skip

    def windows(made):
        """Contexts at whose end the disc is hidden, and where it is."""
        clips, ends = np.nonzero(made.hidden[:, context - 1 :])
        x = np.stack([made.frames[c, e : e + context] for c, e in zip(clips, ends, strict=True)])
        return x, made.place[clips, ends + context - 1]

    (x, place), (x_test, place_test) = windows(train), windows(test)
    cut = int(0.8 * len(x))

    def error(features):
        known, asked = features(x), features(x_test)
        mean, spread = known[:cut].mean(axis=0), known[:cut].std(axis=0) + 1e-3
        known, asked = (known - mean) / spread, (asked - mean) / spread
        fits = [
            Ridge(alpha, solver="lsqr").fit(known[:cut], place[:cut])
            for alpha in 10.0 ** np.arange(0, 7)
        ]
        best = min(fits, key=lambda f: np.square(f.predict(known[cut:]) - place[cut:]).mean())
        return np.sqrt(np.square(best.predict(asked) - place_test).mean(axis=0))

    blank = NextFrame(
        None, context=context, horizon=horizon, width=48, n_steps=0, random_state=0
    ).fit(train.frames)  # fmt: skip
    sys.stdout.write("| features | row, pixels | column, pixels |\n|---|---|---|\n")
    for name, features in (
        ("the mean", lambda x: np.zeros((len(x), 1))),
        ("pixels of the last frame", lambda x: x[:, -1].reshape(len(x), -1).astype(float)),
        ("pixels of all that was seen", lambda x: x.reshape(len(x), -1).astype(float)),
        ("state, untrained", blank.transform),
        ("state", model.transform),
    ):
        row_error, column_error = error(features)
        sys.stdout.write(f"| {name} | {row_error:.2f} | {column_error:.2f} |\n")
        sys.stdout.flush()


def panned(options):
    context = 4
    train, test = (
        panning(n, torch.Generator().manual_seed(2 * options.seed + i), context + 1)
        for i, n in enumerate((2000, 300))
    )
    settings = {"context": context, "width": 48, "random_state": options.seed,
                "learning_rate": 0.004, "n_steps": options.steps}  # fmt: skip
    start = time.perf_counter()
    model = NextFrame(None, **settings).fit(train.frames)
    spent = time.perf_counter() - start
    blank = NextFrame(None, **(settings | {"n_steps": 0})).fit(train.frames)
    side = train.frames.shape[2] // 4

    def depths(made):
        """Of each square in the last frame that is given, (n * squares,)."""
        parts = made.depth[:, context - 1].reshape(-1, side, 4, side, 4)
        return parts.mean(axis=(2, 4)).reshape(-1)

    def states(model):
        def of(made):
            found = model.transform(made.frames[:, :context])
            planes = found.reshape(len(found), -1, side, side)
            return planes.transpose(0, 2, 3, 1).reshape(len(found) * side**2, -1)

        return of

    def around(frames):
        """All pixels of 12 x 12 about each square, in so many of the frames given last."""

        def of(made):
            given = made.frames[:, context - frames : context].astype(np.float32)
            wide = np.pad(given, ((0, 0), (0, 0), (4, 4), (4, 4)), mode="edge")
            views = np.lib.stride_tricks.sliding_window_view(wide, (12, 12), axis=(2, 3))
            views = views[:, :, ::4, ::4].transpose(0, 2, 3, 1, 4, 5)
            return views.reshape(len(given) * side**2, -1)

        return of

    known, asked = depths(train), depths(test)
    cut = int(0.8 * len(known))
    sys.stdout.write(f"trained in {spent:.0f} s\n| features | R2 of depth |\n|---|---|\n")
    for name, features in (
        ("pixels of the last frame", around(1)),
        ("pixels of all frames given", around(context)),
        ("state, untrained", states(blank)),
        ("state", states(model)),
    ):
        rows, others = features(train), features(test)
        mean, spread = rows[:cut].mean(axis=0), rows[:cut].std(axis=0) + 1e-3
        rows, others = (rows - mean) / spread, (others - mean) / spread
        fits = [Ridge(alpha).fit(rows[:cut], known[:cut]) for alpha in 10.0 ** np.arange(0, 6)]
        best = max(fits, key=lambda f: f.score(rows[cut:], known[cut:]))
        sys.stdout.write(f"| {name} | {best.score(others, asked):.3f} |\n")
        sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("turning", "moving", "clip", "behind", "panning"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mnist")
    parser.add_argument("--video")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--ways", default=",".join(WAYS))
    parser.add_argument("--figure")
    parser.add_argument("--gif")
    options = parser.parse_args()
    ways = options.ways.split(",")
    if not set(ways) <= set(WAYS):
        parser.error(f"--ways: {options.ways}; expected some of {', '.join(WAYS)}")
    if (options.figure or options.gif) and not {"least squares", "discrete"} <= set(ways):
        parser.error("--figure and --gif show least squares and discrete; expected both in --ways")
    {"turning": turning, "moving": moving, "clip": clip, "behind": behind,
     "panning": panned}[options.what](options)  # fmt: skip


if __name__ == "__main__":
    main()

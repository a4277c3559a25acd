"""Defects planted in textures, and who finds which pixels are odd.

python benchmarks/image_defects.py [--steps 2000] [--seeds 0,1,2] [--squares 96]
    [--figure defects.png]

Three photos of scikit-image (brick, grass, gravel; 512 x 512): the left part, but for its last
columns, teaches squares of 32 x 32 pixels, the right part is asked about, in up to so many squares
that do not touch, each with every defect. Planted are a spot of another of the textures, a scratch,
a spot out of focus and one that is darker; each fades at its edge. ROC AUC over all pixels of
squares with a defect; a pixel with half of a defect's strength is one. ``explain`` of a masked
image model (energy with and without each patch), beside PCA of all 8 x 8 patches: the squared error
of a patch, averaged over the patches that a pixel is in, with so many components as keep a share of
the variance.
"""

import argparse
import platform
import time

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from thalweg.estimators import PCA, MaskedImageModel
from thalweg.plots import draw_tiles, figure, save_figure

TEXTURES = ("brick", "grass", "gravel")
KINDS = ("another texture", "scratch", "out of focus", "darker")
SIDE, CUT, GAP, PATCH = 32, 320, 32, 8
SHARES = (0.5, 0.7, 0.9)


def squares(image, count, rng):
    """Random squares of an image."""
    rows, columns = (rng.integers(0, extent - SIDE + 1, count) for extent in image.shape)
    return np.stack([image[r : r + SIDE, c : c + SIDE] for r, c in zip(rows, columns, strict=True)])


def tiled(image):
    """All squares that do not touch."""
    height, width = (extent // SIDE for extent in image.shape)
    cut = image[: height * SIDE, : width * SIDE]
    parts = cut.reshape(height, SIDE, width, SIDE).transpose(0, 2, 1, 3)
    return parts.reshape(-1, SIDE, SIDE)


def spot(rng):
    """How strong a defect is at each pixel."""
    at, radius = rng.uniform(8, SIDE - 8, 2), rng.uniform(3, 6)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(rows - at[0], columns - at[1])
    return np.clip((radius + 1 - away) / 2, 0, 1)


def line(rng):
    at, angle = rng.uniform(10, SIDE - 10, 2), rng.uniform(0, np.pi)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = np.abs((rows - at[0]) * np.cos(angle) - (columns - at[1]) * np.sin(angle))
    return np.clip(1.5 - away, 0, 1)


def planted(kind, square, others, rng):
    """A square with a defect, and where it is."""
    mask = line(rng) if kind == "scratch" else spot(rng)
    if kind == "another texture":
        other = others[rng.integers(len(others))]
        # as bright and as rough as the square is: not told by that
        new = (other - other.mean()) / other.std() * square.std() + square.mean()
    elif kind == "out of focus":
        new = gaussian_filter(square, 2.0)
    else:
        new = square - (2.0 if kind == "scratch" else 1.0) * square.std()
    return np.clip(square + mask * (new - square), 0, 255), mask > 0.5


def by_patches(model, images):
    """The error of all patches of a model of rows, averaged over those that a pixel is in."""
    views = np.lib.stride_tricks.sliding_window_view(images, (PATCH, PATCH), axis=(1, 2))
    across = views.shape[1]
    error = model.energy(views.reshape(-1, PATCH**2)).reshape(len(images), across, across)
    total, count = np.zeros_like(images), np.zeros(images.shape[1:])
    for i in range(PATCH):
        for j in range(PATCH):
            total[:, i : i + across, j : j + across] += error
            count[i : i + across, j : j + across] += 1
    return total / count


def by_explaining(model, images):
    found = model.explain(images.astype(np.float32), usual=False).contribution
    step = SIDE // found.shape[1]
    fine = found.repeat(step, axis=1).repeat(step, axis=2)
    return gaussian_filter(fine, (0, step / 2, step / 2))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--squares", type=int, default=96)
    parser.add_argument("--figure", default="defects.png")
    options = parser.parse_args()
    try:
        from skimage import data
    except ImportError:
        print("skipped: scikit-image, which has the photos, is not installed")
        return
    photos = {name: getattr(data, name)().astype(float) for name in TEXTURES}
    print(f"{platform.machine()}, {torch.get_num_threads()} threads\n")
    heads = ["", "texture", "seed", "seconds", *KINDS, "all"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    shown = []
    for seed in map(int, options.seeds.split(",")):
        for name, photo in photos.items():
            rng = np.random.default_rng(seed)
            train = squares(photo[:, : CUT - GAP], 4000, rng)
            clean = tiled(photo[:, CUT:])
            clean = clean[rng.permutation(len(clean))[: options.squares]]
            others = np.concatenate([tiled(photos[o]) for o in TEXTURES if o != name])
            ways, seconds = {}, {}
            begun = time.perf_counter()
            model = MaskedImageModel(
                "convolutional", width=24, pretext="mixed", n_steps=options.steps,
                batch_size=64, random_state=seed,
            ).fit(train.astype(np.float32))  # fmt: skip
            seconds["explain"] = time.perf_counter() - begun
            ways["explain"] = lambda images, model=model: by_explaining(model, images)
            # as much of the photo as the network sees
            views = np.lib.stride_tricks.sliding_window_view(train, (PATCH, PATCH), axis=(1, 2))
            rows = views[:, ::4, ::4].reshape(-1, PATCH**2)
            values = np.linalg.eigvalsh(np.cov(rows.T))[::-1]
            for share in SHARES:
                k = 1 + int(np.searchsorted(np.cumsum(values) / values.sum(), share))
                way = f"PCA of patches, {share:.0%}"
                begun = time.perf_counter()
                plane = PCA(k).fit(rows)
                seconds[way] = time.perf_counter() - begun
                ways[way] = lambda images, plane=plane: by_patches(plane, images)
            made = {kind: [planted(kind, s, others, rng) for s in clean] for kind in KINDS}
            for way, ask in ways.items():
                maps = {kind: ask(np.stack([image for image, _ in each]))
                        for kind, each in made.items()}  # fmt: skip
                truth = {kind: np.stack([mask for _, mask in each]) for kind, each in made.items()}
                cells = [roc_auc_score(truth[kind].ravel(), maps[kind].ravel()) for kind in KINDS]
                all_maps, all_truth = (np.concatenate(list(d.values())) for d in (maps, truth))
                cells.append(roc_auc_score(all_truth.ravel(), all_maps.ravel()))
                print(f"| {way} | {name} | {seed} | {seconds[way]:.0f} | "
                      + " | ".join(f"{cell:.3f}" for cell in cells) + " |", flush=True)  # fmt: skip
                if seed == 0 and way in ("explain", "PCA of patches, 70%"):
                    shown.append((name, way, made, maps))
    draw(shown, options.figure)


def draw(shown, path):
    rows, words = [], []
    for name, way, made, maps in shown:
        if way == "explain":
            rows.append(np.stack([made[kind][i][0] for i in range(3) for kind in KINDS]) / 255)
            words.append(name)
        each = np.stack([maps[kind][i] for i in range(3) for kind in KINDS])
        low, high = np.quantile(each, (0.05, 0.995))
        rows.append(np.clip((each - low) / (high - low), 0, 1))
        words.append("explain" if way == "explain" else "PCA")
    drawn = figure(13, 1.15 * len(rows) + 0.6)
    draw_tiles(drawn.axes[0], rows, 0, 1, words, title="; ".join(KINDS) + ", three times")
    save_figure(drawn, path)


if __name__ == "__main__":
    main()

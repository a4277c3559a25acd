"""Denoising of images by sparse codes of patches, beside scikit-image.

python benchmarks/denoising.py --data-dir DIR [--sigma 25] [--out denoising.png]

DIR holds denoise/train and denoise/test (PNG); without it nothing is measured, and said so. A
dictionary is learned from patches of the training images. Each patch of a noisy image, about its
mean, is replaced by what its code decodes to, and overlapping patches are averaged. The penalty is
chosen on training images that the dictionary has not seen. PSNR in dB, for the same noise.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from thalweg.estimators import DenoisingAutoencoder, GaussianMixture, SparseCoding

SIDE = 8
PATCHES = 150_000


def images(folder):
    return {p.stem: np.asarray(Image.open(p).convert("L"), np.float32)
            for p in sorted(folder.glob("*.png"))}  # fmt: skip


def patches(image):
    return sliding_window_view(image, (SIDE, SIDE)).reshape(-1, SIDE * SIDE)


def assembled(rows, weight, shape):
    """The weighted mean of overlapping patches."""
    height, width = shape[0] - SIDE + 1, shape[1] - SIDE + 1
    total, count = np.zeros(shape), np.zeros(shape)
    rows = (rows * weight[:, None]).reshape(height, width, SIDE, SIDE)
    weight = weight.reshape(height, width)
    for i in range(SIDE):
        for j in range(SIDE):
            total[i : i + height, j : j + width] += rows[:, :, i, j]
            count[i : i + height, j : j + width] += weight
    return total / count


def psnr(clean, image):
    return 10 * np.log10(255**2 / np.mean((clean - image.clip(0, 255)) ** 2))


def noisy(image, sigma, seed):
    return image + sigma * np.random.default_rng(seed).normal(size=image.shape).astype(np.float32)


def sampled(pictures, n):
    random = np.random.default_rng(0)
    each = n // len(pictures)
    found = []
    for picture in pictures:
        rows = patches(picture)
        found.append(rows[random.choice(len(rows), each, replace=False)])
    rows = np.concatenate(found)
    return rows - rows.mean(axis=1, keepdims=True)


def on_support(codes, rows, atoms):
    """Least squares on the atoms that each code uses: without the shrinkage of the penalty."""
    gram, along = atoms @ atoms.T, rows @ atoms.T
    result = np.zeros_like(codes)
    sizes = np.count_nonzero(codes, axis=1)
    for m in np.unique(sizes[sizes > 0]):
        at = np.flatnonzero(sizes == m)
        used = np.nonzero(codes[at])[1].reshape(-1, m)
        block = gram[used[:, :, None], used[:, None, :]] + 1e-4 * np.eye(m, dtype=gram.dtype)
        right = np.take_along_axis(along[at], used, axis=1)
        result[at[:, None], used] = np.linalg.solve(block, right[..., None])[..., 0]
    return result


def with_codes(atoms, alpha, refit=True):
    model = SparseCoding(
        len(atoms), alpha=alpha, dictionary_init=atoms, fit_offset=False, max_iter=0
    ).fit(atoms)

    def denoise(image, sigma):
        rows = patches(image)
        mean = rows.mean(axis=1, keepdims=True)
        codes = model.transform(rows - mean)
        if refit:
            codes = on_support(codes, rows - mean, model.components_)
        # a patch that few atoms explain is surer
        weight = 1 / (1 + np.count_nonzero(codes, axis=1))
        return assembled(codes @ model.components_ + mean, weight, image.shape)

    return denoise


def with_mixture(model):
    """The mean of the clean patch, were it of the mixture: each component has a Wiener filter."""
    covariances = model.covariances_.astype(np.float64)

    def denoise(image, sigma):
        rows = patches(image)
        mean = rows.mean(axis=1, keepdims=True)
        rows = (rows - mean).astype(np.float64)
        blurred = GaussianMixture(
            len(covariances), weights_init=model.weights_, means_init=model.means_,
            precisions_init=np.linalg.inv(covariances + sigma**2 * np.eye(SIDE**2)), max_iter=1,
        )  # fmt: skip
        energy = noise_energy(blurred, rows)
        which = energy.argmin(axis=1)
        result = np.empty_like(rows)
        for k, s in enumerate(covariances):
            at = which == k
            gain = s @ np.linalg.inv(s + sigma**2 * np.eye(SIDE**2))
            result[at] = (rows[at] - model.means_[k]) @ gain.T + model.means_[k]
        return assembled(result + mean, np.ones(len(rows)), image.shape)

    return denoise


def with_autoencoder(rows, sigma):
    """A denoising autoencoder of patches about their means, trained for this much noise."""
    model = DenoisingAutoencoder(
        256, noise=sigma / float(rows.std()), hidden=(512,), n_steps=6000, batch_size=512,
        random_state=0,
    ).fit(rows.astype(np.float32))  # fmt: skip

    def denoise(image, sigma):
        found = patches(image)
        mean = found.mean(axis=1, keepdims=True)
        cleaned = model.inverse_transform(model.transform(found - mean))
        return assembled(cleaned + mean, np.ones(len(found)), image.shape)

    return denoise


def noise_energy(blurred, rows):
    """E of every row under every component of a mixture given by its start."""
    import torch

    from thalweg.energies import FullGaussians

    components = FullGaussians(
        torch.tensor(blurred.means_init).double(), torch.tensor(blurred.weights_init).double(),
        torch.linalg.inv(torch.tensor(blurred.precisions_init)),
    )  # fmt: skip
    with torch.no_grad():
        parts = [components.each(torch.from_numpy(part)) for part in np.array_split(rows, 64)]
    return torch.cat(parts, dim=1).T.numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--sigma", type=float, default=25.0)
    parser.add_argument("--atoms", type=int, default=256)
    parser.add_argument("--out", default="denoising.png")
    options = parser.parse_args()
    folder = options.data_dir and options.data_dir / "denoise"
    if not folder or not folder.is_dir():
        print("denoising left out: --data-dir with denoise/ was not given")
        return
    from skimage.restoration import denoise_nl_means, denoise_wavelet

    sigma = options.sigma
    everything = list(images(folder / "train").values())
    learning, validation = everything[:-12], everything[-12:]
    rows = sampled(learning, PATCHES)
    start = time.perf_counter()
    alpha = 1.2 * sigma
    learned = SparseCoding(options.atoms, alpha=alpha, fit_offset=False, max_iter=15,
                           random_state=0).fit(rows)  # fmt: skip
    print(f"dictionary: {time.perf_counter() - start:.1f} s, {learned.n_iter_} epochs", flush=True)
    atoms = learned.components_
    tried = {}
    for factor in (2.4, 2.8, 3.2, 3.6, 4.0):
        way = with_codes(atoms, factor * sigma)
        tried[factor] = np.mean([
            psnr(clean, way(noisy(clean, sigma, i), sigma)) for i, clean in enumerate(validation)
        ])  # fmt: skip
    best = max(tried, key=tried.get)
    print("validation:", {k: round(v, 2) for k, v in tried.items()}, flush=True)
    start = time.perf_counter()
    mixture = GaussianMixture(60, reg_covar=1.0, random_state=0, max_iter=40, tol=1e-2)
    mixture.fit(rows[::2].astype(np.float64))
    print(f"mixture: {time.perf_counter() - start:.1f} s", flush=True)
    ways = {
        "noisy": lambda image, sigma: image,
        "wavelets (scikit-image)": lambda image, sigma: denoise_wavelet(
            image, sigma=sigma, rescale_sigma=False
        ),
        "non-local means (scikit-image)": lambda image, sigma: denoise_nl_means(
            image, patch_size=5, patch_distance=8, h=0.6 * sigma, sigma=sigma, fast_mode=True
        ),
        f"SparseCoding, {options.atoms} atoms": with_codes(atoms, best * sigma),
        "GaussianMixture, 60 components": with_mixture(mixture),
        "DenoisingAutoencoder, 256 codes": with_autoencoder(rows, sigma),
    }
    tests = images(folder / "test")
    print("\n| way | " + " | ".join(tests) + " | mean | seconds |")
    print("|---" * (len(tests) + 3) + "|")
    shown = {}
    for name, way in ways.items():
        start, cells = time.perf_counter(), []
        for seed, (title, clean) in enumerate(tests.items()):
            result = way(noisy(clean, sigma, 100 + seed), sigma)
            cells.append(psnr(clean, result))
            shown[name] = result if title == next(iter(tests)) else shown.get(name)
        seconds = time.perf_counter() - start
        print(f"| {name} | " + " | ".join(f"{c:.2f}" for c in cells)
              + f" | {np.mean(cells):.2f} | {seconds:.1f} |", flush=True)  # fmt: skip
    draw(next(iter(tests.values())), shown, atoms, options.out)


def draw(clean, shown, atoms, out):
    from thalweg.plots import figure, save_figure

    picture = figure(15, 3.4, 1, len(shown) + 1)
    for axes, (name, image) in zip(picture.axes, shown.items(), strict=False):
        part = np.asarray(image)[60:190, 60:190]
        axes.imshow(part, cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{name}\n{psnr(clean, np.asarray(image)):.2f} dB", fontsize=8)
        axes.axis("off")
    order = np.argsort(-np.abs(np.diff(atoms, axis=1)).sum(axis=1))[:100]
    tiles = atoms[order].reshape(10, 10, SIDE, SIDE)
    tiles = tiles / np.abs(tiles).max(axis=(2, 3), keepdims=True)
    tiles = np.pad(tiles, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1)
    axes = picture.axes[-1]
    axes.imshow(tiles.transpose(0, 2, 1, 3).reshape(10 * (SIDE + 2), -1), cmap="gray")
    axes.set_title("100 of the atoms", fontsize=8)
    axes.axis("off")
    save_figure(picture, out)


if __name__ == "__main__":
    main()

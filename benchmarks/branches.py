"""Two answers for one x: the latent model beside least squares, and a figure.

python benchmarks/branches.py [--out branches.png] [--seeds 3]

A circle seen from its first coordinate, and an arm of two links that reaches a place with its elbow
up or down. Least squares is the same network with one branch. A prediction is right within 3
standard deviations of the noise of a true branch; a branch is found when some prediction is right
about it.
"""

import argparse
import time

import numpy as np

from thalweg.estimators import LatentRegressor
from thalweg.plots import figure, save_figure

NOISE = 0.05
LINKS = (1.0, 0.7)


def circle(n, random):
    angle = random.uniform(0, 2 * np.pi, size=n)
    x = np.cos(angle)[:, None]
    y = np.sin(angle)[:, None] + NOISE * random.normal(size=(n, 1))
    height = np.sqrt(1 - x**2)
    return x, y, np.stack([height, -height], axis=1)


def arm(n, random):
    distance, direction = random.uniform(0.6, 1.5, size=n), random.uniform(-1, 1, size=n)
    x = np.stack([distance * np.cos(direction), distance * np.sin(direction)], axis=1)
    a, b = LINKS
    elbow = np.arccos((distance**2 - a**2 - b**2) / (2 * a * b))
    branches = []
    for side in (1, -1):
        second = side * elbow
        first = direction - np.arctan2(b * np.sin(second), a + b * np.cos(second))
        branches.append(np.stack([first, second], axis=1))
    truth = np.stack(branches, axis=1)
    y = truth[np.arange(n), random.integers(2, size=n)] + NOISE * random.normal(size=(n, 2))
    return x, y, truth


def rates(predictions, truth):
    """Share of predictions that are right, and share of branches found."""
    apart = np.linalg.norm(predictions[:, :, None] - truth[:, None], axis=-1)
    right = apart <= 3 * NOISE
    return right.any(axis=2).mean(), right.any(axis=1).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="branches.png")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    print("| data | seed | way | predictions right | branches found | seconds |"
          "\n|---|---|---|---|---|---|")  # fmt: skip
    drawn = {}
    for name, make in (("circle", circle), ("arm", arm)):
        for seed in range(options.seeds):
            random = np.random.default_rng(seed)
            x, y, _ = make(3000, random)
            asked, _, truth = make(1000, random)
            start = time.perf_counter()
            model = LatentRegressor(random_state=seed).fit(x, y)
            seconds = time.perf_counter() - start
            every, _ = model.predict_all(asked)
            right, found = rates(every, truth)
            print(f"| {name} | {seed} | LatentRegressor | {right:.3f} | {found:.3f} | "
                  f"{seconds:.1f} |", flush=True)  # fmt: skip
            start = time.perf_counter()
            least = LatentRegressor(n_components=1, random_state=seed).fit(x, y)
            seconds = time.perf_counter() - start
            mean = least.predict(asked).reshape(len(asked), 1, -1)
            right, found = rates(mean, truth)
            print(f"| {name} | {seed} | least squares | {right:.3f} | {found:.3f} | "
                  f"{seconds:.1f} |", flush=True)  # fmt: skip
            drawn[name] = (x, y, asked, every, mean)
    picture = figure(10, 4.4, 1, 2)
    for axes, name, column, label in zip(
        picture.axes, drawn, (0, 1), ("second coordinate", "angle of the elbow"), strict=True
    ):
        x, y, asked, every, mean = drawn[name]
        along = np.hypot(*x.T) if x.shape[1] == 2 else x[:, 0]
        at = np.hypot(*asked.T) if x.shape[1] == 2 else asked[:, 0]
        axes.scatter(along, y[:, column], s=3, color="#cccccc", label="data")
        for branch in range(every.shape[1]):
            axes.scatter(at, every[:, branch, column], s=4, color="#0b6e99",
                         label="predictions as z varies" if branch == 0 else None)  # fmt: skip
        axes.scatter(at, mean[:, 0, column], s=4, color="#d1495b", label="least squares")
        axes.set(title=name, ylabel=label,
                 xlabel="distance reached" if name == "arm" else "first coordinate")  # fmt: skip
        axes.legend(loc="center", bbox_to_anchor=(0.5, 0.64), fontsize=8)
    save_figure(picture, options.out)


if __name__ == "__main__":
    main()

"""A table as people have it, in raw units: every table method by the command line, at defaults.

python benchmarks/raw_table.py [--rows 100000] [--methods KMeans,PCA] [--limit 180]

An identifier, a time stamp, three categories and five numbers, from a fixed seed. Fifty rows break
a relation of two columns: half of them that of income and purchases (pairs of rows, one of the
lower and one of the upper quarter, exchange their purchases), half that of town and temperature.
So every column has the same values as before, and every cell alone is ordinary. The bars: each
method fits within 60 s and 1 GiB (the whole process, libraries and all), and three or more of them
find the fifty with AUROC .95. scikit-learn's Gaussian mixture and isolation forest, given scaled
numbers and indicators by hand, stand beside them.
"""

import argparse
import platform
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from measured import thalweg
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import RobustScaler

from thalweg.estimators.registry import command_name, names_in

SECONDS, MEMORY, AUROC, ENOUGH = 60, 1024, 0.95, 3
PLANTED = 50
PLANS = ["basic", "family", "business", "none"]


def zipf(n, random, size, power=1.0):
    """Draws of 0 .. n - 1, the k-th as often as 1 / (k + 1) ** power."""
    share = 1 / np.arange(1, n + 1) ** power
    return random.choice(n, size, p=share / share.sum())


def exchange(values, one, other):
    """Two sets of rows exchange their values."""
    values[one], values[other] = values[other].copy(), values[one].copy()


def table(rows, seed=0):
    """The table, and which of its rows are planted."""
    random = np.random.default_rng(seed)
    town = zipf(40, random, rows, 0.8)
    climate = random.permutation(np.linspace(-8, 31, 40))
    temperature = np.round(climate[town] + random.normal(0, 1.5, rows), 1)
    income = np.exp(random.normal(np.log(45_000), 0.6, rows)).clip(1e4, 1e6).round(2)
    purchases = random.poisson(income / 200)
    age = random.gamma(9, 5, rows).clip(18, 99).astype(int)
    # the richer have other plans, and each plan its own products
    rank = np.argsort(np.argsort(income)) / rows + random.normal(0, 0.25, rows)
    plan = np.digitize(rank, [0.1, 0.55, 0.85])
    own = random.random(rows) < 0.8
    product = np.where(own, 3 * plan + zipf(3, random, rows), zipf(12, random, rows))
    share = random.beta(2 + plan, 5, rows).round(4)

    planted = np.zeros(rows, dtype=bool)
    pairs = PLANTED // 2
    low, high = np.quantile(income, [0.05, 0.25]), np.quantile(income, [0.75, 0.95])
    one = random.choice(np.flatnonzero((income > low[0]) & (income < low[1])), pairs // 2, False)
    other = random.choice(
        np.flatnonzero((income > high[0]) & (income < high[1])), pairs // 2, False
    )
    exchange(purchases, one, other)
    planted[one] = planted[other] = True
    rest = pairs - pairs // 2
    cold = random.choice(np.flatnonzero((climate[town] < 5) & ~planted), rest, False)
    warm = random.choice(np.flatnonzero((climate[town] > 18) & ~planted), rest, False)
    exchange(temperature, cold, warm)
    planted[cold] = planted[warm] = True

    first = datetime(2024, 1, 1)
    seconds = np.sort(random.integers(0, 366 * 86_400, rows)).tolist()
    frame = pl.DataFrame(
        {
            "customer": [f"C{i:06d}" for i in random.permutation(rows)],
            "since": [(first + timedelta(seconds=each)).isoformat(" ") for each in seconds],
            "plan": [PLANS[each] for each in plan],
            "product": [f"product {chr(65 + each)}" for each in product],
            "town": [f"town {each + 1:02d}" for each in town],
            "income": income,
            "age": age,
            "share_saved": share,
            "purchases": purchases,
            "temperature": temperature,
        }
    )
    return frame, planted


def measure(name, folder, planted, limit):
    """Seconds and MiB of the fit, AUROC of the energies; or why there are none."""
    model, out = f"{name}.safetensors", f"{name}.csv"
    fit = thalweg("fit", command_name(name), "t.csv", "--out", model, folder=folder, limit=limit,
                  memory=8192)  # fmt: skip
    if fit.status != 0:
        return fit, None, fit.why()
    asked = thalweg("energy", model, "t.csv", "--out", out, folder=folder, limit=limit, memory=8192)
    if asked.status != 0:
        return fit, None, f"energy: {asked.why()}"
    energies = pl.read_csv(folder / out)["energy"].to_numpy()
    if len(energies) != len(planted) or not np.isfinite(energies).all():
        return fit, None, f"{len(energies):,} energies, of which some are no numbers"
    return fit, roc_auc_score(planted, energies), f"energy in {asked.seconds:.1f} s"


def peers(frame):
    """Energies by scikit-learn, of columns prepared by hand; name to seconds and energies."""
    numbers = frame.select(name for name in frame.columns if frame[name].dtype.is_numeric())
    X = RobustScaler().fit_transform(numbers.to_numpy().astype(np.float64))
    ones = frame.select("plan", "product", "town").to_dummies().to_numpy()
    X = np.concatenate([X, ones], axis=1)
    for name, model in (
        ("scikit-learn, GaussianMixture", GaussianMixture(reg_covar=1e-3, random_state=0)),
        ("scikit-learn, IsolationForest", IsolationForest(random_state=0)),
    ):
        start = time.perf_counter()
        model.fit(X)
        yield name, time.perf_counter() - start, -model.score_samples(X)


def all_but(names):
    return f"all but {', '.join(names)}" if names else "all"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--methods", default="")
    parser.add_argument("--limit", type=float, default=180, help="seconds until a run is ended")
    options = parser.parse_args()
    names = [word for word in options.methods.split(",") if word] or names_in("tables")
    frame, planted = table(options.rows)
    print(f"{platform.machine()}, Python {platform.python_version()}, {options.rows:,} rows, "
          f"{planted.sum()} planted\n")  # fmt: skip
    print("| method | fit, seconds | peak MiB | AUROC | remarks |\n|---|---|---|---|---|")
    for name, seconds, energies in peers(frame):
        print(f"| {name} | {seconds:.1f} | | {roc_auc_score(planted, energies):.3f} | fit alone |")
    slow, large, failed, found = [], [], [], []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        frame.write_csv(folder / "t.csv")
        for name in names:
            fit, auroc, remark = measure(name, folder, planted, options.limit)
            shown = "" if auroc is None else f"{auroc:.3f}"
            print(f"| {name} | {fit.seconds:.1f} | {fit.peak:.0f} | {shown} | {remark} |",
                  flush=True)  # fmt: skip
            slow += [name] * (fit.seconds > SECONDS)
            large += [name] * (fit.peak > MEMORY)
            failed += [name] * (auroc is None)
            found += [name] * (auroc is not None and auroc >= AUROC)
    print(f"\nwithin {SECONDS} s: {all_but(slow)}")
    print(f"within {MEMORY} MiB: {all_but(large)}")
    print(f"answered: {all_but(failed)}")
    print(f"AUROC of {AUROC} or more: {', '.join(found) or 'none'}; "
          f"{ENOUGH} or more: {'holds' if len(found) >= ENOUGH else 'does not hold'}")  # fmt: skip


if __name__ == "__main__":
    main()

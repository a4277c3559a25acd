"""The seven strategies side by side on six densities of the plane, beside peers.

python benchmarks/strategies.py [--rows NAME,...] [--densities NAME,...] [--threads 1]
                                [--out strategies.csv] [--merge FILE FILE ...]

Training: 20,000 points, standardized; tests on others. Columns:
  nll       test negative log-likelihood, nats in the data's units; log Z by quadrature
  project   median distance from the manifold after `project`, from points pushed off it by 0.2
  branch    mean distance of y2 given y1 from the nearest true branch
  auroc     energy of data against energy of points uniform over the box
  volume    share of the box where the energy is below that of 95% of the data
  seconds   training
--merge prints the table of several files, for runs of parts of it.
"""

import argparse
import csv
import math
import os
import platform
import time
import warnings

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from thalweg import questions
from thalweg.core import Function
from thalweg.data import PLANE
from thalweg.energies import Perceptron, Rescaled
from thalweg.estimators import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    EnergyDensity,
    GaussianMixture,
    KMeans,
    MaskedAutoencoder,
    SparseAutoencoder,
    SquareICA,
    VariationalAutoencoder,
)
from thalweg.objectives.by_name import OBJECTIVES

N, TEST, ASKED = 20_000, 10_000, 300
NO_DENSITY = ("hinge", "log", "square-square", "square-exponential")
COLUMNS = ("nll", "project", "branch", "auroc", "volume", "seconds")


def box(reference):
    low, high = reference.min(0).values, reference.max(0).values
    wide = 0.3 * (high - low)
    return low - wide, high + wide


def quadrature(energy, reference, side=600):
    low, high = box(reference)
    axes = [torch.linspace(low[i], high[i], side) for i in range(2)]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    with torch.no_grad():
        values = torch.cat([energy(part) for part in grid.split(20_000)]).double()
    cell = float(((high - low) / (side - 1)).log().sum())
    return values, float(torch.logsumexp(-values, 0)) + cell


def measure(name, energy, density, complete, project, seconds):
    """All columns for one energy in the data's units."""
    generator = torch.Generator().manual_seed(99)
    test = PLANE[name](TEST, generator)
    clean = {} if name in ("checkerboard", "pinwheel") else {"noise": 0.0}
    reference = PLANE[name](50_000, generator, **clean)
    values, log_z = quadrature(energy, test)
    with torch.no_grad():
        data = energy(test).double()
    off = test[:ASKED] + 0.2 * torch.randn(ASKED, 2, generator=generator)
    near = project(off)
    away = torch.cdist(near, reference).min(1).values
    holed = test[:ASKED].clone()
    holed[:, 1] = torch.nan
    filled = complete(holed)
    same = (reference[:, 0] - filled[:, :1]).abs() < 0.02
    gap = (reference[:, 1] - filled[:, 1:]).abs().masked_fill(~same, math.inf).min(1).values
    gap = gap[gap.isfinite()]
    chosen = torch.randperm(len(values), generator=generator)[:TEST]
    score = torch.cat([data, values[chosen]]).nan_to_num(posinf=1e30, neginf=-1e30)
    label = np.repeat([0, 1], [TEST, TEST])
    return {
        "nll": float(data.mean()) + log_z if density else math.nan,
        "project": float(away.median()),
        "branch": float(gap.mean()),
        "auroc": float(roc_auc_score(label, score.numpy())),
        "volume": float((values < data.quantile(0.95)).double().mean()),
        "seconds": seconds,
    }


def ours(model, density):
    def fit(name):
        train = PLANE[name](N, torch.Generator().manual_seed(0))
        begun = time.perf_counter()
        model.fit(train)
        seconds = time.perf_counter() - begun

        def energy(y):
            return torch.from_numpy(model.energy(y.numpy()))

        return measure(name, energy, density, model.complete, model.project, seconds)

    return fit


def peer(make, steps=4000):
    """A trainer that takes standardized rows and gives (step, energy of standardized rows)."""

    def fit(name):
        train = PLANE[name](N, torch.Generator().manual_seed(0))
        shift, scale = train.mean(0), train.std(0)
        rows = (train - shift) / scale
        torch.manual_seed(0)
        begun = time.perf_counter()
        step, inner = make()
        for _ in range(steps):
            step(rows[torch.randint(N, (256,))])
        seconds = time.perf_counter() - begun
        energy = Rescaled(Function(inner), shift, scale)
        starts = train[:128]
        return measure(
            name, energy, True, lambda y: questions.complete(energy, y, starts=starts),
            lambda y: questions.project(energy, y), seconds,
        )  # fmt: skip

    return fit


def by_loss(parameters, loss):
    optimizer = torch.optim.Adam(parameters, lr=1e-3)

    def step(batch):
        value = loss(batch)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()

    return step


def of_ebmkit(kind):
    def make():
        import ebm

        energy = ebm.nets.MLPEnergy(2, (128, 128, 128))
        loss = {
            "CD": lambda: ebm.ContrastiveDivergence(
                ebm.LangevinDynamics(step_size=1e-2, steps=10), buffer=ebm.ReplayBuffer(8192, (2,))
            ),
            "DSM": lambda: ebm.DenoisingScoreMatching(0.1),
            "NCE": ebm.NoiseContrastiveEstimation,
        }[kind]()
        parameters = [*energy.parameters(), *loss.parameters()]
        return by_loss(parameters, lambda y: loss(energy, y).loss), energy

    return make


def of_torchebm(kind):
    def make():
        from torchebm import losses, samplers
        from torchebm.core import BaseModel

        class Model(BaseModel):
            def __init__(self):
                super().__init__()
                self.network = Perceptron((2, 128, 128, 128, 1))

            def forward(self, x, *args, **kwargs):
                return self.network(x).squeeze(-1)

        model = Model()
        if kind == "CD":
            walk = samplers.LangevinDynamics(model, step_size=1e-2)
            found = losses.ContrastiveDivergence(model, walk, k_steps=10)
            return by_loss(model.parameters(), lambda y: found(y)[0]), model
        found = losses.ScoreMatching(model)
        return by_loss(model.parameters(), found), model

    return make


def flow():
    import zuko

    model = zuko.flows.NSF(2, transforms=3, hidden_features=(128, 128))
    step = by_loss(model.parameters(), lambda y: -model().log_prob(y).mean())
    return step, lambda y: -model().log_prob(y)


def table():
    rows = {
        "A1 K-means, 50": ours(KMeans(50, random_state=0), False),
        "A1 Gaussian mixture, 50": ours(GaussianMixture(50, random_state=0), True),
        "A1 square ICA": ours(SquareICA(random_state=0), True),
        "A2 sparse autoencoder": ours(SparseAutoencoder(random_state=0), False),
        "A2 variational autoencoder": ours(VariationalAutoencoder(2, random_state=0), False),
        "A3 contracting autoencoder": ours(ContractiveAutoencoder(1, random_state=0), False),
    }
    for word in OBJECTIVES:
        strategy = "A4" if "score" in word else "C1" if word == "maximum-likelihood" else "C2"
        density = word not in NO_DENSITY
        rows[f"{strategy} {word}"] = ours(EnergyDensity(word, random_state=0), density)
    rows["C3 denoising autoencoder"] = ours(DenoisingAutoencoder(noise=0.2, random_state=0), False)
    rows["C3 masked autoencoder"] = ours(MaskedAutoencoder(random_state=0), False)
    for kind in ("CD", "DSM", "NCE"):
        rows[f"ebmkit {kind}"] = peer(of_ebmkit(kind))
    for kind in ("CD", "SM"):
        rows[f"torchebm {kind}"] = peer(of_torchebm(kind))
    rows["zuko spline flow"] = peer(flow)
    return rows


def show(results):
    """Means over densities, and the likelihoods one by one."""
    names = list(dict.fromkeys(each["density"] for each in results))
    print("\n| row | " + " | ".join(f"{n} nll" for n in names) + " | mean nll | "
          + " | ".join(COLUMNS[1:]) + " |")  # fmt: skip
    print("|---" * (len(names) + 1 + len(COLUMNS)) + "|")
    for row in dict.fromkeys(each["row"] for each in results):
        mine = {e["density"]: e for e in results if e["row"] == row}
        cells = [float(mine[n]["nll"]) if n in mine else math.nan for n in names]
        means = [np.mean([float(e[c]) for e in mine.values()]) for c in COLUMNS[1:]]
        every = [*cells, float(np.mean(cells)), *means]
        text = ["" if math.isnan(v) else f"{v:.3g}" if abs(v) >= 1000 else f"{v:.3f}"
                for v in every]  # fmt: skip
        print(f"| {row} | " + " | ".join(text) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows")
    parser.add_argument("--densities")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default="strategies.csv")
    parser.add_argument("--merge", nargs="*")
    options = parser.parse_args()
    if options.merge:
        found = []
        for path in options.merge:
            with open(path) as file:
                found.extend(csv.DictReader(file))
        show(found)
        return
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    rows = table()
    chosen = options.rows.split(",") if options.rows else list(rows)
    densities = options.densities.split(",") if options.densities else list(PLANE)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {options.threads} threads, "
          f"torch {torch.__version__}")  # fmt: skip
    results = []
    with open(options.out, "w", newline="") as file:
        writer = csv.DictWriter(file, ["row", "density", *COLUMNS])
        writer.writeheader()
        for row in chosen:
            for density in densities:
                found = {"row": row, "density": density, **rows[row](density)}
                results.append(found)
                writer.writerow(found)
                file.flush()
                print(row, density, {k: round(found[k], 3) for k in COLUMNS}, flush=True)
    show(results)


if __name__ == "__main__":
    main()

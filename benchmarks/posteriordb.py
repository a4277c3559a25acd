"""The posteriors of posteriordb that have reference draws, by ``sample`` and its defaults.

python benchmarks/posteriordb.py --folder DIR [--only nes,kidiq] [--draws 16000]

DIR is a copy of https://github.com/stan-dev/posteriordb (skipped without). Each posterior is a
function in posteriordb_models.py. For every parameter the error of the mean and of the standard
deviation against the reference draws, in Monte Carlo standard errors of both sides together; the
largest is shown beside the one that chance goes beyond once in a hundred such tables. Green is
a posterior with errors below that, R-hat below 1.01 and no divergence.
"""

import argparse
import json
import time
import warnings
import zipfile
from pathlib import Path
from statistics import NormalDist

import numpy as np
import torch
from posteriordb_models import POSTERIORS, as_in_stan

from thalweg.core import InputError
from thalweg.energies import Named
from thalweg.questions import sample
from thalweg.samplers import mcse_mean, mcse_sd, r_hat


def read(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(archive.namelist()[0]))


def data_of(folder, name):
    """The data as tensors, whole numbers as numbers, and the posterior's name."""
    said = json.loads((folder / "posteriors" / f"{name}.json").read_text())
    data = read(folder / "data" / "data" / f"{said['data_name']}.json.zip")
    data = {key: torch.tensor(value, dtype=torch.float64) for key, value in data.items()}
    return {**data, "name": name}


def reference(folder, name):
    """Draws (chains, draws) by the names that Stan gives."""
    path = folder / "reference_posteriors" / "draws" / "draws" / f"{name}.json.zip"
    chains = read(path)
    return {key: torch.tensor([chain[key] for chain in chains]) for key in chains[0]}


def scalars(values):
    """Each number of each parameter by the name that Stan gives: (chains, draws)."""
    found = {}
    for name, value in as_in_stan(values).items():
        for place in np.ndindex(tuple(value.shape[2:])):
            where = ",".join(str(i + 1) for i in place)
            found[f"{name}[{where}]" if place else name] = value[(..., *place)]
    return found


def errors(found, given):
    """Of all that both name, errors of means and of standard deviations in standard errors."""
    names = [name for name in given if name in found]
    assert names, (list(found)[:5], list(given)[:5])
    ours = torch.stack([found[name] for name in names], dim=-1)
    theirs = torch.stack([given[name] for name in names], dim=-1)
    kept = theirs.flatten(0, 1).std(0) > 0
    ours, theirs = ours[..., kept], theirs[..., kept]
    result = []
    for stat, error in ((torch.mean, mcse_mean), (torch.std, mcse_sd)):
        both = (error(ours).square() + error(theirs).square()).sqrt()
        off = stat(ours.flatten(0, 1), dim=0) - stat(theirs.flatten(0, 1), dim=0)
        result.append(float((off.abs() / both).max()))
    return result, int(kept.sum())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--draws", type=int, default=16_000)
    args = parser.parse_args()
    if args.folder is None:
        print("skipped: --folder DIR with a copy of posteriordb is needed")
        return
    torch.set_default_dtype(torch.float64)
    torch.distributions.Distribution.set_default_validate_args(False)  # Named sees to that
    warnings.filterwarnings("ignore", category=UserWarning)
    folder = args.folder / "posterior_database"
    print("| posterior | parameters | mean | sd | by chance | R-hat | diverged | s | |")
    print("|---|---|---|---|---|---|---|---|---|")
    green = 0
    names = [n for n in POSTERIORS if any(part in n for part in args.only.split(","))]
    for name in names:
        log_density, parameters = POSTERIORS[name](data_of(folder, name))
        posterior = Named(lambda **values: -log_density(**values), parameters)  # noqa: B023
        generator = torch.Generator().manual_seed(0)
        begun = time.perf_counter()
        try:
            found = sample(posterior, args.draws, generator, start=posterior.start(16, generator))
        except InputError as error:
            print(f"| {name} | | | | | | | | {error} |", flush=True)
            continue
        seconds = time.perf_counter() - begun
        values = scalars(posterior.named(found.draws))
        (mean, sd), n = errors(values, reference(folder, name))
        # two-sided, of 2 n errors in each of the tables
        most = NormalDist().inv_cdf(1 - 0.01 / (4 * n * len(POSTERIORS)))
        worst = float(r_hat(found.draws).max())
        diverged = int(found.diverged.sum())
        good = max(mean, sd) < most and worst < 1.01 and diverged == 0
        green += good
        print(f"| {name} | {n} | {mean:.1f} | {sd:.1f} | {most:.1f} | {worst:.3f} | {diverged} "
              f"| {seconds:.1f} | {'green' if good else ''} |", flush=True)  # fmt: skip
    print(f"\n{green} of {len(names)} green")


if __name__ == "__main__":
    main()

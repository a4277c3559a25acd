"""Five posteriors against posteriordb's reference draws, with default settings.

python benchmarks/posteriors.py --data-dir DIR [--seeds 3]

For each parameter the error of the mean and of the standard deviation, in Monte Carlo standard
errors of both sides together; R-hat; divergences; gradients and seconds.
"""

import argparse
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from models import posteriors, reference

from thalweg.questions import sample
from thalweg.samplers import mcse_mean, mcse_sd


def start_for(model, chains, generator):
    """Where chains begin: uniform in [-1, 1], as good as knowing nothing of the scales."""
    return 2 * torch.rand(chains, model.d, generator=generator, dtype=torch.float64) - 1


def run(model, seed, chains, n):
    generator = torch.Generator().manual_seed(seed)
    start = start_for(model, chains, generator)
    begun = time.perf_counter()
    found = sample(partial(model, torch), n, generator, start=start, chains=chains)
    return found, time.perf_counter() - begun


def errors(found, model, truth):
    """Largest error of a mean and of a standard deviation, in combined standard errors."""
    bounded = torch.stack(model.bounded(torch, found.draws), dim=-1)
    given = torch.as_tensor(np.stack([truth[name] for name in model.names], axis=-1))
    worst = []
    for stat, error in ((lambda d: d.flatten(0, 1).mean(0), mcse_mean),
                        (lambda d: d.flatten(0, 1).std(0), mcse_sd)):  # fmt: skip
        both = (error(bounded).square() + error(given).square()).sqrt()
        worst.append(float(((stat(bounded) - stat(given)).abs() / both).max()))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--chains", type=int, default=16)
    parser.add_argument("--draws", type=int, default=16_000)
    args = parser.parse_args()
    if args.data_dir is None or not (args.data_dir / "posteriordb").is_dir():
        print("skipped: --data-dir DIR with a folder posteriordb is needed")
        return
    print(
        "| posterior | seed | mean, MCSE | sd, MCSE | R-hat | divergences | ESS | gradients | s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, model in posteriors(args.data_dir, torch.as_tensor).items():
        truth = reference(args.data_dir, name)
        for seed in range(args.seeds):
            found, seconds = run(model, seed, args.chains, args.draws)
            mean, sd = errors(found, model, truth)
            print(f"| {name} | {seed} | {mean:.1f} | {sd:.1f} | {float(found.r_hat().max()):.4f} | "
                  f"{int(found.diverged.sum())} | {float(found.ess_bulk().min()):.0f} | "
                  f"{found.gradients:.0f} | {seconds:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

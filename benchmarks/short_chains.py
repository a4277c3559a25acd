"""Hundreds of short chains: how right a few draws of each are after a short warm-up.

python benchmarks/short_chains.py [--data-dir DIR] [--chains 512]

Errors of the mean and of the standard deviation of the worst coordinate, in standard deviations,
against 40,000 draws of 64 long chains; calls of the energy one after the other, and seconds. An
error of four over the square root of the number of chains says nothing.
"""

import argparse
import time
import warnings
from functools import partial
from pathlib import Path

import torch
from models import posteriors, toys

from thalweg.core import Energy
from thalweg.questions import sample
from thalweg.samplers import HMC, MAMS

WARM_UPS = (40, 120)


class Counted(Energy):
    """An energy that counts how often it is asked for a gradient."""

    def __init__(self, function):
        super().__init__()
        self.function, self.calls = function, 0

    def forward(self, y, x=None):
        return self.function(y)

    def value_and_gradient(self, y, x=None):
        self.calls += 1
        return super().value_and_gradient(y)


def start(chains, d, seed):
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(chains, d, generator=generator, dtype=torch.float64) - 1


def drawn(energy, d, chains, draws, **settings):
    generator = torch.Generator().manual_seed(0)
    found = sample(
        energy, chains * draws, generator, start=start(chains, d, 1), chains=chains, **settings
    )
    return found.draws.flatten(0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--chains", type=int, default=512)
    args = parser.parse_args()
    models = toys(torch.as_tensor)
    if args.data_dir is None or not (args.data_dir / "posteriordb").is_dir():
        print("posteriors skipped: --data-dir DIR with a folder posteriordb is needed")
    else:
        models = {**posteriors(args.data_dir, torch.as_tensor), **models}
    warnings.simplefilter("ignore")
    print("| density | sampler | warm-up | mean | standard deviation | calls | s |")
    print("|---|---|---|---|---|---|---|")
    for name, model in models.items():
        right = drawn(partial(model, torch), model.d, 64, 625, warm_up=1000)
        for sampler in (HMC(), MAMS()):
            for warm_up in WARM_UPS:
                energy = Counted(partial(model, torch))
                begun = time.perf_counter()
                found = drawn(energy, model.d, args.chains, 4, sampler=sampler, warm_up=warm_up)
                seconds = time.perf_counter() - begun
                mean = ((found.mean(dim=0) - right.mean(dim=0)) / right.std(dim=0)).abs().max()
                spread = (found.std(dim=0) / right.std(dim=0) - 1).abs().max()
                print(f"| {name} | {type(sampler).__name__} | {warm_up} | {mean:.3f} | "
                      f"{spread:.3f} | {energy.calls} | {seconds:.1f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

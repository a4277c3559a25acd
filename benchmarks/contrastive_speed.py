"""Time of a training step beside ebmkit and torchebm: same objective, network and batch.

python benchmarks/contrastive_speed.py [--repeat 5] [--width 128] [--batch 256] [--threads 2]

A step is the loss, its gradient and Adam's update, 2-128-128-128-1 network with SiLU, 256 rows.
Contrastive divergence takes ten Langevin steps.
"""

import argparse
import os
import platform
import time
from statistics import median

import torch

from thalweg.core import Batch
from thalweg.data import two_moons
from thalweg.energies import NetworkEnergy, Normal, Perceptron
from thalweg.objectives import (
    ContrastiveDivergence,
    DenoisingScoreMatching,
    FromChains,
    FromData,
    NoiseContrastive,
    ScoreMatching,
    SlicedScoreMatching,
)
from thalweg.samplers import Langevin
from thalweg.training import adam, gradient_step

STEPS = 200


def network(width):
    return Perceptron((2, width, width, width, 1), generator=torch.Generator().manual_seed(0))


def ours(objective, y, width):
    energy = NetworkEnergy(network(width))
    generator = torch.Generator().manual_seed(0)
    objective.begin(energy, y, generator)
    parameters = [*energy.parameters(), *objective.parameters()]
    optimizer, schedule = adam([{"params": parameters, "lr": 1e-3}], 10**6)
    step = gradient_step(energy, objective, optimizer, schedule)
    return lambda: step(Batch(y), generator)


def of_ebmkit(loss, y, width):
    import ebm

    energy = ebm.nets.MLPEnergy(2, (width, width, width))
    optimizer = torch.optim.Adam([*energy.parameters(), *loss.parameters()], lr=1e-3)

    def step():
        out = loss(energy, y)
        optimizer.zero_grad(set_to_none=True)
        out.loss.backward()
        optimizer.step()

    return step


def of_torchebm(make, y, width):
    from torchebm.core import BaseModel

    class Model(BaseModel):
        def __init__(self):
            super().__init__()
            self.network = network(width)

        def forward(self, x, *args, **kwargs):
            return self.network(x).squeeze(-1)

    model = Model()
    loss = make(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        value = loss(y)
        value = value[0] if isinstance(value, tuple) else value
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()

    return step


def milliseconds(step, repeat):
    for _ in range(30):
        step()
    times = []
    for _ in range(repeat):
        begun = time.perf_counter()
        for _ in range(STEPS):
            step()
        times.append(time.perf_counter() - begun)
    return 1e3 * median(times) / STEPS


def rows():
    import ebm
    from torchebm import losses, samplers

    chain = Langevin(0.01)
    peer_chain = ebm.LangevinDynamics(step_size=0.01, steps=10)
    plane = Normal(torch.zeros(2), torch.eye(2))

    def cd(model):
        walk = samplers.LangevinDynamics(model, step_size=0.01)
        return losses.ContrastiveDivergence(model, walk, k_steps=10)

    def pcd(model):
        walk = samplers.LangevinDynamics(model, step_size=0.01)
        return losses.ContrastiveDivergence(model, walk, k_steps=10, persistent=True, init_steps=0)

    return {
        "CD-10": (ContrastiveDivergence(FromData(chain, 10)),
                  ebm.ContrastiveDivergence(peer_chain), cd),
        "persistent CD-10": (
            ContrastiveDivergence(FromChains(chain, 10, 10000)),
            ebm.ContrastiveDivergence(peer_chain, ebm.ReplayBuffer(10000, (2,))), pcd),
        "NCE": (NoiseContrastive(plane), ebm.NoiseContrastiveEstimation(), None),
        "exact score matching": (ScoreMatching(), ebm.ExactScoreMatching(),
                                 losses.ScoreMatching),
        "sliced score matching": (SlicedScoreMatching(), ebm.SlicedScoreMatching(),
                                  losses.SlicedScoreMatching),
        "denoising score matching": (
            DenoisingScoreMatching(0.1), ebm.DenoisingScoreMatching(0.1),
            lambda model: losses.DenoisingScoreMatching(model, noise_scale=0.1)),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    y = two_moons(options.batch, torch.Generator().manual_seed(0))
    print(f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}, batch "
          f"{options.batch}, width {options.width}; milliseconds a step")  # fmt: skip
    print(f"{'':28}{'thalweg':>9}{'ebmkit':>9}{'torchebm':>10}{'times faster':>14}")
    for name, (objective, peer, other) in rows().items():
        mine = milliseconds(ours(objective, y, options.width), options.repeat)
        first = milliseconds(of_ebmkit(peer, y, options.width), options.repeat)
        second = float("inf")
        if other is not None:
            second = milliseconds(of_torchebm(other, y, options.width), options.repeat)
        shown = f"{second:10.2f}" if other is not None else f"{'none':>10}"
        print(f"{name:28}{mine:9.2f}{first:9.2f}{shown}{min(first, second) / mine:14.2f}",
              flush=True)  # fmt: skip


if __name__ == "__main__":
    main()

r"""Four ways of finding the points to push up
==========================================

.. math::
    E_p[g] \approx \sum_i w_i g(y_i), \qquad w_i \propto e^{-F(y_i)} / q(y_i)

Monte Carlo draws from another density and weights what it drew, a random walk tries steps and keeps
or rejects them, Langevin goes down the gradient with noise, Hamiltonian Monte Carlo lets a ball
roll: each with as many evaluations of one energy, and worth as many independent draws as would know
the mean of y as well. In a plane Monte Carlo wins; with every further dimension fewer of its draws
have weight.
"""

import torch

from thalweg.energies import Normal, NormalMixture
from thalweg.gallery import quick, save, surface
from thalweg.plots import COLOURS, draw_chains, figure
from thalweg.samplers import HMC, MALA, RandomWalk, importance, run

EVALUATIONS = 400
angle = torch.linspace(-2.4, 2.4, 40)
arc = torch.stack([1.6 * angle.sin(), 0.6 - 1.6 * angle.cos()], dim=1)
energy = NormalMixture(arc, 0.16, torch.full((40,), 1 / 40))  # a curved valley
start = arc[:1] + 0.1
samplers = {
    "MCMC: a random walk": RandomWalk(step_size=0.8),
    "Langevin, with a check (MALA)": MALA(step_size=0.05),
    "Hamiltonian Monte Carlo": HMC(step_size=0.2, n_steps=16, jitter=0.5),
}
drawn = figure(13, 11, 2, 2)
generator = torch.Generator().manual_seed(0)
proposal = Normal(torch.zeros(2), 2 * torch.eye(2))
repeats = 50 if quick() else 1000
exact = energy.draw(repeats, generator)


def worth(means):
    """How many independent draws have a mean that varies as little, in the worse coordinate."""
    return float((exact.var(dim=0) / means.var(dim=0)).min())


again = [importance(energy, proposal, EVALUATIONS, generator) for _ in range(repeats)]
found = again[0]
surface(drawn.axes[0], energy, 2.6, top=12)
drawn.axes[0].scatter(*found.y.T, s=300 * found.share / found.share.max(), c=COLOURS[3],
                      edgecolors="white", linewidths=0.4)  # fmt: skip
means = torch.stack([each.share.float() @ each.y for each in again])
drawn.axes[0].set_title(
    f"Monte Carlo: {EVALUATIONS} draws, area = weight; worth {worth(means):.0f}"
)
for axes, (name, sampler) in zip(drawn.axes[1:], samplers.items(), strict=False):
    steps = EVALUATIONS // (sampler.n_steps if isinstance(sampler, HMC) else 1)
    # one chain to look at, and many from exact draws to know what a chain of that length is worth
    chain = run(sampler, energy, sampler.init(energy, start), steps, generator).draws
    many = run(sampler, energy, sampler.init(energy, exact), steps, generator).draws
    surface(axes, energy, 2.6, top=12)
    draw_chains(axes, torch.cat([start[None], chain], dim=1).numpy(), (COLOURS[3],))
    axes.set_title(f"{name}: {steps} steps, worth {worth(many.mean(dim=1)):.1f}")
save(drawn)

"""Four ways of finding the points to push up
==========================================

Monte Carlo draws from another density and weights what it drew, a random walk tries steps and keeps
or rejects them, Langevin goes down the gradient with noise, Hamiltonian Monte Carlo lets a ball
roll. Each has as many evaluations of one energy, and is worth the number of independent draws that
would know the mean of y as well.
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
found = importance(energy, proposal, EVALUATIONS, generator)
surface(drawn.axes[0], energy, 2.6, top=12)
drawn.axes[0].scatter(*found.y.T, s=300 * found.share / found.share.max(), c=COLOURS[3],
                      edgecolors="white", linewidths=0.4)  # fmt: skip
drawn.axes[0].set_title(f"Monte Carlo: {EVALUATIONS} draws, area = weight; worth "
                        f"{found.effective_size:.0f}", fontsize=11)  # fmt: skip
for axes, (name, sampler) in zip(drawn.axes[1:], samplers.items(), strict=False):
    cost = sampler.n_steps if isinstance(sampler, HMC) else 1
    # one chain to look at, and many to know what a chain of that length is worth
    chain = run(sampler, energy, sampler.init(energy, start), EVALUATIONS // cost, generator)
    count = 50 if quick() else 1000
    begin = energy.draw(count, generator)
    many = run(sampler, energy, sampler.init(energy, begin), EVALUATIONS // cost, generator)
    means = many.draws.mean(dim=1)
    worth = float((begin.var(dim=0) / means.var(dim=0)).min())
    surface(axes, energy, 2.6, top=12)
    draw_chains(axes, chain.draws.numpy(), (COLOURS[3],))
    axes.set_title(f"{name}: {EVALUATIONS // cost} steps, worth {worth:.1f}", fontsize=11)
save(drawn)

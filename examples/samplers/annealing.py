"""log Z of a Boltzmann machine from below and from above, against the exact sum.

python examples/samplers/annealing.py [FILE]
"""

import sys

import torch

from thalweg.energies import RestrictedBoltzmann, every_state
from thalweg.plots import figure, save_figure
from thalweg.samplers import BlockGibbs, annealed_importance, reversed_importance

RUNS = 1000

generator = torch.Generator().manual_seed(0)
weights = 2.0 * torch.randn(12, 16, generator=generator, dtype=torch.float64)
machine = RestrictedBoltzmann(weights, -weights.sum(1) / 2, -weights.sum(0) / 2)
zero = torch.zeros(12, dtype=torch.float64)
base = machine.untied(zero)
exact = float(machine.log_normalizer().detach())

with torch.no_grad():  # exact draws of the machine, by listing its 4096 states, to anneal back from
    states = every_state(12)
    share = torch.softmax(-machine(states), dim=0)
    draws = states[torch.multinomial(share, RUNS, replacement=True, generator=generator)]

lengths = [1, 3, 10, 30, 100, 300]
below, above = [], []
for steps in lengths:
    settings = {"generator": generator, "path": lambda beta: machine.tempered(beta, zero)}
    below.append(annealed_importance(machine, base, BlockGibbs(), steps, RUNS, **settings))
    above.append(reversed_importance(machine, base, BlockGibbs(), steps, draws, **settings))
    print(f"{steps:4d} temperatures: {below[-1].value:.3f} to {above[-1].value:.3f}, "
          f"exact {exact:.3f}")  # fmt: skip

drawn = figure(6, 4)
axes = drawn.axes[0]
axes.axhline(exact, color="black", linewidth=1, label="exact, by listing")
for estimates, name in ((below, "annealed from bits: below"), (above, "annealed back: above")):
    values, errors = [e.value for e in estimates], [2 * e.standard_error for e in estimates]
    axes.errorbar(lengths, values, yerr=errors, marker="o", capsize=3, label=name)
axes.set(xscale="log", xlabel="temperatures", ylabel="log Z")
axes.legend(frameon=False, loc="upper right")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "annealing.png")

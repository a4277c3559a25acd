"""Weighted draws and rejected draws of two wells: what a proposal that is too narrow does.

python examples/samplers/importance.py [FILE]
"""

import sys
import warnings

import torch

from thalweg.energies import Normal, NormalMixture
from thalweg.plots import figure, save_figure
from thalweg.samplers import importance, rejection

wells = NormalMixture(torch.tensor([[-2.0], [2.0]]), 0.7, torch.tensor([0.3, 0.7]))
line = torch.linspace(-5, 5, 400)[:, None]
density = (-wells(line) - wells.log_normalizer()).exp()
drawn = figure(13, 3.6, 1, 3)
generator = torch.Generator().manual_seed(0)
for axes, spread in zip(drawn.axes[:2], (0.8, 2.5), strict=True):
    proposal = Normal(torch.zeros(1), torch.tensor([[spread**2]]))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = importance(wells, proposal, 5000, generator)
    axes.hist(found.y[:, 0], 60, range=(-5, 5), density=True, weights=found.share, color="#9ad1d4")
    axes.set_title(f"proposal of spread {spread}: {found.effective_size:.0f} effective of 5000, "
                   f"k = {found.pareto_k:.2f}", fontsize=9)  # fmt: skip
    print(f"spread {spread}: log Z {found.log_z:.2f} (exact {float(wells.log_normalizer()):.2f})",
          "- warned" if said else "")  # fmt: skip
kept = rejection(wells, proposal, 0.5, 5000, generator)  # F_q - F is below 0.5 everywhere
axes = drawn.axes[2]
axes.hist(kept.y[:, 0], 60, range=(-5, 5), density=True, color="#9ad1d4")
axes.set_title(f"rejection: {kept.acceptance:.0%} of the proposals kept, all exact", fontsize=9)
for axes in drawn.axes:
    axes.plot(line[:, 0], density, color="black", linewidth=1, label="density")
    axes.legend(frameon=False, loc="upper left")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "importance.png")

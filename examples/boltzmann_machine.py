"""A restricted Boltzmann machine of binary digits: three objectives, their filters and samples.

python examples/boltzmann_machine.py [FILE]

Left: what each hidden unit looks for. Right: chains of block Gibbs that start at noise. The energy
of held-out digits is compared with that of digits with an eighth of their bits turned.
"""

import sys

import numpy as np
import torch
from sklearn.datasets import load_digits

from thalweg.estimators import BernoulliRBM
from thalweg.plots import draw_tiles, figure, save_figure
from thalweg.samplers import BlockGibbs, run

bits = (load_digits().data > 7).astype(np.float32)
train, test = bits[:1500], bits[1500:]
turned = np.abs(test - (np.random.default_rng(0).random(test.shape) < 1 / 8))
drawn = figure(10, 6.4, 3, 2)
for row, objective in enumerate(
    ("persistent-contrastive-divergence", "ratio-matching", "minimum-probability-flow")
):
    model = BernoulliRBM(48, objective=objective, n_steps=3000, random_state=0).fit(train)
    told = np.mean(model.energy(test)[:, None] < model.energy(turned)[None])
    print(f"{objective}: held-out digits lie below digits with turned bits in {told:.1%} of pairs")
    filters = model.energy_.weights.detach().T.reshape(4, 12, 8, 8)
    draw_tiles(drawn.axes[2 * row], filters, title=f"{objective}: filters")
    generator = torch.Generator().manual_seed(0)
    noise = torch.from_numpy((np.random.default_rng(1).random((48, 64)) < 0.5).astype(np.float32))
    chain, machine = BlockGibbs(), model.energy_
    found = run(chain, machine, chain.init(machine, noise), 1000, generator).draws[:, -1]
    draw_tiles(drawn.axes[2 * row + 1], found.reshape(4, 12, 8, 8), 0, 1, title="samples")
save_figure(drawn, sys.argv[1] if len(sys.argv) > 1 else "boltzmann_machine.png")

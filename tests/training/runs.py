"""Runs that a test kills: each in a process of its own."""

import sys

import numpy as np
import torch

from thalweg.data import two_moons
from thalweg.estimators import EnergyDensity
from thalweg.training import Run

STEPS, EVERY = 1500, 20


def chains_on_moons(folder, out):
    """Persistent chains on two moons; parameters, chains and losses go to a file."""
    torch.set_num_threads(1)
    rows = two_moons(600, torch.Generator().manual_seed(0))
    model = EnergyDensity(
        "persistent-contrastive-divergence", hidden=(16,), n_steps=STEPS, batch_size=32,
        random_state=0,
    )  # fmt: skip
    model.fit(rows, run=Run(folder, EVERY, resume=True))
    state = {k: v.numpy() for k, v in model.energy_.state_dict().items()}
    chains = model.objective_.state_dict()["negatives.chains"].numpy()
    partial = f"{out}.partial.npz"
    np.savez(partial, chains=chains, losses=np.array(model.history_.losses), **state)
    sys.stdout.flush()

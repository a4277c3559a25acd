"""Checkpoints of training that something happened to: resumed from, in short runs."""

import shutil

import numpy as np
import torch

from thalweg.core import InputError
from thalweg.data import two_moons
from thalweg.estimators import GLO, BernoulliRBM, EnergyDensity, MaskedLanguageModel, VQAutoencoder
from thalweg.training import Diverged, Run

STEPS = 12


def runs():
    """Name, estimator and what it learns from: every optimizer, and objectives that remember."""
    rows = two_moons(60, torch.Generator().manual_seed(0)).numpy()
    few = {"n_steps": STEPS, "random_state": 0}
    return {
        "chains": (
            EnergyDensity("persistent-contrastive-divergence", hidden=(4,), batch_size=8, **few),
            rows,
        ),
        "noise": (EnergyDensity("noise-contrastive", hidden=(4,), **few), rows),
        "machine": (BernoulliRBM(2, **few), rows),
        "quantized": (VQAutoencoder(2, hidden=(4,), **few), rows),
        "codes": (GLO(2, hidden=(4,), **few), rows),
        "language": (
            MaskedLanguageModel(
                layers=1, width=8, context=16, epochs=2, batch_tokens=60, random_state=0
            ),
            ["the cat sat on the mat", "a dog ran in the park"] * 20,
        ),
    }  # fmt: skip


def save_runs(folder):
    """A checkpoint half way through each run."""
    for name, (model, given) in runs().items():
        model.fit(given, run=Run(folder / name, every=6))
        for path in sorted((folder / name).iterdir())[1:]:
            path.unlink()
        (path,) = (folder / name).iterdir()
        path.rename(folder / f"{name}.safetensors")
        shutil.rmtree(folder / name)


def resumed(path):
    """What became of a run that goes on from a mutant."""
    model, given = runs()[path.stem]
    folder = path.with_suffix(".run")
    folder.mkdir()
    path.rename(folder / "step-000000006.safetensors")
    try:
        model.fit(given, run=Run(folder, every=6, resume=True))
    except (InputError, Diverged) as error:
        return "refused", f"{type(error).__name__}: {error}"[:300]
    except MemoryError as error:
        return "memory", str(error)
    except Exception as error:  # noqa: BLE001 (the worst is counted, too)
        return "other error", f"{type(error).__name__}: {error}"[:300]
    finite = all(np.isfinite(p.detach()).all() for p in model.energy_.parameters())
    return ("answered" if finite else "not finite"), ""

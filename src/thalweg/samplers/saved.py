"""Chains in a file: their draws, where they stand, and what made them as it was tuned."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_of
from safetensors.torch import save as bytes_of
from torch import Tensor

from thalweg.core import InputError
from thalweg.core.files import read_file, write_beside
from thalweg.samplers.base import Sampler, State
from thalweg.samplers.chains import Chains
from thalweg.samplers.gibbs import BlockGibbs, GibbsWithGradients
from thalweg.samplers.hmc import HMC
from thalweg.samplers.langevin import MALA, Langevin
from thalweg.samplers.metric import Diagonal, LowRank, Unit
from thalweg.samplers.metropolis import RandomWalk
from thalweg.samplers.microcanonical import MAMS, MCLMC
from thalweg.samplers.nuts import NUTS, WALNUTS
from thalweg.samplers.tempering import ParallelTempering

KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (HMC, NUTS, WALNUTS, MAMS, MCLMC, MALA, Langevin, RandomWalk, BlockGibbs,
                 GibbsWithGradients, ParallelTempering, Unit, Diagonal, LowRank)
}  # fmt: skip
"""What a file may name: nothing else is made of it"""

EXPECTED = "chains written by save_chains"
HEADER, FORMAT = "header", 1
KEPT = ("draws", "energy", "acceptance", "diverged")


def save_chains(chains: Chains, path: str | os.PathLike[str]) -> None:
    """Write chains to a file, as safetensors; it replaces what has that name once it is whole.

    The energy is not in it: :func:`load_chains` gives what ``sample(energy, n, resume=chains)``
    goes on from, bit for bit with the generator that they ended with.

    Parameters
    ----------
    chains : Chains
    path : path

    Raises
    ------
    InputError
        If what made the chains holds an energy (:class:`Independence`), or a part that files do
        not know.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from thalweg.samplers import HMC, run
    >>> energy = lambda y: y.square().sum(dim=1) / 2
    >>> sampler, generator = HMC(0.5, n_steps=5), torch.Generator().manual_seed(0)
    >>> chains = run(sampler, energy, sampler.init(energy, torch.zeros(8, 2)), 100, generator)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_chains(chains, Path(folder) / "chains.safetensors")
    ...     load_chains(Path(folder) / "chains.safetensors").sampler
    HMC(step_size=0.5, metric=Unit(), n_steps=5, jitter=1.0)
    """
    if not isinstance(chains, Chains):
        raise InputError(f"save_chains: chains must be Chains, got {type(chains).__name__}")
    tensors = {name: getattr(chains, name) for name in KEPT}
    sampler = None if chains.sampler is None else _told(chains.sampler, "sampler", tensors)
    if chains.state is not None:
        tensors |= {f"state.{name}": value for name, value in chains.state._asdict().items()
                    if value is not None}  # fmt: skip
    header = {"chains": FORMAT, "gradients": chains.gradients, "sampler": sampler}
    tensors[HEADER] = torch.from_numpy(np.frombuffer(json.dumps(header).encode(), np.uint8).copy())
    # copies: safetensors refuses tensors that share memory
    plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    with write_beside(path) as beside:
        beside.write_bytes(bytes_of(plain))


def load_chains(path: str | os.PathLike[str]) -> Chains:
    """Chains as :func:`save_chains` wrote them, on the CPU; no code of the file runs.

    Parameters
    ----------
    path : path

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, or holds something else; it is named.
    """
    try:
        tensors = tensors_of(read_file(path, EXPECTED))
        header = json.loads(bytes(tensors[HEADER].numpy()))
        if header["chains"] > FORMAT:
            raise InputError(
                f"{path}: its format is {header['chains']}, and this version reads up to {FORMAT}; "
                "expected a newer thalweg"
            )
        sampler = None if header["sampler"] is None else _made(header["sampler"], tensors)
        state = None
        if "state.y" in tensors:
            state = State(tensors["state.y"], tensors["state.energy"], tensors.get("state.grad"))
        found = Chains(
            draws=tensors["draws"],
            energy=tensors["energy"],
            acceptance=tensors["acceptance"],
            diverged=tensors["diverged"],
            gradients=float(header["gradients"]),
            sampler=sampler,
            state=state,
        )
        _check(found)
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError) and str(path) in str(error):
            raise
        raise InputError(f"{path} is damaged or something else; expected {EXPECTED}") from error
    return found


def _check(found: Chains) -> None:
    """The parts are of one run."""
    sizes = {tuple(getattr(found, name).shape[:2]) for name in KEPT}
    known = found.sampler is None or isinstance(found.sampler, Sampler)
    standing = found.state is None or len(found.state.y) == len(found.draws)
    if len(sizes) > 1 or not known or not standing:
        raise ValueError("parts that do not fit")


def _told(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """A setting as JSON; its tensors go to ``tensors``."""
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if type(value).__name__ in KINDS and type(value) is KINDS[type(value).__name__]:
        fields = dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
        return {
            "kind": type(value).__name__,
            "settings": {
                f.name: _told(getattr(value, f.name), f"{name}.{f.name}", tensors) for f in fields
            },
        }
    if isinstance(value, (list, tuple)):
        return [_told(each, f"{name}.{i}", tensors) for i, each in enumerate(value)]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    known = sorted(name for name, kind in KINDS.items() if issubclass(kind, Sampler))
    raise InputError(
        f"save_chains: {name} is {type(value).__name__}, which no file can hold; expected chains "
        f"of one of {', '.join(known)}"
    )


def _made(told: Any, tensors: dict[str, Tensor]) -> Any:
    """The setting that :func:`_told` told of."""
    if isinstance(told, list):
        return tuple(_made(each, tensors) for each in told)
    if not isinstance(told, dict):
        return told
    if "tensor" in told:
        return tensors[told["tensor"]]
    return KINDS[told["kind"]](
        **{name: _made(each, tensors) for name, each in told["settings"].items()}
    )

"""Chains in files: what comes back goes on as if it had never been away."""

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from targets import METRICS, TemperedGumbel

from thalweg.core import InputError
from thalweg.energies import Gumbel, RestrictedBoltzmann
from thalweg.questions import sample
from thalweg.samplers import (
    HMC,
    MALA,
    NUTS,
    WALNUTS,
    BlockGibbs,
    Independence,
    Langevin,
    ParallelTempering,
    RandomWalk,
    load_chains,
    run,
    save_chains,
)

DOUBLE = torch.float64
SAMPLERS = [
    HMC(0.4, METRICS["low rank"], n_steps=3),
    NUTS(torch.linspace(0.2, 0.5, 6, dtype=DOUBLE), METRICS["diagonal"], max_doublings=4),
    WALNUTS(0.9, tolerance=0.5),
    MALA(0.3),
    Langevin(0.01, noise=0.1),
    RandomWalk(0.7),
    ParallelTempering(HMC(0.3, METRICS["low rank"], n_steps=2), (1.0, 0.5)),
]


def walked(sampler, n=12, seed=0):
    energy, generator = Gumbel(2).double(), torch.Generator().manual_seed(seed)
    state = sampler.init(energy, torch.randn(6, 2, generator=generator, dtype=DOUBLE))
    return energy, run(sampler, energy, state, n, generator), generator


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_they_go_on_to_the_bit(sampler, tmp_path):
    energy, chains, generator = walked(sampler)
    save_chains(chains, tmp_path / "chains.safetensors")
    back = load_chains(tmp_path / "chains.safetensors")
    for field in dataclasses.fields(chains):
        if field.name in ("sampler", "state"):
            continue
        assert torch.equal(torch.as_tensor(getattr(back, field.name)),
                           torch.as_tensor(getattr(chains, field.name)))  # fmt: skip
    assert type(back.sampler) is type(sampler)
    place = generator.get_state()
    on = sample(energy, 60, generator, resume=chains, compiled=False)
    other = torch.Generator()
    other.set_state(place)
    again = sample(energy, 60, other, resume=back, compiled=False)
    assert torch.equal(on.draws, again.draws)
    assert torch.equal(on.energy, again.energy)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_of_bits_and_of_exact_draws(tmp_path):
    machine = RestrictedBoltzmann(torch.randn(4, 3), torch.zeros(4), torch.zeros(3))
    state = BlockGibbs().init(machine, torch.zeros(5, 4))
    chains = run(BlockGibbs(), machine, state, 9, torch.Generator().manual_seed(0))
    exact = sample(TemperedGumbel(1.0), 10, torch.Generator().manual_seed(0))
    for found in (chains, exact):
        save_chains(found, tmp_path / "a.safetensors")
        back = load_chains(tmp_path / "a.safetensors")
        assert torch.equal(back.draws, found.draws)
        assert (back.sampler is None) == (found.sampler is None)


def test_what_holds_an_energy_is_refused(tmp_path):
    _, chains, _ = walked(Independence(TemperedGumbel(0.8)))
    with pytest.raises(InputError, match="save_chains: sampler is Independence"):
        save_chains(chains, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="must be Chains, got str"):
        save_chains("chains", tmp_path / "a.safetensors")


def changed(path, change):
    """The same file with another header."""
    tensors = load_file(path)
    header = json.loads(bytes(tensors["header"].numpy()))
    change(header)
    tensors["header"] = torch.tensor(list(json.dumps(header).encode()), dtype=torch.uint8)
    save_file(tensors, path)


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.pop("chains"),
        lambda header: header.update(chains=99),
        lambda header: header["sampler"].update(kind="Popen"),
        lambda header: header["sampler"].update(kind="Unit", settings={}),
        lambda header: header["sampler"]["settings"].update(step_size=-1.0),
        lambda header: header["sampler"]["settings"].update(other=1),
        lambda header: header.update(sampler="HMC"),
        lambda header: header.update(gradients="many"),
    ],
)
def test_a_damaged_header_is_named(change, tmp_path):
    path = tmp_path / "chains.safetensors"
    save_chains(walked(HMC(0.4, n_steps=2))[1], path)
    changed(path, change)
    with pytest.raises(InputError, match=r"chains\.safetensors.*expected"):
        load_chains(path)


def test_other_files_are_named(tmp_path):
    path = tmp_path / "chains.safetensors"
    save_chains(walked(HMC(0.4, n_steps=2))[1], path)
    whole = path.read_bytes()
    for content in (whole[:100], whole[:-7], b"", b"not a file of tensors"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"chains\.safetensors is damaged"):
            load_chains(path)
    save_file({"w": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"chains\.safetensors is damaged"):
        load_chains(path)
    with pytest.raises(InputError, match="no such file"):
        load_chains(tmp_path / "none.safetensors")

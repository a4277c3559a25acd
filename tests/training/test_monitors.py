"""What a person is told while training goes wrong, and what is logged."""

import struct
import warnings

import pytest
import torch

from thalweg.core import Batch, InputError, Loss
from thalweg.data import two_moons
from thalweg.energies import NetworkEnergy, Perceptron
from thalweg.estimators import EnergyDensity
from thalweg.objectives import ContrastiveDivergence, FromChains
from thalweg.samplers import Langevin
from thalweg.training import Diverged, History, Run, TrainingWarning, adam, gradient_step, train
from thalweg.training.monitors import Watch


def history_with(steps, **metrics):
    history = History()
    for _ in range(steps):
        history.add(Loss(torch.tensor(1.0), {k: torch.tensor(v) for k, v in metrics.items()}))
    return history


def test_chains_that_no_longer_move_are_said_once():
    watch = Watch("Model")
    with pytest.warns(TrainingWarning, match="Model: chains accept 2% .* smaller step size"):
        watch(history_with(200, acceptance=0.02, gap=0.1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watch(history_with(400, acceptance=0.02, gap=0.1))


def test_a_gap_that_runs_away_is_said():
    with pytest.warns(TrainingWarning, match=r"gap .* is 60.0 on average .* smaller\s+learning"):
        Watch("Model")(history_with(200, acceptance=0.8, gap=60.0))
    with pytest.warns(TrainingWarning, match=r"gap .* is -60.0 on average"):
        Watch("Model")(history_with(200, acceptance=0.8, gap=-60.0))


def test_what_is_well_is_not_said():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Watch("Model")(history_with(200, acceptance=0.8, gap=3.0))
        Watch("Model")(history_with(200, gap=60.0))
        for steps in (0, 199, 201):
            Watch("Model")(history_with(steps, acceptance=0.0, gap=60.0))


def test_a_run_with_a_wild_learning_rate_warns_or_stops():
    rows = two_moons(500, torch.Generator().manual_seed(0))
    energy = NetworkEnergy(Perceptron((2, 32, 1), generator=torch.Generator().manual_seed(0)), 0.1)
    objective = ContrastiveDivergence(FromChains(Langevin(0.05), 5, 256, 0.05, kick=2.0))
    optimizer, schedule = adam([{"params": list(energy.parameters()), "lr": 0.5}], 10_000)
    step = gradient_step(energy, objective, optimizer, schedule)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            train(step, [Batch(rows[:128])] * 200, torch.Generator().manual_seed(0),
                  progress=Watch("Model"))  # fmt: skip
            stopped = False
        except (Diverged, InputError):
            stopped = True
    assert stopped or any("runs away" in str(one.message) for one in said)


def test_monitors_are_there_by_default():
    rows = two_moons(200, torch.Generator().manual_seed(0))
    model = EnergyDensity(
        "persistent-contrastive-divergence", hidden=(8,), n_steps=5, random_state=0
    ).fit(rows)
    assert set(model.history_.metrics[-1]) == {
        "energy", "negatives", "gap", "acceptance", "reseeded", "gradient_norm",
    }  # fmt: skip


def test_clipping_makes_the_step_no_longer_than_asked():
    energy = NetworkEnergy(Perceptron((2, 8, 1), generator=torch.Generator().manual_seed(0)))
    rows = two_moons(64, torch.Generator().manual_seed(0))
    objective = ContrastiveDivergence(FromChains(Langevin(), 1, 64), 100.0)
    optimizer = torch.optim.SGD(energy.parameters(), 1.0)
    before = [p.detach().clone() for p in energy.parameters()]
    loss = gradient_step(energy, objective, optimizer, clip=0.01)(
        Batch(rows), torch.Generator().manual_seed(0)
    )
    moved = torch.cat([(p - q).flatten() for p, q in zip(energy.parameters(), before, strict=True)])
    assert float(moved.norm().detach()) == pytest.approx(0.01, rel=1e-3)
    assert float(loss.metrics["gradient_norm"]) > 1


def records(path):
    """The events of a TensorBoard file: length, its checksum, event, its checksum."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        yield content[at + 12 : at + 12 + length]
        at += 16 + length


def test_monitors_go_to_tensorboard(tmp_path):
    from tensorboardX.proto.event_pb2 import Event

    rows = two_moons(200, torch.Generator().manual_seed(0))
    model = EnergyDensity("noise-contrastive", hidden=(8,), n_steps=20, random_state=0)
    model.fit(rows, run=Run(log_dir=tmp_path / "log"))
    (path,) = (tmp_path / "log").iterdir()
    seen = {}
    for record in records(path):
        event = Event.FromString(record)
        for value in event.summary.value:
            seen[value.tag, event.step] = value.simple_value
    assert {step for _, step in seen} == {10, 20}
    assert {tag for tag, _ in seen} == {"loss", *model.history_.metrics[-1]}
    assert seen["loss", 20] == pytest.approx(model.history_.losses[-1], rel=1e-6)


def test_half_precision_comes_near_full():
    rows = two_moons(1000, torch.Generator().manual_seed(0))
    full, half = (
        EnergyDensity(hidden=(32,), n_steps=100, precision=p, random_state=0).fit(rows).energy(rows)
        for p in ("no", "bf16")
    )
    assert not (full == half).all()
    assert abs(full - half).mean() < 0.2 * full.std()

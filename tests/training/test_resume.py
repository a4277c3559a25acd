"""Training that is killed at a random moment ends bit for bit where it would have ended."""

import multiprocessing
import signal
import sys
import time

import numpy as np
import pytest
import runs
import torch
from safetensors.torch import save

from thalweg.core import InputError
from thalweg.data import Shuffled, two_moons
from thalweg.estimators import (
    GLO,
    BernoulliRBM,
    DenoisingAutoencoder,
    EnergyDensity,
    MaskedAutoencoder,
    VQAutoencoder,
)
from thalweg.objectives import (
    ConditionalNoiseContrastive,
    DenoisingScoreMatching,
    FromData,
    Hinge,
)
from thalweg.samplers import HMC, MALA
from thalweg.training import Checkpoint, Diverged, History, Run, train
from thalweg.training.checkpoint import _sum
from thalweg.training.hardware import Hardware
from thalweg.training.state import GeneratorState, pack, unpack

KILLS = 10


def test_killed_ten_times_it_ends_where_it_would_have(tmp_path):
    # a server that has imported all once: its children start at once
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch._dynamo", "thalweg.estimators.tables.energy_density"])

    def begin(folder, out):
        process = context.Process(
            target=runs.chains_on_moons, args=(str(tmp_path / folder), str(tmp_path / out))
        )
        process.start()
        return process

    def steps():
        latest = Checkpoint(tmp_path / "killed", runs.EVERY, resume=True).latest()
        return 0 if latest is None else int(latest.stem.removeprefix("step-"))

    whole = begin("whole", "whole")
    begun = time.perf_counter()
    while not list((tmp_path / "whole").glob("step-*")) and whole.is_alive():
        time.sleep(0.01)
    start_up = time.perf_counter() - begun
    whole.join()
    assert whole.exitcode == 0
    a_checkpoint = (time.perf_counter() - begun - start_up) / (runs.STEPS / runs.EVERY)
    random = np.random.default_rng(0)
    kills, reached = 0, []
    while kills < KILLS:
        process = begin("killed", "killed")
        further = steps() + runs.EVERY * int(random.integers(0, 4))
        if further == steps():
            # before it has begun, or as it begins
            time.sleep(start_up * random.uniform(0.1, 1.0))
        while steps() < further and process.is_alive():
            time.sleep(0.002)
        time.sleep(a_checkpoint * random.uniform(0, 1.5))
        process.kill()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            break
        kills += 1
        reached.append(steps())
    last = begin("killed", "killed")
    last.join()
    assert last.exitcode == 0
    # it was killed on its way, not only before it began or after it was done
    assert kills == KILLS
    assert len(set(reached)) > 5
    one, other = (np.load(tmp_path / f"{name}.partial.npz") for name in ("whole", "killed"))
    assert set(one.files) == set(other.files)
    for name in one.files:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


MODELS = {
    "chains": EnergyDensity("contrastive-divergence", hidden=(8,), n_steps=30, random_state=0),
    "noise": EnergyDensity("noise-contrastive", hidden=(8,), n_steps=30, random_state=0),
    "machine": BernoulliRBM(4, n_steps=30, random_state=0),
    "denoising": DenoisingAutoencoder(4, hidden=(8,), n_steps=30, random_state=0),
    "masked": MaskedAutoencoder((8,), n_steps=30, random_state=0),
    "quantized": VQAutoencoder(2, hidden=(8,), n_steps=30, random_state=0),
    "codes": GLO(2, hidden=(8,), n_steps=30, random_state=0),
}


class Stopped(Exception):
    """Stands for whatever ended a run."""


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("at", [7, 13, 26])
def test_every_kind_of_training_goes_on_to_the_bit(name, at, tmp_path, monkeypatch):
    rows = two_moons(90, torch.Generator().manual_seed(0))
    whole = MODELS[name].fit(rows).energy_.state_dict()
    save = Checkpoint.save

    def stop(self, history):
        save(self, history)
        if len(history) >= at:
            raise Stopped

    monkeypatch.setattr(Checkpoint, "save", stop)
    with pytest.raises(Stopped):
        MODELS[name].fit(rows, run=Run(tmp_path / "run", every=at))
    monkeypatch.undo()
    again = MODELS[name].fit(rows, run=Run(tmp_path / "run", every=at, resume=True))
    assert len(again.history_) == 30
    for key, value in again.energy_.state_dict().items():
        assert torch.equal(value, whole[key]), key


def test_rows_come_in_the_same_order_after_a_stop():
    def order():
        return Shuffled(10, 3, 11, torch.Generator().manual_seed(1))

    whole = [tuple(part) for part in order()]
    for stop in range(11):
        first = order()
        begun = iter(first)
        taken = [tuple(next(begun)) for _ in range(stop)]
        second = order()
        second.load_state_dict(first.state_dict())
        assert taken + [tuple(part) for part in second] == whole
    # an epoch has every row once
    assert sorted(i for part in whole[:4] for i in part) == list(range(10))


def test_parts_of_a_batch_are_the_batch():
    generator = torch.Generator
    whole = list(Shuffled(11, 4, 6, generator().manual_seed(1)))
    few = [list(Shuffled(5, 4, 6, generator().manual_seed(1), rank, 2)) for rank in (0, 1)]
    assert all(len(part) for parts in few for part in parts)
    parts = [list(Shuffled(11, 4, 6, generator().manual_seed(1), rank, 2)) for rank in (0, 1)]
    for k, part in enumerate(whole):
        assert [*parts[0][k], *parts[1][k]] == list(part)


def test_state_comes_back_as_it_was():
    state = {"a": [1, 2.5, None, "x"], 3: (True, torch.arange(3)), "deep": {"t": torch.ones(2, 2)}}
    again = unpack(*pack(state))
    assert again["a"] == state["a"]
    assert again[3][0] is True
    assert torch.equal(again[3][1], torch.arange(3))
    assert torch.equal(again["deep"]["t"], torch.ones(2, 2))
    with pytest.raises(TypeError, match="a checkpoint cannot hold a set"):
        pack({"a": {1}})


def test_a_folder_that_is_taken_or_damaged_or_of_another_run_is_refused(tmp_path):
    rows = two_moons(90, torch.Generator().manual_seed(0))
    model = MODELS["noise"]
    model.fit(rows, run=Run(tmp_path / "run", every=10))
    files = sorted(p.name for p in (tmp_path / "run").iterdir())
    assert files == ["step-000000020.safetensors", "step-000000030.safetensors"]
    with pytest.raises(InputError, match="is there already; expected resume"):
        model.fit(rows, run=Run(tmp_path / "run"))
    with pytest.raises(InputError, match=r"data is .* there and .* here"):
        model.fit(rows[:80], run=Run(tmp_path / "run", resume=True))
    other = EnergyDensity("noise-contrastive", hidden=(9,), n_steps=30, random_state=0)
    with pytest.raises(InputError, match=r"hidden is '\(8,\)' there and '\(9,\)' here"):
        other.fit(rows, run=Run(tmp_path / "run", resume=True))
    path = tmp_path / "run" / files[-1]
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(InputError, match="is damaged"):
        model.fit(rows, run=Run(tmp_path / "run", resume=True))
    with pytest.raises(InputError, match="no checkpoint folder was given"):
        Run(resume=True)
    with pytest.raises(InputError, match="every must be a whole number"):
        Checkpoint(tmp_path / "x", every=0)


def test_a_diverged_run_names_the_step_and_the_last_good_checkpoint(tmp_path):
    from thalweg.core import Loss

    def step(batch, generator):
        return Loss(torch.tensor(float("nan") if batch == 17 else 1.0), {})

    checkpoint = Checkpoint(tmp_path, every=5)
    checkpoint.restore({})
    with pytest.raises(Diverged, match=r"step 18 is nan.*last good checkpoint is .*000000015"):
        train(step, range(40), torch.Generator(), checkpoint=checkpoint)
    with pytest.raises(Diverged, match="There is no checkpoint"):
        train(step, range(40), torch.Generator())


def test_a_gradient_that_is_not_a_number_is_not_kept(tmp_path):
    from thalweg.core import Loss

    def step(batch, generator):
        # the loss is of the parameters before the step that spoils them
        norm = float("nan") if batch >= 9 else 1.0
        return Loss(torch.tensor(1.0), {"gradient_norm": torch.tensor(norm)})

    checkpoint = Checkpoint(tmp_path, every=5)
    checkpoint.restore({})
    with pytest.raises(Diverged, match=r"gradient at step 10 is nan.*checkpoint is .*000000005"):
        train(step, range(40), torch.Generator(), checkpoint=checkpoint)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ConditionalNoiseContrastive(0.1), ConditionalNoiseContrastive(0.5)),
        (DenoisingScoreMatching(0.1), DenoisingScoreMatching((0.1, 0.2))),
        (Hinge(FromData(MALA(0.01), 2)), Hinge(FromData(MALA(0.02), 2))),
        (Hinge(FromData(MALA(0.01), 2)), Hinge(FromData(MALA(0.01), 2), 2.0)),
        (Hinge(FromData(HMC(0.1), 2)), Hinge(FromData(HMC(0.1, n_steps=3), 2))),
    ],
    ids=["noise", "scales", "step", "margin", "length"],
)
def test_an_objective_with_other_settings_is_another_run(one, other, tmp_path):
    rows = two_moons(90, torch.Generator().manual_seed(0))

    def model(objective):
        return EnergyDensity(objective, hidden=(8,), n_steps=10, random_state=0)

    model(one).fit(rows, run=Run(tmp_path / "run", every=5))
    with pytest.raises(InputError, match="is of another run: objective is"):
        model(other).fit(rows, run=Run(tmp_path / "run", resume=True))
    # a generator that moves on is no setting
    again = EnergyDensity(
        one, hidden=(8,), n_steps=10, random_state=np.random.RandomState(0)
    )  # fmt: skip
    again.fit(rows, run=Run(tmp_path / "moving", every=5))
    again.fit(rows, run=Run(tmp_path / "moving", every=5, resume=True))


def _checkpoint(folder):
    """A checkpoint's file after 6 of 12 steps, and the run that goes on from it."""
    rows = two_moons(60, torch.Generator().manual_seed(0))
    model = EnergyDensity("noise-contrastive", hidden=(4,), n_steps=12, random_state=0)
    model.fit(rows, run=Run(folder, every=6))
    (folder / "step-000000012.safetensors").unlink()
    path = folder / "step-000000006.safetensors"
    return path, lambda: model.fit(rows, run=Run(folder, every=6, resume=True))


def _changed(path, change):
    """The file with its state changed, and a sum that is right."""
    state = Checkpoint._read(path)
    change(state)
    tensors, text = pack(state)
    metadata = {"thalweg-checkpoint": "2", "state": text, "sum": _sum(text, tensors)}
    path.write_bytes(save(tensors, metadata))


@pytest.mark.parametrize(
    ("where", "value", "message"),
    [
        (("optimizer", "state", 0, "exp_avg"), torch.empty(0), r"state\.0\.exp_avg is torch"),
        (("optimizer", "state", 0, "exp_avg"), torch.zeros(1), r"expected torch.float32 \(4, 2\)"),
        (("optimizer", "state", 1, "exp_avg_sq"), torch.full((4,), -1.0), "below 0"),
        (("optimizer", "state", 0, "step"), torch.tensor(0.0), "expected a number of steps from 1"),
        (("optimizer", "state", 0, "step"), torch.tensor(6, dtype=torch.int64), "is torch.int64"),
        (("optimizer", "state", 9), {}, "the number of one of"),
        (("optimizer", "state", 0), {}, "has no 'exp_avg'"),
        (("optimizer", "param_groups", 0, "betas"), (0.9,), "betas is"),
        (("optimizer", "param_groups", 0, "fused"), False, "fused is False; expected True"),
        (("optimizer", "param_groups", 0, "lr"), -1.0, "expected a number of at least 0"),
        (("optimizer", "param_groups", 0, "params"), [0, 0, 0, 0, 0], "params"),
        (("schedule", "last_epoch"), 10**9, "expected 6"),
        (("schedule", "lr_lambdas"), ["os.system"], "lr_lambdas"),
        (("order", "made"), 7, "made is 7; expected 6"),
        (("order", "generator"), torch.zeros(5056, dtype=torch.uint8), "does not fit"),
        (("generator", "state"), torch.zeros(8), "state is torch.float32"),
        (("energy", "more"), torch.zeros(1), "energy has a part 'more'"),
        (("average", "n_averaged"), torch.tensor(1.0), "n_averaged is torch.float32"),
        (("energy", "network.layers.0.bias"), torch.full((4,), torch.nan), "not finite"),
        (("objective", "log_z"), "x", "log_z is 'x'; expected a tensor"),
    ],
)  # fmt: skip
def test_a_checkpoint_is_held_to_the_run_before_anything_is_restored(
    tmp_path, where, value, message, monkeypatch
):
    path, go_on = _checkpoint(tmp_path)

    def change(state):
        inside = state["parts"]
        for each in where[:-1]:
            inside = inside[each]
        inside[where[-1]] = value

    _changed(path, change)
    loaded = []
    monkeypatch.setattr(GeneratorState, "load_state_dict", lambda self, state: loaded.append(1))
    with pytest.raises(InputError, match=message) as raised:
        go_on()
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not loaded


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("steps", torch.tensor([1, 2, 3, 4, 5, 7]), "numbers that rise to 6"),
        ("steps", torch.tensor([1, 2, 2, 4, 5, 6]), "numbers that rise to 6"),
        ("values", torch.zeros(6), "history.values is"),
        ("names", ["gap", "gap"], "different names"),
        ("seconds", torch.zeros(0, dtype=torch.float64), "history.seconds is"),
    ],
)
def test_the_record_in_a_checkpoint_is_held_to_its_steps(tmp_path, part, value, message):
    path, go_on = _checkpoint(tmp_path)
    _changed(path, lambda state: state["history"].update({part: value}))
    with pytest.raises(InputError, match=message):
        go_on()


@pytest.mark.parametrize(("part", "key"), [("facts", 3), ("parts", -1), ("facts", True)])
def test_names_in_a_checkpoint_are_names(tmp_path, part, key):
    path, go_on = _checkpoint(tmp_path)
    _changed(path, lambda state: state[part].update({key: 1}))
    with pytest.raises(InputError, match=f"{part} of its state are not values by name"):
        go_on()


def test_a_bit_that_changed_in_a_checkpoint_is_seen(tmp_path):
    path, go_on = _checkpoint(tmp_path)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="its sum is another one"):
        go_on()


@pytest.mark.parametrize(
    "text",
    ['{"tensor": "9"}', '{"tuple": 1}', '{"dict": [[1]]}', '{"dict": [["a", 1], ["a", 2]]}',
     '{"run": "code"}', "{}", "[" * 100_000 + "]" * 100_000, '{"dict": [[[], 1]]}', "NaN"],
)  # fmt: skip
def test_a_state_that_pack_does_not_write_is_refused(text):
    with pytest.raises(InputError):
        unpack({"0": torch.zeros(1)}, text)


def test_parameters_that_the_last_step_spoiled_are_not_kept(tmp_path, monkeypatch):
    rows = two_moons(60, torch.Generator().manual_seed(0))
    advance = Hardware.advance
    steps = 0

    def spoiling(self, optimizer):
        nonlocal steps
        advance(self, optimizer)
        steps += 1
        if steps == 12:
            optimizer.param_groups[0]["params"][0].data.fill_(torch.inf)

    monkeypatch.setattr(Hardware, "advance", spoiling)
    model = DenoisingAutoencoder(4, hidden=(4,), n_steps=12, random_state=0)
    with pytest.raises(
        Diverged, match=r"after step 12 has values.*smaller learning rate.*no check"
    ):
        model.fit(rows)
    steps = 0
    with pytest.raises(Diverged, match=r"after step 12 has values.*checkpoint is .*000000006"):
        model.fit(rows, run=Run(tmp_path, every=6))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000006.safetensors"]


def test_history_comes_back():
    from thalweg.core import Loss

    history = History()
    for i in range(3):
        history.add(Loss(torch.tensor(float(i)), {"gap": torch.tensor(2.0 * i)}))
    again = History.from_state(unpack(*pack(history.state())))
    assert again.losses == [0.0, 1.0, 2.0]
    assert again.recent("gap", 2).tolist() == [2.0, 4.0]
    assert again.recent("acceptance", 2) is None


SCRIPT = """
import sys
import numpy as np, torch, torch.distributed
from thalweg.data import two_moons
from thalweg.estimators import EnergyDensity
from thalweg.objectives import Lattice, MaximumLikelihood
objective = MaximumLikelihood(Lattice(24, shifted=False))
rows = two_moons(512, torch.Generator().manual_seed(0))
model = EnergyDensity(objective, hidden=(16,), n_steps=60, batch_size=64, random_state=0,
                      device="cpu")
model.fit(rows)
if int(__import__("os").environ.get("RANK", "0")) == 0:
    np.save(sys.argv[1], model.energy(rows))
if torch.distributed.is_initialized():
    # none leaves while another still works
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()
"""


def test_two_processes_train_the_model_of_one_with_twice_the_batch(tmp_path, monkeypatch):
    runs.in_two_processes(SCRIPT, tmp_path, tmp_path / "two.npy")
    monkeypatch.setattr(sys, "argv", ["fit.py", str(tmp_path / "one.npy")])
    exec(SCRIPT, {})
    one, two = np.load(tmp_path / "one.npy"), np.load(tmp_path / "two.npy")
    # sums of single precision in another order, over 60 steps; the level of F is free
    np.testing.assert_allclose(two - two.mean(), one - one.mean(), atol=1e-3)
    assert one.std() > 0.3

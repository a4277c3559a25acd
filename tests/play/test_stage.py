"""An energy that is trained while it is looked at."""

import io
import threading
import time
import warnings
from contextlib import redirect_stdout

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

from thalweg.core import InputError
from thalweg.play.methods import METHODS, STRATEGIES, Knob, method
from thalweg.play.scenes import toy_scene
from thalweg.play.script import script
from thalweg.play.stage import People, Stage

# stages train in threads of their own, and say there that they have not converged
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SCENE = toy_scene("two_moons")
QUICK = {"n_steps": 60}


def staged(word, turned=None, scene=SCENE):
    return Stage(scene, word, turned or {}, 0, People())


def reach(stage, step, patience=60.0):
    """Wait until training has come so far."""
    end = time.monotonic() + patience
    while stage.now().step < step and not stage.done:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def made():
    stages = []

    def make(*words):
        stages.append(staged(*words))
        return stages[-1]

    yield make
    for stage in stages:
        stage.end()
        stage.join()


@pytest.mark.parametrize("word", METHODS)
def test_every_method_begins_trains_and_ends(word, made):
    knobs = {knob.name for knob in METHODS[word].knobs}
    quick = (
        {"n_steps": 60} if "n_steps" in knobs else {"max_iter": 3} if "max_iter" in knobs else {}
    )
    stage = made(word, quick)
    first = stage.now()
    assert first.step == 1
    assert not stage.training
    stage.go(True)
    end = time.monotonic() + 60
    while not stage.done:
        assert time.monotonic() < end
        time.sleep(0.01)
    assert stage.error is None
    last = stage.now()
    with torch.no_grad():
        data = last.energy(SCENE.rows)
        assert data.shape == (len(SCENE.rows),)
        if "max_iter" in quick:
            assert float(data.mean()) <= float(first.energy(SCENE.rows).mean()) + 1e-4
    # what is seen at the end is the fitted model
    model = METHODS[word].make(quick, 0)
    rows = (SCENE.rows[:, :1], SCENE.rows[:, 1]) if METHODS[word].paired else (SCENE.rows,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        expected = model.fit(*rows).energy(*rows)
    np.testing.assert_allclose(data, expected, rtol=1e-4, atol=1e-4)


def test_every_strategy_is_there():
    assert {each.strategy for each in METHODS.values()} == set(STRATEGIES)


def test_what_is_seen_does_not_change(made):
    stage = made("denoising", {"n_steps": 5000})
    moment = stage.now()
    before = {name: value.clone() for name, value in moment.energy.state_dict().items()}
    stage.go(True)
    reach(stage, 20)
    for name, value in moment.energy.state_dict().items():
        assert torch.equal(value, before[name]), name
    later = stage.now(after=moment.version)
    assert later.version > moment.version
    assert not torch.equal(later.energy(SCENE.rows), moment.energy(SCENE.rows))


def test_a_pause_shows_the_state_in_which_it_pauses(made):
    stage = made("denoising", {"n_steps": 5000})
    stage.go(True)
    reach(stage, 20)
    stage.go(False)
    time.sleep(0.3)
    step = stage.now().step
    time.sleep(0.3)
    assert stage.now().step == step
    stage.go(True)
    reach(stage, step + 5)
    assert stage.now().step > step


def test_people_go_first():
    people, order = People(), []

    def train():
        people.let_through()
        order.append("step")

    with people.asking():
        worker = threading.Thread(target=train)
        worker.start()
        time.sleep(0.05)
        order.append("answer")
    worker.join()
    assert order == ["answer", "step"]


def test_training_that_fails_says_why(made):
    stage = made("sparse", {}, SCENE._replace(rows=torch.full((5, 2), torch.nan)))
    with pytest.raises(InputError):
        stage.now()
    assert stage.error
    stage.join()
    assert stage.done


@pytest.mark.parametrize(
    ("turned", "message"),
    [({"n_clusters": 0}, "n_clusters: 0; expected a whole number from 1 to 100"),
     ({"n_clusters": 2.5}, "expected a whole number"),
     ({"n_clusters": "many"}, "expected a whole number"),
     ({"colour": 3}, "no knob 'colour'; expected n_clusters, max_iter")],
)  # fmt: skip
def test_knobs_have_ranges(turned, message):
    with pytest.raises(InputError, match=message):
        staged("kmeans", turned)
    with pytest.raises(InputError, match="expected one of maximum_likelihood"):
        method("magic")
    assert Knob("a", "a", 0, 1, 0.5, "real").read(0.25) == 0.25


@pytest.mark.parametrize(
    ("word", "turned", "until"),
    [("kmeans", {"n_clusters": 7}, 3), ("noise_contrastive", {"n_steps": 400}, 30),
     ("mixture", {"n_components": 3, "max_iter": 4}, 99), ("conditional", {"n_steps": 50}, 99)],
)  # fmt: skip
def test_the_script_makes_what_is_on_the_screen(word, turned, until, made):
    stage = made(word, turned)
    stage.go(True)
    reach(stage, until)
    stage.go(False)
    time.sleep(0.2)
    moment = stage.now()
    beta = 2.5 if word == "kmeans" else None
    text = script(stage, moment.step, {"tool": "fall", "point": [0.2, 0.3], "beta": beta})
    from thalweg.play.plane import softened

    energy = moment.energy if beta is None else softened(moment.energy, beta)
    said = io.StringIO()
    with redirect_stdout(said), warnings.catch_warnings():
        # fewer rounds than it takes to converge, as on the screen
        warnings.simplefilter("ignore", ConvergenceWarning)
        exec(text, {})
    with torch.no_grad():
        expected = float(energy(torch.tensor([[0.2, 0.3]])))
    printed = float(said.getvalue().split("[")[1].split("]")[0].split(",")[0])
    assert printed == pytest.approx(expected, abs=2e-4)

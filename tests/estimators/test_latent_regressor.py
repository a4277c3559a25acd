import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import thalweg
from thalweg.core import InputError
from thalweg.estimators import LatentRegressor


@parametrize_with_checks([LatentRegressor(n_components=1, n_init=1, n_steps=150, random_state=0)])
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def circle(n, seed):
    random = np.random.default_rng(seed)
    angle = random.uniform(0, 2 * np.pi, size=n)
    return np.cos(angle)[:, None], np.sin(angle) + 0.05 * random.normal(size=n)


@pytest.fixture(scope="module")
def fitted():
    return LatentRegressor(n_steps=1200, random_state=0).fit(*circle(1500, 0))


def test_both_branches_are_found_where_least_squares_averages(fitted):
    x, _ = circle(300, 1)
    height = np.sqrt(1 - x[:, 0] ** 2)
    predictions, energies = fitted.predict_all(x)
    assert predictions.shape == energies.shape == (300, 2)
    assert (np.diff(energies, axis=1) >= 0).all()
    found = np.sort(predictions, axis=1)
    right = np.abs(found - np.stack([-height, height], axis=1)) <= 0.15
    assert right.mean() >= 0.95
    one = LatentRegressor(n_components=1, n_steps=1200, random_state=0).fit(*circle(1500, 0))
    assert (np.abs(np.abs(one.predict(x)) - height) <= 0.15).mean() <= 0.2
    np.testing.assert_array_equal(fitted.predict(x), predictions[:, 0])


def test_energy_is_minus_the_log_of_the_mixture(fitted):
    x, y = circle(50, 2)
    values = fitted.energy(x, y)
    predictions, _ = fitted.predict_all(x)
    rescaled = fitted.energy_
    noise = float(rescaled.energy.energy.cost.log_sigma.detach().exp())
    away = (y[:, None] - predictions) / float(rescaled.scale)
    each = 0.5 * (away / noise) ** 2 + np.log(noise * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(values, -np.log(np.exp(-each).sum(axis=1)), rtol=1e-6)
    assert noise * float(rescaled.scale) == pytest.approx(0.05, rel=0.3)


def test_infer_says_which_branch_it_was(fitted):
    x, y = circle(200, 3)
    z = fitted.infer(x, y)
    assert z.shape == (200, 2)
    upper = z[y > 0.3].argmax(axis=1)
    lower = z[y < -0.3].argmax(axis=1)
    assert len(set(upper)) == len(set(lower)) == 1
    assert upper[0] != lower[0]


def test_hidden_targets_are_completed(fitted):
    x, y = circle(40, 4)
    holed = np.where(np.arange(40) % 2 == 0, np.nan, y)
    filled = fitted.complete(x, holed)
    np.testing.assert_array_equal(filled[1::2], y[1::2])
    height = np.sqrt(1 - x[::2, 0] ** 2)
    assert (np.abs(np.abs(filled[::2]) - height) < 0.2).mean() > 0.9


def test_one_of_two_targets_given_decides_the_other():
    random = np.random.default_rng(0)
    x = random.uniform(-1, 1, size=(800, 1))
    side = random.choice([-1, 1], size=800)
    y = np.stack([side * (2 + x[:, 0]), side * 3], axis=1) + 0.05 * random.normal(size=(800, 2))
    model = LatentRegressor(n_steps=800, random_state=0).fit(x, y)
    filled = model.complete([[0.0], [0.0]], [[2.0, np.nan], [np.nan, -3.0]])
    np.testing.assert_allclose(filled, [[2.0, 3.0], [-2.0, -3.0]], atol=0.25)
    holed = np.where(random.random(y.shape) < 0.2, np.nan, y)
    holed[np.isnan(holed).all(axis=1)] = 0
    again = LatentRegressor(n_steps=800, random_state=0).fit(x, holed)
    assert np.isfinite(again.energy(x, holed)).all()
    first = np.where(random.random(800) < 0.2, np.nan, y[:, 0])
    one = LatentRegressor(n_steps=50, random_state=0).fit(x, first)
    assert one.predict(x).shape == (800,)


def test_draws_follow_the_branches(fitted):
    drawn = fitted.sample(np.zeros((2000, 1)), random_state=0)
    upper = (drawn > 0).mean()
    assert abs(upper - 0.5) < 5 * 0.5 / np.sqrt(2000)
    assert np.abs(drawn[drawn > 0] - 1).mean() < 0.1
    np.testing.assert_array_equal(drawn, fitted.sample(np.zeros((2000, 1)), random_state=0))


def test_a_continuous_z_runs_through_the_answers():
    x, y = circle(1500, 0)
    model = LatentRegressor(latent="continuous", n_components=1, n_steps=500, random_state=0)
    model.fit(x, y)
    predictions, _ = model.predict_all([[0.0]], n=8)
    assert predictions.shape == (1, 8)
    assert np.abs(np.abs(predictions[0, :2]) - 1).max() < 0.2
    z = model.infer([[0.0], [0.0]], [1.0, -1.0])
    assert abs(float(z[0, 0] - z[1, 0])) > 0.3


def test_saved_and_loaded(fitted, tmp_path):
    x, y = circle(50, 5)
    fitted.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.energy(x, y), fitted.energy(x, y))
    np.testing.assert_array_equal(again.predict(x), fitted.predict(x))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.predict_all([[0.0]], n=3), "more than the 2 branches"),
        (lambda m: m.predict_all([[0.0]], n=0), "n must be a whole number"),
        (lambda m: m.energy([[0.0]], [[1.0, 2.0]]), "Y has 2 columns; expected 1"),
        (lambda m: m.energy([[0.0]], [1.0, 2.0]), r"Y has shape \(2,\); expected"),
        (lambda m: m.energy([[np.nan]], [1.0]), "X contains NaN in row 0"),
        (lambda m: m.energy([[0.0]], [np.inf]), "Y: row 0 is infinite"),
        (lambda m: LatentRegressor(latent="continuous", n_components=4).fit([[0.0]], [0.0]),
         "at most 3"),
    ],
)  # fmt: skip
def test_bad_questions_are_said(fitted, ask, message):
    with pytest.raises(InputError, match=message):
        ask(fitted)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(p, v) for p, c in LatentRegressor.parameters.items() for v in c.constraint.violations()],
    ids=str,
)
def test_every_parameter_is_held_to_its_constraint(parameter, value):
    with pytest.raises(InputError, match=f"LatentRegressor: {parameter} must be"):
        LatentRegressor(**{parameter: value}).fit([[0.0], [1.0]], [0.0, 1.0])

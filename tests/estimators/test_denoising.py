"""Denoising and masked autoencoders: the field points back, the energy is quadratic."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import thalweg
from thalweg.core import InputError
from thalweg.data import spiral
from thalweg.energies import MaskedPrediction
from thalweg.estimators import DenoisingAutoencoder, MaskedAutoencoder

NOISE = 0.2


def curve(n):
    """Points of the spiral, away from its ends, and its normals there: both (n, 2)."""
    end = 3 * math.pi
    t = np.linspace(0.35 * end, 0.95 * end, n)
    y = t[:, None] / end * np.stack([np.cos(t), np.sin(t)], axis=1)
    along = np.stack([np.cos(t) - t * np.sin(t), np.sin(t) + t * np.cos(t)], axis=1)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    return y, np.stack([-along[:, 1], along[:, 0]], axis=1)


@pytest.fixture(scope="module")
def fitted():
    rows = spiral(5000, torch.Generator().manual_seed(0)).double()
    model = DenoisingAutoencoder(32, noise=NOISE, n_steps=1500, random_state=0).fit(rows)
    return model, NOISE * float(rows.std(dim=0).mean())


def test_the_energy_grows_with_the_square_of_the_distance(fitted):
    model, sigma = fitted
    y, normal = curve(200)
    distance = np.geomspace(0.25, 1.0, 7) * sigma
    base = model.energy(y).mean()
    grown = [
        np.mean([model.energy(y + side * t * normal).mean() for side in (1, -1)]) - base
        for t in distance
    ]
    exponent = np.polyfit(np.log(distance), np.log(grown), 1)[0]
    assert exponent == pytest.approx(2.0, abs=0.2)


def test_the_field_points_back_to_the_curve(fitted):
    model, sigma = fitted
    y, normal = curve(200)
    for side in (1, -1):
        away = y + side * sigma * normal
        field = model.inverse_transform(model.transform(away)) - away
        back = (field * (-side * normal)).sum(axis=1)
        assert (back > 0).mean() > 0.97
        # most of the way, for a small noise all of it
        assert 0.5 * sigma < np.median(back) < 1.2 * sigma


def test_projection_and_draws_end_near_the_curve(fitted):
    model, sigma = fitted
    dense = spiral(20_000, torch.Generator().manual_seed(1)).numpy()

    def distance(rows):
        return np.array([np.linalg.norm(dense - row, axis=1).min() for row in rows])

    y, normal = curve(60)
    assert np.median(distance(model.project(y + sigma * normal))) < 0.25 * sigma
    assert np.median(distance(model.sample(100, random_state=0))) < 2 * sigma


@pytest.mark.parametrize("corruption", ["gaussian", "masking", "salt-and-pepper"])
def test_held_out_digits_are_denoised(corruption):
    X = load_digits().data / 16
    train, test = X[:1500], X[1500:]
    random = np.random.default_rng(0)
    scale, mean = train.std(axis=0), np.broadcast_to(train.mean(axis=0), test.shape)
    if corruption == "gaussian":
        noise, spoiled = 0.7, test + 0.7 * scale * random.normal(size=test.shape)
    else:
        noise, spoiled = 0.2, test.copy()
        hit = random.random(test.shape) < 0.2
        side = np.where(random.random(test.shape) < 0.5, -2, 2)
        other = mean + side * scale if corruption == "salt-and-pepper" else mean
        spoiled[hit] = other[hit]
    model = DenoisingAutoencoder(
        64, corruption=corruption, noise=noise, n_steps=1000, random_state=0
    ).fit(train)
    cleaned = model.inverse_transform(model.transform(spoiled))
    gained = ((spoiled - test) ** 2 - (cleaned - test) ** 2).mean(axis=1)
    # row by row, by more than five standard errors
    assert gained.mean() > 5 * gained.std() / np.sqrt(len(gained))


def test_the_inverse_temperature_is_kept(fitted, tmp_path):
    model, _ = fitted
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    assert again.energy_.beta == again.beta_ == model.beta_
    np.testing.assert_array_equal(again.sample(3, random_state=0), model.sample(3, random_state=0))


def test_no_entry_of_a_masked_prediction_sees_itself():
    network = torch.nn.Linear(10, 5)
    energy = MaskedPrediction(network, 5, parts=3)
    y = torch.randn(4, 5, requires_grad=True)
    said = energy.from_others(y)
    for j in range(5):
        (grad,) = torch.autograd.grad(said[:, j].sum(), y, retain_graph=True)
        same = torch.arange(5) % 3 == j % 3
        assert (grad[:, same] == 0).all()
        assert (grad[:, ~same] != 0).all()


def test_columns_that_follow_from_others_are_filled():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 3000))
    X = np.stack([a, b, a * b, np.sin(2 * a)], axis=1)
    model = MaskedAutoencoder(n_steps=3000, random_state=0).fit(X[:2500])
    test = X[2500:2560]
    for column, size in ((2, 0.25), (3, 0.2)):
        holed = test.copy()
        holed[:, column] = np.nan
        for answer in ("lowest", "mean"):
            filled = model.complete(holed, answer=answer)
            error = np.sqrt(np.mean((filled - test)[:, column] ** 2))
            assert error < size * test[:, column].std(), (column, answer)


def test_noise_that_is_no_share_is_named():
    with pytest.raises(InputError, match="noise must be one share below 1"):
        DenoisingAutoencoder(corruption="masking", noise=(0.1, 0.2)).fit(np.zeros((4, 2)))

"""Joint-embedding predictive architectures: pairs of parts, codes, single images."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

import thalweg
from thalweg.core import InputError
from thalweg.estimators import JEPA
from thalweg.training import Run

DIGITS = load_digits()
TRAIN, TEST = DIGITS.images[:1500].astype(np.float32), DIGITS.images[1500:].astype(np.float32)
SETTINGS = {"width": 8, "n_components": 16, "batch_size": 128, "share": 0.5, "random_state": 0}


def parts(images):
    """The lower right quarter, and what is around it."""
    given, hidden = images.copy(), np.full_like(images, np.nan)
    given[:, 4:, 4:], hidden[:, 4:, 4:] = np.nan, images[:, 4:, 4:]
    return given, hidden


def resumed(model, images, folder):
    """The model fitted, stopped after four steps of eight, and gone on with."""
    clone(model).fit(images, run=Run(folder, every=4))
    (last,) = [path for path in folder.iterdir() if "8" in path.name]
    last.unlink()
    return model.fit(images, run=Run(folder, every=4, resume=True))


@pytest.fixture(scope="module", params=["gaussian", "covariance"])
def model(request):
    return JEPA(spread=request.param, n_codes=4, n_steps=400, **SETTINGS).fit(TRAIN)


def test_the_part_of_the_image_itself_is_lower_than_that_of_another(model):
    given, hidden = parts(TEST)
    own, other = model.energy(given, hidden), model.energy(given, np.roll(hidden, 1, axis=0))
    labels = np.r_[np.zeros(len(own)), np.ones(len(own))]
    assert roc_auc_score(labels, np.r_[own, other]) > 0.65


def test_the_energy_is_the_distance_from_the_nearest_prediction(model):
    given, hidden = parts(TEST[:20])
    away = np.square(model.predict(given) - model.embed(hidden)).sum(axis=2)
    assert away.shape == (4, 20)
    np.testing.assert_allclose(model.energy(given, hidden), away.min(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(model.codes(given, hidden), away.argmin(axis=0))
    # and that of the fitted energy itself
    rows = [torch.from_numpy(each.reshape(20, -1)) for each in (hidden, given)]
    with torch.no_grad():
        found = model.energy_(*rows)
    np.testing.assert_allclose(found, away.min(axis=0), rtol=1e-4)


def test_embeddings_do_not_collapse_and_codes_part_ways(model):
    given, hidden = parts(TEST)
    assert model.embed(hidden).std(axis=0).min() > 0.2
    assert np.bincount(model.codes(given, hidden), minlength=4).max() < 0.9 * len(TEST)


def test_a_code_brings_what_happened_nearer():
    """In shares of the variance of what is predicted."""
    settings = SETTINGS | {"n_steps": 300}
    given, hidden = parts(TEST)

    def left(k):
        model = JEPA(n_codes=k, **settings).fit(TRAIN)
        width = model.embed(hidden).var(axis=0).sum()
        return model.energy(given, hidden).mean() / width

    assert left(8) < 0.9 * left(1)


def test_single_images_are_digits_or_not():
    model = JEPA(n_codes=1, n_steps=400, **SETTINGS).fit(TRAIN)
    shuffled = np.random.default_rng(0).permuted(TEST.reshape(-1, 64), axis=1).reshape(TEST.shape)
    labels = np.r_[np.zeros(len(TEST)), np.ones(len(TEST))]
    assert roc_auc_score(labels, np.r_[model.energy(TEST), model.energy(shuffled)]) > 0.8


def test_units_of_pixels_do_not_matter_to_single_images():
    settings = SETTINGS | {"n_steps": 5, "n_components": 6}
    one = JEPA(**settings).fit(TRAIN)
    ten = JEPA(**settings).fit(10 * TRAIN)
    np.testing.assert_allclose(ten.energy(10 * TEST[:5]), one.energy(TEST[:5]), rtol=1e-4)
    np.testing.assert_array_equal(one.score_samples(TEST[:5]), -one.energy(TEST[:5]))


@pytest.mark.parametrize("network", ["convolutional", "transformer"])
def test_single_images_have_the_determinant_of_their_slopes(network):
    settings = SETTINGS | {"n_steps": 3, "n_components": 5, "width": 16, "patch": 2}
    model = JEPA(network, **settings).fit(TRAIN[:50].repeat(3, axis=0).reshape(-1, 8, 8))
    inside = model.energy_.energy
    inside.double()
    y = model.energy_.into(torch.from_numpy(TEST[:3].reshape(3, -1))).double()
    found = model.energy(TEST[:3])
    for row, energy in zip(y, found, strict=True):
        slopes = torch.stack(
            [(inside.embed((row + e)[None]) - inside.embed((row - e)[None]))[0] / 2e-5
             for e in 1e-5 * torch.eye(64).double()], dim=1
        ).detach()  # fmt: skip
        s = inside.embed(row[None])[0].detach()
        known = 0.5 * (s.square().sum() + 5 * np.log(2 * np.pi)) - 0.5 * torch.logdet(
            slopes @ slopes.T
        )
        assert energy == pytest.approx(float(known), rel=1e-3)


def test_colours_and_hidden_pixels():
    colours = np.stack([TRAIN, 0.1 * TRAIN, 5 * TRAIN], axis=3)[:200]
    colours[:, 0, 0] = np.nan
    model = JEPA(**(SETTINGS | {"n_steps": 5, "n_components": 6})).fit(colours)
    alone = [float(model.energy(each[None])[0]) for each in colours[:4]]
    np.testing.assert_allclose(model.energy(colours[:4]), alone, rtol=1e-4)
    few = np.full((1, 8, 8, 3), np.nan)
    few[0, 0, 1] = 1.0
    with pytest.raises(InputError, match="3 pixels are visible, and 6 components"):
        model.energy(few)


def test_a_saved_model_answers_the_same(model, tmp_path):
    model.save(tmp_path / "m.st")
    again = thalweg.load(tmp_path / "m.st")
    given, hidden = parts(TEST[:5])
    np.testing.assert_array_equal(again.energy(given, hidden), model.energy(given, hidden))
    np.testing.assert_array_equal(again.energy(TEST[:5]), model.energy(TEST[:5]))
    np.testing.assert_array_equal(again.transform(TEST[:5]), model.transform(TEST[:5]))


def test_p_values_of_what_is_no_digit_are_small(model):
    model.calibrate(TEST[:150])
    shuffled = np.random.default_rng(0).permuted(TEST[150:].reshape(-1, 64), axis=1)
    assert np.mean(model.p_values(shuffled.reshape(-1, 8, 8))) < 0.4
    values = model.p_values(TEST[150:])
    assert abs(values.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 147 + 1 / 12 / 150)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    settings = SETTINGS | {"n_steps": 8, "n_components": 6, "n_codes": 3}
    whole = JEPA(**settings).fit(TRAIN[:300])
    again = resumed(JEPA(**settings), TRAIN[:300], tmp_path)
    given, hidden = parts(TEST[:3])
    np.testing.assert_array_equal(whole.energy(given, hidden), again.energy(given, hidden))


def test_one_image_and_unequal_numbers_are_refused(model):
    with pytest.raises(InputError, match="one image has no spread"):
        JEPA(n_steps=1).fit(TRAIN[:1])
    with pytest.raises(InputError, match="X has 2 images, Y 3; expected as many"):
        model.energy(TEST[:2], TEST[:3])
    with pytest.raises(InputError, match="spread"):
        JEPA(spread="wide").fit(TRAIN[:20])

"""Joint-embedding predictive architectures: pairs of parts, and codes."""

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


@pytest.fixture(scope="module")
def model():
    return JEPA(spread="covariance", n_codes=4, n_steps=300, **SETTINGS).fit(TRAIN)


def test_the_part_of_the_image_itself_is_lower_than_that_of_another(model):
    given, hidden = parts(TEST)
    own, other = model.energy(given, hidden), model.energy(given, np.roll(hidden, 1, axis=0))
    labels = np.r_[np.zeros(len(own)), np.ones(len(own))]
    # four deviations of what chance gives
    chance = np.sqrt((2 * len(own) + 1) / 12) / len(own)
    assert roc_auc_score(labels, np.r_[own, other]) > 0.5 + 4 * chance


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


def test_embeddings_that_are_to_be_normal_come_to_have_deviation_one():
    """Of images that were not learned from."""

    def away(steps):
        made = JEPA(
            spread="gaussian", n_codes=2, **SETTINGS | {"n_components": 8}, n_steps=steps
        ).fit(TRAIN)
        return np.abs(made.embed(TEST).std(axis=0) - 1)

    assert away(0).min() > 0.8
    assert away(60).max() < 0.5


def test_a_code_brings_what_happened_nearer():
    """In shares of the variance of what is predicted."""
    settings = SETTINGS | {"n_steps": 150, "spread": "covariance"}
    given, hidden = parts(TEST)

    def left(k):
        model = JEPA(n_codes=k, **settings).fit(TRAIN)
        width = model.embed(hidden).var(axis=0).sum()
        return model.energy(given, hidden).mean() / width

    assert left(8) < 0.9 * left(1)


def test_a_saved_model_answers_the_same(model, tmp_path):
    model.save(tmp_path / "m.st")
    again = thalweg.load(tmp_path / "m.st")
    given, hidden = parts(TEST[:5])
    np.testing.assert_array_equal(again.energy(given, hidden), model.energy(given, hidden))
    np.testing.assert_array_equal(again.transform(TEST[:5]), model.transform(TEST[:5]))


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    settings = SETTINGS | {"n_steps": 8, "n_components": 6, "n_codes": 3}
    whole = JEPA(**settings).fit(TRAIN[:300])
    again = resumed(JEPA(**settings), TRAIN[:300], tmp_path)
    given, hidden = parts(TEST[:3])
    np.testing.assert_array_equal(whole.energy(given, hidden), again.energy(given, hidden))


def test_colours_and_pixels_that_are_always_hidden():
    colours = np.stack([TRAIN, 0.1 * TRAIN, 5 * TRAIN], axis=3)[:200]
    colours[:, 0, 0] = np.nan
    model = JEPA(**(SETTINGS | {"n_steps": 5, "n_components": 6})).fit(colours)
    given, hidden = parts(colours[:4])
    alone = [float(model.energy(*pair)[0]) for pair in zip(
        given[:, None], hidden[:, None], strict=True
    )]  # fmt: skip
    np.testing.assert_allclose(model.energy(given, hidden), alone, rtol=1e-4)


def test_units_of_pixels_do_not_matter():
    settings = SETTINGS | {"n_steps": 5, "n_components": 6}
    one, ten = (JEPA(**settings).fit(scale * TRAIN) for scale in (1, 10))
    given, hidden = parts(TEST[:5])
    np.testing.assert_allclose(
        ten.energy(10 * given, 10 * hidden), one.energy(given, hidden), rtol=1e-3
    )


def test_parts_may_be_dark_and_whole_images_not(model):
    given, hidden = parts(TEST[:1])
    hidden[~np.isnan(hidden)] = np.random.default_rng(0).uniform(0, 0.05, 16)
    assert np.isfinite(model.energy(given, hidden)).all()
    with pytest.raises(InputError, match="expected the range of the training images"):
        model.transform(TEST[:3] / 255)


def test_a_transformer_predicts_too():
    settings = SETTINGS | {"n_steps": 2, "n_components": 6, "width": 16, "patch": 2}
    model = JEPA("transformer", **settings).fit(TRAIN[:100])
    pair = parts(TEST[:4])
    away = np.square(model.predict(pair[0]) - model.embed(pair[1])).sum(axis=2)
    np.testing.assert_allclose(model.energy(*pair), away.min(axis=0), rtol=1e-4)


def test_pairs_are_asked_some_at_a_time(model):
    given, hidden = (np.concatenate([part] * 40) for part in parts(TEST[:50]))
    found = model.energy(given, hidden)
    np.testing.assert_allclose(found, np.tile(found[:50], 40), rtol=1e-4)


def test_one_image_and_unequal_numbers_are_refused(model):
    with pytest.raises(InputError, match="one image has no spread"):
        JEPA(n_steps=1).fit(TRAIN[:1])
    with pytest.raises(InputError, match="X has 2 images, Y 3; expected as many"):
        model.energy(TEST[:2], TEST[:3])
    for share in ((0.8, 0.4), (0.2,)):
        with pytest.raises(InputError, match=r"JEPA: share is \(.*the ends of a range"):
            JEPA(n_steps=1, share=share).fit(TRAIN[:3])
    with pytest.raises(InputError, match="JEPA: images of 1 x 8 pixels; expected at least two"):
        JEPA(n_steps=1).fit(TRAIN[:3, :1])
    with pytest.raises(InputError, match="spread"):
        JEPA(spread="wide").fit(TRAIN[:20])

"""Densities of images: what they say of digits, what they paint, what is refused."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import thalweg
from thalweg.core import InputError
from thalweg.estimators import ImageDensity
from thalweg.training import Run

DIGITS = load_digits()
TRAIN, TEST = DIGITS.images[:1500].astype(np.float32), DIGITS.images[1500:].astype(np.float32)
CHAINS = "persistent-contrastive-divergence"
WAYS = {
    "dual-score-matching": {"width": 16, "depth": 1, "n_steps": 500, "learning_rate": 0.005},
    CHAINS: {"width": 16, "n_steps": 150, "learning_rate": 0.004},
}


def resumed(model, images, folder):
    """The model fitted, stopped after four steps of eight, and gone on with."""
    clone(model).fit(images, run=Run(folder, every=4))
    (last,) = [path for path in folder.iterdir() if "8" in path.name]
    last.unlink()
    return model.fit(images, run=Run(folder, every=4, resume=True))


@pytest.fixture(scope="module")
def model():
    return ImageDensity(random_state=0, **WAYS["dual-score-matching"]).fit(TRAIN)


def sure(images):
    """How sure a classifier is of each, and what it takes them for."""
    rows = DIGITS.images.reshape(-1, 64) / 16
    known = LogisticRegression(C=1.0, max_iter=500).fit(rows, DIGITS.target)
    shares = known.predict_proba(np.clip(images.reshape(len(images), -1) / 16, 0, 1))
    return shares.max(axis=1), shares.argmax(axis=1)


def holed(images):
    gone = images.copy()
    gone[:, 4:] = np.nan
    return gone


def test_digits_are_low_and_what_is_none_is_high(model):
    energy = model.energy(TEST)
    shuffled = np.random.default_rng(0).permuted(TEST.reshape(-1, 64), axis=1).reshape(TEST.shape)
    # upside down few of these digits look odd
    others = ((shuffled, 0.95), (TEST.transpose(0, 2, 1), 0.95), (TEST[:, ::-1], 0.55))
    labels = np.r_[np.zeros(len(TEST)), np.ones(len(TEST))]
    for other, least in others:
        assert roc_auc_score(labels, np.r_[energy, model.energy(other)]) > least


def test_an_energy_of_another_scale_is_that_of_all_scales_there(model):
    inside = model.energy_.energy.energy
    y = model.energy_.into(torch.from_numpy(TEST[:5].reshape(5, -1)))
    with torch.no_grad():
        expected = inside(y, torch.full((5, 1), np.log(1.5), dtype=y.dtype))
    np.testing.assert_allclose(model.energy(TEST[:5], scale=1.5), expected, rtol=1e-4)
    smallest = model.energy(TEST[:5], scale=0.02)
    np.testing.assert_allclose(smallest, model.energy(TEST[:5]), rtol=1e-4)
    for scale in (0.001, 1e6, float("nan")):
        with pytest.raises(InputError, match=r"scale is .*one that was learned: 0\.02 to 10"):
            model.energy(TEST[:5], scale=scale)


def test_draws_are_digits_of_many_kinds(model):
    drawn = model.sample(100, random_state=0)
    assert drawn.shape == (100, 8, 8)
    certain, which = sure(drawn)
    apart = np.random.default_rng(0).permuted(TRAIN[:500].reshape(500, -1), axis=0)
    # than of pixels that are drawn one by one
    assert certain.mean() > sure(apart.reshape(-1, 8, 8))[0].mean() + 0.07
    assert len(np.unique(which)) >= 8
    np.testing.assert_allclose(drawn[:5], model.sample(5, random_state=0), atol=1e-3)
    assert not np.array_equal(drawn, model.sample(100, random_state=1))


def test_lower_halves_are_drawn_several_ways(model):
    gone = holed(TEST[:20])
    drawn = model.complete(gone, draws=6, random_state=0)
    assert drawn.shape == (6, 20, 8, 8)
    np.testing.assert_array_equal(drawn[:, :, :4], np.broadcast_to(TEST[:20, :4], (6, 20, 4, 8)))
    assert (drawn.std(axis=0)[:, 4:].mean(axis=(1, 2)) > 0.3).all()
    # nearer than halves of other digits are
    error = np.square(drawn - TEST[:20])[:, :, 4:].mean()
    other = np.square(TEST[1:21] - TEST[:20])[:, 4:].mean()
    assert error < 0.8 * other


def test_one_filling_is_of_low_energy(model):
    gone, random = holed(TEST[:10]), np.random.default_rng(0)
    filled = model.complete(gone)
    np.testing.assert_array_equal(filled[:, :4], TEST[:10, :4])
    # every pixel as it is in some digit
    apart = random.permuted(TRAIN.reshape(-1, 64), axis=0).reshape(-1, 8, 8)
    tried = np.stack([np.where(np.isnan(gone), apart[10 * i : 10 * i + 10], gone)
                      for i in range(100)])  # fmt: skip
    energies = np.stack([model.energy(each) for each in tried])
    assert (model.energy(filled) <= energies.min(axis=0)).all()
    # an image is filled in as if it were alone
    order = np.array([3, 0, 9])
    np.testing.assert_allclose(model.complete(gone[order]), filled[order], atol=1e-3)
    np.testing.assert_allclose(model.energy(gone[order]), model.energy(filled)[order],
                               rtol=1e-3, atol=1e-2)  # fmt: skip


def test_an_interval_holds_the_draws(model):
    gone = holed(TEST[:1])
    lower, upper = model.complete(gone, interval=0.8, random_state=0)
    drawn = model.complete(gone, draws=25, random_state=1)[:, :, 4:]
    inside = (drawn >= lower[:, 4:]) & (drawn <= upper[:, 4:])
    # five standard errors of a share of draws whose pixels go together
    assert abs(inside.mean() - 0.8) < 5 * np.sqrt(0.16 / 25)


def test_bytes_stay_bytes():
    model = ImageDensity(width=4, depth=1, n_steps=20, random_state=0)
    model.fit((15 * TRAIN).astype(np.uint8))
    mask = np.zeros((8, 8), bool)
    mask[2:5] = True
    filled = model.complete((15 * TEST[:3]).astype(np.uint8), mask)
    assert filled.dtype == np.uint8
    drawn = model.sample(20, random_state=0)
    assert drawn.min() >= 0
    assert drawn.max() <= 255


def test_noise_is_taken_off(model):
    noisy = TEST[:60] + 3 * np.random.default_rng(0).normal(size=TEST[:60].shape)
    clean = model.project(noisy.astype(np.float32))
    assert np.square(clean - TEST[:60]).mean() < 0.5 * np.square(noisy - TEST[:60]).mean()
    # and what has none is left alone
    assert np.square(model.project(TEST[:60]) - TEST[:60]).mean() < 1.0


def test_what_is_projected_has_less_energy(model):
    noisy = TEST[:20] + 2 * np.random.default_rng(1).normal(size=TEST[:20].shape)
    noisy = noisy.astype(np.float32)
    assert (model.energy(model.project(noisy)) < model.energy(noisy)).mean() > 0.9


def test_a_saved_model_draws_and_fills_the_same(model, tmp_path):
    model.save(tmp_path / "m.st")
    again = thalweg.load(tmp_path / "m.st")
    np.testing.assert_array_equal(again.energy(TEST[:5]), model.energy(TEST[:5]))
    np.testing.assert_array_equal(again.sample(3, random_state=0), model.sample(3, random_state=0))
    gone = holed(TEST[:2])
    np.testing.assert_array_equal(again.complete(gone), model.complete(gone))


def test_p_values_of_digits_are_even_and_of_others_small(model):
    model.calibrate(TEST[:150])
    values = model.p_values(TEST[150:])
    # five standard errors of 147 even ones
    assert abs(values.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 147 + 1 / 12 / 150)
    assert np.median(model.p_values(TEST[150:, ::-1])) < 0.1


def test_chains_learn_what_digits_are_and_fill_in_what_is_hidden(tmp_path):
    model = ImageDensity(CHAINS, random_state=0, **WAYS[CHAINS]).fit(TRAIN)
    assert model.starts_.shape == (1024, 64)
    shuffled = np.random.default_rng(0).permuted(TEST.reshape(-1, 64), axis=1).reshape(TEST.shape)
    labels = np.r_[np.zeros(len(TEST)), np.ones(len(TEST))]
    for other in (shuffled, TEST.transpose(0, 2, 1)):
        assert roc_auc_score(labels, np.r_[model.energy(TEST), model.energy(other)]) > 0.95
    # chains end lower than a normal density as wide as the digits is
    drawn = model.sample(40, random_state=0)
    random = np.random.default_rng(0)
    wide = random.multivariate_normal(
        TRAIN.reshape(-1, 64).mean(0), np.cov(TRAIN.reshape(-1, 64).T), 40
    )
    wide = wide.reshape(-1, 8, 8).astype(np.float32)
    assert model.energy(drawn).mean() < model.energy(wide).mean()
    np.testing.assert_allclose(drawn[:5], model.sample(5, random_state=0), atol=1e-3)
    gone = holed(TEST[:3])
    for filled in (model.complete(gone), *model.complete(gone, draws=2, random_state=0)):
        np.testing.assert_array_equal(filled[:, :4], gone[:, :4])
        assert np.isfinite(filled).all()
    np.testing.assert_allclose(model.energy(gone)[:1], model.energy(gone[:1]), rtol=1e-3)
    model.save(tmp_path / "m.st")
    again = thalweg.load(tmp_path / "m.st")
    np.testing.assert_array_equal(again.energy(TEST[:9]), model.energy(TEST[:9]))
    np.testing.assert_allclose(again.sample(3, random_state=0), drawn[:3], atol=1e-3)


def test_training_asks_for_whole_images():
    with pytest.raises(InputError, match=r"hidden \(NaN\) at pixel \(4, 0\)"):
        ImageDensity(n_steps=2).fit(holed(TRAIN))


def test_images_of_another_size_are_refused(model):
    with pytest.raises(InputError, match="expected 8 x 8"):
        model.energy(np.zeros((2, 9, 8), np.float32))


@pytest.mark.parametrize("how", [{"n_samples": 0}, {"n_steps": 1}])
def test_draws_that_make_no_sense_are_refused(model, how):
    with pytest.raises(InputError, match="must be a whole number"):
        model.sample(**how)


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_was_stopped_ends_as_one_that_was_not(way, tmp_path):
    settings = {"width": 4, "depth": 1, "n_steps": 8, "random_state": 0}
    whole = ImageDensity(way, **settings).fit(TRAIN[:300])
    again = resumed(ImageDensity(way, **settings), TRAIN[:300], tmp_path)
    np.testing.assert_array_equal(whole.energy(TEST[:3]), again.energy(TEST[:3]))
    np.testing.assert_array_equal(whole.sample(3, random_state=0), again.sample(3, random_state=0))


def test_colours_are_drawn_and_filled():
    colours = np.stack([TRAIN, 0.1 * TRAIN, 5 * TRAIN], axis=3)[:300]
    model = ImageDensity(width=4, depth=1, n_steps=5, random_state=0).fit(colours)
    assert model.sample(2, random_state=0).shape == (2, 8, 8, 3)
    gone = colours[:3].copy()
    gone[:, 2:5, :, 1] = np.nan
    filled = model.complete(gone)
    np.testing.assert_array_equal(filled[~np.isnan(gone)], gone[~np.isnan(gone)])
    assert model.complete(gone, draws=2, random_state=0).shape == (2, 3, 8, 8, 3)


def test_a_model_that_lost_its_chains_is_not_loaded(tmp_path):
    model = ImageDensity(CHAINS, width=4, n_steps=2, random_state=0).fit(TRAIN[:200])
    model.starts_ = None
    model.save(tmp_path / "m.st")
    with pytest.raises(InputError, match="starts_ is missing"):
        thalweg.load(tmp_path / "m.st")

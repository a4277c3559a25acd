"""The next frame: blurred without a latent variable, sharp with one."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import thalweg
from thalweg.core import InputError
from thalweg.data import turning_digits
from thalweg.estimators import NextFrame
from thalweg.training import Run

DIGITS = (15 * load_digits().images).astype(np.uint8)
SETTINGS = {
    "context": 3,
    "width": 16,
    "reach": 2,
    "n_components": 10,
    "n_steps": 250,
    "batch_size": 32,
    "random_state": 0,
}
KINDS = (None, "discrete", "continuous")


def clips(n, seed, sprites):
    # a new direction at every frame: always several futures
    return turning_digits(
        sprites, n, torch.Generator().manual_seed(seed), length=5, size=16, step=2, every=1
    )


@pytest.fixture(scope="module")
def train():
    return clips(1000, 0, DIGITS[:1500])


@pytest.fixture(scope="module")
def test():
    return clips(200, 1, DIGITS[1500:])


@pytest.fixture(scope="module")
def models(train):
    return {kind: NextFrame(kind, **SETTINGS).fit(train.frames) for kind in KINDS}


def sharpness(frames):
    frames = frames.astype(float)
    return sum(np.square(np.diff(frames, axis=axis)).sum() for axis in (-1, -2))


def test_least_squares_blurs_and_codes_do_not(models, test):
    x, y = test.frames[:, 1:4], test.frames[:, 4].astype(float)
    blurred = models[None].predict(x)[:, 0]
    futures = models["discrete"].predict_all(x, 10)[:, :, 0]
    assert sharpness(blurred) < 0.7 * sharpness(y)
    assert sharpness(futures) / 10 > 1.2 * sharpness(blurred)
    best = np.square(futures - y[:, None]).mean(axis=(2, 3)).min(axis=1).mean()
    assert best < 0.5 * np.square(blurred - y).mean()
    # of all single guesses the mean has the least squared error
    single = models["discrete"].predict(x)[:, 0]
    assert np.square(blurred - y).mean() < np.square(single - y).mean()


def test_the_codes_of_what_happened_explain_it(models, test):
    x, y = test.frames[:, 1:4], test.frames[:, 4:5]
    guess = np.square(models[None].predict(x) - y.astype(float)).mean()
    for kind in ("discrete", "continuous"):
        model = models[kind]
        assert np.square(model.reconstruct(x, y) - y.astype(float)).mean() < 0.6 * guess, kind
        assert model.infer(x, y).shape == (200, 10)
    code = models["discrete"].infer(x, y)
    assert set(np.unique(code)) == {0, 1}
    assert (code.sum(axis=1) == 1).all()


def test_what_happens_has_less_energy_than_what_does_not(models, test):
    x, y = test.frames[:, 1:4], test.frames[:, 4:5]
    elsewhere = np.roll(y, 4, axis=2)
    for kind, model in models.items():
        # five standard errors from a coin's
        lower = np.mean(model.energy(x, y) < model.energy(x, elsewhere))
        assert lower > 0.5 + 5 * np.sqrt(0.25 / len(x)), kind
        np.testing.assert_array_equal(model.energy(test.frames[:, 1:5]), model.energy(x, y))


def test_energy_is_least_at_the_predictions_of_the_discrete_codes(models, test):
    model, x = models["discrete"], test.frames[:20, 1:4]
    every = model.predict_all(x, 10)
    energies = np.stack([model.energy(x, every[:, i]) for i in range(10)])
    # the first code is the most usual: its frame has the least energy of all
    assert (energies[0] <= energies.min(axis=0) + 1e-3 * np.abs(energies[0])).all()
    np.testing.assert_array_equal(model.predict(x), every[:, 0])


def test_futures_go_on_and_are_settled_by_a_seed(models, test):
    x = test.frames[:5, 1:4]
    for kind in ("discrete", "continuous"):
        one = models[kind].predict_all(x, 3, steps=4, random_state=1)
        assert one.shape == (5, 3, 4, 16, 16)
        again = models[kind].predict_all(x, 3, steps=4, random_state=1)
        np.testing.assert_array_equal(one, again)
        other = models[kind].predict_all(x, 3, steps=4, random_state=2)
        assert not np.array_equal(one, other)
        np.testing.assert_array_equal(one[:, :, :1], models[kind].predict_all(x, 3, random_state=1))
    assert models["continuous"].predict_all(x, 1).shape == (5, 1, 1, 16, 16)
    assert models[None].predict(x, steps=3).shape == (5, 3, 16, 16)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_saved_whole(models, kind, test, tmp_path):
    model, x, y = models[kind], test.frames[:9, 1:4], test.frames[:9, 4:5]
    model.save(tmp_path / "model.st")
    loaded = thalweg.load(tmp_path / "model.st")
    np.testing.assert_array_equal(loaded.energy(x, y), model.energy(x, y))
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    np.testing.assert_array_equal(loaded.transform(x), model.transform(x))


def test_colour_clips_of_several_lengths_and_a_longer_horizon():
    random = np.random.default_rng(0)
    given = [random.random((length, 9, 12, 3)) for length in (6, 8)]
    model = NextFrame(context=2, horizon=2, n_components=3, width=8, n_steps=3, random_state=0)
    model.fit(given)
    assert model.predict([given[0], given[1]]).shape == (2, 2, 9, 12, 3)
    assert model.predict_all(given, 2, steps=3).shape == (2, 2, 3, 9, 12, 3)
    assert model.energy(given, [clip[:2] for clip in given]).shape == (2,)


def test_a_run_goes_on_where_it_was_stopped(train, tmp_path):
    small = SETTINGS | {"n_steps": 12}
    whole = NextFrame(**small).fit(train.frames[:50])
    NextFrame(**small).fit(train.frames[:50], run=Run(tmp_path, every=4))
    for later in sorted(tmp_path.iterdir())[-1:]:
        if "12" in later.name:
            later.unlink() if later.is_file() else None
    again = NextFrame(**small).fit(train.frames[:50], run=Run(tmp_path, every=4, resume=True))
    x, y = train.frames[:5, 1:4], train.frames[:5, 4:5]
    np.testing.assert_array_equal(again.energy(x, y), whole.energy(x, y))


def test_what_cannot_be_asked_is_named(models, test):
    model, x = models["discrete"], test.frames[:, 1:4]
    hidden = x[:2].astype(float)
    hidden[0, 1, 2, 3] = np.nan
    for call, message in (
        (lambda: model.energy(x, test.frames[:, 3:5]), "Y has a clip of 2 frames; expected 1"),
        (lambda: model.predict(None), "expected an array, or a list of clips"),
        (lambda: model.predict("nowhere.mp4"), "nowhere.mp4: no such file"),
        (lambda: model.predict_all(x, 1.5), "n must be a whole number of at least 1, got 1.5"),
        (lambda: model.predict(x[:, :2]), "clip 0 has 2 frames; expected at least 3"),
        (
            lambda: model.predict(x[:, :, :12]),
            "X has frames of 12 x 16 with 1 channel; expected 16",
        ),
        (lambda: model.predict(hidden), r"X: clip 0, frame 1, pixel \(2, 3\) of channel 0 is NaN"),
        (lambda: model.energy(x, x[:3, :1]), "X has 200 clips, Y 3; expected as many"),
        (lambda: model.predict_all(x, 11), r"n=11 futures; expected 1 to 10 \(n_components\)"),
        (lambda: models[None].predict_all(x, 2), "expected 1 to 1 without a latent variable"),
        (lambda: model.predict(x, steps=0), "steps must be a whole number of at least 1, got 0"),
        (lambda: NextFrame(context=9).fit(x), "clip 0 has 3 frames; expected at least 10"),
        (lambda: NextFrame("many").fit(x), "latent"),
        (lambda: NextFrame(context=2).fit(hidden), "is NaN; expected complete"),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_hiding_a_square_lowers_the_energy_by_what_is_said(models, test):
    x, y = test.frames[:6, 1:4], test.frames[:6, 4:5].astype(np.float32)
    y[2, 0, 4:8, 8:12] = 250
    model = models["discrete"]
    said = model.explain(x, y)
    assert said.contribution.shape == (6, 1, 4, 4)
    assert said.usual.shape == y.shape
    assert said.most(1) == [(2, 0, 1, 2)]
    # the energy of clips has no hidden pixels at its edge: by what the model is made of
    x_rows, y_rows = (torch.from_numpy(part.reshape(6, -1).astype(np.float32)) for part in (x, y))
    gone = y_rows.clone().reshape(6, 16, 16)
    gone[:, 4:8, 8:12] = torch.nan
    view = model.energy_.restricted(~gone.reshape(6, -1).isnan())
    with torch.no_grad():
        lowered = model.energy_(y_rows, x_rows) - view(gone.reshape(6, -1), x_rows)
    np.testing.assert_allclose(said.contribution[:, 0, 1, 2], lowered, rtol=1e-3, atol=1e-2)
    whole = model.explain(np.concatenate([x, y], axis=1), usual=False)
    np.testing.assert_allclose(whole.contribution, said.contribution, rtol=1e-4, atol=1e-3)


def test_futures_are_drawn_as_often_as_they_are_usual(models, test):
    model, x = models["discrete"], test.frames[:2, 1:4]
    drawn = model.predict(x, draws=400, random_state=0)
    assert drawn.shape == (400, 2, 1, 16, 16)
    every = model.predict_all(x, 10)
    rows = torch.from_numpy(x.reshape(2, -1).astype(np.float32))
    network = model.energy_.energy.energy.decoder
    with torch.no_grad():
        share = (
            network.log_share(model.energy_.given(rows)).exp().sort(descending=True).values.numpy()
        )
    for i in range(2):
        apart = np.abs(drawn[:, i, None] - every[i]).reshape(400, 10, -1).max(axis=2)
        assert (apart.min(axis=1) < 1e-2).all()
        often = np.bincount(apart.argmin(axis=1), minlength=10) / 400
        wide = np.sqrt(share[i] * (1 - share[i]) / 400)
        assert (np.abs(often - share[i]) < 4 * wide + 1e-6).all()
    again = model.predict(x, draws=400, random_state=0)
    np.testing.assert_array_equal(again, drawn)
    assert model.predict(x, 2, draws=3).shape == (3, 2, 2, 16, 16)


def test_p_values_of_clips(models, train, test):
    model = models["discrete"]
    model.calibrate(test.frames[:100, 1:5])
    odd = test.frames[100:120, 1:5].copy()
    odd[:, 3] = 255 - odd[:, 3]
    assert model.p_values(odd).max() < 0.05
    usual = model.p_values(test.frames[100:, 1:5])
    assert abs(np.mean(usual < 0.2) - 0.2) < 4 * np.sqrt(0.16 / 100 + 0.16 / 100)
    assert model.select(odd).all()


def test_things_that_go_their_own_ways_have_codes_of_their_own(tmp_path):
    """Two side by side have 64 futures: eight codes for all of the frame cannot tell them."""

    def pair(n, seed, sprites):
        both = [clips(n, seed + i, sprites).frames for i in range(2)]
        return np.concatenate(both, axis=3)

    train, test = pair(300, 0, DIGITS[:1500]), pair(60, 10, DIGITS[1500:])
    settings = SETTINGS | {"n_components": 8, "n_steps": 80, "width": 12}
    x, y = test[:, 1:4], test[:, 4:5]
    left = {}
    for places in (1, 2):
        model = NextFrame(places=places, **settings).fit(train)
        left[places] = np.square(model.reconstruct(x, y) - y.astype(float)).mean()
    assert left[2] < 0.8 * left[1]
    codes = model.infer(x, y).reshape(60, 4, 8)
    assert (codes.sum(axis=2) == 1).all()
    # the first future is the most usual one, others are drawn
    every = model.predict_all(x[:5], 6, steps=2, random_state=0)
    assert every.shape == (5, 6, 2, 16, 32)
    np.testing.assert_allclose(every[:, 0, :1], model.predict(x[:5]), rtol=1e-4, atol=1e-3)
    assert (every.std(axis=1).max(axis=(1, 2, 3)) > 0).all()
    drawn = model.predict(x[:5], draws=3, random_state=1)
    assert drawn.shape == (3, 5, 1, 16, 32)
    np.testing.assert_array_equal(drawn, model.predict(x[:5], draws=3, random_state=1))
    model.save(tmp_path / "m.st")
    again = thalweg.load(tmp_path / "m.st")
    np.testing.assert_array_equal(again.energy(x, y), model.energy(x, y))
    with pytest.raises(InputError, match=r"9 x 9 places; expected 1 to 4 x 8"):
        NextFrame(places=9, **settings).fit(train)

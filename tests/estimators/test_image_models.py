"""Models of images: painting in, energies, representations."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import thalweg
from thalweg.core import InputError
from thalweg.energies import Rescaled
from thalweg.estimators import JointEmbeddingModel, MaskedImageModel
from thalweg.estimators.registry import estimator, names_in
from thalweg.pretext import ByFunction, InUnits, Moved
from thalweg.training import Run

IMAGES = [estimator(name) for name in names_in("images")]
CLIPS = [estimator(name) for name in names_in("clips")]
DIGITS = load_digits()
TRAIN, TEST = DIGITS.images[:1500].astype(np.float32), DIGITS.images[1500:].astype(np.float32)
SMALL = {"patch": 2, "width": 32, "depth": 1, "random_state": 0}
NETWORKS = {
    "transformer": {"width": 48, "depth": 1},
    "convolutional": {"width": 12, "depth": 1},
}


@pytest.fixture(scope="module", params=NETWORKS)
def model(request):
    return MaskedImageModel(
        request.param, pretext="mixed", fraction=(0.2, 0.8), patch=2, n_steps=500,
        learning_rate=0.003, random_state=0, **NETWORKS[request.param],
    ).fit(TRAIN)  # fmt: skip


@pytest.fixture(scope="module")
def joint():
    return JointEmbeddingModel(width=8, n_components=32, n_steps=200, random_state=0).fit(TRAIN)


def holes(images, seed=0):
    random = np.random.default_rng(seed)
    mask = np.zeros(images.shape, bool)
    for each, (row, column) in zip(mask, random.integers(0, 5, (len(mask), 2)), strict=True):
        each[row : row + 4, column : column + 4] = True
    return mask


def test_a_missing_block_is_painted_in_better_than_by_the_mean(model):
    mask = holes(TEST)
    filled = model.complete(np.where(mask, np.nan, TEST))
    assert filled.dtype == TEST.dtype
    np.testing.assert_array_equal(filled[~mask], TEST[~mask])
    mean = np.broadcast_to(TRAIN.mean(axis=0), TEST.shape)
    error = np.square(filled - TEST)[mask].mean() / np.square(mean - TEST)[mask].mean()
    assert error < 0.75


def test_bytes_and_a_mask_are_what_nan_is(model):
    mask, whole = holes(TEST[:50]), TEST[:50].astype(np.uint8)
    before = whole.copy()
    filled = model.complete(whole, mask)
    assert filled.dtype == np.uint8
    np.testing.assert_array_equal(whole, before)
    expected = model.complete(np.where(mask, np.nan, TEST[:50]))
    np.testing.assert_allclose(filled, np.clip(expected, 0, None), atol=0.51)
    np.testing.assert_array_equal(model.complete(TEST[:3]), TEST[:3])


def test_black_and_white_images_stay_so():
    model = MaskedImageModel(
        "convolutional", pretext="mixed", patch=2, width=8, depth=1, n_steps=150,
        learning_rate=0.005, random_state=0,
    ).fit(TRAIN > 7)  # fmt: skip
    mask = np.zeros((8, 8), bool)
    mask[0] = True
    filled = model.complete(TEST > 7, mask)
    assert filled.dtype == bool
    # better than a coin's sides by five standard errors, though little was learned
    share = np.mean((filled == (TEST > 7))[:, 0])
    assert share > 0.5 + 5 * np.sqrt(0.25 / TEST[:, 0].size)


def test_energy_is_low_for_digits(model):
    mixed = np.random.default_rng(0).permuted(TEST.reshape(len(TEST), -1), axis=1)
    there, elsewhere = model.energy(TEST), model.energy(mixed.reshape(TEST.shape))
    assert np.mean(there[:, None] < elsewhere) > 0.95
    np.testing.assert_array_equal(model.score_samples(TEST), -there)


def test_hidden_pixels_take_no_part(model):
    holed = np.where(holes(TEST), np.nan, TEST)
    part, whole = model.energy(holed), model.energy(TEST)
    assert np.isfinite(part).all()
    assert part.mean() < whole.mean()
    assert np.isfinite(model.transform(holed)).all()


def test_what_was_learned_tells_digits_apart(model):
    from thalweg.probe import Labelled, linear_probe, some_of_each

    blank = MaskedImageModel(
        model.network, patch=2, n_steps=0, random_state=0, **NETWORKS[model.network]
    ).fit(TRAIN)
    chosen = some_of_each(DIGITS.target[:1000], 10, 0)

    def accuracy(each):
        codes = each.transform(DIGITS.images.astype(np.float32))
        known = Labelled(codes[chosen], DIGITS.target[chosen])
        validation = Labelled(codes[1000:1500], DIGITS.target[1000:1500])
        return linear_probe(known, validation, Labelled(codes[1500:], DIGITS.target[1500:]))

    learned = accuracy(model)
    # three standard errors of a share of 297
    assert learned > 0.75
    assert learned > accuracy(blank) - 3 * np.sqrt(0.16 / len(TEST))


def test_it_is_saved_whole(model, tmp_path):
    model.save(tmp_path / "model.st")
    loaded = thalweg.load(tmp_path / "model.st")
    np.testing.assert_array_equal(loaded.energy(TEST), model.energy(TEST))
    np.testing.assert_array_equal(loaded.transform(TEST), model.transform(TEST))
    assert list(loaded.get_feature_names_out()) == list(model.get_feature_names_out())
    assert loaded.get_params() == model.get_params()


def test_a_folder_trains_as_its_array_does(tmp_path):
    from PIL import Image

    images = TRAIN[:60].astype(np.uint8)
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i:03}.png")
    one = MaskedImageModel(n_steps=5, **SMALL).fit(tmp_path)
    other = MaskedImageModel(n_steps=5, **SMALL).fit(images)
    np.testing.assert_array_equal(one.energy(tmp_path), other.energy(images))
    mask = np.zeros((8, 8), bool)
    mask[:3, 2:5] = True
    np.testing.assert_array_equal(one.complete(tmp_path, mask), other.complete(images, mask))


def test_a_run_goes_on_where_it_was_stopped(tmp_path):
    whole = MaskedImageModel(n_steps=20, **SMALL).fit(TRAIN[:100])

    class Stop(Exception):
        pass

    taken = []

    class Failing(type(thalweg.data.as_images(TRAIN))):
        def take(self, index):
            taken.append(index)
            if len(taken) == 14:
                raise Stop
            return super().take(index)

    run = Run(tmp_path, every=5, resume=True)
    with pytest.raises(Stop):
        MaskedImageModel(n_steps=20, **SMALL).fit(Failing(TRAIN[:100]), run=run)
    again = MaskedImageModel(n_steps=20, **SMALL).fit(TRAIN[:100], run=run)
    np.testing.assert_array_equal(again.energy(TEST), whole.energy(TEST))


@pytest.mark.parametrize("kind", [*IMAGES, *CLIPS], ids=lambda kind: kind.__name__)
def test_every_bad_setting_is_named(kind):
    for name, parameter in kind.parameters.items():
        for value in parameter.constraint.violations():
            with pytest.raises(InputError, match=f"{kind.__name__}: {name} must be"):
                kind(**{name: value}).fit(TRAIN[:4])


@pytest.mark.parametrize(
    "kind", [kind for kind in IMAGES if hasattr(kind, "transform")], ids=lambda kind: kind.__name__
)
def test_bad_images_and_settings_are_named(kind):
    model = kind(n_steps=0, **SMALL).fit(TRAIN[:20])
    for call, message in (
        (lambda: model.transform(TRAIN[:2, :7]), "images of 7 x 8 with 1 channel; expected 8 x 8"),
        (lambda: model.transform(np.ones((2, 8, 8, 3))), "with 3 channels; expected 8 x 8 with 1"),
        (lambda: model.transform(TRAIN.reshape(-1, 64)), r"\(n, height, width\)"),
        (lambda: kind(network="dense").fit(TRAIN), "network"),
        (lambda: kind(patch=8, width=32).fit(TRAIN), "a patch of 8 pixels covers images of 8 x 8"),
        (lambda: kind("transformer", width=20).fit(TRAIN), "width must be a multiple of 16"),
        (lambda: kind(**SMALL).fit([TRAIN[0], TRAIN[0, :5]]), "all of one size"),
    ):
        with pytest.raises(InputError, match=message):
            call()


def test_masks_that_leave_nothing_are_named(model):
    with pytest.raises(InputError, match="hides all of image 0"):
        model.complete(TEST, np.ones((8, 8), bool))
    with pytest.raises(InputError, match="hides nothing"):
        model.complete(TEST, np.zeros((8, 8), bool))
    with pytest.raises(InputError, match="image 1 has no visible entry"):
        model.complete(np.stack([TEST[0], np.full((8, 8), np.nan)]))
    with pytest.raises(InputError, match="images of uint8 have no NaN, and no mask was given"):
        model.complete(TEST[:2].astype(np.uint8))
    half = np.zeros((8, 8), bool)
    half[:4] = True
    with pytest.raises(InputError, match="image 0 has no visible entry"):
        model.complete(np.where(half, TEST[:2], np.nan), half)


def test_what_is_projected_has_less_energy_and_its_form(model):
    noisy = TEST[:6] + 2 * np.random.default_rng(0).standard_normal(TEST[:6].shape)
    found = model.project(noisy.astype(np.float32))
    assert (found.shape, found.dtype) == (noisy.shape, np.float32)
    assert (model.energy(found) < 0.1 * model.energy(noisy.astype(np.float32))).all()
    holed = noisy.copy()
    holed[:, 2:4, 3:5] = np.nan
    assert np.isfinite(model.project(holed)).all()
    whole = model.project(TEST[:2].astype(np.uint8))
    assert whole.dtype == np.uint8


def test_two_views_of_one_image_lie_together_and_images_apart(joint):
    from thalweg.pretext import Cropped

    views = Cropped()(torch.from_numpy(TEST), torch.Generator().manual_seed(0)).y.numpy()
    same = joint.energy(TEST, views)
    other = joint.energy(TEST, np.roll(views, 1, axis=0))
    # five standard errors from what no training would give
    assert np.mean(same < other) > 0.5 + 5 * np.sqrt(0.25 / len(TEST))
    np.testing.assert_array_equal(joint.energy(TEST, TEST), 0)
    with pytest.raises(InputError, match="X has 297 images, Y 2"):
        joint.energy(TEST, TEST[:2])
    with pytest.raises(InputError, match="one image has no spread"):
        JointEmbeddingModel().fit(TRAIN[:1])


def test_views_are_ones_own(tmp_path):
    small = {"width": 4, "n_components": 8, "n_steps": 3, "batch_size": 8, "random_state": 0}
    seen = []

    def mirrored(y):
        seen.append(y)
        return y.flip(2)

    bytes_ = (15 * TRAIN[:20]).astype(np.uint8)
    model = JointEmbeddingModel(views=mirrored, **small).fit(bytes_)
    assert seen[0].shape == (8, 8, 8, 1)
    # in the images' own units: whole numbers, up to rounding
    torch.testing.assert_close(seen[0], seen[0].round(), rtol=0, atol=1e-3)
    assert seen[0].max() > 200
    model.save(tmp_path / "model.st")
    loaded = thalweg.load(tmp_path / "model.st")
    np.testing.assert_array_equal(loaded.transform(bytes_), model.transform(bytes_))
    by_word = [JointEmbeddingModel(views=v, **small).fit(TRAIN[:20]).transform(TEST[:2])
               for v in ("auto", "moved", Moved(contrast=0.4), "cropped")]  # fmt: skip
    np.testing.assert_array_equal(by_word[0], by_word[1])
    # what is moved has noise beside, in the units of each channel
    assert not np.allclose(by_word[0], by_word[2], rtol=1e-3)
    assert not np.allclose(by_word[0], by_word[3], rtol=1e-3)
    with pytest.raises(InputError, match="views"):
        JointEmbeddingModel(views="upside-down").fit(TRAIN[:20])


def test_numbers_of_another_range_are_refused_in_words():
    bytes_ = (15 * TRAIN[:50]).astype(np.uint8)
    model = MaskedImageModel(**SMALL, n_steps=1).fit(bytes_)
    asked = TEST[:3] / 16
    with pytest.raises(InputError, match=r"pixels are about 0\.2.* by 255 \* images"):
        model.energy(asked)
    assert np.isfinite(model.energy(255 * asked)).all()
    # a blank image has no range; one image is enough to see another
    assert np.isfinite(model.energy(np.zeros((1, 8, 8)))).all()
    with pytest.raises(InputError, match="expected the range of the training images"):
        model.energy(asked[:1])
    fractions = MaskedImageModel(**SMALL, n_steps=1).fit(TRAIN[:50] / 16)
    # little contrast is no other range
    assert np.isfinite(fractions.energy(0.01 * TEST[:4] / 16 + 0.3)).all()
    with pytest.raises(InputError, match="expected the range of the training images"):
        fractions.energy(bytes_[:3])


def test_what_an_epoch_leaves_over_may_be_one_image():
    model = JointEmbeddingModel(width=4, n_components=8, n_steps=4, batch_size=4, random_state=0)
    assert np.isfinite(model.fit(TRAIN[:9]).transform(TRAIN[:3])).all()


def test_the_fitted_energy_of_a_pair_has_one_unit(joint):
    rows = [torch.from_numpy(part.reshape(5, -1)) for part in (TEST[:5], TEST[5:10])]
    visible = torch.ones(5, 64, dtype=torch.bool)
    expected = joint.energy(TEST[:5], TEST[5:10])
    with torch.no_grad():
        np.testing.assert_allclose(joint.energy_(*rows), expected, rtol=1e-4)
        view = joint.energy_.restricted(visible)
        np.testing.assert_allclose(view(*rows), expected, rtol=1e-4)
    # units that x has of its own are its own
    pair = Rescaled(joint.energy_.energy, *(torch.tensor(v) for v in (0.0, 1.0, 5.0, 2.0)))
    plain = Rescaled(joint.energy_.energy, torch.tensor(0.0), torch.tensor(1.0))
    with torch.no_grad():
        torch.testing.assert_close(pair(rows[0], 2 * rows[1] + 5), plain(*rows))


@pytest.mark.parametrize("scale", [1.0, (1.0, 0.05, 3.0)])
def test_noise_of_views_is_as_strong_as_each_channel_says(scale):
    shift, scale = torch.zeros(1), torch.tensor(scale).reshape(-1)
    rows = torch.zeros(200, 6, 6, len(scale))
    views = InUnits(ByFunction(lambda y: y), shift, scale, 0.5)
    found = views(rows, torch.Generator().manual_seed(0)).y
    deviation = found.std(dim=(0, 1, 2))
    torch.testing.assert_close(deviation, torch.full_like(deviation, 0.5), rtol=0.05, atol=0)


def test_a_joint_embedding_is_saved_whole(joint, tmp_path):
    joint.save(tmp_path / "joint.st")
    loaded = thalweg.load(tmp_path / "joint.st")
    np.testing.assert_array_equal(loaded.transform(TEST), joint.transform(TEST))
    np.testing.assert_array_equal(loaded.energy(TEST, TEST[::-1]), joint.energy(TEST, TEST[::-1]))


def test_hiding_a_patch_lowers_the_energy_by_what_is_said(model):
    asked = TEST[:5].copy()
    said = model.explain(asked)
    assert said.contribution.shape == (5, 4, 4)
    assert said.usual.shape == asked.shape
    for row, column in ((0, 0), (1, 3), (3, 2)):
        at = np.s_[:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
        without = asked.copy()
        without[at] = np.nan
        lowered = model.energy(asked) - model.energy(without)
        np.testing.assert_allclose(said.contribution[:, row, column], lowered, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(
            said.usual[at], model.complete(without)[at], rtol=1e-3, atol=1e-3
        )


def test_a_patch_that_was_turned_round_is_found(model):
    asked, random = TEST[:60].copy(), np.random.default_rng(0)
    row, column = random.integers(1, 3, size=(2, 60))
    for image, i, j in zip(asked, row, column, strict=True):
        at = np.s_[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        image[at] = 16 - image[at]
    said = model.explain(asked, usual=False)
    assert said.usual is None
    first = [said.contribution[i].argmax() for i in range(60)]
    # of sixteen, and some of the inner ones were grey before
    assert np.mean(np.array(first) == 4 * row + column) > 0.5
    item, i, j = said.most(1)[0]
    assert said.contribution[item, i, j] == said.contribution.max()


def test_draws_and_bounds_of_hidden_pixels(model):
    holed, gone = TEST[:20].copy(), np.zeros((8, 8), bool)
    gone[3:5, 3:5] = True
    holed[:, gone] = np.nan
    drawn = model.complete(holed, draws=6, random_state=0)
    assert drawn.shape == (6, 20, 8, 8)
    assert not np.isnan(drawn).any()
    for each in drawn:
        np.testing.assert_array_equal(each[:, ~gone], holed[:, ~gone])
    assert (drawn[0][:, gone] != drawn[1][:, gone]).all()
    np.testing.assert_array_equal(drawn, model.complete(holed, draws=6, random_state=0))
    bytes_drawn = model.complete(TEST[:3].astype(np.uint8), gone, draws=2)
    assert bytes_drawn.dtype == np.uint8
    lower, upper = model.complete(holed, interval=0.8, random_state=0)
    inside = ((TEST[:20] >= lower) & (TEST[:20] <= upper))[:, gone]
    assert (lower[:, gone] < upper[:, gone]).all()
    # pixels of an image go together: as wide as 20 independent ones
    assert abs(inside.mean() - 0.8) < 4 * np.sqrt(0.16 / 20)
    with pytest.raises(InputError, match="draws and interval are both given"):
        model.complete(holed, draws=2, interval=0.5)


def test_every_layer_is_part_of_a_representation(joint):
    """Whole, normalized places of the entrance, two smaller sizes and two residual layers."""
    every = joint.transform(TEST[:20])
    width, grid = joint.width, joint.grid
    assert every.shape == (20, (1 + 2 + 4 * (1 + joint.depth)) * width * grid**2)
    last = copy.deepcopy(joint)
    last.layers = "last"
    assert last.transform(TEST[:20]).shape == (20, 4 * width * grid**2)
    # a place has mean 0 over its channels, and so have averages of places
    first = every[:, : width * grid**2].reshape(20, width, -1)
    np.testing.assert_allclose(first.mean(axis=1), 0, atol=1e-5)


def test_saved_models_from_before_there_was_a_choice_have_the_last_layer(joint, tmp_path):
    joint.save(tmp_path / "now.st")
    assert thalweg.load(tmp_path / "now.st").layers == "every"
    saved = Path(__file__).parents[1] / "saved" / "version_0_1_0"
    model = thalweg.load(saved / "MaskedImageModel-convolutional.safetensors")
    assert model.layers == "last"
    shape = model.shape_[:2]
    images = np.zeros((2, *shape), np.float32)
    assert model.transform(images).shape[1] == 4 * model.width * model.grid**2

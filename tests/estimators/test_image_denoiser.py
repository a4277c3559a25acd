"""Noise taken off images: laws of the energy, forms and sizes, files."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_image

import thalweg
from thalweg.core import InputError
from thalweg.data import pictures_of
from thalweg.estimators import ImageDenoiser
from thalweg.training import Run

CHINA = load_sample_image("china.jpg").mean(axis=2).astype(np.uint8)
PHOTO = CHINA[::2, ::2][60:160, 100:200]
SMALL = {
    "width": 12,
    "depth": 1,
    "crop": 24,
    "batch_size": 8,
    "by_gradient": 0.3,
    "random_state": 0,
}


@pytest.fixture(scope="module")
def model():
    return ImageDenoiser(n_steps=700, learning_rate=0.003, **SMALL).fit(PHOTO)


def noisy(image, sigma, seed=0):
    return image / 255 + sigma / 255 * np.random.default_rng(seed).standard_normal(image.shape)


def error(found, image):
    return float(np.sqrt(np.mean((found - image / 255) ** 2)))


@pytest.mark.parametrize("sigma", [25, 50])
def test_one_model_takes_off_noise_of_any_level(model, sigma):
    y = noisy(PHOTO, sigma)
    found = model.project(y)
    assert error(found, PHOTO) < 0.8 * error(y, PHOTO)
    assert model.noise_level(y)[0] == pytest.approx(sigma / 255, rel=0.3)
    assert model.energy(found) < model.energy(y)


def test_denoising_is_a_step_down_the_energy(model):
    y = torch.from_numpy(noisy(PHOTO, 25)[:20, :31])[None, ..., None].double()
    energy = model.energy_.double()
    try:
        step = (y - energy.reconstruct(y)).detach()
        assert step.shape == y.shape
        v = torch.randn(y.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        rise = (energy(y + 1e-5 * v) - energy(y - 1e-5 * v)) / 2e-5
        assert float((step * v).sum()) == pytest.approx(float(rise.detach()), rel=1e-5)
        # without offsets: twice the contrast, twice the noise
        torch.testing.assert_close(energy.reconstruct(3 * y), 3 * energy.reconstruct(y))
        # and by Euler the slope along y is twice the energy
        assert float((step * y).sum()) == pytest.approx(2 * float(energy(y).detach()), rel=1e-9)
    finally:
        energy.float()


def test_without_a_slope_it_is_an_autoencoder():
    model = ImageDenoiser(**{**SMALL, "n_steps": 5, "by_gradient": 0}).fit(PHOTO)
    y = torch.from_numpy(PHOTO[:8, :9] / np.float32(255))[None, ..., None]
    with torch.no_grad():
        noise = y - model.energy_.reconstruct(y)
        assert float(model.energy_(y)) == pytest.approx(0.5 * float(noise.square().sum()), rel=1e-5)
        assert not model.energy_.by_gradient


def test_tiles_are_as_the_whole(model, monkeypatch):
    y = noisy(PHOTO, 25)[:75, :53]
    whole, energy = model.project(y), model.energy(y)
    monkeypatch.setattr("thalweg.estimators.photos.planes.TILE", 32)
    np.testing.assert_allclose(model.project(y), whole, atol=2e-6)
    np.testing.assert_allclose(model.energy(y), energy, rtol=1e-5)


def test_images_keep_form_type_and_size(model):
    deep = (PHOTO.astype(np.uint16) * 257)[:30, :41]
    for given in (PHOTO[:31, :20], deep, PHOTO[:20, :20] / 255, PHOTO[:20, :20].astype(np.float32)):
        found = model.project(given)
        assert (found.shape, found.dtype) == (given.shape, given.dtype)
    np.testing.assert_allclose(
        model.project(PHOTO[:20, :20] / 255) * 255,
        model.project(PHOTO[:20, :20].astype(float)),
        atol=1e-3,
    )
    several = np.stack([PHOTO[:20, :20], PHOTO[20:40, :20]])
    found = model.project(several)
    assert found.shape == several.shape
    np.testing.assert_array_equal(found[1], model.project(several[1]))
    apart = model.project([PHOTO[:20, :20], deep])
    assert [each.dtype for each in apart] == [np.uint8, np.uint16]
    # depth is not what noise depends on
    assert np.abs(model.project(deep) / 257 - model.project(PHOTO[:30, :41])).max() <= 0.51


def test_colours_are_taken_one_by_one_and_transparency_stays(model):
    colours = np.stack([PHOTO, PHOTO[::-1], PHOTO.T], axis=2)[:20, :20]
    found = model.project(colours)
    np.testing.assert_array_equal(
        found[..., 1], model.project(np.ascontiguousarray(colours[..., 1]))
    )
    clear = np.concatenate([colours, np.full((20, 20, 1), 77, np.uint8)], axis=2)
    np.testing.assert_array_equal(model.project(clear)[..., :3], found)
    assert (model.project(clear)[..., 3] == 77).all()


def test_a_model_of_colours(tmp_path):
    colours = np.stack([PHOTO, PHOTO[::-1], PHOTO.T], axis=2)
    model = ImageDenoiser(n_steps=3, **SMALL).fit([colours, PHOTO[:40]])
    assert model.channels_ == 3
    assert model.project(colours[:20, :30]).shape == (20, 30, 3)
    assert model.project(PHOTO[:20, :30]).shape == (20, 30)
    model.save(tmp_path / "m.st")
    again = thalweg.load(tmp_path / "m.st")
    np.testing.assert_array_equal(again.project(colours), model.project(colours))
    assert again.energy_.by_gradient


def test_white_is_that_of_all_and_not_of_the_dark_ones(model):
    few = np.zeros((60, 60), np.int64)
    few[20:23, 20:25] = 200
    assert model.project(few).max() > 20
    assert [each.white for each in pictures_of([few, few // 100])[0]] == [255, 255]
    assert pictures_of(few // 100)[0][0].white == 255
    assert pictures_of(few // 200)[0][0].white == 1
    dark = np.stack([PHOTO[:40, :40] / 1.0, np.clip(PHOTO[:40, :40] / 200, 0, 1.2)])
    noise = model.noise_level(dark)
    np.testing.assert_allclose(noise[1], model.noise_level([dark[0], dark[1]])[1])
    assert noise[1] < 0.1 * noise[0]


def test_a_grey_image_is_as_noisy_to_a_model_of_colours():
    colours = np.stack([PHOTO] * 3, axis=2)
    model = ImageDenoiser(n_steps=2, **SMALL).fit(colours)
    part = PHOTO[:20, :24]
    np.testing.assert_allclose(
        model.noise_level(part), model.noise_level(np.stack([part] * 3, axis=2)), rtol=1e-5
    )


def test_a_small_share_of_slopes_is_some(tmp_path):
    model = ImageDenoiser(**{**SMALL, "n_steps": 4, "by_gradient": 0.1}).fit(PHOTO)
    model.save(tmp_path / "m.st")
    again = thalweg.load(tmp_path / "m.st").project(PHOTO / 255)
    np.testing.assert_array_equal(again, model.project(PHOTO / 255))


def test_a_run_goes_on_where_it_ended(tmp_path):
    settings = {**SMALL, "n_steps": 10, "by_gradient": 0.5}
    whole = ImageDenoiser(**settings).fit(PHOTO)
    run = Run(checkpoint=tmp_path, every=2, resume=True)
    for _ in range(2):
        again = ImageDenoiser(**settings).fit(PHOTO, run=run)
        np.testing.assert_array_equal(again.project(PHOTO), whole.project(PHOTO))
    assert {path.name for path in tmp_path.iterdir()} == {"field", "slope"}


def test_what_cannot_be_read_is_named(model, tmp_path):
    for given, message in (
        (np.zeros((2, 3, 4, 5, 6)), r"shape \(2, 3, 4, 5, 6\)"),
        ([], "the list is empty"),
        (np.full((4, 4), np.nan), "the image has pixels that are not finite"),
        ([PHOTO, np.full((4, 4), "a")], "image 1: <U1 of shape"),
        (np.full((4, 4), 900.0), "the image has float64 from 900 to 900; expected numbers"),
        (np.full((4, 4), -3000), "the image has int64 from -3"),
        (tmp_path, "no image files"),
        (tmp_path / "none", "no such file or folder"),
    ):
        with pytest.raises(InputError, match=message):
            model.project(given)
    (tmp_path / "a.png").write_text("junk")
    with pytest.raises(InputError, match=r"none of 1 image files can be .*a\.png"):
        model.project(tmp_path)
    with pytest.raises(InputError, match="image 0 is 10 x 100 pixels; expected sides of"):
        ImageDenoiser(n_steps=1, **SMALL).fit(PHOTO[:10])


def test_what_is_hidden_is_painted_in_by_the_prior(model):
    truth = PHOTO[:40, :50]
    mask = np.random.default_rng(0).random(truth.shape) < 0.3
    spoiled = np.where(mask, 0, truth)
    found = model.complete(spoiled, mask, random_state=0)
    assert (found.shape, found.dtype) == (truth.shape, np.uint8)
    np.testing.assert_array_equal(found[~mask], truth[~mask])
    # nothing of what stood there is looked at
    np.testing.assert_array_equal(model.complete(truth, mask, random_state=0), found)
    mean = np.full(truth.shape, truth[~mask].mean())
    assert error(found[mask] / 255, truth[mask]) < 0.9 * error(mean[mask] / 255, truth[mask])
    one, two = model.complete([spoiled, truth], mask, draws=2, random_state=0)
    assert (one[0] != two[0])[mask].any()
    np.testing.assert_array_equal(two[1][~mask], truth[~mask])
    for given, message in (
        (mask[:3], r"mask: bool of shape \(3, 50\); expected bool, \(40, 50\), as the image is"),
        (mask.astype(int), "mask: int64"),
        (np.ones_like(mask), "it hides all of the image"),
        (np.zeros_like(mask), "it hides nothing"),
    ):
        with pytest.raises(InputError, match=message):
            model.complete(truth, given)


def test_draws_begin_with_noise_and_end_in_images(model):
    drawn = model.sample(2, random_state=0, size=(17, 20))
    assert drawn.shape == (2, 17, 20)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    np.testing.assert_array_equal(drawn, model.sample(2, random_state=0, size=(17, 20)))
    # little noise is left for the denoiser to see
    assert (model.noise_level(drawn) < 0.1).all()
    assert model.sample(1).shape == (1, 24, 24)

"""EnergyDensity: its likelihood is right, and it keeps the whole contract for its own parts."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

import thalweg
from thalweg.core import Batch, InputError
from thalweg.data import two_moons
from thalweg.energies import NetworkEnergy, NormalMixture, Perceptron
from thalweg.estimators import EnergyDensity
from thalweg.objectives import (
    ContrastiveDivergence,
    DenoisingScoreMatching,
    DualScoreMatching,
    FromChains,
    InfoNCE,
    NoiseContrastive,
    ScoreMatching,
)
from thalweg.samplers import MALA

MEANS = torch.tensor([[-2.0, 0.0], [2.0, 1.0]])
TRUTH = NormalMixture(MEANS, 0.5, torch.tensor([0.3, 0.7]))


def draws(n, seed):
    return TRUTH.draw(n, torch.Generator().manual_seed(seed))


def entropy():
    y = draws(20_000, 99)
    return float((TRUTH(y) + TRUTH.log_normalizer()).mean())


@pytest.mark.parametrize(
    "objective",
    ["maximum-likelihood", "noise-contrastive", "conditional-noise-contrastive", "info-nce",
     "persistent-contrastive-divergence"],
)  # fmt: skip
def test_the_likelihood_comes_near_the_truth(objective):
    model = EnergyDensity(objective, hidden=(64, 64), n_steps=600, random_state=0)
    model.fit(draws(20_000, 0))
    test = draws(20_000, 99)
    # never above the truth, but for the error of the mean
    assert -0.03 < -model.score(test) - entropy() < 0.15


def test_log_z_of_noise_contrastive_estimation_is_that_of_quadrature():
    model = EnergyDensity("noise-contrastive", hidden=(64, 64), n_steps=800, random_state=0)
    rows = draws(20_000, 0)
    model.fit(rows)
    # its log Z is of standardized rows
    learned = float(model.objective_.log_z.detach()) + float(rows.std(dim=0).log().sum())
    assert learned == pytest.approx(model.log_normalizer().value, abs=0.15)


def test_log_z_by_annealing_brackets_what_a_grid_says():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(3000, 3, generator=generator) * torch.tensor([1.0, 2.0, 0.5])
    model = EnergyDensity("noise-contrastive", hidden=(32,), n_steps=300, random_state=0).fit(rows)
    found = model.log_normalizer(random_state=1)
    axes = [torch.linspace(-6.0 * s, 6.0 * s, 120) for s in (1.0, 2.0, 0.5)]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, 3)
    cell = math.prod(float(axis[1] - axis[0]) for axis in axes)
    values = torch.from_numpy(model.energy(grid)).double()
    exact = float(torch.logsumexp(-values, dim=0)) + math.log(cell)
    assert abs(found.value - exact) < 5 * found.standard_error + 0.01


def test_draws_have_the_moments_of_the_data():
    model = EnergyDensity("maximum-likelihood", hidden=(64, 64), n_steps=600, random_state=0)
    model.fit(draws(20_000, 0))
    drawn, data = model.sample(1000, random_state=0), draws(20_000, 5).numpy()
    # chains begin at 256 rows: that is the sample whose error counts
    error = data.std(axis=0) / math.sqrt(256)
    assert (abs(drawn.mean(axis=0) - data.mean(axis=0)) < 4 * error + 0.05).all()
    assert (abs(drawn.std(axis=0) / data.std(axis=0) - 1) < 0.15).all()


def test_both_branches_are_valleys_and_completion_takes_one():
    model = EnergyDensity(hidden=(64, 64), n_steps=600, random_state=0)
    model.fit(two_moons(4000, torch.Generator().manual_seed(0)))
    filled = model.complete([[0.0, np.nan], [-1.4, np.nan]])
    assert np.array_equal(filled[:, 0], [0.0, -1.4])
    near = two_moons(50_000, torch.Generator().manual_seed(1), noise=0.0).numpy()
    for row in filled:
        same = abs(near[:, 0] - row[0]) < 0.02
        assert abs(near[same, 1] - row[1]).min() < 0.15


def test_objects_of_ones_own_train_and_are_not_needed_to_load(tmp_path):
    rows = two_moons(500, torch.Generator().manual_seed(0))
    model = EnergyDensity(
        ScoreMatching(0.05), sampler=MALA(0.01), hidden=(16,), n_steps=50, random_state=0
    ).fit(rows)
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.energy(rows), model.energy(rows))
    assert isinstance(again.objective, str)
    other = EnergyDensity(DenoisingScoreMatching(0.2), hidden=(16,), n_steps=50, random_state=0)
    assert not np.allclose(other.fit(rows).energy(rows), model.energy(rows))


@pytest.mark.parametrize("objective", ["conditional-noise-contrastive", "hinge"])
def test_images_have_convolutions_and_all_questions(objective, tmp_path):
    X = load_digits().data[:400].astype(np.float32)
    model = EnergyDensity(
        objective, image_shape=(8, 8), n_steps=30, batch_size=32, random_state=0
    ).fit(X)
    rolled = X.reshape(-1, 64)[:, np.random.default_rng(0).permutation(64)]
    assert np.median(model.energy(X)) < np.median(model.energy(rolled))
    holed = X[:2].copy()
    holed[:, 20:28] = np.nan
    assert not np.isnan(model.complete(holed)).any()
    assert model.sample(2, random_state=0, n_steps=5).shape == (2, 64)
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.energy(X[:9]), model.energy(X[:9]))
    with pytest.raises(InputError, match=r"image_shape=\(8, 9\) with 64 columns"):
        EnergyDensity(image_shape=(8, 9)).fit(X)


def test_dual_score_matching_answers_at_the_smallest_scale(tmp_path):
    rows = draws(5000, 0)
    model = EnergyDensity("dual-score-matching", hidden=(64, 64), n_steps=400, random_state=0)
    model.fit(rows)
    assert np.median(model.energy(rows)) < np.median(model.energy(rows + 2))
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.energy(rows), model.energy(rows))


def test_a_fit_leaves_the_users_objective_as_it_was():
    rows = two_moons(300, torch.Generator().manual_seed(0))
    objective = ContrastiveDivergence(FromChains(MALA(0.5), 2, 256))
    model = EnergyDensity(objective, hidden=(8,), n_steps=20, random_state=0)
    first, second = model.fit(rows).energy(rows), model.fit(rows).energy(rows)
    np.testing.assert_array_equal(first, second)
    assert len(objective.negatives.chains) == 0


@pytest.mark.parametrize("objective", ["persistent-contrastive-divergence", "hinge"])
def test_chains_run_in_single_precision_whatever_the_rest_does(objective):
    rows = two_moons(300, torch.Generator().manual_seed(0))
    model = EnergyDensity(objective, hidden=(8,), n_steps=5, precision="bf16", random_state=0)
    assert np.isfinite(model.fit(rows).energy(rows)).all()


def test_a_batch_may_be_larger_than_the_usual_buffer():
    rows = two_moons(3000, torch.Generator().manual_seed(0))
    model = EnergyDensity(
        "persistent-contrastive-divergence", hidden=(8,), n_steps=2, batch_size=2500,
        random_state=0,
    )  # fmt: skip
    assert len(model.fit(rows).objective_.negatives.chains) == 2500
    with pytest.raises(InputError, match="expected the word 'dual-score-matching'"):
        EnergyDensity(DualScoreMatching()).fit(rows)


def test_rows_may_have_another_precision_than_the_noise():
    noise = NormalMixture(MEANS, 0.5)
    energy = NetworkEnergy(Perceptron((2, 4, 1)), 1.0).double()
    for objective in (NoiseContrastive(noise), InfoNCE(noise, 8)):
        value = objective(energy, Batch(draws(9, 0).double()), torch.Generator()).value
        assert value.dtype == torch.float64
        assert value.isfinite()

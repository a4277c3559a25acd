"""What estimators with networks promise beyond the contract."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from thalweg.core import InputError
from thalweg.estimators import (
    GLO,
    ContractiveAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
    VQAutoencoder,
)


@pytest.fixture(scope="module")
def circle():
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, size=600)
    return np.stack([np.cos(angle), np.sin(angle)], 1) + 0.02 * random.normal(size=(600, 2))


@pytest.mark.parametrize(
    "model",
    [
        VariationalAutoencoder(2, n_steps=1500, random_state=0),
        VQAutoencoder(1, n_codes=32, code_size=2, n_steps=1000, random_state=0),
        SparseAutoencoder(32, alpha=0.05, n_steps=1000, random_state=0),
        ContractiveAutoencoder(2, contraction=0.05, n_steps=1000, random_state=0),
        SaturatingAutoencoder(8, n_steps=1000, random_state=0),
        GLO(2, n_steps=1500, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_the_data_lie_in_a_valley(circle, model):
    model.fit(circle)
    near, middle, far = (np.median(model.energy(s * circle)) for s in (1.0, 0.0, 2.0))
    assert near < far
    # codes that are free to be anything can rebuild the middle too: those of one space cannot
    if isinstance(model, (VQAutoencoder, SaturatingAutoencoder)):
        assert near < middle


def test_vae_energy_is_minus_the_log_likelihood():
    # data from a linear-Gaussian model, whose log-likelihood is known
    random = np.random.default_rng(0)
    weight = np.array([[1.0, 0.8, -0.6]])
    X = random.normal(size=(4000, 1)) @ weight + 0.3 * random.normal(size=(4000, 3))
    model = VariationalAutoencoder(1, n_steps=2000, random_state=0, n_draws=200).fit(X)
    # F is of standardized columns, and leaves out the constant of the prior
    constant = 0.5 * np.log(2 * np.pi) + np.log(X.std(axis=0)).sum()
    covariance = weight.T @ weight + 0.09 * np.eye(3)
    asked = X[:600]
    exact = 0.5 * (np.einsum("ni,ij,nj->n", asked, np.linalg.inv(covariance), asked)
                   + np.linalg.slogdet(2 * np.pi * covariance)[1])  # fmt: skip
    found = model.energy(asked) + constant
    assert found.mean() == pytest.approx(exact.mean(), abs=0.15)


def test_vq_codes_are_entries_and_entries_are_used(circle):
    model = VQAutoencoder(1, n_codes=16, code_size=2, n_steps=600, random_state=0).fit(circle)
    used = np.unique(model.transform(circle).round(6), axis=0)
    assert 8 <= len(used) <= 16


def test_saturating_codes_are_mostly_flat(circle):
    held = SaturatingAutoencoder(8, saturation=1.0, n_steps=800, random_state=0).fit(circle)
    free = SaturatingAutoencoder(8, saturation=0.0, n_steps=800, random_state=0).fit(circle)
    flat = [np.mean(np.abs(m.transform(circle)) == 1) for m in (held, free)]
    assert flat[0] > flat[1] + 0.2


def test_sparse_codes_are_sparse(circle):
    codes = SparseAutoencoder(32, alpha=0.2, n_steps=800, random_state=0).fit(circle)
    assert np.mean(codes.transform(circle) == 0) > 0.5


def test_glo_codes_stay_in_the_ball_and_descent_finds_them(circle):
    model = GLO(2, n_steps=1500, random_state=0).fit(circle)
    assert np.linalg.norm(model.codes_, axis=1).max() <= 1 + 1e-6
    found = model.transform(circle)
    assert np.linalg.norm(found, axis=1).max() <= 1 + 1e-5
    learned = np.square(model.inverse_transform(model.codes_) - circle).sum(axis=1)
    scale = circle.std(axis=0).mean() ** 2
    assert np.median(model.energy(circle)) <= np.median(learned) / scale * 1.2 + 1e-3


def test_glo_with_the_pyramid_on_images():
    X = load_digits().data[:200]
    model = GLO(8, cost="laplacian", image_shape=(8, 8), n_steps=300, random_state=0).fit(X)
    plain = np.median(model.energy(X))
    shuffled = X[:, np.random.default_rng(0).permutation(64)]
    assert plain < 0.7 * np.median(model.energy(shuffled))
    with pytest.raises(InputError, match=r"image_shape=\(4, 4\) does not fit 64 columns"):
        GLO(cost="laplacian", image_shape=(4, 4)).fit(X)


def test_training_leaves_the_global_generators_alone(circle):
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    VariationalAutoencoder(2, n_steps=5, random_state=0).fit(circle)
    GLO(2, n_steps=5, random_state=0).fit(circle)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002

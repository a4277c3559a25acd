"""Laws of every kind of energy: gradients are right, hidden coordinates do not matter."""

import math

import pytest
import torch

from thalweg.core import check_energy
from thalweg.energies import (
    Affine,
    Branches,
    DiagonalGaussians,
    FullGaussians,
    GaussianNoise,
    IndependentSources,
    Perceptron,
    RadialBasis,
    Reconstruction,
    Rescaled,
    SquaredError,
)
from thalweg.latents import (
    ActiveSet,
    Box,
    Encoder,
    Exhaustive,
    Flat,
    FreeEnergy,
    Gaussian,
    GaussianEncoder,
    Importance,
    Laplace,
    LeastSquares,
    OneHot,
    Quadrature,
    Sparse,
)

D, N = 3, 6
DOUBLE = torch.float64


def make(name):
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(2, D, generator=generator, dtype=DOUBLE)
    shift, scale = torch.ones(D, dtype=DOUBLE), torch.full((D,), 2.0, dtype=DOUBLE)
    means = torch.randn(4, D, generator=generator, dtype=DOUBLE)
    share = torch.full((4,), 0.25, dtype=DOUBLE)
    spread = torch.rand(4, D, generator=generator, dtype=DOUBLE) + 0.5
    encoder = Perceptron((D, 5, 2), generator=generator)
    wide = Perceptron((D, 5, 4), generator=generator)
    decoder = Perceptron((2, 5, D), generator=generator)
    curve = Perceptron((1, 5, D), generator=generator)
    box = Box(torch.tensor([-1.0]), torch.tensor([1.0]))
    atoms = torch.nn.functional.normalize(
        torch.randn(5, D, generator=generator, dtype=DOUBLE), dim=1
    )
    kinds = {
        "pca": lambda: FreeEnergy(Reconstruction(Affine(w, shift), Flat(2)), LeastSquares()),
        "linear gaussian": lambda: FreeEnergy(
            Reconstruction(Affine(w), Gaussian(2), GaussianNoise()), Laplace(LeastSquares()), 1.0
        ),
        "full mixture": lambda: FreeEnergy(
            FullGaussians(means, share, torch.diag_embed(spread)), Exhaustive(), 1.0
        ),
        "diagonal mixture": lambda: FreeEnergy(
            DiagonalGaussians(means, share, spread), Exhaustive(), 2.0
        ),
        "hard mixture": lambda: FreeEnergy(DiagonalGaussians(means, share, spread), Exhaustive()),
        "ica": lambda: IndependentSources(
            torch.eye(D, dtype=DOUBLE) + 0.1, shift, torch.tensor([True, False, True])
        ),
        "sparse coding": lambda: FreeEnergy(
            Reconstruction(Affine(atoms), Sparse(5, 0.2), SquaredError(0.5)),
            ActiveSet(1e-12, 5000),
        ),
        "autoencoder": lambda: FreeEnergy(Reconstruction(decoder, Flat(2)), Encoder(encoder)),
        "vae": lambda: FreeEnergy(
            Reconstruction(decoder, Gaussian(2), GaussianNoise()), GaussianEncoder(wide, 2, 5), 1.0
        ),
        "curve by quadrature": lambda: FreeEnergy(Reconstruction(curve, box), Quadrature(20), 3.0),
        "curve by importance": lambda: FreeEnergy(
            Reconstruction(curve, Gaussian(1)), Importance(20), 1.0
        ),
        "bumps": lambda: _bumps(means),
        "other units": lambda: Rescaled(
            FreeEnergy(Reconstruction(Affine(w), Flat(2)), LeastSquares()), shift, scale
        ),
    }
    return kinds if name is None else kinds[name]().double().eval()


def _bumps(centers):
    energy = RadialBasis(centers, 0.8)
    torch.nn.init.normal_(energy.heights, generator=torch.Generator().manual_seed(1))
    return energy


KINDS = list(make(None))
VIEWS = [k for k in KINDS if k not in ("ica", "bumps")]
MINIMIZING = ["pca", "sparse coding", "other units"]


@pytest.fixture
def y():
    return torch.randn(N, D, generator=torch.Generator().manual_seed(3), dtype=DOUBLE)


BOUNDS = {"vae": ["draws"], "curve by importance": ["draws"]}
"""Laws that are not meant to hold: by codes of an encoder, or twenty of them, F is a bound"""


@pytest.mark.parametrize("kind", [torch.float32, DOUBLE])
@pytest.mark.parametrize("name", KINDS)
def test_every_energy_keeps_the_laws(name, kind, y):
    check_energy(make(name).to(kind), y.to(kind), except_for=BOUNDS.get(name, ()))


@pytest.mark.parametrize("columns", [1, D - 1, D + 1])
@pytest.mark.parametrize("name", KINDS)
def test_rows_of_another_width_have_no_energy(name, columns):
    """No column is taken for several."""
    with torch.no_grad(), pytest.raises((ValueError, RuntimeError)):
        make(name)(torch.zeros(N, columns, dtype=DOUBLE))


@pytest.mark.parametrize("name", KINDS)
def test_one_number_a_row_and_no_row_sees_another(name, y):
    energy = make(name)
    with torch.no_grad():
        values = energy(y)
        assert values.shape == (N,)
        torch.testing.assert_close(energy(y.flip(0)), values.flip(0))
        torch.testing.assert_close(energy(y[:1]), values[:1])


@pytest.mark.parametrize("name", KINDS)
def test_the_gradient_equals_finite_differences(name, y):
    energy = make(name)
    rows = y.clone().requires_grad_()
    assert torch.autograd.gradcheck(energy, (rows,), atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_the_gradient_of_every_parameter_equals_finite_differences(name, y):
    energy = make(name)
    named = {k: v.detach().clone().requires_grad_() for k, v in energy.named_parameters()}

    def value(*parts):
        return torch.func.functional_call(energy, dict(zip(named, parts, strict=True)), (y,))

    assert torch.autograd.gradcheck(value, tuple(named.values()), atol=1e-5)


@pytest.mark.parametrize("name", VIEWS)
def test_hidden_values_do_not_matter(name, y):
    energy = make(name)
    visible = torch.ones(N, D, dtype=torch.bool)
    visible[::2, 1] = False
    visible[3, 2] = False
    with torch.no_grad():
        view = energy.restricted(visible)
        value = view(torch.where(visible, y, math.nan))
        torch.testing.assert_close(value, view(torch.where(visible, y, 1e3)))
        assert value.isfinite().all()
        whole = energy.restricted(torch.ones(N, D, dtype=torch.bool))
        exact = not isinstance(energy, FreeEnergy) or not isinstance(energy.solver, Encoder)
        if exact:
            torch.testing.assert_close(whole(y), energy(y), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", VIEWS)
def test_what_is_hidden_twice_is_hidden_once(name, y):
    energy = make(name)
    first, second = torch.ones(2, N, D, dtype=torch.bool)
    first[::2, 1] = second[::3, 2] = second[1, 1] = False
    with torch.no_grad():
        twice = energy.restricted(first).restricted(second)
        torch.testing.assert_close(twice(y), energy.restricted(first & second)(y))


def test_which_energies_minimize_hidden_coordinates():
    assert [name for name in KINDS if make(name).minimizes_hidden] == MINIMIZING


@pytest.mark.parametrize("name", MINIMIZING)
def test_what_minimizes_hidden_coordinates_is_a_bound(name, y):
    energy = make(name)
    visible = torch.ones(N, D, dtype=torch.bool)
    visible[:, 1] = False
    with torch.no_grad():
        bound = energy.restricted(visible)(y)
        filled = energy.restricted(visible).reconstruct(y)
        reached = energy(torch.where(visible, y, filled))
        torch.testing.assert_close(reached, bound, rtol=1e-6, atol=1e-8)
        for value in (-3.0, -0.5, 0.0, 0.4, 2.0):
            assert (energy(torch.where(visible, y, value)) >= bound - 1e-8).all()


def test_one_of_many_predictions_given_x():
    generator = torch.Generator().manual_seed(0)
    network = Perceptron((2, 5, 2 * D), generator=generator)
    energy = FreeEnergy(
        Reconstruction(Branches(network, 2), OneHot(2), GaussianNoise()), Exhaustive(), 1.0
    ).double()
    y = torch.randn(N, D, generator=generator, dtype=DOUBLE)
    x = torch.randn(N, 2, generator=generator, dtype=DOUBLE)
    with torch.no_grad():
        both = network(x).reshape(N, 2, D)
        each = 0.5 * (y[:, None] - both).square().sum(-1) + 0.5 * D * math.log(2 * math.pi)
        torch.testing.assert_close(energy(y, x), -torch.logsumexp(-each, dim=1))
        torch.testing.assert_close(energy(y[:1], x[:1]), energy(y, x)[:1])
    rows = y.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda at: energy(at, x), (rows,))

"""Sparse codes: three solvers, one answer; optimality conditions; scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import sparse_encode

from thalweg.core import InputError
from thalweg.energies import Affine, Lista, Perceptron, Reconstruction, SquaredError
from thalweg.kernels.lasso import lasso
from thalweg.latents import ActiveSet, Flat, FreeEnergy, OneHot, ProximalGradient, Sparse
from thalweg.latents.proximal_descent import descend_code, proximal_descent

N, D, K, ALPHA = 60, 12, 30, 0.3


def problem(dtype=torch.float64, seed=0, k=K):
    generator = torch.Generator().manual_seed(seed)
    atoms = torch.nn.functional.normalize(torch.randn(k, D, generator=generator, dtype=dtype))
    return torch.randn(N, D, generator=generator, dtype=dtype), atoms


def energy_of(atoms, solver, nonnegative=False):
    space = Sparse(len(atoms), ALPHA, nonnegative)
    return FreeEnergy(Reconstruction(Affine(atoms), space, SquaredError(0.5)), solver).to(atoms)


def correlations(y, atoms, z):
    return (y - z @ atoms) @ atoms.T


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_the_active_set_meets_the_optimality_conditions(dtype, nonnegative):
    y, atoms = problem(dtype)
    energy = energy_of(atoms, ActiveSet(), nonnegative)
    with torch.no_grad():
        candidates = energy.infer(y)
    z = candidates.z[0]
    assert candidates.converged.all()
    assert z.dtype == dtype
    c = correlations(y.double(), atoms.double(), z.double())
    slack = 1e-5 if dtype == torch.float32 else 1e-9
    assert ((c if nonnegative else c.abs()) <= ALPHA + slack).all()
    on = z != 0
    assert (c[on] - ALPHA * z[on].sign()).abs().max() < slack
    assert (z >= 0).all() or not nonnegative


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 7])
def test_lista_before_it_has_learned_is_as_many_steps_of_ista(layers, nonnegative):
    y, atoms = problem()
    space = Sparse(K, ALPHA, nonnegative)
    energy = Reconstruction(Affine(atoms), space, SquaredError(0.5)).double()
    with torch.no_grad():
        steps = ProximalGradient("ista", tol=0, max_iter=layers).solve(energy, y).z[0]
        found = Lista(atoms, ALPHA, layers, nonnegative)(y)
    torch.testing.assert_close(found, steps)


def test_equal_to_scikit_learn():
    y, atoms = problem()
    with torch.no_grad():
        ours = energy_of(atoms, ActiveSet()).codes(y).numpy()
    theirs = sparse_encode(y.numpy(), atoms.numpy(), algorithm="lasso_lars", alpha=ALPHA)
    np.testing.assert_allclose(ours, theirs, atol=1e-8)


@pytest.mark.parametrize(("method", "tol"), [("ista", 1e-3), ("fista", 1e-6)])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_descent_reaches_the_same_energy_and_knows_it(method, tol, nonnegative):
    y, atoms = problem()
    with torch.no_grad():
        exact = energy_of(atoms, ActiveSet(), nonnegative)(y)
        solver = ProximalGradient(method, tol, max_iter=10_000)
        found = energy_of(atoms, solver, nonnegative)
        reached = found(y)
        converged = found.infer(y).converged
    assert converged.all()
    assert (reached >= exact - 1e-12).all()
    assert ((reached - exact) / exact).max() <= tol


def test_fista_needs_fewer_steps_than_ista():
    y, atoms = problem()
    with torch.no_grad():
        exact = energy_of(atoms, ActiveSet())(y)
        excess = [
            float((energy_of(atoms, ProximalGradient(m, max_iter=60))(y) - exact).mean())
            for m in ("fista", "ista")
        ]
    assert excess[0] < 0.1 * excess[1]


def test_unconverged_rows_say_so():
    y, atoms = problem()
    with torch.no_grad():
        candidates = energy_of(atoms, ProximalGradient(max_iter=3)).infer(y)
    assert not candidates.converged.all()


@pytest.mark.parametrize(("method", "factor"), [("fista", 1.5), ("ista", 2.5)])
def test_a_step_size_that_diverges_is_refused(method, factor):
    y, atoms = problem()
    curvature = float(torch.linalg.matrix_norm(atoms, 2)) ** 2
    with pytest.raises(InputError, match=f"makes {method} diverge; expected at most"):
        energy_of(atoms, ProximalGradient(method, step_size=factor / curvature))(y)
    with pytest.raises(InputError, match="method must be"):
        ProximalGradient("newton")


def test_hidden_coordinates_are_left_out():
    y, atoms = problem()
    visible = torch.rand(N, D, generator=torch.Generator().manual_seed(5)) > 0.3
    holed = torch.where(visible, y, math.nan)
    with torch.no_grad():
        view = energy_of(atoms, ActiveSet(tol=1e-9, max_iter=5000)).restricted(visible)
        z = view.codes(holed)
    for i in range(N):
        seen = visible[i].numpy()
        some = atoms.numpy()[:, seen]
        c = (y[i].numpy()[seen] - z[i].numpy() @ some) @ some.T
        assert np.abs(c).max() <= ALPHA * (1 + 1e-3)


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 2e-4), (torch.float64, 1e-9)])
def test_rows_that_hide_what_no_other_does(dtype, error, nonnegative, monkeypatch):
    y, atoms = problem(dtype)
    seen = torch.rand(y.shape, generator=torch.Generator().manual_seed(3)) < 0.7
    seen[0], seen[1] = True, False
    y = torch.where(seen, y, torch.nan)
    space, cost = Sparse(len(atoms), ALPHA, nonnegative), SquaredError(0.8)
    view = FreeEnergy(Reconstruction(Affine(atoms), space, cost), ActiveSet()).restricted(seen)
    with torch.no_grad():
        (apart,) = view.infer(y).z
        monkeypatch.setattr("thalweg.energies.reconstruction.ALIKE", len(atoms) + 1)
        (alike,) = view.infer(y).z
    torch.testing.assert_close(apart, alike, rtol=0, atol=error)
    assert (apart[1] == 0).all()
    assert (apart[2:] != 0).any(dim=1).all()


def test_atoms_that_depend_on_one_another():
    y, atoms = problem(k=8)
    doubled = torch.cat([atoms, atoms, -atoms, (atoms[:1] + atoms[1:2]) / math.sqrt(2)])
    with torch.no_grad():
        once, more = energy_of(atoms, ActiveSet())(y), energy_of(doubled, ActiveSet())(y)
        candidates = energy_of(doubled, ActiveSet()).infer(y)
    assert candidates.converged.all()
    assert (more <= once + 1e-9).all()


def test_more_active_atoms_than_columns_would_fit():
    # a small penalty: the support fills all D dimensions, and later atoms depend on it
    y, atoms = problem()
    form = (atoms @ atoms.T).numpy(), (y @ atoms.T).numpy(), 0.5 * (y**2).sum(1).numpy()
    codes, gap = lasso(*form, 1e-4, False, 1e-9)
    assert (gap < 1e-6).all()
    assert (np.count_nonzero(codes, axis=1) <= D).all()


def test_other_latent_spaces_are_refused():
    y, atoms = problem()
    energy = FreeEnergy(Reconstruction(Affine(atoms), OneHot(K)).to(atoms), ActiveSet())
    with pytest.raises(InputError, match="ActiveSet: latent space OneHot; expected Sparse"):
        energy(y)


def test_the_gradient_is_that_at_the_codes():
    y, atoms = problem()
    rows = y[:5].clone().requires_grad_()

    def value(at):
        return energy_of(atoms, ActiveSet(tol=1e-12))(at)

    assert torch.autograd.gradcheck(value, (rows,), atol=1e-5)


def test_the_gap_is_that_of_the_scaled_residual():
    # stopped early, so that the residual has to be scaled to be a dual point
    y, atoms = problem()
    Y, W = y.numpy(), atoms.numpy()
    codes, gap = lasso(W @ W.T, Y @ W.T, 0.5 * (Y**2).sum(1), ALPHA, False, 1.0)
    exact, _ = lasso(W @ W.T, Y @ W.T, 0.5 * (Y**2).sum(1), ALPHA, False, 1e-9)
    residual = Y - codes @ W
    scale = np.minimum(1, ALPHA / np.abs(residual @ W.T).max(axis=1))
    assert (scale < 0.9).any()
    dual = 0.5 * (Y**2).sum(1) - 0.5 * ((Y - scale[:, None] * residual) ** 2).sum(1)
    primal = 0.5 * (residual**2).sum(1) + ALPHA * np.abs(codes).sum(1)
    np.testing.assert_allclose(gap, (primal - dual) / primal, rtol=1e-9, atol=1e-12)
    best = 0.5 * ((Y - exact @ W) ** 2).sum(1) + ALPHA * np.abs(exact).sum(1)
    assert ((primal - best) / primal <= gap + 1e-12).all()


def test_restarts_are_worth_their_while():
    # strongly convex and badly conditioned: momentum without restarts swings about the minimum
    y, atoms = problem(k=10)
    skewed = atoms * torch.logspace(0, -1.3, 10, dtype=torch.float64)[:, None]
    with torch.no_grad():
        solver = ProximalGradient("fista", tol=1e-9, max_iter=100)
        converged = energy_of(skewed, solver).infer(y).converged
    assert converged.double().mean() > 0.9


@pytest.mark.parametrize(("step", "taken"), [(0.9, True), (1.1, False), (1.9, False)])
def test_a_step_is_taken_where_the_parabola_above_it_holds(step, taken):
    class Parabola:
        def __call__(self, z):
            return self.value(z), z

        def value(self, z):
            return 0.5 * z[:, 0].square()

        def taking(self, rows):
            return self

    z = torch.tensor([[1.0], [-4.0]], dtype=torch.float64)
    settings = {"fixed": False, "accelerate": False, "tol": 1e-9}
    once = proximal_descent(Parabola(), Flat(1), z, step, max_iter=1, **settings)
    torch.testing.assert_close(once.z, z * (1 - step) if taken else z)
    # a step that was not taken is halved, one that was is longer by a tenth
    after = (1 - step) * (1 - 1.1 * step) if taken else 1 - 0.5 * step
    again = proximal_descent(Parabola(), Flat(1), z, step, max_iter=2, **settings)
    torch.testing.assert_close(again.z, z * after)
    assert not again.converged.any()


def test_rows_that_have_ended_are_left_out_and_end_where_they_do_alone():
    generator = torch.Generator().manual_seed(3)
    decoder = Perceptron((2, 16, 5), generator=generator).double()
    y = torch.randn(40, 5, generator=generator, dtype=torch.float64)
    y[20:] *= 8
    seen = torch.rand(40, 5, generator=generator) < 0.7
    whole = Reconstruction(decoder, Flat(2), SquaredError())
    start = torch.zeros(40, 2, dtype=torch.float64)
    sizes = []
    decoder.register_forward_hook(lambda module, given, made: sizes.append(len(made)))
    found = descend_code(whole.restricted(seen), y, None, start, 3000, 1e-7)
    assert sizes[0] == 40
    assert 0 < sizes[-1] < 20
    assert found.converged.all()
    for i in range(40):
        view = whole.restricted(seen[i : i + 1])
        alone = descend_code(view, y[i : i + 1], None, start[i : i + 1], 3000, 1e-7)
        torch.testing.assert_close(found.z[i], alone.z[0], rtol=1e-4, atol=1e-5)

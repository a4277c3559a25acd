"""Expectation maximization for Gaussian components, at any temperature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError, Loss
from thalweg.energies import DiagonalGaussians, FullGaussians, GaussianComponents
from thalweg.latents import FreeEnergy
from thalweg.training.expectation import Sums, bias_of, shares_of, sums_by_products
from thalweg.training.loop import Step
from thalweg.training.mixture_rounding import LARGEST_ERROR, rounding_of
from thalweg.training.weighted import Weighted


def em_step(energy: FreeEnergy, covariance_type: str, reg_covar: float) -> Step[Weighted]:
    r"""One iteration of expectation maximization, in place on the components of ``energy``.

    .. math::
        r_{iz} \propto e^{-\beta E(y_i, z)}, \qquad
        \mu_z \leftarrow \frac{\sum_i r_{iz} y_i}{\sum_i r_{iz}}, \qquad
        S_z \leftarrow \frac{\sum_i r_{iz} y_i y_i^T}{\sum_i r_{iz}} - \mu_z \mu_z^T + \epsilon I

    The covariance is taken about a point near the mean, where far from it y y^T and mu mu^T would
    cancel. Hidden entries count by their conditional mean and covariance. At beta = 1 the loss, the
    mean free energy before the step, is minus the mean log-likelihood and never rises (but for
    ``reg_covar``); at other beta the step is that of deterministic annealing.

    References
    ----------
    Dempster, Laird, Rubin (1977); Ghahramani and Jordan, "Supervised learning from incomplete data
    via an EM approach" (1994); Ueda and Nakano, "Deterministic annealing EM algorithm" (1998).
    """

    def built(found: Sums) -> GaussianComponents:
        weights, means, covariances = moments(found, covariance_type, reg_covar)
        return build(means, weights, covariances, covariance_type)

    def step(data: Weighted, generator: torch.Generator) -> Loss:
        components = components_of(energy)
        found, fresh = _expected(components, data, energy.beta, built)
        components.load_state_dict(fresh.state_dict())
        value = found.loss / float(found.counts.sum())
        return Loss(torch.tensor(value, dtype=torch.float64), {})

    return step


@torch.no_grad()
def _expected(
    components: GaussianComponents,
    data: Weighted,
    beta: float,
    built: Callable[[Sums], GaussianComponents],
) -> tuple[Sums, GaussianComponents]:
    """The sums of a step, from where they are right, and the components that they make."""
    means = components.means.double()
    if not data.hidden and rounding_of(components, means - data.shift, 3) <= LARGEST_ERROR:
        found = sums_by_products(components, data, beta)
        fresh = unless_singular(built, found)
        if fresh is not None and rounding_of(fresh, found.away) < LARGEST_ERROR:
            return found, fresh
    by_differences = _sums_with_hidden if data.hidden else _sums_by_differences
    found = by_differences(components, data, beta, means)
    fresh = unless_singular(built, found)
    if fresh is not None and rounding_of(fresh, found.away) < LARGEST_ERROR:
        return found, fresh
    # means that move far leave differences as large as what they were taken to avoid
    found = by_differences(components, data, beta, found.about + found.away)
    return found, built(found)


def unless_singular(
    built: Callable[[Sums], GaussianComponents], found: Sums
) -> GaussianComponents | None:
    """None where a covariance is singular, as what was rounded away may have made it."""
    try:
        return built(found)
    except InputError:
        return None


def sums_of_rows(components: GaussianComponents, data: Weighted, beta: float) -> Sums:
    """The sums of an expectation step, each component's rows seen from its mean."""
    by = _sums_with_hidden if data.hidden else _sums_by_differences
    return by(components, data, beta, components.means.detach().double())


def components_of(energy: FreeEnergy) -> GaussianComponents:
    """The components of a mixture's free energy."""
    assert isinstance(energy.energy, GaussianComponents)
    return energy.energy


def build(
    means: Tensor, weights: Tensor, covariances: Tensor, covariance_type: str
) -> GaussianComponents:
    """Components of a type, from covariances in scikit-learn's shapes but with all axes.

    full (k, d, d), tied (1, d, d), diag (k, d), spherical (k, 1).
    """
    if covariance_type in ("full", "tied"):
        return FullGaussians(means, weights, covariances)
    return DiagonalGaussians(means, weights, covariances)


@torch.no_grad()
def pooled(parts: list[GaussianComponents]) -> GaussianComponents:
    """One mixture of the components of several, each mixture with an equal share."""
    means = torch.cat([part.means for part in parts])
    weights = torch.cat([part.weights for part in parts]) / len(parts)
    if all(isinstance(part, DiagonalGaussians) for part in parts):
        variances = [1 / part.precisions().diagonal(dim1=1, dim2=2) for part in parts]
        return DiagonalGaussians(means, weights, torch.cat(variances))
    factors = torch.cat([part.covariance_factors() for part in parts])
    return FullGaussians(means, weights, factors @ factors.transpose(1, 2))


def moments(found: Sums, covariance_type: str, reg_covar: float) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and covariances (as :func:`build` has them) of the sums."""
    # scikit-learn's guard for a component without rows
    counts = found.counts + 10 * torch.finfo(torch.float64).eps
    away = found.sums / counts[:, None]
    means = found.about + away
    weights = counts / counts.sum()
    identity = torch.eye(means.shape[1]).to(means)
    if covariance_type == "tied":
        outer = (counts[:, None] * away).T @ away
        covariance = (found.products.sum(dim=0) - outer) / counts.sum()
        return weights, means, (covariance + reg_covar * identity)[None]
    outer = away[:, :, None] * away[:, None, :]
    covariances = found.products / counts[:, None, None] - outer
    if covariance_type == "full":
        return weights, means, covariances + reg_covar * identity
    variances = covariances.diagonal(dim1=1, dim2=2) + reg_covar
    return weights, means, variances if covariance_type == "diag" else variances.mean(1, True)


@torch.no_grad()
def _sums_by_differences(
    components: GaussianComponents, data: Weighted, beta: float, about: Tensor
) -> Sums:
    """Complete rows, each seen from every component's own mean."""
    k, d = components.means.shape
    counts, sums, products = about.new_zeros(k), torch.zeros_like(about), about.new_zeros(k, d, d)
    loss = counts.new_zeros(())
    for y, weight in data.pieces(k * d):
        share, value = shares_of(components.each(y), beta)
        if weight is not None:
            share, value = share * weight, value * weight
        away = y - about[:, None]
        weighted = share[..., None] * away
        counts += share.sum(dim=1)
        sums += weighted.sum(dim=1)
        products += weighted.transpose(1, 2) @ away
        loss += value.sum()
    return Sums(counts, sums, products, about, float(loss))


@torch.no_grad()
def _sums_with_hidden(
    components: GaussianComponents, data: Weighted, beta: float, about: Tensor
) -> Sums:
    means, near = components.means.double().cpu().numpy(), about.cpu().numpy()
    factors = components.factor().double().expand(len(means), -1, -1).cpu().contiguous().numpy()
    total: list[Tensor] = []
    loss = 0.0
    for start, chunk in data.rows.chunks():
        y = chunk.astype(np.float64)
        weight = np.ones(len(y)) if data.weight is None else data.weight[start : start + len(y)]
        from thalweg.kernels.hidden_gaussian import expected_sums  # compiled: slow to import

        *found, value = expected_sums(
            y, weight, bias_of(components).cpu().numpy(), means, factors, near, beta
        )
        here = [torch.from_numpy(each).to(data.shift) for each in found]
        total = here if not total else [a + b for a, b in zip(total, here, strict=True)]
        loss += value
    counts, sums, products = total
    return Sums(counts, sums, products, about, loss)


def covariances_of(precisions: Tensor, covariance_type: str) -> Tensor | None:
    """Covariances from their inverses in scikit-learn's shapes; None if these are not definite."""
    if covariance_type in ("diag", "spherical"):
        precisions = precisions.reshape(len(precisions), -1)
        return 1 / precisions if bool((precisions > 0).all()) else None
    precisions = precisions.reshape(-1, *precisions.shape[-2:])
    symmetric = torch.allclose(precisions, precisions.transpose(-1, -2))
    failed = torch.linalg.cholesky_ex(precisions).info
    return torch.linalg.inv(precisions) if symmetric and not bool(failed.any()) else None


@torch.no_grad()
def shaped_covariances(
    components: GaussianComponents, covariance_type: str, several: bool
) -> NDArray[np.floating]:
    """Covariances in scikit-learn's shapes; ``several``: more than one of what is tied."""
    factors = components.covariance_factors()
    whole = (factors @ factors.transpose(1, 2)).cpu().numpy()
    if covariance_type == "full" or (covariance_type == "tied" and several):
        return np.asarray(whole)
    if covariance_type == "tied":
        return np.asarray(whole[0])
    variances = whole.diagonal(axis1=1, axis2=2)
    return np.asarray(variances if covariance_type == "diag" else variances[:, 0])

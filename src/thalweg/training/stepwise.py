"""Expectation maximization for Gaussian components, a few rows at a time."""

from __future__ import annotations

import numpy as np
import torch

from thalweg.core import Batch, Loss
from thalweg.data import Rows
from thalweg.energies import GaussianComponents
from thalweg.latents import FreeEnergy
from thalweg.training.expectation import Sums
from thalweg.training.mixture import build, components_of, moments, sums_of_rows
from thalweg.training.weighted import Weighted


class StepwiseStep:
    r"""One step of stepwise expectation maximization, in place on the components of ``energy``.

    .. math::
        s \leftarrow (1 - \eta) s + \eta\, \bar s(\text{batch}), \qquad
        \eta = \frac{b}{N + b}, \qquad \theta \leftarrow \arg\max_\theta \text{ given } s

    with s the means over rows of responsibilities, of y and of :math:`y y^T` times them, b the
    weight of the batch and N that of all rows before. With this step size s is the mean over all
    rows seen, each with the responsibilities that it had when it came; of one component it is the
    mean over all rows, and the step is exact. Components follow from s and s from components, so
    that nothing but N is kept beside them.

    Parameters
    ----------
    energy : FreeEnergy
        In double precision.
    covariance_type : str
    reg_covar : float
    total : float
        N; then in ``total``.

    References
    ----------
    Cappe and Moulines, "On-line expectation-maximization algorithm for latent data models", JRSS B
    71 (2009); Liang and Klein, "Online EM for unsupervised models", NAACL 2009.
    """

    def __init__(
        self, energy: FreeEnergy, covariance_type: str, reg_covar: float, total: float
    ) -> None:
        self.energy, self.covariance_type, self.reg_covar = energy, covariance_type, reg_covar
        self.total = total

    @torch.no_grad()
    def __call__(self, batch: Batch, generator: torch.Generator) -> Loss:
        components = components_of(self.energy)
        y = batch.y.cpu().numpy()
        weight = None if batch.weight is None else batch.weight.cpu().numpy()
        data = Weighted(Rows(y), weight, components.means.detach()[0], bool(np.isnan(y).any()))
        here = sums_of_rows(components, data, self.energy.beta)
        before = sums_before(components, self.total, self.reg_covar)
        both = Sums(
            before.counts + here.counts, before.sums + here.sums,
            before.products + here.products, here.about, here.loss,
        )  # fmt: skip
        weights, means, covariances = moments(both, self.covariance_type, self.reg_covar)
        fresh = build(means, weights, covariances, self.covariance_type)
        components.load_state_dict(fresh.state_dict())
        here_weight = float(here.counts.sum())
        self.total += here_weight
        return Loss(torch.tensor(here.loss / here_weight, dtype=torch.float64), {})


def sums_before(components: GaussianComponents, total: float, reg_covar: float) -> Sums:
    """The sums over rows of weight ``total`` that components are made of, seen from the means."""
    counts = total * components.weights
    factors = components.covariance_factors()
    identity = torch.eye(factors.shape[-1]).to(factors)
    covariances = factors @ factors.transpose(1, 2) - reg_covar * identity
    means = components.means.detach()
    return Sums(counts, torch.zeros_like(means), counts[:, None, None] * covariances, means, 0.0)

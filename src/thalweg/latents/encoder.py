"""Latent variables found by a network that learned to."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from thalweg.core import Candidates, InputError, LatentEnergy
from thalweg.latents.proximal_descent import descend_code
from thalweg.latents.solver import LatentSolver


class Encoder(LatentSolver):
    r"""Amortized inference: :math:`z = f(y)`, or f(y, x), brought to the nearest element.

    The z is attached, so the chain rule trains the network. F is then E(y, f(y)), an upper bound of
    the minimum over z; ``max_iter`` descent steps from f(y) make it tighter.

    Hidden coordinates reach the network as zeros, and the code is then brought down the energy of
    the visible ones; not in training (``train()``), which would take too long.

    Parameters
    ----------
    network : Module
        f.
    max_iter : int, default 0
        Descent steps after the network.
    hidden_iter : int, default 200
        Descent steps where coordinates are hidden.
    tol : float, default 1e-4
        A descent has converged when a step moves it by less than this share of its length.
    """

    def __init__(
        self, network: nn.Module, max_iter: int = 0, hidden_iter: int = 200, tol: float = 1e-4
    ) -> None:
        super().__init__()
        self.network = network
        self.max_iter, self.hidden_iter, self.tol = max_iter, hidden_iter, tol
        self.visible: Tensor | None = None

    def encode(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """What the network says: ``(n, *latent)``."""
        seen = y if self.visible is None else torch.where(self.visible, y, 0)
        z: Tensor = self.network(seen) if x is None else self.network(seen, x)
        return z

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        proposed = self.encode(y, x)
        z = energy.latent.nearest(proposed)
        if self.training and z is not proposed and proposed.requires_grad:
            # straight through: the choice of an element has no gradient of its own. That is a way
            # to train; asked, F has the slope that it has
            z = proposed + (z - proposed).detach()
        converged = torch.ones(y.shape[0], dtype=torch.bool, device=y.device)
        if self.training:
            return Candidates(z[None], z.new_zeros(1, 1), converged)
        first = z
        if self.max_iter:
            z, converged = descend_code(energy, y, x, first.detach(), self.max_iter, self.tol)
        if self.visible is not None and self.hidden_iter > self.max_iter:
            # the others are as they would be without a row that hides something beside them
            hides = ~self.visible.all(dim=1)
            rows = hides.nonzero()[:, 0]
            part = energy.taking(rows)
            if part is None:
                part, rows = energy, torch.arange(len(y), device=y.device)
            some = None if x is None else x[rows]
            found, ended = descend_code(
                part, y[rows], some, first[rows].detach(), self.hidden_iter, self.tol
            )
            found = z.detach().index_copy(0, rows, found)
            z = torch.where(hides.reshape(-1, *[1] * (z.ndim - 1)), found, z)
            ended = torch.where(hides[rows], ended, converged[rows])
            converged = converged.index_copy(0, rows, ended)
        return Candidates(z[None], z.new_zeros(1, 1), converged)

    def restricted(self, visible: Tensor) -> Encoder:
        view = Encoder(self.network, self.max_iter, self.hidden_iter, self.tol)
        view.visible = visible if self.visible is None else self.visible & visible
        return view.train(self.training)


class GaussianEncoder(LatentSolver):
    r"""Amortized importance sampling: draws from :math:`q(z|y) = N(m(y), \sigma(y)^2)`.

    The candidates are m + sigma * e for draws e that are the same for every row and every call, and
    their log-weights -log(k q(z)): the free energy over them is the importance-weighted bound on
    -log p(y), the more draws the tighter.

    Parameters
    ----------
    network : Module
        From y to (n, 2 k): mean and log standard deviation.
    k : int
        Size of z.
    n_draws : int, default 32
    seed : int, default 0
        Of the draws.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes" (2014); Burda, Grosse, Salakhutdinov,
    "Importance weighted autoencoders" (2016), eq. 8.
    """

    draws: Tensor

    def __init__(self, network: nn.Module, k: int, n_draws: int = 32, seed: int = 0) -> None:
        super().__init__()
        if n_draws < 1:
            raise InputError(f"GaussianEncoder: n_draws must be at least 1, got {n_draws}")
        self.network, self.k, self.n_draws, self.seed = network, k, n_draws, seed
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("draws", torch.randn(n_draws, k, generator=generator))
        self.visible: Tensor | None = None

    def posterior(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Mean and log standard deviation of q: both (n, k)."""
        seen = y if self.visible is None else torch.where(self.visible, y, 0)
        out = self.network(seen) if x is None else self.network(seen, x)
        mean, log_sigma = out.chunk(2, dim=-1)
        # far outside of this range exp under- or overflows in float32
        return mean, log_sigma.clamp(-10, 5)

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        mean, log_sigma = self.posterior(y, x)
        converged = torch.ones(y.shape[0], dtype=torch.bool, device=y.device)
        if math.isinf(beta):
            return Candidates(mean[None], mean.new_zeros(1, 1), converged)
        return self.proposals(mean, log_sigma, self.draws, converged)

    def proposals(
        self, mean: Tensor, log_sigma: Tensor, draws: Tensor, converged: Tensor
    ) -> Candidates:
        """Candidates at mean + sigma e for draws e (m, k) or (m, n, k)."""
        e = draws if draws.ndim == 3 else draws[:, None]
        z = mean + log_sigma.exp() * e
        log_q = -0.5 * e.square().sum(dim=-1) - log_sigma.sum(dim=-1)
        log_q = log_q - 0.5 * self.k * math.log(2 * math.pi)
        return Candidates(z, -log_q - math.log(len(e)), converged)

    def restricted(self, visible: Tensor) -> GaussianEncoder:
        seen = visible if self.visible is None else self.visible & visible
        view = GaussianEncoder(self.network, self.k, self.n_draws, self.seed)
        view.draws, view.visible = self.draws, seen
        return view.train(self.training)

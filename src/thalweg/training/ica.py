"""Maximum likelihood for square independent component analysis."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError, Loss
from thalweg.data import Rows, Summary
from thalweg.energies import IndependentSources
from thalweg.energies.ica import source_penalty
from thalweg.training.principal import spectrum

FLOOR = 1e-2
"""Least curvature that a direction of descent assumes."""

SWITCHING = 30
"""Steps in which sources may change between heavy and light tails: it could go on for ever."""

HALVINGS = 20
"""Shorter and shorter steps tried before a step is given up."""


class RelativeNewton:
    r"""A quasi-Newton step on the mixing matrix, relative to itself.

    .. math::
        W \leftarrow W (I + \alpha D), \qquad D = -H^{-1} G, \qquad
        G = \tfrac1n \sum_i s_i \psi(s_i)^T - I

    with s = yW - b, psi = g', and H the Hessian that independent sources would have, which couples
    D_ij with D_ji only. alpha is halved until the mean energy falls. Each source's g is chosen by
    its stability (heavy or light tails) before the step.

    Parameters
    ----------
    energy : IndependentSources
        Trained in place.
    varying : Tensor, optional
        (d,), bool: the columns that sources are sought in. W is 0 between them and the others,
        which are constant, and stays as it is there.

    References
    ----------
    Ablin, Cardoso, Gramfort, "Faster independent component analysis by preconditioning with Hessian
    approximations", IEEE Transactions on Signal Processing 66 (2018), eq. 9 and algorithm 3.
    """

    def __init__(self, energy: IndependentSources, varying: Tensor | None = None) -> None:
        self.energy = energy
        self.varying = torch.ones_like(energy.heavy) if varying is None else varying
        self.steps = 0

    @torch.no_grad()
    def __call__(self, rows: Rows, generator: torch.Generator) -> Loss:
        energy = self.energy
        moments = self._moments(rows)
        heavy = moments["slope"] * moments["square"] > moments["along"]
        heavy |= ~self.varying
        self.steps += 1
        if self.steps <= SWITCHING and not torch.equal(heavy, energy.heavy):
            energy.heavy.copy_(heavy)
            moments = self._moments(rows)
        d = len(heavy)
        identity = torch.eye(d).to(moments["outer"])
        gradient = moments["outer"] - identity
        # what is constant says nothing of its scale, nor, but by rounding, of the others
        gradient.masked_fill_(~(self.varying[:, None] & self.varying), 0)
        move = _direction(gradient, moments)
        value, size, moved = moments["loss"], 1.0, True
        start, offset = energy.weight.clone(), energy.offset.clone()
        for _ in range(HALVINGS):
            turn = identity + size * move
            energy.weight.copy_(start @ turn)
            energy.offset.copy_(offset @ turn)
            if self._loss(rows) < value:
                break
            size /= 2
        else:
            moved = False
            energy.weight.copy_(start)
            energy.offset.copy_(offset)
        metrics = {"gradient": gradient.abs().max(), "moved": torch.tensor(moved)}
        return Loss(value, metrics)

    def _parts(self, rows: Rows) -> list[Tensor]:
        like = self.energy.weight
        return [self.energy.codes(torch.from_numpy(c).to(like)) for _, c in rows.chunks()]

    def _loss(self, rows: Rows) -> Tensor:
        total = sum(
            source_penalty(s, self.energy.heavy).sum(dtype=torch.float64) for s in self._parts(rows)
        )
        log_det = torch.linalg.slogdet(self.energy.weight.double()).logabsdet
        return torch.as_tensor(total) / len(rows) - log_det

    def _moments(self, rows: Rows) -> dict[str, Tensor]:
        """Means over the rows that a step is made of."""
        d = len(self.energy.offset)
        zero = self.energy.weight.new_zeros(d, dtype=torch.float64)
        names = ("slope", "square", "along", "curve", "own")
        total = {name: zero.clone() for name in names}
        total["outer"] = zero.new_zeros(d, d)
        for s in self._parts(rows):
            t = torch.tanh(s)
            bend = 1 - t.square()
            psi = torch.where(self.energy.heavy, t, s - t)
            curve = torch.where(self.energy.heavy, bend, 1 - bend)
            total["slope"] += bend.sum(dim=0)
            total["square"] += s.square().sum(dim=0)
            total["along"] += (s * t).sum(dim=0)
            total["curve"] += curve.sum(dim=0)
            total["own"] += (curve * s.square()).sum(dim=0)
            total["outer"] += s.T @ psi
        means = {name: value / len(rows) for name, value in total.items()}
        return means | {"loss": self._loss(rows)}


def _direction(gradient: Tensor, moments: dict[str, Tensor]) -> Tensor:
    """-H^-1 G, block by block: D_ij and D_ji together, the diagonal alone."""
    # entry ij of G moves source j along source i
    h = moments["square"][:, None] * moments["curve"][None, :]
    # each block (h, 1; 1, h^T), its least eigenvalue raised to FLOOR
    least = 0.5 * (h + h.T - ((h - h.T).square() + 4).sqrt())
    h = h + (FLOOR - least).clamp_min(0)
    move = -(h.T * gradient - gradient.T) / (h * h.T - 1)
    own = -gradient.diagonal() / (moments["own"] + 1)
    return move - torch.diag(move.diagonal()) + torch.diag(own)


def whitening(rows: Rows, summary: Summary, varying: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A matrix (d, d) after which columns that vary have unit variance and do not correlate.

    It is the identity on the others.
    """
    d = int(varying.sum())
    if len(rows) <= d:
        raise InputError(
            f"SquareICA: {len(rows)} rows (n_samples={len(rows)}) of {d} columns; "
            "expected more rows than columns"
        )
    whiten = np.eye(len(varying))
    if not d:
        return whiten
    principal = spectrum(rows, summary)
    # of columns in units of their own spread: the rank must not depend on units
    spread = np.where(summary.variance > 0, np.sqrt(summary.variance), 1.0)
    scaled = (principal.directions / spread) * np.sqrt(principal.variances)[:, None]
    _, singular, directions = np.linalg.svd(scaled[:, varying])
    rank = int((singular > 1e-6 * singular[0]).sum())
    if rank < d:
        raise InputError(
            f"SquareICA: the {d} columns have rank {rank}: some depend linearly on others; "
            "expected independent ones (PCA first may help)"
        )
    whiten[np.ix_(varying, varying)] = (directions / spread[varying]).T / singular
    return whiten

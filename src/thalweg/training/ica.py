"""Maximum likelihood for square independent component analysis."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError, Loss
from thalweg.data import Rows, Summary
from thalweg.energies import IndependentSources
from thalweg.training.principal import spectrum

FLOOR = 1e-2
"""Least curvature that a direction of descent assumes."""

SWITCHING = 30
"""Steps in which sources may change between heavy and light tails: it could go on for ever."""

AT_A_TIME = 1 << 17
"""Numbers of rows that are looked at together, which stay near the processor"""

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
    same_rows : bool, default False
        Whether rows stay what they were from step to step, so that the end of one is known at the
        start of the next.

    References
    ----------
    Ablin, Cardoso, Gramfort, "Faster independent component analysis by preconditioning with Hessian
    approximations", IEEE Transactions on Signal Processing 66 (2018), eq. 9 and algorithm 3.
    """

    def __init__(
        self, energy: IndependentSources, varying: Tensor | None = None, same_rows: bool = False
    ) -> None:
        self.energy, self.same_rows = energy, same_rows
        self.varying = torch.ones_like(energy.heavy) if varying is None else varying
        self.steps = 0
        self._known: _Sums | None = None

    @torch.no_grad()
    def __call__(self, rows: Rows, generator: torch.Generator) -> Loss:
        energy = self.energy
        sums = self._sums(rows) if self._known is None or not self.same_rows else self._known
        self.steps += 1
        if self.steps <= SWITCHING:
            energy.heavy.copy_(sums.stable() | ~self.varying)
        d = len(energy.heavy)
        gradient = sums.gradient(energy.heavy)
        # what is constant says nothing of its scale, nor, but by rounding, of the others
        gradient.masked_fill_(~(self.varying[:, None] & self.varying), 0)
        move = _direction(gradient, sums, energy.heavy)
        value, size, moved = self._loss(sums), 1.0, True
        start, offset = energy.weight.clone(), energy.offset.clone()
        identity = torch.eye(d).to(move)
        for _ in range(HALVINGS):
            turn = identity + size * move
            energy.weight.copy_(start @ turn)
            energy.offset.copy_(offset @ turn)
            after = self._sums(rows)
            if self._loss(after) < value:
                sums = after
                break
            size /= 2
        else:
            moved = False
            energy.weight.copy_(start)
            energy.offset.copy_(offset)
        self._known = sums
        metrics = {"gradient": gradient.abs().max(), "moved": torch.tensor(moved)}
        return Loss(value, metrics)

    @torch.no_grad()
    def mean_energy(self, rows: Rows) -> Tensor:
        """Of the rows, with the sources as they are now: ()."""
        return self._loss(self._sums(rows))

    def _loss(self, sums: _Sums) -> Tensor:
        """The mean energy."""
        log_det = torch.linalg.slogdet(self.energy.weight.double()).logabsdet
        return sums.penalty(self.energy.heavy) - log_det

    def _sums(self, rows: Rows) -> _Sums:
        """One pass over the rows, with the sources as they are now."""
        d, like = len(self.energy.offset), self.energy.weight
        columns = like.new_zeros(5, d, dtype=torch.float64)
        with_tanh = like.new_zeros(d, d, dtype=torch.float64)
        with_self = with_tanh.clone()
        size = max(1, AT_A_TIME // d)
        for _, chunk in rows.chunks():
            for part in torch.from_numpy(chunk).split(size):
                s = self.energy.codes(part.to(like))
                t = torch.tanh(s)
                with_tanh += s.T @ t
                with_self += s.T @ s
                tanh_squares, squares = t.square(), s.square()
                columns[0] += tanh_squares.sum(dim=0)
                columns[1] += (squares * tanh_squares).sum(dim=0)
                # log cosh s = |s| - log(1 + |tanh s|)
                columns[2] += s.abs().sum(dim=0) - torch.log1p(t.abs()).sum(dim=0)
        columns[3], columns[4] = with_tanh.diagonal(), with_self.diagonal()
        n = len(rows)
        tanh_square, both, log_cosh, along, square = (columns / n).unbind()
        return _Sums(tanh_square, both, log_cosh, along, square, with_tanh / n, with_self / n)


class _Sums(NamedTuple):
    """Means over the rows that a step is made of, whichever tails the sources have."""

    tanh_square: Tensor
    """of tanh^2 s: (d,)"""
    both_squares: Tensor
    """of s^2 tanh^2 s"""
    log_cosh: Tensor
    along: Tensor
    """of s tanh s"""
    square: Tensor
    """of s^2"""
    with_tanh: Tensor
    """of s_i tanh s_j: (d, d)"""
    with_self: Tensor
    """of s_i s_j"""

    def stable(self) -> Tensor:
        """Which sources are heavy-tailed, by the stability of the solution: (d,), bool."""
        return (1 - self.tanh_square) * self.square > self.along

    def gradient(self, heavy: Tensor) -> Tensor:
        """G, with psi = tanh s or s - tanh s: (d, d)."""
        outer = torch.where(heavy, self.with_tanh, self.with_self - self.with_tanh)
        return outer - torch.eye(len(heavy)).to(outer)

    def curve(self, heavy: Tensor) -> Tensor:
        """The mean of psi': (d,)."""
        return torch.where(heavy, 1 - self.tanh_square, self.tanh_square)

    def own(self, heavy: Tensor) -> Tensor:
        """The mean of s^2 psi': (d,)."""
        return torch.where(heavy, self.square - self.both_squares, self.both_squares)

    def penalty(self, heavy: Tensor) -> Tensor:
        """The sum over sources of the mean of g: ()."""
        light = 0.5 * self.square - self.log_cosh + 0.5 + 0.5 * math.log(2 * math.pi)
        return torch.where(heavy, self.log_cosh + math.log(math.pi), light).sum()


def _direction(gradient: Tensor, sums: _Sums, heavy: Tensor) -> Tensor:
    """-H^-1 G, block by block: D_ij and D_ji together, the diagonal alone."""
    # entry ij of G moves source j along source i
    h = sums.square[:, None] * sums.curve(heavy)[None, :]
    # each block (h, 1; 1, h^T), its least eigenvalue raised to FLOOR
    least = 0.5 * (h + h.T - ((h - h.T).square() + 4).sqrt())
    h = h + (FLOOR - least).clamp_min(0)
    move = -(h.T * gradient - gradient.T) / (h * h.T - 1)
    own = -gradient.diagonal() / (sums.own(heavy) + 1)
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

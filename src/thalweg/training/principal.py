"""Fitting the energy of PCA: in closed form, and by alternating where entries are hidden."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import InputError, Loss
from thalweg.data import Rows, SparseRows, Summary
from thalweg.training.visible_patterns import VisiblePatterns, patterns_of

WIDE = 4096
"""Columns up to which the covariance matrix is formed."""


class Spectrum(NamedTuple):
    """Directions of the data, widest first."""

    directions: NDArray[np.float64]
    """(m, d), orthonormal rows"""
    variances: NDArray[np.float64]
    """(m,), along them, by n - 1"""


def spectrum(rows: Rows, summary: Summary) -> Spectrum:
    """The principal directions of rows; a hidden entry stands at its column's mean.

    From the covariance, summed in one pass (rows may be larger than memory), or where there are
    more columns than rows from the singular value decomposition, which needs the rows as an array.

    Raises
    ------
    InputError
        If rows are sparse and have too many columns for their covariances.
    """
    n, d = len(rows), rows.n_columns
    if isinstance(rows, SparseRows):
        check_width(d)
    elif d > WIDE or d > n:
        centered = np.nan_to_num(rows.values - summary.mean).astype(np.float64)
        _, singular, directions = np.linalg.svd(centered, full_matrices=False)
        return Spectrum(signed(directions), singular**2 / max(n - 1, 1))
    return spectrum_of(scatter_of(rows, summary.mean) / max(n - 1, 1))


def check_width(d: int) -> None:
    """Refuse columns that are too many for the matrix of their covariances."""
    if d > WIDE:
        raise InputError(
            f"PCA: {d} columns; expected at most {WIDE} where rows are sparse or come in parts, "
            "for the covariances of all columns are kept"
        )


def scatter_of(rows: Rows, mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of (y - mean) (y - mean)^T over rows: (d, d); a hidden entry stands at the mean."""
    scatter = np.zeros((rows.n_columns, rows.n_columns))
    for _, chunk in rows.chunks():
        centered = np.nan_to_num(chunk.astype(np.float64) - mean)
        scatter += centered.T @ centered
    return scatter


def spectrum_of(covariance: NDArray[np.float64]) -> Spectrum:
    """The principal directions of a covariance matrix (d, d)."""
    variances, columns = np.linalg.eigh(covariance)
    return Spectrum(signed(columns.T[::-1]), variances[::-1].clip(0))


def signed(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each direction with its largest entry positive, so that a fit has one answer."""
    peak = directions[np.arange(len(directions)), np.abs(directions).argmax(axis=1)]
    return np.asarray(directions * np.where(peak < 0, -1.0, 1.0)[:, None], dtype=np.float64)


class AlternatingStep:
    r"""Codes for all rows, then the best plane for the codes: probabilistic PCA by EM.

    .. math::
        M_i = \sum_{j \text{ visible}} w_j w_j^T + \sigma^2 I, \qquad
        z_i \leftarrow M_i^{-1} \sum_{j \text{ visible}} w_j (y_{ij} - b_j)

    then for each column w_j and b_j by least squares on the codes, whose uncertainty
    :math:`\sigma^2 M_i^{-1}` counts, and sigma from what is left. Without the uncertainty rows that
    show little would have huge codes and bend the plane.

    Parameters
    ----------
    weight : Tensor
        (k, d), changed in place; not orthonormal: codes have a standard normal prior.
    offset : Tensor
        b, (d,), changed in place.
    noise : float
        sigma^2, where it starts; then in ``noise``.
    patterns : VisiblePatterns, optional
        Of the rows, where those that show the same columns are taken together.

    References
    ----------
    Ilin and Raiko, "Practical approaches to principal component analysis in the presence of
    missing values", JMLR 2010, section 3.3; Tipping and Bishop (1999).
    """

    def __init__(
        self,
        weight: Tensor,
        offset: Tensor,
        noise: float,
        patterns: VisiblePatterns | None = None,
    ) -> None:
        self.weight, self.offset = weight, offset
        self.noise = weight.new_tensor(noise)
        self.patterns = patterns

    def codes(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (n, k) and covariance (n, k, k) of the codes of rows with hidden entries."""
        k = len(self.weight)
        seen = (~y.isnan()).to(self.weight)
        away = (y - self.offset).nan_to_num()
        pairs = (self.weight[:, None] * self.weight[None]).reshape(k * k, -1)
        gram = (seen @ pairs.T).reshape(-1, k, k)
        identity = torch.eye(k).to(gram)
        spread = torch.cholesky_inverse(torch.linalg.cholesky(gram + self.noise * identity))
        return torch.einsum("nkl,nl->nk", spread, away @ self.weight.T), self.noise * spread

    @torch.no_grad()
    def __call__(self, rows: Rows, generator: torch.Generator) -> Loss:
        known = self.patterns
        found = self._by_row(rows) if known is None else self._by_pattern(known)
        return self._update(found, len(rows))

    def _by_row(self, rows: Rows) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
        """Sums over rows for each column: of codes, with y, of y^2, how many; and what is left."""
        k, d = self.weight.shape
        moments = self.weight.new_zeros(d, k + 1, k + 1)
        along = self.weight.new_zeros(d, k + 1)
        squares, count, total = self.weight.new_zeros(d), self.weight.new_zeros(d), 0.0
        for _, chunk in rows.chunks():
            y = torch.from_numpy(chunk).to(self.weight)
            seen = (~y.isnan()).to(y)
            mean, spread = self.codes(y)
            z = torch.cat([mean, seen.new_ones(len(y), 1)], dim=1)
            pairs = z[:, :, None] * z[:, None, :]
            pairs[:, :k, :k] += spread
            moments += (seen.T @ pairs.reshape(len(y), -1)).reshape(d, k + 1, k + 1)
            known = y.nan_to_num()
            along += known.T @ z
            squares += known.square().sum(dim=0)
            count += seen.sum(dim=0)
            residual = seen * (known - mean @ self.weight - self.offset)
            total += float(residual.square().sum())
        return moments, along, squares, count, total

    def _by_pattern(self, known: VisiblePatterns) -> tuple[Tensor, Tensor, Tensor, Tensor, float]:
        """As by row, the squares about the point that patterns are seen from."""
        k, n = len(self.weight), known.counts[:, None]
        away = (self.offset - known.about) * known.seen
        weight = self.weight * known.seen[:, None]
        solve, spread = self._solve(weight)
        # sums over the rows of a pattern of e = y - b, e e^T and (y - about) e^T
        e = known.sums - n * away
        cross = known.products - known.sums[:, :, None] * away[:, None]
        both = cross - away[:, :, None] * e[:, None]
        z = (solve @ e[:, :, None])[:, :, 0]
        pairs = weight.new_zeros(len(n), k + 1, k + 1)
        pairs[:, :k, :k] = solve @ both @ solve.mT + n[:, :, None] * self.noise * spread
        pairs[:, :k, k] = pairs[:, k, :k] = z
        pairs[:, k, k] = known.counts
        moments = torch.einsum("pd,pkl->dkl", known.seen, pairs)
        along = torch.cat([cross @ solve.mT, known.sums[:, :, None]], dim=2).sum(dim=0)
        squares = known.products.diagonal(dim1=1, dim2=2).sum(dim=0)
        rest = torch.eye(both.shape[1]).to(both) - weight.mT @ solve
        total = float(torch.einsum("pij,pjk,pik->", rest, both, rest))
        return moments, along, squares, (known.seen * n).sum(dim=0), total

    def _solve(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """From visible entries to codes (P, k, d), and M^-1 (P, k, k), for weights (P, k, d)."""
        identity = torch.eye(weight.shape[1]).to(weight)
        gram = weight @ weight.mT + self.noise * identity
        spread = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        return spread @ weight, spread

    def _update(self, found: tuple[Tensor, Tensor, Tensor, Tensor, float], n: int) -> Loss:
        moments, along, squares, count, total = found
        k = len(self.weight)
        # a column that hardly anything is known of keeps a plane of no slope
        tiny = 1e-12 * moments.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None, None]
        plane = torch.linalg.solve(moments + tiny * torch.eye(k + 1).to(moments), along)
        left = squares - 2 * (plane * along).sum(dim=1)
        left = left + torch.einsum("dk,dkl,dl->d", plane, moments, plane)
        self.noise = (left.sum() / count.sum()).clamp_min(
            1e-12 * squares.sum() / count.sum() + 1e-24
        )
        old = torch.cat([self.weight, self.offset[None]])
        self.weight.copy_(plane[:, :k].T)
        self.offset.copy_(plane[:, k] + (0 if self.patterns is None else self.patterns.about))
        change = (torch.cat([self.weight, self.offset[None]]) - old).norm() / old.norm()
        value = torch.tensor(total / n, dtype=torch.float64)
        return Loss(value, {"change": change.nan_to_num()})

    def plane(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64], Tensor]:
        """The same plane by orthonormal directions along which codes do not correlate.

        Directions (k, d), variances (k,) of the codes, and the offset (d,).
        """
        if self.patterns is None:
            found = [self.codes(torch.from_numpy(c).to(self.weight))[0] for _, c in rows.chunks()]
            center = torch.cat(found).mean(dim=0)
        else:
            known = self.patterns
            solve, _ = self._solve(self.weight * known.seen[:, None])
            e = known.sums - known.counts[:, None] * (self.offset - known.about) * known.seen
            center = (solve @ e[:, :, None]).sum(dim=0)[:, 0] / len(rows)
        # the codes' prior is standard normal, so that the atoms hold the variances
        _, singular, directions = torch.linalg.svd(self.weight, full_matrices=False)
        variances = (singular.square() + self.noise).cpu().numpy()
        return signed(directions.cpu().numpy()), variances, self.offset + center @ self.weight


def alternating(
    rows: Rows, principal: Spectrum, summary: Summary, k: int, left: float, device: torch.device
) -> AlternatingStep:
    """Alternation that starts from k principal directions, and ``left``, the variance beside."""
    scale = np.sqrt(np.maximum(principal.variances[:k], 1e-12))
    weight = torch.from_numpy(scale[:, None] * principal.directions[:k]).to(device)
    offset = torch.from_numpy(summary.mean).to(device)
    noise = max(left, 1e-3 * float(summary.variance.mean()), 1e-12)
    return AlternatingStep(weight, offset, noise, patterns_of(rows, offset))


def principal_codes(rows: Rows, k: int, generator: torch.Generator) -> Tensor:
    """Codes (n, k) along the principal directions, the longest of length 1.

    They are moved by a little noise, which is all there is where directions are fewer than k.
    """
    summary = rows.summary()
    principal = spectrum(rows, summary)
    known = min(k, len(principal.directions))
    codes = 0.01 * torch.randn(len(rows), k, generator=generator)
    for start, chunk in rows.chunks():
        projected = np.nan_to_num(chunk - summary.mean) @ principal.directions[:known].T
        codes[start : start + len(chunk), :known] += torch.from_numpy(projected).float()
    return codes / codes[:, :known].norm(dim=1).max().clamp_min(1e-12)

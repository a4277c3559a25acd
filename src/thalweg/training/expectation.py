"""Sums of an expectation step over complete rows, of which energies are linear in products."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from thalweg.core.compiled import LIKE
from thalweg.energies import DiagonalGaussians, GaussianComponents
from thalweg.energies.mixture import SMALL
from thalweg.training.weighted import Weighted

CHUNK = 4096
"""Rows whose products of coordinates are formed at a time on a CPU; they stay in the cache."""

MOST_TERMS = 2048
"""Coordinates and products up to which a compiled loop keeps them near"""

PARTS = 32
"""Parts of rows that the loop takes at a time"""

BLOCK = 16
"""Rows that lie side by side there"""


class Sums(NamedTuple):
    """What a mixture is made of: sums over rows, each counted by its responsibilities."""

    counts: Tensor
    """(k,)"""
    sums: Tensor
    """(k, d), of y - about"""
    products: Tensor
    """(k, d, d), of (y - about) (y - about)^T"""
    about: Tensor
    """(k, d), the point of each component that its rows are seen from"""
    loss: float
    """sum of the rows' free energies before the step"""

    @property
    def away(self) -> Tensor:
        """(k, d), how far the means are from there"""
        return self.sums / self.counts.clamp_min(1e-300)[:, None]


def bias_of(components: GaussianComponents) -> Tensor:
    share = torch.log_softmax(components.logits, dim=0)
    return (-share - 0.5 * components.log_det()).detach().double()


class Products:
    """Coordinates and the products of them that a type of covariance is made of."""

    def __init__(self, d: int, diagonal: bool, device: torch.device) -> None:
        self.d, self.diagonal = d, diagonal
        i, j = torch.triu_indices(d, d, device=device)
        self.i, self.j = (i[i == j], j[i == j]) if diagonal else (i, j)

    def __len__(self) -> int:
        return self.d + len(self.i)

    def of(self, y: Tensor) -> Tensor:
        """(d + products, n) for y (d, n)."""
        result = y.new_empty(len(self), y.shape[1])
        result[: self.d] = y
        if self.diagonal:
            torch.square(y, out=result[self.d :])
            return result
        if y.device.type != "cpu":
            torch.mul(y[self.i], y[self.j], out=result[self.d :])
            return result
        at = self.d
        for i in range(self.d):
            torch.mul(y[i], y[i:], out=result[at : at + self.d - i])
            at += self.d - i
        return result

    def matrices(self, packed: Tensor) -> Tensor:
        """Symmetric matrices (k, d, d) from sums of products."""
        result = packed.new_zeros(len(packed), self.d, self.d)
        result[:, self.i, self.j] = packed
        result[:, self.j, self.i] = packed
        return result

    def energies(self, components: GaussianComponents, means: Tensor) -> tuple[Tensor, Tensor]:
        """E of each component as constant (k,) plus slope (k, products) times the products."""
        precisions = components.precisions().double()
        pulled = torch.einsum("kij,kj->ki", precisions, means)
        doubled = torch.where(self.i == self.j, 0.5, 1.0).to(means)
        slope = torch.cat([-pulled, precisions[:, self.i, self.j] * doubled], dim=1)
        constant = 0.5 * (means * pulled).sum(dim=1) + 0.5 * self.d * np.log(2 * np.pi)
        return slope, constant + bias_of(components)

    def suit_kernel(self, data: Weighted, k: int, beta: float) -> bool:
        """Whether a compiled loop is the way: on a CPU, of enough rows, while terms stay near."""
        on_cpu, soft = data.shift.device.type == "cpu", np.isfinite(beta)
        return on_cpu and soft and len(self) <= MOST_TERMS and len(data.rows) * k > SMALL

    def sums(self, slope: Tensor, constant: Tensor, data: Weighted, beta: float) -> Sums:
        """The sums of a step over complete rows, by a compiled loop."""
        from thalweg.kernels import mixture_sums as kernel  # compiled: slow to import
        from thalweg.kernels.threads import over_blocks

        k, terms, like = len(constant), len(self), LIKE[torch.float64]
        result, counts = np.zeros((k, terms)), np.zeros(k)
        how = [each.contiguous().numpy() for each in (slope, constant, self.i, self.j)]
        shift, loss = data.shift.numpy(), 0.0
        for y, weight in data.pieces(0, PARTS * kernel.ROWS_OF_A_PART):
            rows, counted = (
                y.contiguous().numpy(),
                np.empty(0) if weight is None else weight.numpy(),
            )
            parts = -(-len(rows) // kernel.ROWS_OF_A_PART)
            sums = np.empty((parts, kernel.room(k, terms, BLOCK)))

            def some(
                a: int, b: int, rows: Any = rows, counted: Any = counted, sums: Any = sums
            ) -> None:
                kernel.expected(like, *how, rows, shift, beta, counted, sums, a, b)

            over_blocks(some, parts)
            loss += kernel.collect(like, sums, k, terms, result, counts)
        found = torch.from_numpy(result)
        about = data.shift.expand(k, self.d)
        return Sums(torch.from_numpy(counts), found[:, : self.d],
                    self.matrices(found[:, self.d :]), about, loss)  # fmt: skip


@torch.no_grad()
def sums_by_products(components: GaussianComponents, data: Weighted, beta: float) -> Sums:
    """Complete rows: E is linear in the products of coordinates, and so are the sums."""
    k, d = components.means.shape
    products = Products(d, isinstance(components, DiagonalGaussians), data.shift.device)
    slope, constant = products.energies(components, components.means.double() - data.shift)
    if products.suit_kernel(data, k, beta):
        return products.sums(slope, constant, data, beta)
    result = constant.new_zeros(k, len(products))
    counts, loss = constant.new_zeros(k), constant.new_zeros(())
    for y, weight in data.pieces(len(products) + k, CHUNK):
        terms = products.of((y - data.shift).T.contiguous())
        share, value = shares_of(torch.addmm(constant[:, None], slope, terms), beta)
        if weight is not None:
            share, value = share * weight, value * weight
        counts += share.sum(dim=1)
        result.addmm_(share, terms.T)
        loss += value.sum()
    about = data.shift.expand(k, d)
    return Sums(counts, result[:, :d], products.matrices(result[:, d:]), about, float(loss))


def shares_of(energies: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Responsibilities (k, n) and free energies (n,) of energies (k, n)."""
    if np.isinf(beta):
        value, which = energies.min(dim=0)
        return torch.zeros_like(energies).scatter_(0, which[None], 1), value
    # in place: passes over (k, n) are what this costs
    lowest = energies.amin(dim=0)
    share = energies.sub_(lowest).mul_(-beta).exp_()
    mass = share.sum(dim=0)
    return share.div_(mass), lowest - mass.log() / beta

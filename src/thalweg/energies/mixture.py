"""Gaussian components: the latent variable says which one."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor, nn

from thalweg.core import InputError, LatentEnergy, check_columns, rows_alike
from thalweg.core.rows_alike import FEW_PATTERNS
from thalweg.energies.precision_factors import precision_factors, singular
from thalweg.latents import OneHot

MOST_NUMBERS = 2**22
"""Numbers of the matrices held at a time for rows with hidden coordinates."""

SMALL = 2**15
"""Numbers of rows, times components, for which a compiled loop is not worth its import"""


class GaussianComponents(LatentEnergy):
    r"""k normal densities and their weights; z says which.

    .. math::
        E(y, z) = -\log \pi_z + \tfrac12 (y - \mu_z)^T P_z (y - \mu_z)
                  - \tfrac12 \log\det P_z + \tfrac d2 \log 2\pi

    so that at beta = 1 the free energy is minus the log-likelihood of the mixture, and
    :math:`\int e^{-F} = 1`. Hidden coordinates are integrated out, component by
    component: at beta = 1 that is the marginal of F.

    Parameters
    ----------
    means : Tensor
        (k, d).
    weights : Tensor
        (k,), the shares, which sum to 1.
    """

    def __init__(self, means: Tensor, weights: Tensor) -> None:
        super().__init__()
        self.means = nn.Parameter(means.clone())
        self.logits = nn.Parameter(weights.log())
        self.latent = OneHot(len(means)).to(means)

    @property
    def weights(self) -> Tensor:
        """The shares of the components: (k,)."""
        return torch.softmax(self.logits, dim=0)

    @abstractmethod
    def factor(self) -> Tensor:
        """L, lower triangular, with P = L L^T: (k, d, d), or (1, d, d) for one of all."""

    @abstractmethod
    def precisions(self) -> Tensor:
        """P as matrices, in double precision: (k, d, d)."""

    @abstractmethod
    def log_det(self) -> Tensor:
        """log det P: (k,)."""

    @abstractmethod
    def squares_of(self, away: Tensor) -> Tensor:
        """e^T P e of differences e from each component's mean, (k, n, d): (k, n)."""

    def squares(self, y: Tensor) -> Tensor:
        """(y - mu)^T P (y - mu) of every row under every component: (k, n)."""
        check_columns(type(self).__name__, y, self.means.shape[1])
        return self.squares_of(y[None] - self.means[:, None])

    @abstractmethod
    def covariance_factors(self) -> Tensor:
        """A with A A^T the covariance: (k, d, d)."""

    def each(self, y: Tensor) -> Tensor:
        """E of every row under every component: (k, n)."""
        constant = 0.5 * y.shape[1] * math.log(2 * math.pi) - 0.5 * self.log_det()
        bias = constant - torch.log_softmax(self.logits, dim=0)
        return 0.5 * self.squares(y) + bias[:, None]

    def data_term(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        return chosen(z, self.each(y))

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        return z @ self.means

    def restricted(self, visible: Tensor) -> LatentEnergy:
        return _Marginal(self, visible)

    @torch.no_grad()
    def draw(self, n: int, beta: float, generator: torch.Generator) -> Tensor:
        log_mass = self.log_mass(beta)
        if math.isinf(beta):
            # all the mass is where F is lowest
            return self.means[log_mass.argmax()].expand(n, -1)
        share = torch.softmax(log_mass.double().to(generator.device), dim=0)
        which = torch.multinomial(share, n, replacement=True, generator=generator)
        return self.draw_of(which, beta, generator)

    def log_mass(self, beta: float) -> Tensor:
        """log of each component's part in the integral of exp(-beta E), up to a constant: (k,).

        Minus its least energy where beta is infinite.
        """
        log_share = torch.log_softmax(self.logits, dim=0)
        if math.isinf(beta):
            return log_share + 0.5 * self.log_det()
        # exp(-beta E) is a normal density of covariance S / beta, times a number that counts
        return beta * log_share + 0.5 * (beta - 1) * self.log_det()

    def draw_of(self, which: Tensor, beta: float, generator: torch.Generator) -> Tensor:
        """A row from each of the components ``which`` (n,): (n, d)."""
        n, d = len(which), self.means.shape[1]
        e = torch.randn(
            n, d, generator=generator, dtype=self.means.dtype, device=generator.device
        ).to(self.means)
        which = which.to(self.means.device)
        factors = self.covariance_factors()[which] / math.sqrt(beta)
        return self.means[which] + torch.einsum("nij,nj->ni", factors, e)


class FullGaussians(GaussianComponents):
    """Components with a full precision matrix each, or one for all (tied).

    Parameters
    ----------
    means, weights : Tensor
        As for :class:`GaussianComponents`.
    covariances : Tensor
        (k, d, d), or (1, d, d) for tied ones.

    Raises
    ------
    InputError
        If a covariance is not positive definite; the message names the component.
    """

    def __init__(self, means: Tensor, weights: Tensor, covariances: Tensor) -> None:
        super().__init__(means, weights)
        factor = precision_factors(covariances)
        self.log_diagonal = nn.Parameter(factor.diagonal(dim1=1, dim2=2).log())
        self.lower = nn.Parameter(factor.tril(-1))

    def factor(self) -> Tensor:
        return self.lower.tril(-1) + torch.diag_embed(self.log_diagonal.exp())

    def precisions(self) -> Tensor:
        factor = self.factor().double()
        return (factor @ factor.transpose(1, 2)).expand(len(self.means), -1, -1)

    def log_det(self) -> Tensor:
        return 2 * self.log_diagonal.sum(dim=1).expand(len(self.means))

    def squares_of(self, away: Tensor) -> Tensor:
        return _finite_or_infinite((away @ self.factor().to(away)).square().sum(dim=-1))

    def covariance_factors(self) -> Tensor:
        factor = self.factor()
        identity = torch.eye(factor.shape[-1]).to(factor)
        inverse = torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False)
        return inverse.transpose(1, 2).expand(len(self.means), -1, -1)


class DiagonalGaussians(GaussianComponents):
    """Components with a diagonal precision matrix, or a multiple of the identity (spherical).

    Parameters
    ----------
    means, weights : Tensor
        As for :class:`GaussianComponents`.
    variances : Tensor
        (k, d), or (k, 1) for spherical ones.
    """

    def __init__(self, means: Tensor, weights: Tensor, variances: Tensor) -> None:
        super().__init__(means, weights)
        bad = (~(variances > 0)).any(dim=1).nonzero()
        if len(bad):
            raise InputError(singular(int(bad[0])))
        self.log_precision = nn.Parameter(-variances.log())

    def _wide(self) -> Tensor:
        return self.log_precision.expand(-1, self.means.shape[1])

    def factor(self) -> Tensor:
        return torch.diag_embed((0.5 * self._wide()).exp())

    def precisions(self) -> Tensor:
        return torch.diag_embed(self._wide().double().exp())

    def log_det(self) -> Tensor:
        return self._wide().sum(dim=1)

    def squares_of(self, away: Tensor) -> Tensor:
        root = (0.5 * self.log_precision).exp().to(away)
        return (away * root[:, None]).square().sum(dim=-1)

    def covariance_factors(self) -> Tensor:
        return torch.diag_embed((-0.5 * self._wide()).exp())


class _Marginal(LatentEnergy):
    r"""The components with each row's hidden coordinates integrated out.

    With e = y - mu, 0 at hidden coordinates h, the marginal needs only the hidden block of P: its
    square is that of e with the conditional mean :math:`-P_{hh}^{-1} (Pe)_h` at h, and
    :math:`\log\det P_v = \log\det P - \log\det P_{hh}`.
    """

    def __init__(self, whole: GaussianComponents, visible: Tensor) -> None:
        super().__init__()
        self.whole = whole
        self.latent = whole.latent
        self.visible = visible

    def data_term(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        return chosen(z, torch.cat([part for part, _ in self._blocks(y)], dim=1))

    def decode(self, z: Tensor, x: Tensor | None = None) -> Tensor:
        return self.whole.decode(z, x)

    def reconstruct(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        return torch.einsum("nk,knd->nd", z, self.modes(y))

    def modes(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return torch.cat([filled for _, filled in self._blocks(y)], dim=1)

    def expect(self, y: Tensor, z: Tensor, share: Tensor, x: Tensor | None = None) -> Tensor | None:
        # z says which component each candidate is
        return torch.einsum("cn,cnk,knd->nd", share, z.expand(-1, len(y), -1), self.modes(y))

    def restricted(self, visible: Tensor) -> _Marginal:
        return _Marginal(self.whole, self.visible & visible)

    def draw_rest(
        self,
        y: Tensor,
        z: Tensor,
        beta: float,
        generator: torch.Generator,
        x: Tensor | None = None,
    ) -> Tensor | None:
        if beta != 1:
            # each component's marginal is that at beta = 1
            return None
        which, parts = z.argmax(dim=-1), []
        e = torch.randn(
            (len(z), *y.shape), generator=generator, dtype=torch.float64, device=generator.device
        ).to(y.device)
        for at in self._pieces(y):
            _, mode, factor = self._block(y[at], self.visible[at], self.whole.precisions())
            rows = torch.arange(mode.shape[1], device=y.device)
            # cov = P_hh^-1, and what is visible does not move
            noise = (e[:, at] * (~self.visible[at])).flatten(0, 1)
            one, row = which[:, at].flatten(), rows.repeat(len(z))
            size = max(1, MOST_NUMBERS // y.shape[1] ** 2)
            away = [
                torch.linalg.solve_triangular(factor[c, i].mT, part[..., None], upper=True)[..., 0]
                for c, i, part in zip(one.split(size), row.split(size), noise.split(size),
                                      strict=True)
            ]  # fmt: skip
            parts.append((mode[one, row] + torch.cat(away)).reshape(len(z), -1, y.shape[1]))
        return torch.where(self.visible, y, torch.cat(parts, dim=1).to(y))

    def _pieces(self, y: Tensor) -> list[slice]:
        k, d = self.whole.means.shape
        size = max(1, MOST_NUMBERS // (k * d * d))
        return [slice(start, start + size) for start in range(0, len(y), size)]

    def _blocks(self, y: Tensor) -> list[tuple[Tensor, Tensor]]:
        precisions = self.whole.precisions()
        # a GPU has no use for it, and would have to be waited for
        groups = rows_alike(self.visible.numpy()) if y.device.type == "cpu" else []
        if not groups or len(groups) * FEW_PATTERNS > len(y):
            if self._suits_kernel(y):
                return [self._by_kernel(y)]
            return [self._block(y[at], self.visible[at], precisions)[:2] for at in self._pieces(y)]
        # rows that show the same have one matrix to factor
        k, d = self.whole.means.shape
        energy, filled = y.new_empty(k, len(y)), y.new_empty(k, len(y), d)
        for group in groups:
            for at in torch.from_numpy(group).split(max(1, MOST_NUMBERS // (k * d))):
                found = self._block(y[at], self.visible[at[:1]], precisions)
                energy[:, at], filled[:, at] = found[:2]
        return [(energy, filled)]

    def _suits_kernel(self, y: Tensor) -> bool:
        if y.device.type != "cpu" or y.numel() * len(self.whole.means) <= SMALL:
            return False
        learns = y.requires_grad or any(each.requires_grad for each in self.whole.parameters())
        return not (torch.is_grad_enabled() and learns)

    def _by_kernel(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The energies and rows of :meth:`_block`, row by row."""
        from thalweg.kernels.hidden_gaussian import conditionals  # compiled: slow to import

        whole, holed = self.whole, torch.where(self.visible, y.double(), torch.nan)
        bias = -torch.log_softmax(whole.logits, dim=0) - 0.5 * whole.log_det()
        factors = whole.factor().double().expand(len(whole.means), -1, -1).contiguous()
        arrays = [each.detach().double().numpy() for each in (holed, bias, whole.means, factors)]
        energy, filled = conditionals(*arrays)
        return torch.from_numpy(energy).to(y), torch.from_numpy(filled).to(y)

    def _block(
        self, y: Tensor, visible: Tensor, precision: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Energies (k, n); rows (k, n, d), the hidden coordinates at their conditional mean; and
        the factor of the hidden block of each precision, 1 elsewhere: (k, n, d, d).
        ``visible`` is (n, d), or (1, d) of rows that all show the same."""
        kind = y.dtype
        # in double: the hidden block is nearly singular where columns nearly coincide
        y, means = y.double(), self.whole.means.double()[:, None]
        hidden = (~visible).to(precision)
        away = torch.where(visible, torch.where(visible, y, 0) - means, 0)
        slope = away @ precision
        both = hidden[:, :, None] * hidden[:, None, :]
        block = precision[:, None] * both + torch.diag_embed(1 - hidden)
        factor = torch.linalg.cholesky(block)
        right = slope * hidden
        if len(visible) == 1:
            down = torch.cholesky_solve(right.mT, factor[:, 0]).mT
        else:
            down = torch.cholesky_solve(right[..., None], factor)[..., 0]
        # as a sum of squares at the conditional mean: nothing cancels
        squares = self.whole.squares_of(torch.where(visible, away, -down))
        log_det = self.whole.log_det()[:, None]
        log_det = log_det - 2 * factor.diagonal(dim1=-2, dim2=-1).log().sum(dim=-1)
        seen = visible.sum(dim=1).to(precision)
        log_share = torch.log_softmax(self.whole.logits, dim=0)[:, None]
        energy = 0.5 * (squares - log_det + seen * math.log(2 * math.pi)) - log_share
        filled = torch.where(visible, y, means - down).to(kind)
        return energy.to(kind), filled, factor


def _finite_or_infinite(squares: Tensor) -> Tensor:
    """A square that has overflowed on its way, where inf - inf is NaN, is infinite."""
    return torch.where(squares.isnan(), torch.inf, squares)


def chosen(z: Tensor, each: Tensor) -> Tensor:
    """Of energies (k, n) of every component those that one-hot z chooses."""
    if z.shape[-2] == 1 and z.ndim == 3:
        # not as a product: 0 times an infinite energy is not 0
        return each[z[:, 0].argmax(dim=1)]
    return torch.where(z == 0, 0, z * each.T).sum(dim=-1)

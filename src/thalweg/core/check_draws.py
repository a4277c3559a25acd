"""Whether log Z, draws and F are of one density."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from thalweg.core.energy import Energy

COUNT, CENTERS = 20_000, 500
"""Draws, and those of them that kernels are put at"""

MOST_BITS, MOST_COLUMNS = 12, 10
"""Beyond which nothing is said: too many states, too little room near the draws"""

LEAST_EFFECTIVE = 1000
"""Weighted points below which nothing is said"""

ERRORS = 5.0
"""Standard errors that a mean may be off by"""


@torch.no_grad()
def draws_that_do_not_fit(energy: Energy, rows: Tensor) -> str | None:
    """What is wrong with an energy's draws and log Z, or None: also where it has none."""
    drawn = energy.draw(COUNT, torch.Generator(rows.device).manual_seed(0))
    log_z = energy.log_normalizer()
    if drawn is None or drawn.dim() != 2 or energy.beta != 1:
        return None
    if energy.space == "binary":
        return _of_bits(energy, drawn, log_z)
    if energy.space != "real" or drawn.shape[1] > MOST_COLUMNS:
        return None
    if not bool((drawn.std(dim=0) > 0).all()):
        return "draws are all the same in a column, which no density has"
    return _of_numbers(energy, drawn.double(), log_z, rows)


def _of_numbers(energy: Energy, drawn: Tensor, log_z: Tensor | None, like: Tensor) -> str | None:
    """By importance, from kernels about the draws."""
    points, log_q = _around(drawn, torch.Generator(like.device).manual_seed(1))
    log_w = -energy(points.to(like)).double() - log_q
    log_w = torch.where(log_w.isnan(), -torch.inf, log_w)
    share = torch.softmax(log_w, dim=0)
    if 1 / float(share.square().sum()) < LEAST_EFFECTIVE:
        return None
    if log_z is not None:
        found = float(log_w.logsumexp(0)) - math.log(len(log_w))
        error = math.sqrt(max(float(share.square().sum()) - 1 / len(share), 0)) + 1e-3
        error += torch.finfo(log_z.dtype).eps * abs(float(log_z))
        if not abs(found - float(log_z)) <= ERRORS * error:
            return (
                f"log Z is said to be {float(log_z):.4f}, and is {found:.4f} +- {error:.4f} by "
                "importance"
            )
    return _of_means(drawn, points, share)


def _of_means(drawn: Tensor, points: Tensor, share: Tensor) -> str | None:
    """Means of columns, of their products and waves: of draws against those of weighted points."""
    low, high = drawn.quantile(0.01, dim=0), drawn.quantile(0.99, dim=0)
    middle, width = (low + high) / 2, ((high - low) / 2).clamp_min(1e-300)
    d = drawn.shape[1]
    i, j = torch.triu_indices(d, d, device=drawn.device)

    def features(rows: Tensor) -> Tensor:
        # their ends drawn in: a mean of what has no moments says nothing
        z = (rows.clamp(low, high) - middle) / width
        return torch.cat([z, z[:, i] * z[:, j], (3 * z).cos(), (3 * z).sin()], dim=1)

    by_draws, by_weight = features(drawn), features(points)
    mean = (share[:, None] * by_weight).sum(dim=0)
    away = (share[:, None] * (by_weight - mean)).square().sum(dim=0)
    error = (by_draws.var(dim=0) / len(drawn) + away).sqrt()
    off = (by_draws.mean(dim=0) - mean).abs()
    bad = (off > ERRORS * error + 1e-6).nonzero()
    if not len(bad):
        return None
    k = int(bad[0, 0])
    if k < d:
        said, found = (float(middle[k] + width[k] * at[k]) for at in (by_draws.mean(dim=0), mean))
        return f"draws have mean {said:.4f} in column {k}, and exp(-F) has {found:.4f}"
    pairs = [f"columns {int(a)} and {int(b)}" for a, b in zip(i, j, strict=True)]
    which = [*pairs, *[f"column {c}" for c in range(d)] * 2][k - d]
    return (
        f"draws are spread otherwise than exp(-F) in {which}: a mean over them is "
        f"{float(by_draws[:, k].mean()):.4f}, and should be {float(mean[k]):.4f} "
        f"+- {float(error[k]):.4f}"
    )


def _around(drawn: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Points near draws and far from them, and their log density."""
    n, d = drawn.shape
    centers = drawn[:CENTERS]
    center, spread = drawn.mean(dim=0), torch.cov(drawn.T).reshape(d, d)
    root = torch.linalg.cholesky(spread + 1e-12 * torch.diag(spread.diagonal()))
    width = CENTERS ** (-1 / (d + 4))
    e = (
        torch.randn(drawn.shape, generator=generator, dtype=drawn.dtype, device=drawn.device)
        @ root.T
    )
    which = torch.randint(len(centers), (n,), generator=generator, device=generator.device)
    far = torch.rand(n, generator=generator, device=generator.device) < 0.2
    points = torch.where(far[:, None], center + 2 * e, centers[which] + width * e)
    volume = root.diagonal().log().sum() + 0.5 * d * math.log(2 * math.pi)

    def normal(at: Tensor, scale: float) -> Tensor:
        flat = at.reshape(-1, d)
        square = torch.linalg.solve_triangular(root, flat.T, upper=False).square().sum(dim=0)
        return (-0.5 * square / scale**2 - volume - d * math.log(scale)).reshape(at.shape[:-1])

    wide = normal(points - center, 2.0) + math.log(0.2)
    near = torch.cat([
        normal(part[:, None] - centers, width).logsumexp(dim=1) for part in points.split(1000)
    ])  # fmt: skip
    return points, torch.logaddexp(wide, near - math.log(len(centers)) + math.log(0.8))


def _of_bits(energy: Energy, drawn: Tensor, log_z: Tensor | None) -> str | None:
    d = drawn.shape[1]
    if d > MOST_BITS:
        return None
    states = torch.tensor(list(itertools.product((0.0, 1.0), repeat=d))).to(drawn)
    log_p = -energy(states).double()
    total = log_p.logsumexp(0)
    if log_z is not None and not abs(float(log_z - total)) <= 1e-4 * max(1.0, abs(float(total))):
        return f"log Z is said to be {float(log_z):.5f}, and is {float(total):.5f}"
    mean = (log_p - total).exp() @ states.double()
    error = (mean * (1 - mean) / len(drawn)).sqrt()
    bad = ((drawn.double().mean(dim=0) - mean).abs() > ERRORS * error + 1e-9).nonzero()
    if not len(bad):
        return None
    j = int(bad[0, 0])
    return (
        f"draws have 1 in column {j} at a share of {float(drawn[:, j].double().mean()):.4f}, and "
        f"exp(-F) at {float(mean[j]):.4f}"
    )

"""Squared distances of rows to points, each right to a few roundings of its own size."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import values_known

SMALL = 2**15
"""Differences, at most, for which a compiled loop is not worth its import"""

CANCELS = 1 / 64
"""Share of the squared lengths below which a distance is not taken from products: as many times
their rounding error is the most that one from products is off by."""

MOST_NUMBERS = 2**22
"""Differences held at a time"""


def squared_distance(y: Tensor, prediction: Tensor, visible: Tensor | None) -> Tensor:
    """Over the visible coordinates; a hidden one's value, NaN included, does not matter."""
    if visible is None:
        return (y - prediction).square().sum(dim=-1)
    # where first, for the gradient of NaN - w times 0 is NaN
    difference = torch.where(visible, y, 0) - torch.where(visible, prediction, 0)
    return difference.square().sum(dim=-1)


def all_distances(y: Tensor, points: Tensor, visible: Tensor | None) -> Tensor:
    """Every row of y (n, d) with every point (k, d): (k, n)."""
    if _few(y, points):
        return squared_distance(y, points[:, None], visible)
    if _learns(y, points) or not suits_kernel(y, points):
        return _by_products(y, points, visible)
    from thalweg.kernels import visible as kernel  # compiled: slow to import

    return torch.from_numpy(kernel.all_distances(_hidden(y, visible).numpy(), points.numpy()))


def least_distance(y: Tensor, points: Tensor, visible: Tensor | None) -> Tensor:
    """The least for each row, where nobody asks whose it is: (n,)."""
    if _few(y, points):
        return squared_distance(y, points[:, None], visible).min(dim=0).values
    return nearest_point(y, points, visible)[0]


def nearest_point(y: Tensor, points: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor]:
    """The least for each row, and whose it is, the lowest of equals: both (n,)."""
    if not values_known(y, points):
        least, index = squared_distance(y, points[:, None], visible).min(dim=0)
        return least, index
    with torch.no_grad():
        if suits_kernel(y, points):
            from thalweg.kernels.nearest import nearest  # compiled: slow to import
            from thalweg.kernels.visible import nearest_visible

            find = nearest if visible is None else nearest_visible
            which, value = find(_hidden(y, visible).detach().numpy(), points.detach().numpy())
            least, index = torch.from_numpy(value), torch.from_numpy(which).long()
        else:
            index = _settled(y, points, visible)
            least = squared_distance(y, points[index], visible)
    if _learns(y, points):
        # envelope theorem: the gradient of the minimum is the gradient at the minimizer
        return squared_distance(y, points[index], visible), index
    return least, index


def _few(y: Tensor, points: Tensor) -> bool:
    """Whether differences are the way, for there are few or nothing else can be followed."""
    return not values_known(y, points) or y.numel() * len(points) <= SMALL


def suits_kernel(y: Tensor, points: Tensor) -> bool:
    return values_known(y, points) and (
        y.device.type == "cpu"
        and points.device.type == "cpu"
        and y.dtype == points.dtype
        and y.dtype in (torch.float32, torch.float64)
        and y.ndim == 2
    )


def _learns(y: Tensor, points: Tensor) -> bool:
    return torch.is_grad_enabled() and (y.requires_grad or points.requires_grad)


def _hidden(y: Tensor, visible: Tensor | None) -> Tensor:
    return y.detach() if visible is None else torch.where(visible, y.detach(), torch.nan)


def _by_products(y: Tensor, points: Tensor, visible: Tensor | None) -> Tensor:
    """As a matrix product about one of the points, and by differences where that cancels."""
    rows, w, norms = _about_one(y, points, visible)
    norms = norms + rows.square().sum(dim=-1)
    squares = torch.addmm(norms, w, rows.T, alpha=-2)
    # not "below": what has overflowed is NaN
    which, row = (~(squares >= CANCELS * norms)).nonzero().unbind(dim=1)
    parts = []
    size = max(1, MOST_NUMBERS // y.shape[1])
    for c, i in zip(which.split(size), row.split(size), strict=True):
        seen = None if visible is None else visible[i]
        parts.append(squared_distance(y[i], points[c], seen))
    return squares.index_put((which, row), torch.cat(parts)) if parts else squares


def _settled(y: Tensor, points: Tensor, visible: Tensor | None) -> Tensor:
    """Whose the least distance is; by differences where several are about as near.

    From products about one of the points a distance is off by at most ``rounding`` times the
    squared lengths of row and point there. A row's own length is the same for all points, so it is
    left out: few passes over (k, n) are what this costs.
    """
    rows, w, norms = _about_one(y, points, visible)
    rounding = 2 * (y.shape[1] + 5) * torch.finfo(y.dtype).eps
    # as low as each may be, and no higher than the lowest may be
    low = torch.addmm(norms * (1 - rounding), w, rows.T, alpha=-2)
    least, index = low.min(dim=0)
    lengths = norms.expand_as(low).gather(0, index[None])[0] + rows.square().sum(dim=1)
    # not "at most": what has overflowed is NaN
    several = (~(low > least + 2 * rounding * lengths)).sum(dim=0) != 1
    for some in several.nonzero()[:, 0].split(max(1, MOST_NUMBERS // points.numel())):
        seen = None if visible is None else visible[some]
        exact = squared_distance(y[some].double(), points[:, None].double(), seen)
        index[some] = exact.argmin(dim=0)
    return index


def _about_one(y: Tensor, points: Tensor, visible: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Rows and points seen from the point nearest to the mean; squared lengths of points.

    Hidden coordinates are 0; lengths are (k, 1), or (k, n) where each row hides others.
    """
    with torch.no_grad():
        origin = points[(points - points.mean(dim=0)).square().sum(dim=1).argmin()]
    rows, w = y - origin, points - origin
    if visible is None:
        return rows, w, w.square().sum(dim=1, keepdim=True)
    return torch.where(visible, rows, 0), w, w.square() @ visible.to(w.dtype).T

"""Rows that show the same columns, by what sums over them need."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import rows_alike
from thalweg.data import Rows

MOST_NUMBERS = 2**24
"""Of the products of all patterns; with more, rows are looked at one by one"""


class VisiblePatterns(NamedTuple):
    """Of each set of visible columns, moments of the rows that show it, about one point.

    What is linear in the visible entries of a row, as codes are, is known of all rows of a pattern
    from these: an iteration then costs nothing for their number.
    """

    seen: Tensor
    """(P, d), 1 where visible"""
    counts: Tensor
    """(P,), rows"""
    sums: Tensor
    """(P, d), of y - about, 0 where hidden"""
    products: Tensor
    """(P, d, d), of (y - about) (y - about)^T"""
    about: Tensor
    """(d,)"""


def patterns_of(rows: Rows, about: Tensor) -> VisiblePatterns | None:
    """The patterns of rows; None where they are too many to be worth it."""
    d = rows.n_columns
    most = MOST_NUMBERS // (d * d)
    place: dict[bytes, int] = {}
    seen: list[NDArray[np.bool_]] = []
    counts: list[float] = []
    sums: list[NDArray[np.float64]] = []
    products: list[NDArray[np.float64]] = []
    center = about.cpu().double().numpy()
    for _, chunk in rows.chunks():
        shown = ~np.isnan(chunk)
        away = np.where(shown, chunk - center, 0)
        groups = rows_alike(shown)
        if len(place) + len(groups) > 4 * most:
            return None
        for index in groups:
            part = away[index].astype(np.float64)
            at = place.setdefault(shown[index[0]].tobytes(), len(place))
            if at == len(seen):
                if at >= most:
                    return None
                seen.append(shown[index[0]])
                counts.append(0.0)
                sums.append(np.zeros(d))
                products.append(np.zeros((d, d)))
            counts[at] += len(index)
            sums[at] += part.sum(axis=0)
            products[at] += part.T @ part

    def of(parts: list[NDArray[np.float64]]) -> Tensor:
        return torch.from_numpy(np.stack(parts)).to(about)

    return VisiblePatterns(
        torch.from_numpy(np.stack(seen)).to(about), torch.tensor(counts).to(about), of(sums),
        of(products), about.clone(),
    )  # fmt: skip

"""How badly each part of a row fits what the others say of it."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from thalweg.core import Energy
from thalweg.energies.nets import Perceptron


class MaskedPrediction(Energy):
    r"""The cost of each part of a row, predicted from all other parts.

    .. math::
        F(y) = \sum_{k} \sum_{j \in S_k}
        \frac{\left( y_j - r_j(y_{\setminus S_k}) \right)^2}{2 \sigma_j^2}

    The sets S_k are a partition of the columns; the network is told which entries it sees. Where
    exp(-F) is taken as a density it is a pseudo-likelihood. Hidden coordinates are shown to
    nothing and cost nothing.

    Parameters
    ----------
    network : Module
        r, from (n, 2 d), the entries (0 where hidden) and whether they are seen, to (n, d).
    d : int
        Columns.
    parts : int or Tensor, default 16
        Sets of the partition, fewer where there are fewer columns; column j is in set j mod parts.
        A tensor (d,) says of each column which set it is in, counted from 0.
    visible : Tensor, optional
        (n, d), bool.

    References
    ----------
    Besag (1975), for the pseudo-likelihood; Du, Zhang, Li, ..., "ReMasker: imputing tabular data
    with masked autoencoding" (2024), for the autoencoder.
    """

    sigma: Tensor
    part: Tensor

    def __init__(
        self, network: nn.Module, d: int, parts: int | Tensor = 16, visible: Tensor | None = None
    ) -> None:
        super().__init__()
        self.network, self.d, self.visible = network, d, visible
        part = torch.arange(d) % min(parts, d) if isinstance(parts, int) else parts
        self.parts = int(part.max()) + 1
        self.register_buffer("part", part, persistent=False)
        self.register_buffer("sigma", torch.ones(d))

    def predict(self, y: Tensor, seen: Tensor) -> Tensor:
        """All entries from those that are seen, (n, d), bool: (n, d)."""
        shown = torch.cat([torch.where(seen, y, 0), seen.to(y)], dim=1)
        predicted: Tensor = self.network(shown)
        return predicted

    def _known(self, y: Tensor) -> Tensor:
        known = ~y.isnan()
        return known if self.visible is None else known & self.visible

    def from_others(self, y: Tensor) -> Tensor:
        """Every entry as the other sets predict it: (n, d)."""
        known = self._known(y)
        hidden = self.part == torch.arange(self.parts, device=y.device)[:, None]
        seen = (known & ~hidden[:, None]).reshape(-1, self.d)
        predicted = self.predict(y.repeat(self.parts, 1), seen).reshape(self.parts, *y.shape)
        return torch.where(hidden[:, None], predicted, 0).sum(dim=0)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        known = self._known(y)
        error = torch.where(known, torch.where(known, y, 0) - self.from_others(y), 0)
        return 0.5 * (error / self.sigma).square().sum(dim=1)

    @torch.no_grad()
    def value_and_gradient(self, y: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        network = self.network
        if type(self) is not MaskedPrediction or not isinstance(network, Perceptron):
            return super().value_and_gradient(y, x)
        if not network.can_pull_back:
            return super().value_and_gradient(y, x)
        known = self._known(y)
        hidden = (self.part == torch.arange(self.parts, device=y.device)[:, None])[:, None]
        seen, y = known & ~hidden, torch.where(known, y, 0)
        shown = torch.cat([torch.where(seen, y, 0), seen.to(y)], dim=-1)
        predicted, pull_back = network.with_pull_back(shown)
        error = torch.where(known, y - torch.where(hidden, predicted, 0).sum(dim=0), 0)
        slope = error / self.sigma.square()
        others = pull_back(torch.where(hidden, -slope, 0))[..., : self.d]
        value = 0.5 * (error / self.sigma).square().sum(dim=1)
        return value, slope + torch.where(seen, others, 0).sum(dim=0)

    @torch.no_grad()
    def learn_sigma(self, batches: Iterable[Tensor], least: float = 1e-3) -> None:
        """Take for sigma the root mean square of what the other sets leave unsaid of each column.

        Parameters
        ----------
        batches : iterable of Tensor
            Rows (n, d).
        least : float, default 1e-3
            A column that others say exactly keeps some room.
        """
        total, visible = torch.zeros_like(self.sigma), torch.zeros_like(self.sigma)
        for y in batches:
            known = ~y.isnan()
            error = torch.where(known, torch.where(known, y, 0) - self.from_others(y), 0)
            total, visible = total + error.square().sum(dim=0), visible + known.sum(dim=0)
        self.sigma = (total / visible.clamp_min(1)).sqrt().clamp_min(least)

    def restricted(self, visible: Tensor) -> MaskedPrediction:
        seen = visible if self.visible is None else self.visible & visible
        view = MaskedPrediction(self.network, self.d, self.part, seen)
        view.sigma = self.sigma
        return view

    def reconstruct(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        """Rows with hidden entries from what is seen of them; whole ones part from part."""
        known = self._known(y)
        predicted = self.predict(y, known)
        whole = known.all(dim=1)
        if bool(whole.any()):
            predicted = torch.where(whole[:, None], self.from_others(y), predicted)
        return predicted

    def fillings(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.predict(y, self._known(y))[None]

    def expect(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        return self.predict(y, self._known(y))

    @torch.no_grad()
    def draw_fillings(
        self, y: Tensor, n_draws: int, generator: torch.Generator, x: Tensor | None = None
    ) -> Tensor:
        """One cell after the other, in an order of each row's own, given all that is there by then.

        Numbers with the error that is usual of them.
        """
        known = self._known(y).repeat(n_draws, 1)
        rows = torch.where(known, y.repeat(n_draws, 1), 0)
        cell = self.cells.to(y.device)
        count = int(cell.max()) + 1
        left = torch.zeros(len(rows), count, dtype=torch.bool, device=y.device)
        left = left.index_put((torch.arange(len(rows), device=y.device)[:, None], cell), ~known)
        order = torch.rand(left.shape, generator=generator, device=generator.device).to(y.device)
        while bool(left.any()):
            one = torch.where(left, order, 2).argmin(dim=1)
            now = (cell == one[:, None]) & left.any(dim=1, keepdim=True)
            drawn = self._drawn(self.predict(rows, known), generator)
            rows, known = torch.where(now, drawn.to(rows), rows), known | now
            left[torch.arange(len(left), device=y.device), one] = False
        return rows.reshape(n_draws, *y.shape)

    @property
    def cells(self) -> Tensor:
        """Which number or word each entry is of: (d,)."""
        return torch.arange(self.d)

    def _drawn(self, predicted: Tensor, generator: torch.Generator) -> Tensor:
        e = torch.randn(predicted.shape, generator=generator, device=generator.device)
        return predicted + self.sigma * e.to(predicted)

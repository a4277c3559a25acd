"""Objectives of autoencoders: what keeps their energy up away from the data."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor, nn

from thalweg.core import Batch, Energy, InputError, Loss, name_of
from thalweg.energies import Saturating
from thalweg.latents import Codebook, Encoder, FreeEnergy, GaussianEncoder
from thalweg.objectives.base import Objective, loss_of
from thalweg.samplers.noise import normal, uniform

S = TypeVar("S", bound=nn.Module)


class Contraction(Objective):
    r"""The energy, and a penalty on how much the reconstruction moves with the row.

    .. math::
        F(y) + \lambda \left\| \frac{\partial g(f(y))}{\partial y} \right\|_F^2

    The reconstruction is as constant as the data let it be, so that F grows away from them. (A
    penalty on the code's derivative could be escaped by small codes and a steep decoder.) The norm
    is estimated without bias by random probes, :math:`E\, \|v^T J\|^2 = \|J\|_F^2` for v of
    independent signs.

    Parameters
    ----------
    weight : float
        Lambda.
    n_probes : int, default 1

    References
    ----------
    Rifai, Vincent, Muller, Glorot, Bengio, "Contractive auto-encoders", ICML 2011; for the
    reconstruction: Alain and Bengio, "What regularized auto-encoders learn from the data-generating
    distribution", JMLR 2014, eq. 11.
    """

    def __init__(self, weight: float, n_probes: int = 1) -> None:
        super().__init__()
        self.weight, self.n_probes = weight, n_probes

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        view, y = _view(energy, batch)
        data = view(y).mean()
        at = y.detach().nan_to_num().requires_grad_()
        rebuilt = view.energy.decode(_solver(view, Encoder).encode(at))
        assert rebuilt is not None
        total = rebuilt.new_zeros(())
        for _ in range(self.n_probes):
            signs = torch.where(uniform(rebuilt, generator) < 0.5, -1.0, 1.0).to(rebuilt)
            (pulled,) = torch.autograd.grad(rebuilt, at, signs, create_graph=True)
            total = total + pulled.square().sum(dim=1).mean() / self.n_probes
        return loss_of(data + self.weight * total, energy=data, contraction=total)


class Saturation(Objective):
    r"""The energy, and a penalty on activations that are not where they are flat.

    .. math::
        F(y) + \lambda \sum_j d(h_j(y)), \qquad d(h) = \max(0, 1 - |h|)

    Saturated activations do not follow the row, so the reconstruction is constant off the data.

    Parameters
    ----------
    weight : float
        Lambda.

    References
    ----------
    Goroshin and LeCun, "Saturating auto-encoders", ICLR 2013, eq. 1.
    """

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        view, y = _view(energy, batch)
        network = _solver(view, Encoder).network
        if not isinstance(network, Saturating):
            raise InputError(
                f"Saturation: the encoder is a {type(network).__name__}; expected Saturating"
            )
        data = view(y).mean()
        distance = network.distance(y.nan_to_num()).mean()
        return loss_of(data + self.weight * distance, energy=data, distance=distance)


class VariationalBound(Objective):
    r"""The variational free energy, an upper bound of -log p(y).

    .. math::
        E_{q(z|y)}[C(y, g(z))] + KL\bigl(q(z|y) \,\|\, e^{-R}\bigr)

    with q the :class:`~thalweg.latents.GaussianEncoder`'s and R that of a standard normal prior;
    one draw a row, fresh at every step. Where x is given, g and q are given it too; where R depends
    on x, the divergence is that of the draw.

    References
    ----------
    Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014, eq. 7 and 10.
    """

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        view, y = _view(energy, batch)
        mean, log_sigma = _solver(view, GaussianEncoder).posterior(y, batch.x)
        z = mean + log_sigma.exp() * normal(mean, generator)
        cost = view.energy.data_term(y, z, batch.x).mean()
        if view.energy.has_normal_prior:
            square = (2 * log_sigma).exp() + mean.square() - 1
            divergence = (0.5 * square - log_sigma).sum(dim=1).mean()
        else:
            own = view.energy(y, z, batch.x).mean() - cost
            wide = 0.5 * math.log(2 * math.pi * math.e)
            divergence = own - (log_sigma + wide).sum(dim=1).mean()
        return loss_of(cost + divergence, cost=cost, divergence=divergence)


class VectorQuantization(Objective):
    r"""The energy, and the distance between codes and the entries that stand for them.

    .. math::
        F(y) + \|\mathrm{sg}[f(y)] - z\|^2 + \lambda \|f(y) - \mathrm{sg}[z]\|^2

    with z the nearest element of the codebook and sg[.] taken as a constant: entries move to the
    codes, and codes stay near their entries.

    Parameters
    ----------
    commitment : float, default 0.25
        Lambda.
    revive_every : int, optional
        Entries that no row has used for so many steps move to codes that rows have.
    revive_until : int, optional
        The last step at which they may.

    References
    ----------
    van den Oord, Vinyals, Kavukcuoglu, "Neural discrete representation learning", 2017, eq. 3.
    """

    used: Tensor
    steps: Tensor

    def __init__(
        self,
        commitment: float = 0.25,
        revive_every: int | None = None,
        revive_until: int | None = None,
    ) -> None:
        super().__init__()
        self.commitment = commitment
        self.revive_every, self.revive_until = revive_every, revive_until
        self.register_buffer("used", torch.empty(0, dtype=torch.bool))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def begin(self, energy: Energy, y: Tensor, generator: torch.Generator) -> None:
        view, y = _view(energy, Batch(y))
        book = _book(view)
        self.used = torch.zeros(len(book.entries), dtype=torch.bool, device=y.device)
        encoded = _solver(view, Encoder).encode(y)
        _revive(book, encoded, torch.arange(len(book.entries)), generator)

    def forward(self, energy: Energy, batch: Batch, generator: torch.Generator) -> Loss:
        view, y = _view(energy, batch)
        book = _book(view)
        proposed = _solver(view, Encoder).encode(y)
        z = book.nearest(proposed)
        through = proposed + (z - proposed).detach()
        data = view.energy(y, through).mean()
        entries = (proposed.detach() - z).square().sum(dim=1).mean()
        codes = (proposed - z.detach()).square().sum(dim=1).mean()
        if self.revive_every is not None:
            self._count(book, proposed.detach(), generator)
        return loss_of(data + entries + self.commitment * codes, energy=data, distance=entries)

    @torch.no_grad()
    def _count(self, book: Codebook, encoded: Tensor, generator: torch.Generator) -> None:
        """Remember which entries are used, and move those that no row has used for long."""
        assert self.revive_every is not None
        if len(self.used) == 0:
            self.used = torch.zeros(len(book.entries), dtype=torch.bool, device=encoded.device)
        self.used[torch.unique(book.index(encoded))] = True
        self.steps += 1
        if int(self.steps) % self.revive_every == 0:
            if self.revive_until is None or int(self.steps) <= self.revive_until:
                # beside the graph of this step, which has read the entries
                book.entries.data = book.entries.data.clone()
                _revive(book, encoded, (~self.used).nonzero()[:, 0].cpu(), generator)
            self.used.zero_()


def _book(view: FreeEnergy) -> Codebook:
    book = view.energy.latent
    if not isinstance(book, Codebook):
        raise InputError(
            f"VectorQuantization: z ranges over {type(book).__name__}; expected a Codebook"
        )
    return book


def _revive(book: Codebook, encoded: Tensor, which: Tensor, generator: torch.Generator) -> None:
    parts = encoded.reshape(-1, book.entries.shape[1])
    chosen = torch.randint(len(parts), (len(which),), generator=generator, device=generator.device)
    book.entries.data[which.to(parts.device)] = parts[chosen.to(parts.device)]


def _view(energy: Energy, batch: Batch) -> tuple[FreeEnergy, Tensor]:
    """The free energy of the visible part, and the rows."""
    if not isinstance(energy, FreeEnergy):
        raise InputError(
            f"{name_of(energy)} has no codes; this objective expects FreeEnergy(energy, solver)"
        )
    hidden = batch.y.isnan()
    if not hidden.any():
        return energy, batch.y
    view = energy.restricted(~hidden)
    assert view is not None
    return view, batch.y


def _solver(view: FreeEnergy, kind: type[S]) -> S:
    if not isinstance(view.solver, kind):
        raise InputError(
            f"the solver is a {type(view.solver).__name__}; this objective expects {kind.__name__}"
        )
    return view.solver

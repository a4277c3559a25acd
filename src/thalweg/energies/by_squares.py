"""Codes of rows with words, by the squared error that linear decoders have closed forms for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import Candidates, InputError, LatentEnergy, Quadratic
from thalweg.energies.reconstruction import Reconstruction
from thalweg.energies.words import TableCost
from thalweg.latents import Gaussian, LatentSolver, Sparse
from thalweg.latents.least_squares import cholesky_or_least


class BySquares(LatentSolver):
    r"""The z of least squares on all entries, indicators too, for a cost that has words.

    .. math::
        F(y) = E(y, z(y)), \qquad
        z(y) = \arg\min_z \; s \|y - g(z)\|^2 + R(z)

    an upper bound of the minimum over z, as an encoder's is, and quick: what solves for z is the
    solver of the energy without words. F's gradients count how z moves, for linear decoders.

    Parameters
    ----------
    inner : LatentSolver
        Such as ``LeastSquares()`` or ``ActiveSet()``.

    Raises
    ------
    InputError
        If it is asked about an energy that is not a :class:`Reconstruction` with a
        :class:`TableCost`.
    """

    def __init__(self, inner: LatentSolver) -> None:
        super().__init__()
        self.inner = inner

    def solve(
        self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None, beta: float = math.inf
    ) -> Candidates:
        twin = _twin(energy)
        found = self.inner.solve(twin, y, x)
        learns = y.requires_grad or any(each.requires_grad for each in energy.parameters())
        if not (torch.is_grad_enabled() and learns) or found.z.requires_grad:
            return found
        form = twin.quadratic(y.double(), x)
        return found if form is None else found._replace(z=_attached(found.z, form, twin))

    def mean(self, energy: LatentEnergy, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        return self.inner.mean(_twin(energy), y, x)

    def draw(
        self,
        energy: LatentEnergy,
        y: Tensor,
        n_draws: int,
        generator: torch.Generator,
        x: Tensor | None = None,
    ) -> tuple[Tensor, float] | None:
        return self.inner.draw(_twin(energy), y, n_draws, generator, x)

    def restricted(self, visible: Tensor) -> BySquares:
        return BySquares(self.inner.restricted(visible))


def _twin(energy: LatentEnergy) -> Reconstruction:
    if not isinstance(energy, Reconstruction) or not isinstance(energy.cost, TableCost):
        raise InputError(
            f"BySquares: {type(energy).__name__} has no words; expected a Reconstruction with a "
            "TableCost"
        )
    return Reconstruction(energy.decoder, energy.latent, energy.cost.by_squares())


def _attached(z: Tensor, form: Quadratic, twin: Reconstruction) -> Tensor:
    """z (1, n, k) as it is, with a graph: by the implicit function theorem on the support of z."""
    code = z[0].detach().double()
    # what is left of the optimum's equation is constant, so the change of z makes up for the rest
    left = form.linear - (code[:, None] @ form.gram)[:, 0]
    change = left - left.detach()
    if isinstance(twin.latent, Sparse):
        moved = _on_support(change, code, form.gram)
    else:
        with torch.no_grad():
            prior = torch.eye(code.shape[1]).to(code) if isinstance(twin.latent, Gaussian) else 0
            inverse = torch.linalg.pinv(form.gram + prior, hermitian=True)
        moved = (change[:, None] @ inverse)[:, 0]
    return z + moved.to(z)[None]


def _on_support(change: Tensor, code: Tensor, gram: Tensor) -> Tensor:
    """G^-1 of changes (n, k), each on the entries where its row's code is not 0."""
    size = max(1, int((code != 0).sum(dim=1).max())) if len(code) else 1
    at = code.abs().topk(size, dim=1).indices
    on = code.gather(1, at) != 0
    with torch.no_grad():
        if gram.ndim == 2:
            part = gram[at[:, :, None], at[:, None, :]]
        else:
            part = gram.gather(1, at[:, :, None].expand(-1, -1, gram.shape[2]))
            part = part.gather(2, at[:, None, :].expand(-1, size, -1))
        part = torch.where(on[:, :, None] & on[:, None, :], part, torch.eye(size).to(part))
    right = torch.where(on, change.gather(1, at), 0)
    solved = cholesky_or_least(part, right[:, :, None])[..., 0]
    return torch.zeros_like(change).scatter(1, at, torch.where(on, solved, 0))

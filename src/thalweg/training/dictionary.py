"""Learning the atoms of sparse codes: coordinate descent, or gradient steps."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core import Batch, Energy, LatentSpace, Loss, visible_energy
from thalweg.data import Rows, Summary
from thalweg.energies import Affine
from thalweg.objectives import PushDown
from thalweg.training.loop import Step

UNUSED = 1e-3
"""An atom whose mean squared code is below this share of the average takes over a row."""

RECENT = 0.125
"""Share of the rows seen so far that is remembered, up to all training rows."""


def unit_(weight: Tensor) -> None:
    """Give every atom, a row of weight, length 1, in place."""
    with torch.no_grad():
        weight /= weight.norm(dim=1, keepdim=True).clamp_min(1e-12)


class DictionaryStep:
    r"""Codes for a batch, then one pass over the atoms, each the best given the others.

    .. math::
        A \leftarrow \rho A + Z^T Z, \quad B \leftarrow \rho B + Z^T Y, \qquad
        w_j \leftarrow \frac{u}{\|u\|}, \quad u = w_j + \frac{b_j - a_j W}{a_{jj}}

    A and B remember the batches of about one epoch, so that a pass over atoms is coordinate descent
    on the energy of all the data seen lately. An atom that hardly any code uses takes over the row
    that is explained worst. A hidden entry stands at its reconstruction: it is minimized out.

    Parameters
    ----------
    energy : Energy
        Finds the codes of a batch.
    decoder : Affine
        Its atoms are changed in place.
    space : LatentSpace
        The penalty on codes.
    memory : float
        Rows, in units of which the past is forgotten: the number of training rows.

    References
    ----------
    Mairal, Bach, Ponce, Sapiro, "Online learning for matrix factorization and sparse coding", JMLR
    2010, algorithms 1 and 2.
    """

    def __init__(self, energy: Energy, decoder: Affine, space: LatentSpace, memory: float) -> None:
        self.energy, self.decoder, self.space, self.memory = energy, decoder, space, memory
        k, d = decoder.weight.shape
        self.a = decoder.weight.new_zeros(k, k)
        self.b = decoder.weight.new_zeros(k, d)
        self.seen = 0.0

    def remember(self, rows: float, a: Tensor, b: Tensor) -> None:
        """Go on from A and B of so many rows before."""
        self.a, self.b = a.to(self.a, copy=True), b.to(self.b, copy=True)
        self.seen = rows

    @torch.no_grad()
    def __call__(self, batch: Batch, generator: torch.Generator) -> Loss:
        y = batch.y
        view = visible_energy(self.energy, y)
        z = view.codes(y)
        assert z is not None
        explained = self.decoder(z)
        y = torch.where(y.isnan(), explained, y)
        residual = (y - explained).square().sum(dim=1)
        value = (0.5 * residual + self.space(z)).mean()
        self.seen += len(y)
        # codes of early dictionaries say little about good atoms: forget them first
        remembered = max(len(y), min(self.memory, RECENT * self.seen))
        keep = 1 - len(y) / remembered
        self.a.mul_(keep).add_(z.T @ z)
        self.b.mul_(keep).add_(z.T @ y)
        self._move_atoms(y, residual)
        return Loss(value, {"nonzeros": (z != 0).sum(dim=1).double().mean()})

    def _move_atoms(self, y: Tensor, residual: Tensor) -> None:
        weight = self.decoder.weight
        use = self.a.diagonal()
        unused = use <= UNUSED * use.mean()
        atoms = weight.detach().cpu().numpy().copy()
        from thalweg.kernels.atoms import move_atoms  # compiled: slow to import

        move_atoms(atoms, self.a.cpu().numpy(), self.b.cpu().numpy(), unused.cpu().numpy())
        worst = iter(residual.argsort(descending=True).tolist())
        for j in unused.nonzero()[:, 0].tolist():
            row = next(worst, None)
            if row is None or residual[row] == 0:
                break
            atoms[j] = torch.nn.functional.normalize(y[row], dim=0).cpu().numpy()
            self.a[j] = 0
            self.a[:, j] = 0
            self.b[j] = 0
        weight.copy_(torch.from_numpy(atoms))


def dictionary_gradient_step(
    energy: Energy, decoder: Affine, optimizer: torch.optim.Optimizer
) -> Step[Batch]:
    """A gradient step on the mean energy, codes inferred first; then atoms of unit length again."""
    objective = PushDown()

    def step(batch: Batch, generator: torch.Generator) -> Loss:
        loss = objective(energy, batch, generator)
        optimizer.zero_grad(set_to_none=True)
        loss.value.backward()
        optimizer.step()
        unit_(decoder.weight)
        return loss

    return step


def random_atoms(
    rows: Rows, summary: Summary, k: int, offset: NDArray[np.float64] | int,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """Rows about an offset, a little moved, and noise where there are fewer than k: (k, d)."""
    chosen = torch.randperm(len(rows), generator=generator)[:k].numpy()
    atoms = np.nan_to_num(rows.take(chosen).astype(np.float64) - offset)
    noise = torch.randn(k, rows.n_columns, generator=generator, dtype=torch.float64).numpy()
    noise *= np.where(summary.variance > 0, np.sqrt(summary.variance), 1.0)
    noise[: len(atoms)] = atoms + 1e-3 * noise[: len(atoms)]
    return torch.from_numpy(noise)

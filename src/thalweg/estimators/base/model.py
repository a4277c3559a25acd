"""What every estimator is: declared parameters, an energy, answers chunk by chunk, a file.

An estimator *has* an energy, ``energy_``; it is the shell that speaks scikit-learn.
"""

from __future__ import annotations

import os
import warnings
from abc import ABC
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg.core import Device, Energy, count_unconverged, learned, visible_energy
from thalweg.data import Source
from thalweg.estimators.base.calibration import CalibratedMixin
from thalweg.estimators.base.files import save
from thalweg.estimators.base.loading import built
from thalweg.estimators.base.scikit_learn import BaseEstimator
from thalweg.estimators.base.settings import Computing
from thalweg.questions.blocks import check_answers


def warn(message: str, kind: type[Warning], depth: int = 1) -> None:
    """A warning that points at the user's line, ``depth`` calls above the caller of this."""
    warnings.warn(message, kind, stacklevel=2 + depth)


class FittedModel(Computing, BaseEstimator, ABC):
    """An estimator that has an energy."""

    about: ClassVar[str]
    """What it is asked about, a room each: rows, pairs, images, photos, clips, texts."""

    energy_: Energy = learned("The fitted energy, a torch module.")
    n_features_in_: int = learned("Columns of X; of images and clips, pixels.")

    @property
    def _device(self) -> torch.device:
        return Device.resolve(self.device)

    def _like(self) -> Tensor:
        """A parameter of the energy, for its device and type."""
        return next(self.energy_.parameters())

    def _visible(self, y: Tensor) -> Energy:
        """The energy of what is visible of rows y."""
        return visible_energy(self.energy_, y)

    def _ask(self, rows: Source, question: Callable[[Tensor], Tensor]) -> NDArray[Any]:
        """The answers to a question about each row, chunk by chunk; all of them numbers."""
        whole = self._answers(rows, question)
        if whole.dtype.kind == "f":
            check_answers(type(self).__name__, ~np.isfinite(whole))
        return whole

    def _answers(self, rows: Source, question: Callable[[Tensor], Tensor]) -> NDArray[Any]:
        """What comes out, whatever it is."""
        like = self._like()
        whole = np.empty(0)
        with torch.no_grad(), count_unconverged() as counts:
            for start, chunk in rows.chunks():
                y = torch.from_numpy(np.ascontiguousarray(chunk)).to(like)
                part = question(y).cpu().numpy()
                if start == 0:
                    # one array: small ones between chunks would keep memory from being given back
                    whole = np.empty((len(rows), *part.shape[1:]), part.dtype)
                whole[start : start + len(part)] = part
        unconverged = sum(int(count) for count in counts)
        if unconverged:
            warn(
                f"{type(self).__name__}: the codes of {unconverged} of {len(rows)} rows did not "
                "converge; their energies are upper bounds (a larger max_iter or tol may help)",
                ConvergenceWarning,
                depth=2,
            )
        return whole

    def _as_energies(self, values: NDArray[Any]) -> NDArray[Any]:
        """Energies in which what is no number has become +inf.

        Parameters and rows are finite; what overflows on its way between them is beyond any number,
        and must not compare as if it were low.
        """
        finite = np.isfinite(values)
        if finite.all():
            return values
        if not all(part.isfinite().all() for part in self.energy_.parameters()):
            check_answers(type(self).__name__, ~finite)
        return np.where(finite, values, values.dtype.type(np.inf))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a safetensors file, whole or not at all."""
        check_is_fitted(self)
        save(self, path)

    def _beside(self) -> dict[str, Any]:
        """What a file says of the model besides parameters, facts and energy, in JSON."""
        return {}

    def _take_beside(self, said: Mapping[str, Any]) -> None:
        """Take back what :meth:`_beside` gave, checked; before the energy is built."""

    def _blank(self, state: dict[str, Tensor]) -> Energy:
        """An energy of the shapes that parameters and facts say; its values are filled in later.

        Where tensors of the state are looked at, it is by :func:`~.loading.held`, which holds them
        to a shape.
        """
        raise NotImplementedError

    def _restore(self, state: dict[str, Tensor]) -> Self:
        """Build ``energy_`` from its saved state; what else was saved is there already."""
        self.energy_ = built(self._blank, state)
        return self


class ScoresMixin(CalibratedMixin):
    """For energies of single rows: how unusual is each."""

    def energy(self: Any, X: Any) -> NDArray[np.floating]:
        """F of each row, low where it fits: (n,). Hidden (NaN) entries take no part.

        They are minimized, or summed, out, as the class says. A row whose energy is too large for a
        number has +inf.
        """

        def question(y: Tensor) -> Tensor:
            value: Tensor = self._visible(y)(y)
            return value

        return self._as_energies(self._answers(self._read(X), question))

    def score_samples(self: Any, X: Any) -> NDArray[np.floating]:
        """-F of each row, scikit-learn's sign, higher is more normal: (n,)."""
        return -self.energy(X)

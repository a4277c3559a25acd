"""Clips on their way in and out of an estimator."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg.core import InputError
from thalweg.data import ClipsLike, Windows, as_clips
from thalweg.data.images import described
from thalweg.energies import Rescaled


class ClipsMixin:
    """Reads what is given and what follows, and gives frames back in the shape of training."""

    energy_: Rescaled
    shape_: tuple[int, int, int]
    """(height, width, channels) of a frame"""
    grey_: bool
    """whether clips came without a dimension for channels"""
    n_features_in_: int
    context: int
    horizon: int

    def _frames(self, flat: Tensor, lead: tuple[int, ...]) -> NDArray[np.floating]:
        shape = self.shape_[:2] if self.grey_ else self.shape_
        return np.asarray(flat.cpu().numpy()).reshape(*lead, *shape)

    def _given(self, X: ClipsLike) -> Tensor:
        """The last ``context`` frames of each clip, flat."""
        return self._last(X, self.context, "X")

    def _last(self, clips: ClipsLike, length: int, name: str, whole: bool = False) -> Tensor:
        """The last frames of each clip, flat; ``whole``: there have to be so many and no more."""
        check_is_fitted(self)
        given = Windows(as_clips(clips), length, name)
        if whole and len(given) > len(given.clips):
            longest = max(len(clip) for clip in given.clips)
            raise InputError(
                f"NextFrame: {name} has a clip of {longest} frames; expected {length}, those that "
                "follow (the horizon)"
            )
        if given.shape != self.shape_:
            raise InputError(
                f"NextFrame: {name} has frames of {described(given.shape)}; expected "
                f"{described(self.shape_)}, as in training"
            )
        asked = given.last_runs()
        asked.summary(name)
        rows = asked.take(np.arange(len(asked)))
        return torch.from_numpy(rows).to(next(self.energy_.parameters()))

    def _pair(self, X: ClipsLike, Y: ClipsLike | None) -> tuple[Tensor, Tensor]:
        if Y is None:
            both = self._last(X, self.context + self.horizon, "X")
            cut = self.context * self.n_features_in_
            return both[:, :cut], both[:, cut:]
        x, y = self._given(X), self._last(Y, self.horizon, "Y", whole=True)
        if len(x) != len(y):
            raise InputError(f"NextFrame: X has {len(x)} clips, Y {len(y)}; expected as many")
        return x, y

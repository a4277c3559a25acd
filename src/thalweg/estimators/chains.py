"""Questions that energies answer by chains from rows that were kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg import questions
from thalweg.core import generator_from
from thalweg.data import Rows
from thalweg.samplers import Sampler

STARTS = 256
"""Training rows that are kept, for chains and completions to start from."""


class StartsMixin:
    """For estimators that keep some training rows, ``starts_``."""

    starts_: NDArray[np.floating]

    def _keep(self, rows: Rows, generator: torch.Generator) -> None:
        chosen = torch.randperm(len(rows), generator=generator)[:STARTS].numpy()
        self.starts_ = rows.take(chosen)

    def _fillings(self: Any) -> Tensor:
        return torch.from_numpy(self.starts_).to(self._parameter())

    def _tensors(self) -> dict[str, Tensor]:
        return {"starts_": torch.from_numpy(self.starts_)}


class ChainSamplesMixin(StartsMixin):
    """For energies that are drawn from by chains."""

    def _chain(self) -> Sampler | None:
        """The sampler, None for the one that suits the energy."""
        return None

    def sample(
        self: Any,
        n: int = 1,
        random_state: int | np.random.RandomState | None = None,
        *,
        n_steps: int = 200,
    ) -> NDArray[np.floating]:
        """n draws, each the end of a chain of its own from a training row: (n, d).

        Parameters
        ----------
        n : int, default 1
        random_state : int, RandomState or None, default None
        n_steps : int, default 200
            Steps of a chain, during which its step size and metric are learned too. For chains
            that go on, diagnostics and other samplers: ``thalweg.questions.sample``.
        """
        check_is_fitted(self)
        generator = generator_from(random_state, self._parameter().device)
        drawn = questions.sample(
            self.energy_, n, generator, start=self._fillings(), sampler=self._chain(), chains=n,
            warm_up=n_steps, compiled=False,
        )  # fmt: skip
        return np.asarray(drawn.y.reshape(n, -1).cpu().numpy())

"""Draws by chains, for energies that have no exact way to draw."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from thalweg import questions
from thalweg.core import generator_from, whole_number
from thalweg.estimators.tables.gradient_model import StartingRowsModel
from thalweg.estimators.tables.model import check_draws
from thalweg.questions.blocks import check_answers
from thalweg.samplers import Sampler


class ChainSampledModel(StartingRowsModel):
    """A model that is drawn from by chains."""

    def _chain(self) -> Sampler | None:
        """The sampler, None for the one that suits the energy."""
        return None

    def sample(
        self,
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
        n = whole_number("sample: n", n)
        # each draw is the end of a chain, which has a metric and a momentum of its own
        check_draws(n, self._width, copies=8)
        generator = generator_from(random_state, self._like().device)
        drawn = questions.sample(
            self.energy_, n, generator, start=self._fillings(), sampler=self._chain(), chains=n,
            warm_up=n_steps, compiled=False,
        )  # fmt: skip
        rows = np.array(drawn.y.reshape(n, -1).cpu().numpy())
        check_answers(type(self).__name__, ~np.isfinite(rows))
        return self._space.made(self._with_constants(rows))


class LikelihoodMixin:
    """For densities whose log Z is known or estimated."""

    def score(self: Any, X: Any, y: None = None) -> float:
        """The mean log-likelihood of the rows, -F - log Z."""
        return float(self.score_samples(X).mean(dtype=np.float64)) - self.log_normalizer().value

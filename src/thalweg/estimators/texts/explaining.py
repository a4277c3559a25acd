"""Why a text is unusual, token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg import questions
from thalweg.core import HIDDEN_TOKEN
from thalweg.data import MASK, TextsLike, TokenRows
from thalweg.estimators.base.explanation import Explanation


class ExplainsTexts:
    """For energies of tokens."""

    def explain(self: Any, X: TextsLike, usual: bool = True) -> Explanation:
        r"""Which tokens a text's energy is there for, and what is expected in their place.

        .. math::
            s_i(y) = F(y) - F(y_{\setminus i})

        with token i hidden: what it costs by itself, and what the others cost more because it is
        there. Asking about a text of L tokens costs as much as L texts of that length.

        Parameters
        ----------
        X : texts
            A text longer than the context is asked about part by part.
        usual : bool, default True
            Whether to say which token is likeliest in each place, given all others.

        Returns
        -------
        Explanation
            ``contribution``, for each text an array (tokens,), 0 where one is hidden; ``columns``,
            for each its tokens; ``usual``, for each what is expected in their place.
        """
        rows = self._asked(X)
        width = rows.n_columns

        def question(y: Tensor) -> Tensor:
            result = torch.zeros(len(y), width, 3, dtype=torch.float64, device=y.device)
            # shares, which token is there, which is likeliest
            found = [questions.explain(self.energy_, y), y]
            found.append(self._expected(y) if usual else y)
            result[:, : y.shape[1]] = torch.stack([each.double() for each in found], dim=2)
            return result

        answers = self._ask_rows(rows, question, (width, 3))
        return _by_text(rows, answers, self._written, usual)

    def _expected(self: Any, y: Tensor) -> Tensor:
        """The likeliest token in each place, given all others."""
        special = torch.from_numpy(self.vocabulary_.special).to(y.device)

        def likeliest(without: Tensor) -> Tensor:
            asked = without == HIDDEN_TOKEN
            likely = self.energy_.conditional(without, asked).masked_fill(special, -torch.inf)
            filled = without.clone()
            filled[asked] = likely.argmax(dim=1)
            return filled

        return questions.usual(y, likeliest)

    def _written(self: Any, token: int) -> str:
        return MASK if token == HIDDEN_TOKEN else str(self.vocabulary_.decode([token]))


def _by_text(
    rows: TokenRows, answers: NDArray[np.floating], written: Callable[[int], str], usual: bool
) -> Explanation:
    """Answers of rows (n, L, 3) put together text by text, in order."""
    shares: list[list[float]] = [[] for _ in range(rows.n_texts)]
    there: list[list[str]] = [[] for _ in range(rows.n_texts)]
    expected: list[list[str]] = [[] for _ in range(rows.n_texts)]
    for text, length, answer in zip(rows.text, rows.lengths, answers, strict=True):
        share, token, likeliest = answer[:length].T
        shares[text].extend(share.tolist())
        there[text].extend(written(int(each)) for each in token)
        expected[text].extend(written(int(each)) for each in likeliest)
    contribution = [np.array(each) for each in shares]
    return Explanation(contribution, expected if usual else None, there)

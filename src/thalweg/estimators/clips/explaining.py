"""Where what followed was not to be expected."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from thalweg import questions
from thalweg.data import ClipsLike
from thalweg.energies.frames import CELL
from thalweg.estimators.base.explanation import Explanation, Squares
from thalweg.questions.blocks import in_blocks


class ExplainsClips:
    """For energies of frames, given those before."""

    def explain(
        self: Any, X: ClipsLike, Y: ClipsLike | None = None, usual: bool = True
    ) -> Explanation:
        r"""Which squares of what follows its energy is there for, and what is usual there.

        .. math::
            s_j(x, y) = F(x, y) - F(x, y_{\setminus j})

        with a square of 4 x 4 pixels of a frame hidden: a map of what nobody could have expected.
        X and Y are as those of ``energy``.

        Returns
        -------
        Explanation
            ``contribution`` (n, horizon, rows, columns) of squares, ``usual`` the frames that are
            expected in each, given all other squares.
        """
        height, width, channels = self.shape_
        squares = Squares((self.horizon, height, width, channels), CELL)
        parts, energy = squares.parts(), self.energy_

        def shares(x: Tensor, y: Tensor) -> Tensor:
            return questions.explain(energy, y, x, parts)

        def expected(x: Tensor, y: Tensor) -> Tensor:
            # rows of x beside those of y that a part is hidden in: all
            return questions.usual(y, lambda part: questions.expect(energy, part, x), parts)

        x, y = self._pair(X, Y)
        contribution = in_blocks(shares, x, y).cpu().numpy().reshape(len(x), *squares.grid)
        found = None
        if usual:
            found = self._frames(in_blocks(expected, x, y), (len(x), self.horizon))
        return Explanation(contribution, found, None)

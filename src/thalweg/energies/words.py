"""What rows with words cost: squares of numbers, and minus the log of words' probabilities."""

from __future__ import annotations

import torch
from torch import Tensor

from thalweg.core import Indicators, InputError, Layout, check_columns
from thalweg.energies.cost import Cost, SquaredError
from thalweg.energies.word_probabilities import WordProbabilities


class TableCost(Cost):
    r"""Numbers by a cost of theirs, a word by minus the log of its probability.

    .. math::
        C(y, \hat y) = C_0(y_{\text{numbers}}, \hat y_{\text{numbers}})
        + \sum_j w_j \bigl(-\log p_j(c_j)\bigr)

    where :class:`WordProbabilities` says what p is that a prediction means. Of rows that are not
    exactly one word, the sum of -log p over the words, each by its indicator. A hidden word costs
    what the likeliest one does where C_0 minimizes hidden numbers out, and -log sum p^w (0 for
    w = 1) where C_0 integrates over them.

    Parameters
    ----------
    numbers : Cost
        C_0, such as ``SquaredError(s)``; its columns are the numbers alone.
    words : WordProbabilities
    weight : Tensor
        (words,): w, above 0. With 2 s for squares s (y - y')^2, numbers with a noise of 1 and words
        count in the same units, nats; with 1 for :class:`GaussianNoise`.

    Raises
    ------
    InputError
        If the weights are not one number above 0 for each word.

    Examples
    --------
    >>> import torch
    >>> words = WordProbabilities(Layout(3, ((1, 3),)), torch.tensor([0.0, 0.5, 0.5]))
    >>> cost = TableCost(SquaredError(), words, torch.ones(1))
    >>> prediction = torch.tensor([[2.0, 0.8, 0.2]])
    >>> cost(torch.tensor([[1.0, 1.0, 0.0], [2.0, 0.0, 1.0]]), prediction)
    tensor([1.2269, 1.5947])
    """

    of_difference = False

    weight: Tensor
    _numbers: Tensor

    def __init__(
        self,
        numbers: Cost,
        words: WordProbabilities,
        weight: Tensor,
        visible: Tensor | None = None,
    ) -> None:
        super().__init__()
        if weight.shape != (len(words.sizes),) or not bool((weight > 0).all()):
            raise InputError(
                f"TableCost: weight is {weight.tolist()}; expected a number above 0 for each of "
                f"{len(words.sizes)} words"
            )
        self.numbers, self.words, self.visible = numbers, words, visible
        self.minimizes_hidden = numbers.minimizes_hidden
        self.register_buffer("weight", weight)
        at = torch.tensor(words.layout.numbers, dtype=torch.long, device=weight.device)
        self.register_buffer("_numbers", at, persistent=False)

    @classmethod
    def blank(cls, layout: Layout, numbers: Cost) -> TableCost:
        """With all buffers of the right shapes, for a state to be loaded into."""
        return cls(numbers, WordProbabilities.blank(layout), torch.ones(len(layout.words)))

    @property
    def indicators(self) -> Indicators:
        return self.words.indicators

    def forward(self, y: Tensor, prediction: Tensor) -> Tensor:
        self._check(y, prediction)
        log_p = self.words.log_p(prediction)
        rows, seen = self._shown(y)
        value = self.numbers(y[..., self._numbers], prediction[..., self._numbers])
        value = value - (rows * log_p).sum(dim=-1)
        if self.visible is None:
            return value
        return value + torch.where(seen, 0, self._hidden(log_p)).sum(dim=-1)

    def pairwise(self, y: Tensor, predictions: Tensor) -> Tensor:
        self._check(y, predictions)
        log_p = self.words.log_p(predictions)
        rows, seen = self._shown(y)
        numbers = (y[:, self._numbers], predictions[:, self._numbers])
        value = self.numbers.pairwise(*(each.contiguous() for each in numbers))
        value = value - log_p @ rows.T
        return value if self.visible is None else value + self._hidden(log_p) @ (~seen).to(log_p).T

    def restricted(self, visible: Tensor) -> TableCost:
        seen = visible if self.visible is None else self.visible & visible
        return TableCost(
            self.numbers.restricted(visible[..., self._numbers]), self.words, self.weight, seen
        )

    def taking(self, rows: Tensor) -> TableCost:
        if self.visible is None:
            return self
        return TableCost(self.numbers.taking(rows), self.words, self.weight, self.visible[rows])

    def by_squares(self) -> SquaredError:
        """The squared error of all entries, indicators too, with the scale that numbers have.

        Raises
        ------
        InputError
            If the numbers' cost is not one of squares.
        """
        scale = self.numbers.scale_of_squares()
        if scale is None:
            raise InputError(
                f"TableCost: {type(self.numbers).__name__} is not a squared error; expected one"
            )
        return SquaredError(float(scale), self.visible)

    def settled(self, prediction: Tensor) -> Tensor:
        """With the likeliest word of each block."""
        return self.words.settled(prediction)

    def expected(self, prediction: Tensor) -> Tensor:
        """With the probability of each word."""
        log_p = self.words.log_p(prediction) * self.words.spread(self.weight)
        total = self.words.log_powers(log_p, torch.ones_like(self.weight))
        return self.words.placed(prediction, (log_p - self.words.spread(total)).exp())

    def log_mass(self, predictions: Tensor, beta: float) -> Tensor | None:
        power = beta * self.weight
        if bool((power == 1).all()):
            return None
        return self.words.log_powers(self.words.log_p(predictions), power).sum(dim=-1)

    def of_asked(self, y: Tensor, prediction: Tensor, asked: Tensor) -> Tensor:
        """Beside squares -log p, by its weight, of the words that are asked for."""
        at, scale = self._numbers, self.numbers.scale_of_squares()
        squares = self.numbers.of_asked(y[:, at], prediction[:, at], asked[:, at])
        rows = self.words.shown(y, asked)[0] * self.words.spread(self.weight)
        surprise = -(rows * self.words.log_p(prediction)).sum(dim=-1)
        return squares + (surprise if scale is None else surprise / scale.to(surprise))

    def draw(self, prediction: Tensor, beta: float, generator: torch.Generator) -> Tensor | None:
        numbers = self.numbers.draw(prediction[..., self._numbers], beta, generator)
        if numbers is None:
            return None
        row = prediction.index_copy(-1, self._numbers, numbers)
        words = self.words.draw(self.words.log_p(prediction), beta * self.weight, generator)
        return self.words.placed(row, words)

    def _check(self, y: Tensor, prediction: Tensor) -> None:
        check_columns("cost", y, self.words.layout.width)
        check_columns("cost: prediction", prediction, self.words.layout.width)

    def _shown(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Indicators of visible words times their weights (n, entries); what is seen (n, words)."""
        rows, seen = self.words.shown(y, self.visible)
        return rows * self.words.spread(self.weight).to(rows), seen

    def _hidden(self, log_p: Tensor) -> Tensor:
        """What each word costs where it is hidden: (..., words)."""
        if self.minimizes_hidden:
            return self.weight * self.words.least(log_p)
        return -self.words.log_powers(log_p, self.weight)

"""What a language model can be asked about texts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from thalweg import questions
from thalweg.core import (
    HIDDEN_TOKEN,
    InputError,
    Integer,
    check_memory,
    check_parameters,
    generator_from,
    learned,
    progress,
    whole_number,
)
from thalweg.data import MASK, Texts, TextsLike, TokenRows, Vocabulary, as_texts
from thalweg.energies import TokenPrediction
from thalweg.estimators.base.model import FittedModel, ScoresMixin, warn
from thalweg.estimators.base.scikit_learn import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from thalweg.estimators.base.several import several
from thalweg.estimators.texts.explaining import ExplainsTexts
from thalweg.pretext import Masked
from thalweg.questions.blocks import check_answers
from thalweg.questions.gibbs_tokens import draw_fillings, draw_texts

SWEEPS = Integer(1, high=1_000_000)


class Completion(NamedTuple):
    """A text with its blanks filled in."""

    text: str
    pieces: tuple[str, ...]
    """what stands in the blanks, one after the other"""
    probability: float
    """of the pieces, one after the other, given the visible text and those before"""
    energy: float
    """F of the text that is filled in, as ``energy`` gives it"""


class Evaluation(NamedTuple):
    """How well hidden tokens are recovered."""

    loss: float
    """mean of -log p, in nats a token"""
    accuracy: float
    """share of tokens that are the likeliest"""
    perplexity: float
    """exp of the loss"""
    n_tokens: int
    """that were hidden"""


class LanguageModel(
    ExplainsTexts, ScoresMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, FittedModel
):
    """An estimator whose rows are texts and whose energy is of their tokens."""

    about: ClassVar[str] = "texts"

    energy_: TokenPrediction = learned()
    vocabulary_: Vocabulary = learned("Its tokens.")
    lengths_: tuple[int, ...] = learned(
        "Quantiles of the lengths of the training texts, in tokens, from the shortest to the "
        "longest."
    )

    def energy(self, X: TextsLike) -> NDArray[np.floating]:
        """F of each text, low where its tokens fit: (n,), in nats; 0 for a text without a token.

        A text longer than the context is split, and its parts add up. What ``[MASK]`` hides takes
        no part.
        """
        rows = self._asked(X)
        value = self._ask_rows(rows, self.energy_, ())
        total = np.zeros(rows.n_texts)
        np.add.at(total, rows.text, value)
        return total

    def transform(self, X: TextsLike) -> NDArray[np.floating]:
        """The representation of each text: (n, width), the mean over its tokens."""
        rows = self._asked(X)
        inside = self._ask_rows(rows, self.energy_.represent, (self._n_features_out,))
        # a long text is the mean of its parts, each for its tokens and two marks
        share = (rows.lengths + 2).astype(np.float64)
        total = np.zeros((rows.n_texts, inside.shape[1]))
        np.add.at(total, rows.text, share[:, None] * inside)
        whole = total / np.bincount(rows.text, share, minlength=rows.n_texts)[:, None]
        return whole.astype(inside.dtype)

    def complete(
        self,
        X: TextsLike,
        *,
        draws: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_sweeps: int = 10,
    ) -> Any:
        """Texts with every ``[MASK]`` filled in; all else in them stays as it is.

        Several in one text are filled in together, with the least energy that is found
        (:func:`thalweg.questions.fill`).

        Parameters
        ----------
        X : texts
        draws : int, optional
            m fillings of each instead, a list of m lists: one ``[MASK]`` by its softmax; several
            by Gibbs sampling.
        random_state : int, RandomState or None, default None
            Of draws.
        n_sweeps : int, default 10
            How often each of several hidden tokens is drawn.
        """
        asked = several(draws)
        if not asked.asked:
            return [found[0].text for found in self.completions(X, top=1)]
        check_is_fitted(self)
        check_parameters("complete", {"n_sweeps": n_sweeps}, {"n_sweeps": SWEEPS})
        generator = generator_from(random_state, self._like().device)
        drawn = []
        for text, tokens in self._with_blanks(X):
            # of one blank its softmax is all there is to draw from
            sweeps = n_sweeps if (tokens == HIDDEN_TOKEN).sum() > 1 else 1
            drawn.append(draw_fillings(
                self.energy_, self.vocabulary_, text, asked.fillings, sweeps, generator
            ))  # fmt: skip
        return [list(each) for each in zip(*drawn, strict=True)]

    def _with_blanks(self, X: TextsLike) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Texts and their tokens, one of which is hidden."""
        given = list(as_texts(X))
        for i, (text, tokens) in enumerate(zip(given, self.vocabulary_.encode(given), strict=True)):
            if not (tokens == HIDDEN_TOKEN).any():
                raise InputError(f"complete: text {i} has no {MASK}; expected one or more to fill")
            self._hold_to_context(f"complete: text {i}", tokens)
            yield text, tokens

    def completions(self, X: TextsLike, top: int = 5) -> list[list[Completion]]:
        """For each text the ways to fill in its ``[MASK]``, ranked.

        One ``[MASK]`` has a probability for every token, and the likeliest comes first; several are
        filled in together, and the text of least energy comes first.

        A ``[MASK]`` after a space is filled with a token that begins a word, one right after a
        letter with a token that goes on with it.
        """
        check_is_fitted(self)
        top = whole_number("completions: top", top)
        return [self._completed(text, tokens, top) for text, tokens in self._with_blanks(X)]

    def sample(
        self,
        n: int = 1,
        random_state: int | np.random.RandomState | None = None,
        *,
        text: str | None = None,
        n_sweeps: int = 10,
    ) -> list[str]:
        """n texts drawn by Gibbs sampling over the hidden tokens.

        Parameters
        ----------
        n : int, default 1
        random_state : int, RandomState or None, default None
        text : str, optional
            What is visible, with ``[MASK]`` for each token to draw. Without it nothing is visible,
            and the length is that of a training text.
        n_sweeps : int, default 10
            How often each hidden token is drawn.
        """
        check_is_fitted(self)
        device = self._like().device
        generator = generator_from(random_state, device)
        n, n_sweeps = whole_number("sample: n", n, 0), whole_number("sample: n_sweeps", n_sweeps)
        check_parameters(
            "sample",
            {"n": n, "n_sweeps": n_sweeps},
            {"n": Integer(0), "n_sweeps": SWEEPS},
        )
        longest = self._longest()
        check_memory(32 * n * longest, f"sample: n={n} of at most {longest} tokens")
        if text is not None:
            tokens = self.vocabulary_.encode([text])[0]
            if not (tokens == HIDDEN_TOKEN).any():
                raise InputError(f"sample: the text has no {MASK}; expected one or more to draw")
            self._hold_to_context("sample: the text", tokens)
            return draw_fillings(self.energy_, self.vocabulary_, text, n, n_sweeps, generator)
        chosen = torch.randint(len(self.lengths_), (n,), generator=generator, device=device)
        lengths = [self.lengths_[i] for i in chosen.tolist()]
        return draw_texts(self.energy_, self.vocabulary_, lengths, n_sweeps, generator)

    def evaluate(
        self,
        X: TextsLike,
        fraction: float = 0.15,
        random_state: int | np.random.RandomState | None = 0,
    ) -> Evaluation:
        """How well tokens hidden at random are recovered, 15 in 100 as the field has it.

        Parameters
        ----------
        X : texts
            Held out from training.
        fraction : float, default 0.15
        random_state : int, RandomState or None, default 0
            Of what is hidden.
        """
        rows = self._asked(X)
        hide = Masked(fraction)
        generator = generator_from(random_state, self._like().device)

        def question(y: Tensor) -> Tensor:
            spoiled = hide(y, generator)
            likely = self.energy_.conditional(spoiled.y, spoiled.asked)
            target = y[spoiled.asked]
            cost = -likely.gather(1, target[:, None])[:, 0]
            right = (likely.argmax(dim=1) == target).to(cost)
            row = spoiled.asked.nonzero(as_tuple=True)[0]
            columns = torch.stack([cost, right, torch.ones_like(cost)], dim=1)
            return torch.zeros(len(y), 3, device=y.device).index_add(0, row, columns)

        loss, right, count = (
            self._ask_rows(rows, question, (3,)).sum(axis=0, dtype=np.float64).tolist()
        )
        if not count:
            raise InputError("evaluate: no text has two tokens; expected some to hide and some not")
        return Evaluation(loss / count, right / count, math.exp(loss / count), int(count))

    def _become(self, energy: TokenPrediction) -> Self:
        self.energy_ = energy.eval()
        self._n_features_out = int(energy.network.width)
        return self

    def _longest(self) -> int:
        return self.energy_.network.context - 2

    def _hold_to_context(self, name: str, tokens: NDArray[np.int64]) -> None:
        if len(tokens) > self._longest():
            raise InputError(
                f"{name} has {len(tokens)} tokens; expected at most {self._longest()}, the context "
                "of the model without its marks"
            )

    def _rows(self, texts: Texts, longest: int, keep_empty: bool) -> TokenRows:
        rows = TokenRows(texts, self.vocabulary_, longest, keep_empty)
        if rows.n_split:
            warn(
                f"{type(self).__name__}: {rows.n_split} of {rows.n_texts} texts are longer than "
                f"{longest} tokens, the context without its marks, and were split",
                UserWarning,
                depth=2,
            )
        return rows

    def _asked(self, X: TextsLike) -> TokenRows:
        """Texts to ask about, as rows."""
        check_is_fitted(self)
        return self._rows(as_texts(X), self._longest(), keep_empty=True)

    @torch.no_grad()
    def _ask_rows(
        self, rows: TokenRows, question: Callable[[Tensor], Tensor], shape: tuple[int, ...]
    ) -> NDArray[Any]:
        """The answers, of a shape, to a question about each row, texts of like length together."""
        if not len(rows):
            return np.empty((0, *shape), np.float32)
        device = self._like().device
        order = np.argsort(rows.lengths, kind="stable")
        share = np.cumsum(rows.lengths[order] + 2) // self.energy_.network.at_a_time
        groups = np.split(order, np.flatnonzero(np.diff(share)) + 1)
        answers: list[NDArray[Any]] = []
        with progress(type(self).__name__, len(groups), self.verbose > 0) as follow:
            for index in groups:
                y = torch.from_numpy(rows.take(index)).to(device)
                answers.append(question(y).cpu().numpy())
                follow(len(answers), "asked")
        result: NDArray[Any] = np.empty_like(np.concatenate(answers))
        result[order] = np.concatenate(answers)
        check_answers(type(self).__name__, np.isnan(result))
        return result

    def _completed(self, text: str, tokens: NDArray[np.int64], top: int) -> list[Completion]:
        vocabulary = self.vocabulary_
        like = self._like()
        allowed = torch.from_numpy(vocabulary.may_stand(text)).to(like.device)
        y = torch.from_numpy(tokens).to(like.device)
        fillings = questions.fill(self.energy_, y, allowed, top)
        result = []
        for pieces, energy, probability in zip(
            fillings.tokens.tolist(),
            fillings.energy.tolist(),
            fillings.probability.tolist(),
            strict=True,
        ):
            whole, parts = vocabulary.fill_in(text, pieces)
            result.append(Completion(whole, parts, probability, energy))
        return result

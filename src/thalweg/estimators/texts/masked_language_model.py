"""A masked language model, pretrained from plain text."""

from __future__ import annotations

import math
import os
from typing import Self, cast

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from thalweg.core import Choice, Energy, InputError, Integer, Real, learned, parameter
from thalweg.data import TextsLike, TokenRows, Vocabulary, as_texts
from thalweg.energies import TextTransformer, TokenPrediction
from thalweg.energies.text_transformer import heads_of
from thalweg.estimators.base.training import MixedPrecision
from thalweg.estimators.texts.folder import save_folder
from thalweg.estimators.texts.model import LanguageModel
from thalweg.objectives import Denoising
from thalweg.pretext import Corruption, Disguised, Hiding, Masked, MaskedWords
from thalweg.training import History, Recipe, Run
from thalweg.training.start import Start

MEAN_RUN = 3.0
"""Of spans, in words"""

LONGEST_GRADIENT = 1.0
"""Of the cost of one token"""

LOOKED_AT = 1000
"""Texts, at most, for whether something can be hidden of them"""

ADAM_SHARE = 0.3
"""Of the learning rate, for what Muon does not move"""


class MaskedLanguageModel(MixedPrecision, LanguageModel):
    r"""A masked language model (BERT): tokens of a text predicted from all others.

    .. math::
        F(y) = -\sum_{i} \log p(y_i \mid y_{\setminus i}), \quad \text{trained on} \quad
        -\sum_{i \text{ hidden}} \log p(y_i \mid y_{\text{visible}})

    A text is cut into tokens, pieces of words, which a byte-level byte-pair encoding learns from
    the corpus; a transformer encoder (:class:`thalweg.energies.TextTransformer`) says of hidden
    ones what they may be. ``complete`` fills in ``[MASK]``, several of them together;
    ``transform`` gives what the network makes of a text inside, averaged over its tokens.

    References
    ----------
    Devlin, Chang, Lee, Toutanova, "BERT: pre-training of deep bidirectional transformers" (2019);
    Wettig, Gao, Zhong, Chen, "Should you mask 15% in masked language modeling?" (2023); Salazar,
    Liang, Nguyen, Kirchhoff, "Masked language model scoring" (2020), for the energy; Wang, Cho,
    "BERT has a mouth, and it must speak" (2019), for drawing.

    Examples
    --------
    >>> from thalweg.estimators import MaskedLanguageModel
    >>> texts = ["the cat sat on the mat", "a dog ran in the park"] * 50
    >>> model = MaskedLanguageModel(
    ...     layers=1, width=32, epochs=50, batch_tokens=100, learning_rate=0.05, random_state=0
    ... ).fit(texts)
    >>> model.complete(["the cat [MASK] on the [MASK]"])
    ['the cat sat on the mat']
    >>> fits, does_not = model.energy(["a dog ran in the park", "park the a in dog ran"])
    >>> bool(fits < does_not)
    True
    """

    vocabulary_size: int | None = parameter(
        "Tokens. None: 8,000, or as many as the corpus supports.",
        Integer(261, none=True, high=4_000_000),
        default=None,
        kw_only=False,
    )
    layers: int = parameter("Blocks of the transformer.", Integer(1, high=1000), default=4)
    width: int = parameter(
        "Size of a token inside; a multiple of 2 heads.", Integer(2, high=65_536), default=256
    )
    heads: int | None = parameter(
        "Of attention. None: one for every 64 of the width.",
        Integer(1, none=True, high=32_768),
        default=None,
    )
    context: int = parameter(
        "Longest text in tokens, its two marks included; longer ones are split.",
        Integer(3, high=1_000_000),
        default=128,
    )
    pretext: str = parameter(
        "What is hidden in training: tokens by themselves, whole words, runs of about three words.",
        Choice(("token", "word", "span")),
        default="token",
    )
    fraction: float = parameter(
        "Share of the tokens that are hidden in training. More than BERT's 0.15: each step asks "
        "for more, and at this size that teaches faster.",
        Real(0, above=True, high=1, below=True),
        default=0.3,
    )
    replacement: str = parameter(
        "What stands where a token is asked for: the mask; or in 80 of 100 the mask, in 10 "
        "another token, in 10 the token itself.",
        Choice(("mask", "80/10/10")),
        default="mask",
    )
    unit: str = parameter(
        "What one text is, where texts come from a file to learn from.",
        Choice(("line", "paragraph")),
        default="line",
    )
    epochs: int = parameter(
        "How often every text is looked at.", Integer(0, high=1_000_000), default=3
    )
    batch_tokens: int = parameter(
        "Tokens a step, about: as many texts as have so many in the mean.", Integer(1), default=2048
    )
    accumulate: int = parameter(
        "Parts of a step that are gone through one after the other, to save memory.",
        Integer(1),
        default=1,
    )
    learning_rate: float = parameter(
        "At its height; it rises over the first steps and falls to 0. It is that of Muon, for the"
        " matrices inside; embeddings and scales learn by Adam, at 0.3 of it.",
        Real(0, above=True),
        default=0.01,
    )

    history_: History = learned(
        "Loss of every step; its metric ``error`` is the loss a token. Not saved."
    )

    def fit(self, X: TextsLike, y: None = None, *, run: Run | None = None) -> Self:
        """Learn a vocabulary and a model from texts: a list of them, or a pathlib.Path.

        Files are read piece by piece: text (UTF-8), gzipped text, Parquet, or a folder of such;
        ``Path("-")`` is standard input. Texts without a token are left out. ``run`` says where
        checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        self.check_parameters()
        heads_of(self.width, self.heads, type(self).__name__)
        texts = as_texts(X, self.unit)
        if not any(text.strip() for text in texts):
            raise InputError(
                "MaskedLanguageModel: the corpus is empty; expected at least one text that is not"
            )
        hardware = self._hardware()
        vocabulary = Vocabulary.train(texts, self.vocabulary_size)
        # the processes that train together have one
        written = hardware.from_first(vocabulary.tokenizer.to_str())
        self.vocabulary_ = Vocabulary.from_json(written, vocabulary.names)
        rows = self._rows(texts, self.context - 2, keep_empty=False)
        self.lengths_ = tuple(
            int(n) for n in np.quantile(rows.lengths, np.linspace(0, 1, 101), method="nearest")
        )
        self.n_features_in_ = 1
        energy = self._train(self._start(rows, None, hardware), run)
        return self._become(cast(TokenPrediction, energy))

    def _initial(self, start: Start) -> TokenPrediction:
        network = TextTransformer(
            len(self.vocabulary_), self.vocabulary_.marks, self.width, self.layers,
            heads_of(self.width, self.heads, type(self).__name__),
            context=self.context, generator=start.seeds.model,
        )  # fmt: skip
        return TokenPrediction(network)

    def _begun(self, start: Start, energy: Energy) -> Denoising:
        corruption = self._corruption()
        last = len(start.source) - 1
        tried = np.unique(np.linspace(0, last, LOOKED_AT).astype(np.int64))
        rows = torch.from_numpy(start.source.take(tried))
        if not bool(corruption(rows, torch.Generator().manual_seed(0)).asked.any()):
            parts = "tokens" if self.pretext == "token" else "words"
            raise InputError(
                f"MaskedLanguageModel: of {len(tried)} texts throughout the corpus nothing can be "
                f"hidden with something left to see; expected texts of two {parts} or more"
            )
        return Denoising(corruption)

    def _rows_a_step(self, start: Start) -> int:
        return max(1, round(self.batch_tokens / (_mean_length(start) + 2)))

    def _recipe(self, start: Start) -> Recipe:
        steps = self.epochs * math.ceil(len(start.source) / self._rows_a_step(start))
        per_text = max(1.0, self.fraction * _mean_length(start))
        return Recipe(
            steps, ADAM_SHARE * self.learning_rate, clip=LONGEST_GRADIENT * per_text,
            accumulate=self.accumulate, matrix_rate=self.learning_rate,
        )  # fmt: skip

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted model to a folder, whole or not at all.

        It opens with ``thalweg.load``, and as it is with transformers'
        ``AutoModelForMaskedLM.from_pretrained`` and ``AutoTokenizer.from_pretrained``.
        """
        check_is_fitted(self)
        save_folder(self, path)

    def _corruption(self) -> Corruption:
        vocabulary = self.vocabulary_
        hiding: Hiding
        if self.pretext == "token":
            hiding = Masked(self.fraction)
        else:
            run = MEAN_RUN if self.pretext == "span" else 1.0
            hiding = MaskedWords(self.fraction, vocabulary.joins, vocabulary.opens, run)
        if self.replacement == "mask":
            return hiding
        return Disguised(hiding, np.flatnonzero(~vocabulary.special))


def _mean_length(start: Start) -> float:
    return float(cast(TokenRows, start.source).lengths.mean())

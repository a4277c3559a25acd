"""A masked language model, pretrained from plain text."""

from __future__ import annotations

import math
import os
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from thalweg.core import Batch, Choice, Constraint, Device, InputError, Integer, Real, Seed
from thalweg.data import Shuffled, TextsLike, Vocabulary, as_texts
from thalweg.energies import TextTransformer, TokenPrediction
from thalweg.energies.text_transformer import heads_of
from thalweg.estimators.language_questions import LanguageModel
from thalweg.estimators.networks import run_facts, seeds
from thalweg.estimators.text_storage import save_folder
from thalweg.objectives import Denoising
from thalweg.pretext import Corruption, Disguised, Hiding, Masked, MaskedWords
from thalweg.training import Hardware, History, Recipe, Run, fit
from thalweg.training.hardware import PRECISIONS

MEAN_RUN = 3.0
"""Of spans, in words"""

LONGEST_GRADIENT = 1.0
"""Of the cost of one token"""

LOOKED_AT = 1000
"""Texts, at most, for whether something can be hidden of them"""

ADAM_SHARE = 0.3
"""Of the learning rate, for what Muon does not move"""


class MaskedLanguageModel(LanguageModel):
    r"""A masked language model (BERT): tokens of a text predicted from all others.

    .. math::
        F(y) = -\sum_{i} \log p(y_i \mid y_{\setminus i}), \quad \text{trained on} \quad
        -\sum_{i \text{ hidden}} \log p(y_i \mid y_{\text{visible}})

    A text is cut into tokens, pieces of words, which a byte-level byte-pair encoding learns from
    the corpus; a transformer encoder (:class:`thalweg.energies.TextTransformer`) says of hidden
    ones what they may be. ``complete`` fills in ``[MASK]``, several of them together;
    ``transform`` gives what the network makes of a text inside, averaged over its tokens.

    Parameters
    ----------
    vocabulary_size : int or None, default None
        Tokens. None: 8,000, or as many as the corpus supports.
    layers : int, default 4
    width : int, default 256
        Size of a token inside; a multiple of 2 heads.
    heads : int or None, default None
        Of attention. None: one for every 64 of the width.
    context : int, default 128
        Longest text in tokens, its two marks included; longer ones are split.
    pretext : {"token", "word", "span"}, default "token"
        What is hidden in training: tokens by themselves, whole words, runs of about three words.
    fraction : float, default 0.3
        Share of the tokens that are hidden in training. More than BERT's 0.15: each step asks for
        more, and at this size that teaches faster.
    replacement : {"mask", "80/10/10"}, default "mask"
        What stands where a token is asked for: the mask; or in 80 of 100 the mask, in 10 another
        token, in 10 the token itself.
    unit : {"line", "paragraph"}, default "line"
        What one text is, where texts come from a file to learn from.
    epochs : int, default 3
        How often every text is looked at.
    batch_tokens : int, default 2048
        Tokens a step, about: as many texts as have so many in the mean.
    accumulate : int, default 1
        Parts of a step that are gone through one after the other, to save memory.
    learning_rate : float, default 0.01
        At its height; it rises over the first steps and falls to 0. It is that of Muon, for the
        matrices inside; embeddings and scales learn by Adam, at 0.3 of it.
    precision : {"no", "bf16", "fp16"}, default "no"
        Type of the large products; bf16 is about twice as fast on processors that have it.
    random_state : int, RandomState or None, default None
    device : str, default "auto"
    verbose : int, default 0

    Attributes
    ----------
    energy_ : TokenPrediction
    vocabulary_ : Vocabulary
    lengths_ : tuple of int
        Quantiles of the lengths of the training texts, in tokens, from the shortest to the longest.
    history_ : History
        Loss of every step; its metric ``error`` is the loss a token. Not saved.

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

    history_: History

    parameters: ClassVar[dict[str, Constraint]] = {
        "vocabulary_size": Integer(261, none=True),
        "layers": Integer(1),
        "width": Integer(2),
        "heads": Integer(1, none=True),
        "context": Integer(3),
        "pretext": Choice(("token", "word", "span")),
        "fraction": Real(0, above=True, high=1, below=True),
        "replacement": Choice(("mask", "80/10/10")),
        "unit": Choice(("line", "paragraph")),
        "epochs": Integer(0),
        "batch_tokens": Integer(1),
        "accumulate": Integer(1),
        "learning_rate": Real(0, above=True),
        "precision": Choice(PRECISIONS),
        "random_state": Seed(),
        "device": Device(),
        "verbose": Integer(0),
    }

    def __init__(
        self,
        vocabulary_size: int | None = None,
        *,
        layers: int = 4,
        width: int = 256,
        heads: int | None = None,
        context: int = 128,
        pretext: str = "token",
        fraction: float = 0.3,
        replacement: str = "mask",
        unit: str = "line",
        epochs: int = 3,
        batch_tokens: int = 2048,
        accumulate: int = 1,
        learning_rate: float = 0.01,
        precision: str = "no",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.vocabulary_size = vocabulary_size
        self.layers = layers
        self.width = width
        self.heads = heads
        self.context = context
        self.pretext = pretext
        self.fraction = fraction
        self.replacement = replacement
        self.unit = unit
        self.epochs = epochs
        self.batch_tokens = batch_tokens
        self.accumulate = accumulate
        self.learning_rate = learning_rate
        self.precision = precision
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: TextsLike, y: None = None, *, run: Run | None = None) -> Self:
        """Learn a vocabulary and a model from texts: a list of them, or a pathlib.Path.

        Files are read piece by piece: text (UTF-8), gzipped text, Parquet, or a folder of such;
        ``Path("-")`` is standard input. Texts without a token are left out. ``run`` says where
        checkpoints and logs go (:class:`thalweg.training.Run`).
        """
        self._check_parameters()
        heads = heads_of(self.width, self.heads, type(self).__name__)
        texts = as_texts(X, self.unit)
        if not any(text.strip() for text in texts):
            raise InputError(
                "MaskedLanguageModel: the corpus is empty; expected at least one text that is not"
            )
        hardware = Hardware(str(Device.resolve(self.device)), self.precision)
        found = seeds(self.random_state, hardware)
        vocabulary = Vocabulary.train(texts, self.vocabulary_size)
        # the processes that train together have one
        written = hardware.from_first(vocabulary.tokenizer.to_str())
        self.vocabulary_ = Vocabulary.from_json(written, vocabulary.names)
        rows = self._rows(texts, self.context - 2, keep_empty=False)
        corruption = self._corruption()
        some = np.unique(np.linspace(0, len(rows) - 1, LOOKED_AT).astype(np.int64))
        spoiled = corruption(torch.from_numpy(rows.take(some)), torch.Generator().manual_seed(0))
        if not bool(spoiled.asked.any()):
            parts = "tokens" if self.pretext == "token" else "words"
            raise InputError(
                f"MaskedLanguageModel: of {len(some)} texts throughout the corpus nothing can be "
                f"hidden with something left to see; expected texts of two {parts} or more"
            )
        self.lengths_ = tuple(
            int(n) for n in np.quantile(rows.lengths, np.linspace(0, 1, 101), method="nearest")
        )
        self.n_features_in_ = 1
        network = TextTransformer(
            len(self.vocabulary_), self.vocabulary_.marks, self.width, self.layers, heads,
            context=self.context, generator=found.model,
        )  # fmt: skip
        energy = TokenPrediction(network).to(hardware.device)
        size = max(1, round(self.batch_tokens / (float(rows.lengths.mean()) + 2)))
        steps = self.epochs * math.ceil(len(rows) / size)
        order = Shuffled(len(rows), size, steps, found.order, hardware.rank, hardware.size)
        per_text = max(1.0, self.fraction * float(rows.lengths.mean()))
        recipe = Recipe(
            steps, ADAM_SHARE * self.learning_rate, clip=LONGEST_GRADIENT * per_text,
            precision=self.precision, accumulate=self.accumulate, matrix_rate=self.learning_rate,
            facts=run_facts(self, rows),
        )  # fmt: skip

        def take(index: NDArray[np.int64]) -> Batch:
            return Batch(torch.from_numpy(rows.take(index)).to(hardware.device))

        self.history_ = fit(
            energy, Denoising(corruption), take, order, recipe, found.noise,
            title=type(self).__name__, hardware=hardware, run=run, verbose=self.verbose > 0,
        )  # fmt: skip
        return self._become(energy)

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

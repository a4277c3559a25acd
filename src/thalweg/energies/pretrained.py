"""Masked language models of the transformers library, as networks of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from thalweg.core import BEYOND_TOKEN, InputError
from thalweg.data import Marks, Vocabulary
from thalweg.energies.tokens import TokenNetwork

MARK_NAMES = ("start", "end", "mask", "padding")

MOST_LOGITS = 2**26
"""Numbers of the output, which is there for every token and not only for those asked for"""


class PretrainedNetwork(TokenNetwork):
    """A model of transformers with a head for masked language modelling.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        Takes ``input_ids`` and ``attention_mask``, gives ``logits`` and ``hidden_states``.
    marks : Marks
    """

    def __init__(self, model: Any, marks: Marks) -> None:
        config = model.config
        context = int(config.max_position_embeddings) - _reserved(model)
        super().__init__(int(config.vocab_size), marks, int(config.hidden_size), context)
        self.model = model
        self.at_a_time = max(context, MOST_LOGITS // self.vocabulary_size)

    def predict(self, y: Tensor, asked: Tensor) -> Tensor:
        logits: Tensor = self._run(y).logits
        return logits[:, 1:-1][asked]

    def represent(self, y: Tensor) -> Tensor:
        inside = self._run(y, output_hidden_states=True).hidden_states[-1]
        there = self._there(y)[..., None]
        mean: Tensor = (inside * there).sum(dim=1) / there.sum(dim=1)
        return mean

    def _there(self, y: Tensor) -> Tensor:
        """Which places of the padded rows, marks included, belong to the text: (n, L + 2)."""
        lengths = (y != BEYOND_TOKEN).sum(dim=1)
        return torch.arange(y.shape[1] + 2, device=y.device) < lengths[:, None] + 2

    def _run(self, y: Tensor, **more: Any) -> Any:
        marks, there = self.marks, self._there(y)
        edge = y.new_full((len(y), 1), marks.padding)
        ids = torch.cat([edge, self.shown(y), edge], dim=1)
        ids[:, 0] = marks.start
        ids.scatter_(1, there.sum(dim=1, keepdim=True) - 1, marks.end)
        return self.model(input_ids=ids, attention_mask=there.long(), **more)


def _reserved(model: Any) -> int:
    """Positions that no token has: some models count from after that of the padding."""
    longest = model.config.max_position_embeddings
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and name.endswith("position_embeddings"):
            late = module.padding_idx is not None and module.num_embeddings == longest
            return int(module.padding_idx) + 1 if late else 0  # type: ignore[arg-type]
    return 0


def read_pretrained(folder: Path) -> tuple[PretrainedNetwork, Vocabulary]:
    """A model that transformers wrote, read by transformers; never its pickles or its code.

    Raises
    ------
    InputError
        If there is none that can be read, or transformers is not there.
    """
    try:
        from transformers import AutoModelForMaskedLM, AutoTokenizer, __version__
        from transformers.utils import logging
    except ImportError as error:
        raise InputError(
            f"{folder} is a model of transformers; expected the extra thalweg[text] to be installed"
        ) from error
    new = tuple(int(part) for part in __version__.split(".")[:2]) >= (4, 56)
    shows = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        network, found = AutoModelForMaskedLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False,
            output_loading_info=True, **{"dtype" if new else "torch_dtype": torch.float32},
        )  # fmt: skip
        missing = sorted(found["missing_keys"])
        if missing:
            raise InputError(
                f"no values for {missing[0]} (and {len(missing) - 1} others): it has no head for "
                "masked language modelling"
            )
        names = (
            tokenizer.cls_token or tokenizer.bos_token, tokenizer.sep_token or tokenizer.eos_token,
            tokenizer.mask_token, tokenizer.pad_token,
        )  # fmt: skip
        for name, what in zip(names, MARK_NAMES, strict=True):
            if name is None:
                raise InputError(f"its tokenizer has no {what} token")
        if not tokenizer.is_fast:
            raise InputError("its tokenizer is not of the tokenizers library")
        size = int(network.config.vocab_size)
        vocabulary = Vocabulary(tokenizer.backend_tokenizer, *names, size=size)
        wrapped = PretrainedNetwork(network, vocabulary.marks)
    except Exception as error:
        raise InputError(
            f"{folder} is not a masked language model that transformers can read from "
            f"model.safetensors and a tokenizer ({error})"
        ) from error
    finally:
        if shows:
            logging.enable_progress_bar()
    return wrapped, vocabulary

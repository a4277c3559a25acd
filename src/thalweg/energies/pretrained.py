"""Masked language models of the transformers library, as networks of ours."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from thalweg.core import BEYOND_TOKEN
from thalweg.data import Marks
from thalweg.energies.tokens import TokenNetwork

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

"""Masked language models of the transformers library, as networks of ours."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from thalweg.core import BEYOND_TOKEN, Bounded, InputError, check_file, read_file
from thalweg.core.bounded import ROOM
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


def check_sizes(folder: Path) -> list[int]:
    """Numbers of each tensor; refused if files are none, or the config asks for more.

    Links may lead to where the hub's client keeps what it fetched, and else not out of the folder.
    """
    within = folder.parent.parent if folder.parent.name == "snapshots" else folder
    expected = "a file of a model of transformers"
    sizes: list[int] = []
    for path in sorted(folder.iterdir()):
        if path.suffix == ".safetensors":
            check_file(path, expected, within)
            sizes += _sizes(path)
        elif path.suffix in (".json", ".txt", ".model", ".jinja") or path.is_symlink():
            check_file(path, expected, within)
    try:
        config = json.loads(read_file(folder / "config.json", expected, within))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{folder / 'config.json'} is damaged ({error}); expected JSON") from error
    for name, number in _whole_numbers(config):
        most = max(64, len(sizes)) if "layer" in name else sum(sizes) + ROOM
        if number > most:
            raise InputError(
                f"{folder / 'config.json'}: {name} is {number}, more than its tensors have room for"
            )
    return sizes


def _sizes(path: Path) -> list[int]:
    """Numbers of each tensor of a file, from its header alone."""
    try:
        with safe_open(path, "pt") as file:
            return [math.prod(file.get_slice(name).get_shape()) for name in file.keys()]  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(f"{path} is damaged ({error}); expected safetensors") from error


def _whole_numbers(value: Any, name: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _whole_numbers(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _whole_numbers(part, name)
    elif isinstance(value, int):
        yield name, value


def read_pretrained(folder: Path) -> tuple[PretrainedNetwork, Vocabulary]:
    """A model that transformers wrote, read by transformers; never its pickles or its code.

    Raises
    ------
    InputError
        If there is none that can be read, or transformers is not there.
    """
    try:
        from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer, __version__
        from transformers.utils import logging
    except ImportError as error:
        raise InputError(
            f"{folder} is a model of transformers; expected the extra thalweg[text] to be installed"
        ) from error
    sizes = check_sizes(folder)
    new = tuple(int(part) for part in __version__.split(".")[:2]) >= (4, 56)
    shows = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        with torch.device("meta"), Bounded(sizes):
            # what is asked for altogether is seen before there is memory for it
            AutoModelForMaskedLM.from_config(config, trust_remote_code=False)
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

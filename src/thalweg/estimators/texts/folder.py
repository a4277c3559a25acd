"""Language models on disk: a folder that transformers opens too."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from thalweg.core import InputError, write_folder_beside
from thalweg.data import Vocabulary
from thalweg.energies import PretrainedNetwork, TextTransformer, TokenPrediction
from thalweg.energies.text_transformer import WAVELENGTH
from thalweg.estimators.base.files import from_json, to_json
from thalweg.estimators.texts.model import LanguageModel

Model = TypeVar("Model", bound=LanguageModel)

FORMAT = 1

OURS = "thalweg.json"

MARK_NAMES = ("start", "end", "mask", "padding")

WRITTEN = (
    OURS,
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
"""Files of a folder that a model may be written over"""

NAMES = (
    (r"embedding\.weight", "model.embeddings.tok_embeddings.weight"),
    (r"enter\.weight", "model.embeddings.norm.weight"),
    (r"blocks\.(\d+)\.before\.weight", r"model.layers.\1.attn_norm.weight"),
    (r"blocks\.(\d+)\.enter\.weight", r"model.layers.\1.attn.Wqkv.weight"),
    (r"blocks\.(\d+)\.leave\.weight", r"model.layers.\1.attn.Wo.weight"),
    (r"blocks\.(\d+)\.between\.weight", r"model.layers.\1.mlp_norm.weight"),
    (r"blocks\.(\d+)\.up\.weight", r"model.layers.\1.mlp.Wi.weight"),
    (r"blocks\.(\d+)\.down\.weight", r"model.layers.\1.mlp.Wo.weight"),
    (r"norm\.weight", "model.final_norm.weight"),
    (r"head\.0\.weight", "head.dense.weight"),
    (r"head\.2\.weight", "head.norm.weight"),
    (r"offset", "decoder.bias"),
)
"""What our tensors are called in transformers' ModernBERT, whose architecture this is."""


def save_folder(model: LanguageModel, path: str | os.PathLike[str]) -> None:
    """Write a fitted model to a folder in the layout of transformers."""
    network = model.energy_.network
    vocabulary = model.vocabulary_
    ours = isinstance(network, TextTransformer)
    header = {
        "format": FORMAT,
        "network": "thalweg" if ours else "transformers",
        "estimator": type(model).__name__,
        "parameters": {k: to_json(v) for k, v in model.get_params(deep=False).items()},
        "lengths": list(model.lengths_),
        "marks": list(vocabulary.names),
    }
    with write_folder_beside(path, WRITTEN) as beside:
        if isinstance(network, PretrainedNetwork):
            network.model.save_pretrained(beside)
        elif isinstance(network, TextTransformer):
            tensors = {
                _renamed(name): tensor.detach().cpu().contiguous()
                for name, tensor in network.state_dict().items()
            }
            save_file(tensors, beside / "model.safetensors", {"format": "pt"})
            _write(beside / "config.json", _config(network))
        _write(beside / OURS, header)
        start, end, hidden, padding = vocabulary.names
        (beside / "tokenizer.json").write_text(
            vocabulary.tokenizer.to_str(pretty=True), encoding="utf-8"
        )
        _write(
            beside / "tokenizer_config.json",
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "cls_token": start,
                "sep_token": end,
                "mask_token": hidden,
                "pad_token": padding,
                "model_max_length": network.context,
                "clean_up_tokenization_spaces": False,
            },
        )


def load_folder(path: str | os.PathLike[str], kind: type[Model]) -> Model:
    """Read a language model of a kind from a folder: ours, or one that transformers wrote.

    Raises
    ------
    InputError
        If there is none in it, or it is damaged, or of a newer version.
    """
    folder = Path(path)
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder} has no config.json; expected the folder of a language model, written by "
            "save, by thalweg fit, or by transformers"
        )
    if not (folder / OURS).is_file():
        return _foreign(folder, kind())
    header = _read(folder / OURS)
    if not isinstance(header.get("format"), int) or header["format"] > FORMAT:
        raise InputError(
            f"{folder} has version {header.get('format')} of the format, of a newer thalweg; "
            f"expected at most {FORMAT} (upgrade thalweg to read it)"
        )
    try:
        model = kind(**{k: from_json(v) for k, v in header["parameters"].items()})
        model.check_parameters()
        if header["network"] == "transformers":
            _foreign(folder, model)
        else:
            model.vocabulary_ = Vocabulary.from_json(
                (folder / "tokenizer.json").read_text(encoding="utf-8"), header["marks"]
            )
            model._become(TokenPrediction(_network(folder, model.vocabulary_)))
        model.lengths_ = tuple(header["lengths"])
        return model
    except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        if isinstance(error, InputError) and str(folder) in str(error):
            raise
        raise InputError(f"{folder} is damaged: its files do not fit together ({error})") from error


def _network(folder: Path, vocabulary: Vocabulary) -> TextTransformer:
    """Ours, from what was written for transformers."""
    config = _read(folder / "config.json")
    network = TextTransformer(
        config["vocab_size"], vocabulary.marks, config["hidden_size"], config["num_hidden_layers"],
        config["num_attention_heads"], config["intermediate_size"],
        config["max_position_embeddings"],
    )  # fmt: skip
    found = load_file(folder / "model.safetensors")
    network.load_state_dict({name: found[_renamed(name)] for name in network.state_dict()})
    if len(vocabulary) != network.vocabulary_size:
        raise ValueError(f"{len(vocabulary)} tokens, and a network of {network.vocabulary_size}")
    return network


def _config(network: TextTransformer) -> dict[str, Any]:
    """What transformers has to know to build the same network."""
    block: Any = network.blocks[0]
    marks = network.marks
    turn = {"rope_type": "default", "rope_theta": WAVELENGTH}
    return {
        "architectures": ["ModernBertForMaskedLM"],
        "model_type": "modernbert",
        "dtype": "float32",
        "vocab_size": network.vocabulary_size,
        "hidden_size": network.width,
        "intermediate_size": block.down.in_features,
        "num_hidden_layers": len(network.blocks),
        "num_attention_heads": network.heads,
        "max_position_embeddings": network.context,
        "layer_types": ["full_attention"] * len(network.blocks),
        "rope_parameters": {"full_attention": turn, "sliding_attention": turn},
        # the two above, as older versions have them
        "global_attn_every_n_layers": 1,
        "global_rope_theta": WAVELENGTH,
        "local_attention": network.context,
        "hidden_activation": "gelu",
        "classifier_activation": "gelu",
        "norm_eps": network.norm.eps,
        "norm_bias": False,
        "attention_bias": False,
        "mlp_bias": False,
        "classifier_bias": False,
        "decoder_bias": True,
        "tie_word_embeddings": True,
        "pad_token_id": marks.padding,
        "bos_token_id": marks.start,
        "cls_token_id": marks.start,
        "eos_token_id": marks.end,
        "sep_token_id": marks.end,
    }


def _foreign(folder: Path, model: Model) -> Model:
    """A model that transformers wrote, read by transformers; never its pickles or its code."""
    try:
        from transformers import AutoModelForMaskedLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError as error:
        raise InputError(
            f"{folder} is a model of transformers; expected that library to be installed: "
            "pip install 'thalweg[text]'"
        ) from error
    shows = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        network, found = AutoModelForMaskedLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, trust_remote_code=False,
            dtype=torch.float32, output_loading_info=True,
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
        model.vocabulary_ = Vocabulary(tokenizer.backend_tokenizer, *names, size=size)
        wrapped = PretrainedNetwork(network, model.vocabulary_.marks)
    except Exception as error:
        raise InputError(
            f"{folder} is not a masked language model that transformers can read from "
            f"model.safetensors and a tokenizer ({error})"
        ) from error
    finally:
        if shows:
            logging.enable_progress_bar()
    config = network.config
    model.set_params(
        width=wrapped.width, context=wrapped.context, layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
    )  # fmt: skip
    model.lengths_ = (wrapped.context - 2,)
    return model._become(TokenPrediction(wrapped))


def _renamed(name: str) -> str:
    for pattern, other in NAMES:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, other, name)
    raise KeyError(name)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged ({error}); expected JSON") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged; expected an object of JSON")
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, default=int) + "\n", encoding="utf-8")

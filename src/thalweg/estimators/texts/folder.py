"""Language models on disk: a folder that transformers opens too."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from thalweg.core import InputError, write_folder_beside
from thalweg.core.plain import from_json, to_json
from thalweg.data import Vocabulary
from thalweg.energies import PretrainedNetwork, TextTransformer, TokenPrediction
from thalweg.energies.modern_bert import config_of, network_of, tensors_of
from thalweg.energies.pretrained import read_pretrained
from thalweg.estimators.texts.model import LanguageModel

Model = TypeVar("Model", bound=LanguageModel)

FORMAT = 1

OURS = "thalweg.json"

WRITTEN = (
    OURS,
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
)
"""Files of a folder that a model may be written over"""


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
            save_file(tensors_of(network), beside / "model.safetensors", {"format": "pt"})
            _write(beside / "config.json", config_of(network))
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
                "model_input_names": ["input_ids", "attention_mask"],
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
            network = network_of(
                _read(folder / "config.json"),
                load_file(folder / "model.safetensors"),
                model.vocabulary_.marks,
            )
            if len(model.vocabulary_) != network.vocabulary_size:
                raise ValueError(
                    f"{len(model.vocabulary_)} tokens, and a network of {network.vocabulary_size}"
                )
            model._become(TokenPrediction(network))
        model.lengths_ = tuple(header["lengths"])
        return model
    except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
        if isinstance(error, InputError) and str(folder) in str(error):
            raise
        raise InputError(f"{folder} is damaged: its files do not fit together ({error})") from error


def _foreign(folder: Path, model: Model) -> Model:
    """A model that transformers wrote."""
    network, model.vocabulary_ = read_pretrained(folder)
    config = network.model.config
    model.set_params(
        width=network.width, context=network.context, layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
    )  # fmt: skip
    model.lengths_ = (network.context - 2,)
    return model._become(TokenPrediction(network))


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

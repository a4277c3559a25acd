"""Language models on disk: a folder that transformers opens too."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors.torch import save_file

from thalweg.core import Bounded, InputError, Sizes, read_file, write_folder_beside
from thalweg.core.plain import parse_json, to_json
from thalweg.data import Vocabulary
from thalweg.energies import PretrainedNetwork, TextTransformer, TokenPrediction
from thalweg.energies.modern_bert import check_config, config_of, fill, network_of, tensors_of
from thalweg.energies.pretrained import read_pretrained
from thalweg.estimators.base.files import (
    NewerError,
    check_finite,
    check_values,
    check_version,
    parts_of,
)
from thalweg.estimators.base.header import parameters_of
from thalweg.estimators.base.loading import fit_together
from thalweg.estimators.texts.model import LanguageModel

Model = TypeVar("Model", bound=LanguageModel)

FORMAT = 1

TRIES = 20
"""Times that a folder is read anew where it changes meanwhile"""

OURS = "thalweg.json"

PARTS = ("format", "network", "estimator", "parameters", "lengths", "marks")
"""Of that file"""

CALIBRATION = "calibration"
"""A part of it that is there of a model that was calibrated"""

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
    check_finite(type(model).__name__, dict(network.named_parameters()))
    header = {
        "format": FORMAT,
        "network": "thalweg" if ours else "transformers",
        "estimator": type(model).__name__,
        "parameters": {k: to_json(v) for k, v in model.get_params(deep=False).items()},
        "lengths": list(model.lengths_),
        "marks": list(vocabulary.names),
    }
    calibration = getattr(model, "calibration_", None)
    if calibration is not None:
        header[CALIBRATION] = calibration.tolist()
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
    for _ in range(TRIES):
        # a folder that a save puts in its place meanwhile is read anew, not half of each
        before = _which(folder)
        try:
            model = _read(folder, kind)
        except InputError:
            if _which(folder) == before:
                raise
            continue
        if _which(folder) == before:
            return model
    raise InputError(f"{folder} changes while it is read; expected a folder that is left alone")


def _which(folder: Path) -> int | None:
    """Which folder has the name now."""
    return folder.stat().st_ino if folder.exists() else None


def _read(folder: Path, kind: type[Model]) -> Model:
    if not os.path.lexists(folder / OURS):
        return _foreign(folder, kind())
    header = _json(folder, OURS)
    try:
        check_version(folder, header.get("format"), FORMAT)
        _check_parts(header, kind.__name__)
        model = kind(**parameters_of(header["parameters"], kind.parameters, {}))
        if header["network"] == "transformers":
            _foreign(folder, model)
        else:
            network, model.vocabulary_ = _our_network(folder, tuple(header["marks"]))
            said = tuple(model.get_params()[name] for name in ("width", "layers", "context"))
            here = (network.width, len(network.blocks), network.context)
            if here != said:
                raise InputError(
                    f"width, layers and context are {here} in config.json and {said} in {OURS}"
                )
            model._become(TokenPrediction(network))
        model.lengths_ = tuple(header["lengths"])
        if CALIBRATION in header:
            model.calibration_ = np.array(header[CALIBRATION], dtype=np.float64)
        if max(model.lengths_) > model.energy_.network.context:
            raise InputError(f"lengths go beyond the context, {model.energy_.network.context}")
        return model
    except (InputError, RuntimeError, ArithmeticError, AssertionError) as error:
        if isinstance(error, NewerError) or str(folder) in str(error):
            raise
        raise InputError(f"{folder} is damaged: its files do not fit together ({error})") from error


def _check_parts(header: dict[str, Any], owner: str) -> None:
    """Hold a header to its parts and their types; parameters are looked at one by one later."""
    for name in sorted({*PARTS} ^ ({*header} - {CALIBRATION})):
        raise InputError(f"{OURS} has {'no' if name in PARTS else 'a part'} {name!r:.40}")
    lengths, marks = header["lengths"], header["marks"]
    energies = header.get(CALIBRATION, [0.0])
    good = {
        "estimator": header["estimator"] == owner,
        "network": header["network"] in ("thalweg", "transformers"),
        "parameters": isinstance(header["parameters"], dict),
        "lengths": isinstance(lengths, list) and Sizes().allows(lengths) and len(lengths) > 0,
        CALIBRATION: isinstance(energies, list)
        and len(energies) > 0
        and all(type(each) is float and math.isfinite(each) for each in energies)
        and sorted(energies) == energies,
        "marks": isinstance(marks, list) and len(marks) == 4 and all(type(m) is str for m in marks),
    }
    for name, is_good in good.items():
        if not is_good:
            raise InputError(f"{name} of {OURS} is {header[name]!r:.60}, which save does not write")


def _our_network(folder: Path, names: tuple[str, ...]) -> tuple[TextTransformer, Vocabulary]:
    """A network of ours and its tokens; what files say is held to the tensors first."""
    weights, config = folder / "model.safetensors", _json(folder, "config.json")
    tensors, _ = parts_of(_content(weights, folder), weights, "a file written by save")
    check_config(config, tensors)
    for name, tensor in tensors.items():
        if tensor.dim() > 2:
            raise InputError(f"{name} has {tensor.dim()} axes; expected at most 2")
        check_values(name, tensor)
    written = _content(folder / "tokenizer.json", folder)
    vocabulary = Vocabulary.from_json(written.decode(errors="replace"), names, config["vocab_size"])
    with Bounded([tensor.numel() for tensor in tensors.values()]):
        network = network_of(config, vocabulary.marks)
    fit_together(tensors_of(network), tensors)
    fill(network, tensors)
    return network, vocabulary


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


def _content(path: Path, folder: Path) -> bytes:
    return read_file(path, "a file of a language model", within=folder)


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = parse_json(_content(folder / name, folder))
    except InputError as error:
        if str(folder) in str(error):
            raise
        raise InputError(f"{folder / name} is damaged ({error}); expected JSON") from error
    if not isinstance(content, dict):
        raise InputError(f"{folder / name} is damaged; expected an object of JSON")
    return content


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, default=int) + "\n", encoding="utf-8")

"""Our text transformer in the layout of transformers' ModernBERT, whose architecture it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from thalweg.core import InputError, Integer
from thalweg.data import Marks
from thalweg.energies.text_transformer import WAVELENGTH, TextTransformer

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
"""What our tensors are called there."""


SIZES = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "max_position_embeddings",
)  # fmt: skip
"""What a network of ours is built from"""


def tensors_of(network: TextTransformer) -> dict[str, Tensor]:
    """The weights, by the names that they have there."""
    return {
        _renamed(name): tensor.detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }


def config_of(network: TextTransformer) -> dict[str, Any]:
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


def check_config(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Hold what a config says of sizes to the tensors that are there."""
    for name in SIZES:
        if name not in config:
            raise InputError(f"config.json has no {name}")
        if not Integer(1).allows(config[name]):
            raise InputError(
                f"{name} of config.json must be a whole number of at least 1, got "
                f"{config[name]!r:.40}"
            )
    embedding = _renamed("embedding.weight")
    expected = (config["vocab_size"], config["hidden_size"])
    if embedding not in tensors or tuple(tensors[embedding].shape) != expected:
        raise InputError(f"there is no tensor {embedding} of {expected}, as config.json says")


def network_of(config: Mapping[str, Any], marks: Marks) -> TextTransformer:
    """A network of ours, of the sizes that :func:`config_of` wrote, without its weights."""
    return TextTransformer(
        config["vocab_size"], marks, config["hidden_size"], config["num_hidden_layers"],
        config["num_attention_heads"], config["intermediate_size"],
        config["max_position_embeddings"],
    )  # fmt: skip


def fill(network: TextTransformer, tensors: Mapping[str, Tensor]) -> None:
    """Give a network the weights that :func:`tensors_of` gave."""
    network.load_state_dict({name: tensors[_renamed(name)] for name in network.state_dict()})


def _renamed(name: str) -> str:
    for pattern, other in NAMES:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, other, name)
    raise KeyError(name)

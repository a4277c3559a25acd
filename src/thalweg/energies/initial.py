"""Initial weights from a generator of one's own."""

from __future__ import annotations

import math

import torch
from torch import nn


@torch.no_grad()
def draw_weights(
    network: nn.Module,
    generator: torch.Generator | None = None,
    gain: float = 1 / math.sqrt(3),
    offsets: bool = False,
) -> None:
    """Draw the weights of every linear layer and convolution anew.

    Uniform with the variance gain^2 / fan_in.

    Parameters
    ----------
    network : Module
    generator : torch.Generator, optional
        torch's own if not given.
    gain : float, default 1 / sqrt(3)
        That of torch's own linear layers.
    offsets : bool, default False
        Whether offsets are drawn so too, as torch has it; else they become 0.
    """
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)):
            bound = gain * math.sqrt(3 / layer.weight[0].numel())
            layer.weight.uniform_(-bound, bound, generator=generator)
            if layer.bias is None:
                continue
            if offsets:
                layer.bias.uniform_(-bound, bound, generator=generator)
            else:
                layer.bias.zero_()

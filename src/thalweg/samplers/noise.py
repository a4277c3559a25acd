"""Random numbers for a step: what chain i gets does not depend on how many chains there are.

On a CPU every call takes one number from the generator, and it is the key of a stream of its own
(:mod:`thalweg.kernels.random_numbers`), which is read chain after chain. Without that, the second
step of chain 0 would begin in the stream where the first step of the last chain ended. On a GPU
torch deals its stream out to threads in an order that depends on the size, and numbers come from
the generator directly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from thalweg.core.compiled import LIKE
from thalweg.samplers.native import KINDS

STEP = {torch.float32: 2.0**-24, torch.float64: 2.0**-53}
"""How far numbers from [0, 1) lie apart"""


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal numbers with the shape, type and device of ``like``."""
    if like.device.type == "cpu":
        return _filled(like, generator, normal=True)
    return torch.randn(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    """Numbers from [0, 1) with the shape, type and device of ``like``."""
    if like.device.type == "cpu":
        return _filled(like, generator, normal=False)
    return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)


def bits(field: Tensor, generator: torch.Generator) -> Tensor:
    """Bits, 0 and 1, with the shape, type and device of their log odds."""
    kind = KINDS.get(field.dtype) if field.device.type == "cpu" else None
    if kind is None:
        return (uniform(field, generator) < field.sigmoid()).to(field)
    from thalweg.kernels.machine import choose  # compiled: slow to import

    drawn = stream_of(key_of(generator), field.numel(), kind, normal=False)
    choose(LIKE[field.dtype], field.detach().numpy().reshape(-1), drawn, STEP[field.dtype] / 2)
    return torch.from_numpy(drawn.reshape(field.shape))


def _filled(like: Tensor, generator: torch.Generator, normal: bool) -> Tensor:
    kind = KINDS.get(like.dtype)
    if kind is None:
        # of shorter types one rounded up to 1 would not be below it
        other = _filled(torch.empty_like(like, dtype=torch.float32), generator, normal)
        short = other.to(like.dtype)
        return short if normal else short.where(short < 1, 0)
    stream = stream_of(key_of(generator), like.numel(), kind, normal)
    return torch.from_numpy(stream.reshape(like.shape))


def stream_of(key: int, n: int, kind: np.dtype[Any], normal: bool = True) -> NDArray[Any]:
    """The first n numbers of a stream, standard normal ones or from [0, 1)."""
    from thalweg.kernels.random_numbers import fill, room_for  # compiled: slow to import

    out = np.empty(room_for(n, kind), kind)
    fill(key, out, normal)
    return out[:n]


def key_of(generator: torch.Generator) -> int:
    """The next number of a generator, that a stream is named by."""
    return int(torch.randint(2**62, (), generator=generator, device=generator.device))


def gumbel(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel numbers: the arg max of them plus logits is a draw of a category."""
    u = uniform(like, generator).clamp(min=torch.finfo(like.dtype).tiny)
    return -(-u.log()).log()


def one_uniform(generator: torch.Generator) -> float:
    """A number from [0, 1) on the host, without waiting for a GPU."""
    if generator.device.type == "cpu":
        return float(torch.rand((), generator=generator, dtype=torch.float64))
    # the place in a GPU's stream is known to the host: hash it and move on by one block of four
    place = generator.get_offset()
    generator.set_offset(place + 4)
    key = (generator.initial_seed() * 0x9E3779B97F4A7C15 + place) % 2**63
    host = torch.Generator().manual_seed(key)
    return float(torch.rand((), generator=host, dtype=torch.float64))


def branch_off(generator: torch.Generator) -> torch.Generator:
    """A generator for a step that takes no one knows how many numbers; its own moves on by one."""
    return _stream(generator) if generator.device.type == "cpu" else generator


def _stream(generator: torch.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(key_of(generator))


def per_chain(value: Tensor, like: Tensor) -> Tensor:
    """A value for each chain (n,), shaped to broadcast against ``like`` ``(n, *shape)``."""
    return value.reshape(-1, *[1] * (like.dim() - 1))


def inner(one: Tensor, other: Tensor) -> Tensor:
    """The inner product of each row with its partner: (n,)."""
    return torch.linalg.vecdot(one.flatten(1), other.flatten(1))


def sum_of(values: Tensor) -> Tensor:
    """The sum over all but the first dimension: (n,)."""
    return values if values.dim() == 1 else values.flatten(1).sum(dim=1)

"""Latent spaces: the sets that z ranges over, and the energy R(z) on them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import InputError, LatentSpace, values_known


class Vectors(LatentSpace):
    """Vectors of k numbers: what the spaces of them share."""

    _like: Tensor

    def __init__(self, k: int) -> None:
        super().__init__()
        if k < 1:
            raise InputError(f"{type(self).__name__}: k must be at least 1, got {k}")
        self.k = k
        # follows the module's device and type, holds no data
        self.register_buffer("_like", torch.empty(0), persistent=False)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.k,)

    def forward(self, z: Tensor) -> Tensor:
        return z.new_zeros(z.shape[:-1])

    def _normal(self, n: int, generator: torch.Generator) -> Tensor:
        # drawn on the generator's device, so that a seed means the same draws everywhere
        drawn = torch.randn(
            n, self.k, generator=generator, device=generator.device, dtype=self._like.dtype
        )
        return drawn.to(self._like)

    def _uniform(self, n: int, generator: torch.Generator) -> Tensor:
        drawn = torch.rand(
            n, self.k, generator=generator, device=generator.device, dtype=self._like.dtype
        )
        return drawn.to(self._like)

    def _full(self, value: float) -> Tensor:
        return torch.full((self.k,), value, dtype=self._like.dtype, device=self._like.device)


class OneHot(Vectors):
    """One of k choices: z is a row of the k x k identity, R(z) = 0.

    Parameters
    ----------
    k : int
        How many choices.

    Examples
    --------
    >>> OneHot(3).members()
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]])
    """

    is_even = True

    def members(self) -> Tensor:
        return torch.eye(self.k, dtype=self._like.dtype, device=self._like.device)

    def nearest(self, z: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(z.argmax(dim=-1), self.k).to(z)

    def log_volume(self) -> Tensor:
        return self._like.new_tensor(math.log(self.k))

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        choice = torch.randint(self.k, (n,), generator=generator, device=generator.device)
        return self.members()[choice.to(self._like.device)]


class Flat(Vectors):
    """All vectors of k numbers, none dearer than another: R(z) = 0.

    exp(-R) has no finite integral, so an energy over it has no density of its own.
    """

    is_even = True


class Gaussian(Vectors):
    r"""All vectors of k numbers, :math:`R(z) = \tfrac12 \|z\|^2`: a standard normal prior.

    Examples
    --------
    >>> import torch
    >>> Gaussian(2)(torch.tensor([[3.0, 4.0]]))
    tensor([12.5000])
    """

    def forward(self, z: Tensor) -> Tensor:
        return 0.5 * z.square().sum(dim=-1)

    def proximal(self, z: Tensor, step: Tensor) -> Tensor:
        return z / (1 + step)

    def extent(self) -> tuple[Tensor, Tensor]:
        return self._full(-8.0), self._full(8.0)

    def log_volume(self) -> Tensor:
        return self._like.new_tensor(0.5 * self.k * math.log(2 * math.pi))

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        return self._normal(n, generator)


class Sparse(Vectors):
    r"""All vectors of k numbers (or of none below 0), :math:`R(z) = a \|z\|_1`.

    Parameters
    ----------
    k : int
        How many numbers.
    weight : float
        a, at least 0.
    nonnegative : bool, default False
        Whether z has no negative entries.

    Examples
    --------
    >>> import torch
    >>> space = Sparse(3, weight=2.0)
    >>> space(torch.tensor([[1.0, -1.0, 0.0]]))
    tensor([4.])
    >>> space.proximal(torch.tensor([[3.0, -1.0, -5.0]]), torch.tensor(1.0))
    tensor([[ 1.,  0., -3.]])
    """

    def __init__(self, k: int, weight: float, nonnegative: bool = False) -> None:
        super().__init__(k)
        if not (weight >= 0 and math.isfinite(weight)):
            raise InputError(f"Sparse: weight must be a number of at least 0, got {weight}")
        self.weight = weight
        self.nonnegative = nonnegative

    def forward(self, z: Tensor) -> Tensor:
        return self.weight * z.abs().sum(dim=-1)

    def nearest(self, z: Tensor) -> Tensor:
        return z.clamp_min(0) if self.nonnegative else z

    def proximal(self, z: Tensor, step: Tensor) -> Tensor:
        threshold = self.weight * step
        if self.nonnegative:
            return torch.relu(z - threshold)
        return z - torch.minimum(torch.maximum(z, -threshold), threshold)

    def extent(self) -> tuple[Tensor, Tensor] | None:
        if self.weight == 0:
            return None
        high = self._full(36 / self.weight)
        return (0 * high if self.nonnegative else -high), high

    def log_volume(self) -> Tensor | None:
        if self.weight == 0:
            return None
        each = (1 if self.nonnegative else 2) / self.weight
        return self._like.new_tensor(self.k * math.log(each))

    def draw(self, n: int, generator: torch.Generator) -> Tensor | None:
        if self.weight == 0:
            return None
        u = self._uniform(n, generator)
        if self.nonnegative:
            return -torch.log1p(-u) / self.weight
        side = 2 * u - 1
        return -side.sign() * torch.log1p(-side.abs()) / self.weight


class Ball(Vectors):
    r"""Vectors of k numbers with :math:`\|z\| \le r`; R(z) = 0 inside.

    Parameters
    ----------
    k : int
        How many numbers.
    radius : float, default 1
        r, above 0.

    Examples
    --------
    >>> import torch
    >>> Ball(2).nearest(torch.tensor([[3.0, 4.0], [0.1, 0.2]]))
    tensor([[0.6000, 0.8000],
            [0.1000, 0.2000]])
    """

    def __init__(self, k: int, radius: float = 1.0) -> None:
        super().__init__(k)
        if not (radius > 0 and math.isfinite(radius)):
            raise InputError(f"Ball: radius must be a number above 0, got {radius}")
        self.radius = radius

    def forward(self, z: Tensor) -> Tensor:
        outside = z.norm(dim=-1) > self.radius * (1 + 1e-5)
        return torch.where(outside, math.inf, 0.0).to(z)

    def nearest(self, z: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(z, dim=-1, keepdim=True)
        return z * (self.radius / length.clamp_min(self.radius))

    def extent(self) -> tuple[Tensor, Tensor]:
        return self._full(-self.radius), self._full(self.radius)

    def log_volume(self) -> Tensor:
        half = self.k / 2
        volume = half * math.log(math.pi) - math.lgamma(half + 1) + self.k * math.log(self.radius)
        return self._like.new_tensor(volume)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        direction = torch.nn.functional.normalize(self._normal(n, generator), dim=-1)
        share = self._uniform(n, generator)[:, :1] ** (1 / self.k)
        return self.radius * share * direction


class Box(LatentSpace):
    """Vectors between two corners; R(z) = 0 inside. An angle is a box from 0 to 2 pi.

    Parameters
    ----------
    low, high : Tensor
        (k,), the corners.

    Examples
    --------
    >>> import torch
    >>> Box(torch.tensor([0.0]), torch.tensor([2.0])).nearest(torch.tensor([[-1.0], [1.0]]))
    tensor([[0.],
            [1.]])
    """

    low: Tensor
    high: Tensor

    def __init__(self, low: Tensor, high: Tensor) -> None:
        super().__init__()
        if low.ndim != 1 or low.shape != high.shape or not (low < high).all():
            raise InputError(
                f"Box: low must be below high, both of shape (k,); got {low.tolist()} "
                f"and {high.tolist()}"
            )
        self.register_buffer("low", low)
        self.register_buffer("high", high)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.low.shape)

    def forward(self, z: Tensor) -> Tensor:
        outside = ((z < self.low) | (z > self.high)).any(dim=-1)
        return torch.where(outside, math.inf, 0.0).to(z)

    def nearest(self, z: Tensor) -> Tensor:
        return torch.minimum(torch.maximum(z, self.low), self.high)

    def extent(self) -> tuple[Tensor, Tensor]:
        return self.low, self.high

    def log_volume(self) -> Tensor:
        return (self.high - self.low).log().sum()

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(
            n, len(self.low), generator=generator, device=generator.device, dtype=self.low.dtype
        )
        return self.low + (self.high - self.low) * u.to(self.low)


class Codebook(LatentSpace):
    r"""Vectors made of m parts, each one of K learned entries; R(z) = 0.

    Parameters
    ----------
    entries : Tensor
        (K, p): the entries, a parameter.
    parts : int, default 1
        m; z has m p numbers.

    Examples
    --------
    >>> import torch
    >>> book = Codebook(torch.tensor([[0.0], [1.0]]), parts=2)
    >>> book.nearest(torch.tensor([[0.2, 0.9]])).detach()
    tensor([[0., 1.]])
    """

    is_even = True

    def __init__(self, entries: Tensor, parts: int = 1) -> None:
        super().__init__()
        if parts < 1:
            raise InputError(f"Codebook: parts must be at least 1, got {parts}")
        self.entries = torch.nn.Parameter(torch.as_tensor(entries).clone())
        self.parts = parts

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.parts * self.entries.shape[1],)

    def forward(self, z: Tensor) -> Tensor:
        return z.new_zeros(z.shape[:-1])

    def members(self) -> Tensor | None:
        return self.entries if self.parts == 1 else None

    def index(self, z: Tensor) -> Tensor:
        """Which entry is nearest to each part of z: (..., m)."""
        part = z.reshape(*z.shape[:-1], self.parts, self.entries.shape[1])
        if not values_known(z):
            # torch.cdist has no directional derivative
            return (part[..., None, :] - self.entries).square().sum(dim=-1).argmin(dim=-1)
        return torch.cdist(part, self.entries.expand(*part.shape[:-2], -1, -1)).argmin(dim=-1)

    def nearest(self, z: Tensor) -> Tensor:
        return self.entries[self.index(z)].reshape(z.shape)

    def log_volume(self) -> Tensor:
        return self.entries.new_tensor(self.parts * math.log(len(self.entries)))

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        shape = (n, self.parts)
        choice = torch.randint(
            len(self.entries), shape, generator=generator, device=generator.device
        )
        return self.entries[choice.to(self.entries.device)].reshape(n, -1)

"""Other views of an image: what should not change what it is taken for."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from thalweg.core import InputError, visible
from thalweg.pretext.base import Corrupted, Corruption
from thalweg.samplers.noise import normal, uniform


class View(Corruption):
    """Images through a random affine map, and with other tones.

    Subclasses say the map (``map``).

    Parameters
    ----------
    contrast : float, default 0.2
        The deviations from the image's mean are multiplied by up to so much more or less than 1.
    colour : float, default 0
        Each channel is multiplied by up to so much more or less than 1: other colours of light.
    noise : float, default 0
        Standard deviation of Gaussian noise, in the units of the pixels.
    """

    def __init__(self, contrast: float = 0.2, colour: float = 0.0, noise: float = 0.0) -> None:
        owner = type(self).__name__
        for name, value in (("contrast", contrast), ("colour", colour)):
            if not 0 <= value < 1:
                raise InputError(f"{owner}: {name} must be at least 0 and below 1, got {value}")
        if not 0 <= noise < math.inf:
            raise InputError(f"{owner}: noise must be at least 0 and finite, got {noise}")
        self.contrast, self.colour, self.noise = contrast, colour, noise

    @abstractmethod
    def map(self, n: int, aspect: float, generator: torch.Generator) -> Tensor:
        """Where each image is read: maps (n, 2, 3) from the view's places to the image's.

        Both have (0, 0) in their middle and reach from -1 to 1, across and down; ``aspect`` is the
        width over the height.
        """

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        images = y[..., None] if y.dim() == 3 else y
        if images.dim() != 4 or not images.is_floating_point():
            raise InputError(
                f"{type(self).__name__}: rows of shape {tuple(y.shape[1:])}, {y.dtype}; expected "
                "images in floating point, (height, width) or (height, width, channels)"
            )
        known = visible(images)
        planes = torch.where(known, images, 0).permute(0, 3, 1, 2)
        grid = self.map(len(y), images.shape[2] / images.shape[1], generator)
        where = functional.affine_grid(grid.to(planes), list(planes.shape), align_corners=False)
        seen = functional.grid_sample(planes, where, padding_mode="border", align_corners=False)
        seen = self._toned(seen, generator)
        if not bool(known.all()):
            # a pixel that any hidden one goes into is hidden
            part = functional.grid_sample(
                known.to(planes).permute(0, 3, 1, 2), where, padding_mode="border",
                align_corners=False,
            )  # fmt: skip
            seen = seen.masked_fill(part < 1 - 1e-4, torch.nan)
        return Corrupted(seen.permute(0, 2, 3, 1).reshape(y.shape), known.reshape(y.shape))

    def _toned(self, seen: Tensor, generator: torch.Generator) -> Tensor:
        """Planes (n, channels, height, width) with another contrast, other colours, noise."""
        if self.contrast:
            gain = 1 + self.contrast * (2 * uniform(seen[:, :1, :1, :1], generator) - 1)
            mean = seen.mean(dim=(1, 2, 3), keepdim=True)
            seen = mean + gain * (seen - mean)
        if self.colour:
            seen = seen * (1 + self.colour * (2 * uniform(seen[:, :, :1, :1], generator) - 1))
        if self.noise:
            seen = seen + self.noise * normal(seen, generator)
        return seen


class Cropped(View):
    """A random part of each image, brought back to its size, in half of them mirrored.

    Parameters
    ----------
    area : pair of float, default (0.4, 1.0)
        Range of the part's share of the image's area.
    mirror : bool, default True
    contrast, colour, noise : float
        As :class:`View` has them.

    References
    ----------
    Chen, Kornblith, Norouzi, Hinton, "A simple framework for contrastive learning of visual
    representations" (2020), section 3.
    """

    def __init__(
        self,
        area: tuple[float, float] = (0.4, 1.0),
        mirror: bool = True,
        contrast: float = 0.2,
        colour: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        super().__init__(contrast, colour, noise)
        low, high = area
        if not 0 < low <= high <= 1:
            raise InputError(f"Cropped: area must be a range within 0 and 1, got {area}")
        self.area, self.mirror = (low, high), mirror

    def map(self, n: int, aspect: float, generator: torch.Generator) -> Tensor:
        u = uniform(torch.empty(5, n, device=generator.device), generator)
        low, high = self.area
        side = (low + (high - low) * u[0]).sqrt()
        # up to a fifth wider than high, or the other way round
        ratio = ((2 * u[1] - 1) * math.log(1.2)).exp().sqrt()
        wide, tall = (side * ratio).clamp(max=1), (side / ratio).clamp(max=1)
        grid = torch.zeros(n, 2, 3, device=u.device)
        grid[:, 0, 0] = torch.where(u[2] < 0.5, -wide, wide) if self.mirror else wide
        grid[:, 1, 1] = tall
        grid[:, 0, 2] = (2 * u[3] - 1) * (1 - wide)
        grid[:, 1, 2] = (2 * u[4] - 1) * (1 - tall)
        return grid


class Moved(View):
    """Each image shifted, turned, sheared and resized a little: still the same letter or thing.

    What comes in from outside has the values of the border.

    Parameters
    ----------
    shift : float, default 0.1
        At most, as a share of the side.
    turn : float, default 10
        At most, in degrees, either way.
    shear : float, default 0.15
        At most, how far a row goes sideways for each row down.
    zoom : float, default 0.1
        Sizes are from 1 / (1 + zoom) to 1 + zoom, across and down each for itself.
    mirror : bool, default False
        Half of them left and right exchanged.
    contrast, colour, noise : float
        As :class:`View` has them.

    References
    ----------
    Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to visual
    document analysis" (2003).

    Examples
    --------
    >>> import torch
    >>> digits = torch.rand(3, 8, 8)
    >>> Moved()(digits, torch.Generator().manual_seed(0)).y.shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        shift: float = 0.1,
        turn: float = 10.0,
        shear: float = 0.15,
        zoom: float = 0.1,
        mirror: bool = False,
        contrast: float = 0.2,
        colour: float = 0.0,
        noise: float = 0.0,
    ) -> None:
        super().__init__(contrast, colour, noise)
        for name, value, most in (
            ("shift", shift, 1), ("turn", turn, 180), ("shear", shear, 1), ("zoom", zoom, 1),
        ):  # fmt: skip
            if not 0 <= value <= most:
                raise InputError(f"Moved: {name} must be from 0 to {most}, got {value}")
        self.shift, self.turn, self.shear, self.zoom = shift, turn, shear, zoom
        self.mirror = mirror

    def map(self, n: int, aspect: float, generator: torch.Generator) -> Tensor:
        u = 2 * uniform(torch.empty(7, n, device=generator.device), generator) - 1
        angle, slant = math.radians(self.turn) * u[0], self.shear * u[1]
        wide, tall = ((math.log1p(self.zoom) * u[i]).exp() for i in (2, 3))
        wide = torch.where(u[6] < 0, -wide, wide) if self.mirror else wide
        grid = torch.zeros(n, 2, 3, device=u.device)
        # in pixels: sizes first, then the slant, then the turn
        across, down = angle.cos(), angle.sin()
        grid[:, 0, 0], grid[:, 0, 1] = across * wide, (slant * across - down) * tall
        grid[:, 1, 0], grid[:, 1, 1] = down * wide, (slant * down + across) * tall
        grid[:, 0, 1] /= aspect
        grid[:, 1, 0] *= aspect
        # a side reaches from -1 to 1
        grid[:, 0, 2], grid[:, 1, 2] = 2 * self.shift * u[4], 2 * self.shift * u[5]
        return grid


class InUnits(Corruption):
    """A corruption of images in the units that they came in, for rows that have others.

    Parameters
    ----------
    corruption : Corruption
    shift, scale : Tensor or float
        The corruption is given scale y + shift.
    noise : float, default 0
        Standard deviation of Gaussian noise that is added last, in the units of the rows.
    """

    def __init__(
        self,
        corruption: Corruption,
        shift: Tensor | float,
        scale: Tensor | float,
        noise: float = 0.0,
    ) -> None:
        self.corruption, self.noise = corruption, noise
        self.shift, self.scale = torch.as_tensor(shift), torch.as_tensor(scale)

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        shift, scale = self.shift.to(y), self.scale.to(y)
        spoiled = self.corruption(y * scale + shift, generator)
        found = (spoiled.y - shift) / scale
        if self.noise:
            found = found + self.noise * normal(found, generator)
        return Corrupted(found, spoiled.asked)


class ByFunction(Corruption):
    """Views that a function makes.

    Parameters
    ----------
    function : callable
        From images (n, height, width, channels) to as many of the same shape; or from these and a
        ``torch.Generator``, for those that are to be the same at every run.
    """

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self.function = function
        self._drawn = _takes_two(function)

    def __call__(self, y: Tensor, generator: torch.Generator) -> Corrupted:
        made = self.function(y, generator) if self._drawn else self.function(y)
        if not isinstance(made, Tensor) or made.shape != y.shape:
            got = tuple(made.shape) if isinstance(made, Tensor) else type(made).__name__
            raise InputError(
                f"views: the function gave {got} for images {tuple(y.shape)}; expected a tensor of "
                "that shape"
            )
        return Corrupted(made.to(y), visible(y))


def _takes_two(function: Callable[..., Tensor]) -> bool:
    """Whether a function has a second argument without a value by default."""
    import inspect

    try:
        # a module's own call takes anything
        asked = function.forward if isinstance(function, torch.nn.Module) else function
        given = inspect.signature(asked).parameters.values()
    except (TypeError, ValueError):
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [each for each in given if each.kind in places and each.default is each.empty]
    return len(needed) == 2

"""The next frame of a clip: moved from the last one, by a motion that a latent variable chooses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from thalweg.core import InputError, LatentSpace
from thalweg.energies.by_place import over_cells, places_of_cells
from thalweg.energies.cost import Cost
from thalweg.energies.frame_encoding import ClipShape, FrameEncoder, FrameSummary, planes_of
from thalweg.energies.frame_prior import FramePrior
from thalweg.energies.initial import draw_weights
from thalweg.energies.reconstruction import Reconstruction
from thalweg.latents import OneHot, OneHots

CELL = 4
"""Side of the squares of pixels, in each of which motion varies smoothly."""


SPREAD = 0.1
"""Deviation of what codes begin with: how far apart their motions are."""

GAIN = 4.0
"""Of the logits of motions, which have to come a long way from all alike to one alone."""


class FrameNetwork(nn.Module):
    r"""g(f(x), z): frames that follow, each pixel a mixture of pixels near it in the last frame.

    .. math::
        \hat y_{t,p} = \sum_{s} w_{t,p,s}(f(x), z) \, x_{\mathrm{last},\, p + s} + r_{t,p}(f(x), z)

    over shifts s of up to ``reach`` pixels, w at least 0 and of sum 1, r what no motion explains.
    The state f(x) is one for all z. Of codes that are choices, pi says how usual each is after x.

    Parameters
    ----------
    shape : ClipShape
    codes : int
        Size of z.
    width : int, default 64
        Channels of the state.
    reach : int, default 4
        Longest motion from frame to frame, in pixels.
    generator : torch.Generator, optional
        Of the initial weights.
    places : pair of int, default (1, 1)
        Rows and columns of places, each of which has a code of its own; z is all of them, flat.

    References
    ----------
    Finn, Goodfellow, Levine, "Unsupervised learning for physical interaction through video
    prediction" (2016); De Brabandere et al., "Dynamic filter networks" (2016).
    """

    def __init__(
        self,
        shape: ClipShape,
        codes: int,
        width: int = 64,
        reach: int = 4,
        generator: torch.Generator | None = None,
        places: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        if min(shape.height, shape.width) < 2 * CELL:
            raise InputError(
                f"FrameNetwork: frames of {shape.height} x {shape.width}; expected at least "
                f"{2 * CELL} x {2 * CELL}"
            )
        self.cells = -(-shape.height // CELL), -(-shape.width // CELL)
        if any(not 1 <= p <= c for p, c in zip(places, self.cells, strict=True)):
            raise InputError(
                f"FrameNetwork: {places[0]} x {places[1]} places; expected 1 to "
                f"{self.cells[0]} x {self.cells[1]}, squares of {CELL} x {CELL} pixels"
            )
        self.shape, self.reach, self.codes, self.places = shape, reach, codes, places
        self.encoder = FrameEncoder(shape.context * shape.channels, width)
        self.choose = nn.Linear(codes, 2 * width)
        self.mix = nn.Conv2d(width, width, 1)
        self.shift = nn.Linear(codes, shape.horizon * (2 * reach + 1) ** 2, bias=False)
        self.motion = nn.Conv2d(width, shape.horizon * (2 * reach + 1) ** 2, 1)
        self.rest = nn.Conv2d(width, shape.horizon * shape.channels * CELL**2, 1)
        # of its own: motion that a code tells need not be in the state
        self.usual = FrameSummary(shape, shape.context, codes, width, places)
        draw_weights(self, generator)
        with torch.no_grad():
            # codes that differ from the first step on; nothing but motion before it
            self.choose.weight.normal_(0, 1, generator=generator)
            self.shift.weight.normal_(0, SPREAD, generator=generator)
            self.rest.weight.zero_()

    def state(self, x: Tensor) -> Tensor:
        """f(x), what is known from the context (n, context * frame): planes."""
        result: Tensor = self.encoder(planes_of(x, self.shape, self.shape.context))
        return result

    def log_share(self, x: Tensor) -> Tensor:
        """log pi_z(x), how usual each code is after this context: (n, k), place by place."""
        return self.usual(x).log_softmax(dim=-1).flatten(1)

    def _told(self, layer: nn.Module, z: Tensor) -> Tensor:
        """What a layer says of codes (n, k), for the places that they are of: planes."""
        if self.places == (1, 1):
            everywhere: Tensor = layer(z)[..., None, None]
            return everywhere
        return over_cells(layer(z.unflatten(-1, (-1, self.codes))), self.places, self.cells)

    def near(self, x: Tensor) -> Tensor:
        """Every shift of the last frame, square by square: (n, squares, shifts, pixels)."""
        h, side = self.shape, 2 * self.reach + 1
        last = x.reshape(-1, h.context, h.height, h.width, h.channels)[:, -1].permute(0, 3, 1, 2)
        below, right = -h.height % CELL, -h.width % CELL
        edges = (self.reach, self.reach + right, self.reach, self.reach + below)
        views = functional.pad(last, edges, mode="replicate").unfold(2, side, 1).unfold(3, side, 1)
        squares = views.unflatten(3, (-1, CELL)).unflatten(2, (-1, CELL))
        # (n, channels, row, in it, column, in it, shift, shift)
        return squares.permute(0, 2, 4, 6, 7, 1, 3, 5).flatten(5).flatten(3, 4).flatten(1, 2)

    def from_state(self, z: Tensor, state: Tensor, near: Tensor) -> Tensor:
        """Frames (n, horizon * frame) for codes (n, k) or (1, k)."""
        h = self.shape
        scale, offset = self._told(self.choose, z).chunk(2, dim=1)
        chosen = functional.silu((1 + scale) * state + offset)
        mixed = functional.silu(self.mix(chosen)) + chosen
        logits = GAIN * (self.motion(mixed) + self._told(self.shift, z))
        weights = logits.unflatten(1, (h.horizon, -1)).softmax(dim=2)
        # (n, squares, horizon, shifts) times (n, squares, shifts, pixels)
        moved = weights.flatten(3).permute(0, 3, 1, 2) @ near
        # (n, horizon, channels, in a square, square)
        squares = moved.unflatten(3, (h.channels, CELL**2)).permute(0, 2, 3, 4, 1)
        fine = squares.reshape(len(near), -1, *state.shape[2:]) + self.rest(mixed)
        planes = functional.pixel_shuffle(fine, CELL)[:, :, : h.height, : h.width]
        return planes.unflatten(1, (h.horizon, h.channels)).permute(0, 1, 3, 4, 2).flatten(1)

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        state, near = self.state(x), self.near(x)
        if z.ndim == 2:
            return self.from_state(z, state, near)
        return torch.stack([self.from_state(each, state, near) for each in z])


class FramePrediction(Reconstruction):
    r"""The cost of what follows, given what a code says of it.

    .. math::
        E(x, y, z) = C(y, g(f(x), z)) + R(z \mid x)

    Where z is one of k codes, :math:`R(z|x) = -\log \pi_z(x)`, learned: a code that is unusual
    after x is dear. Of a continuous z it is that of ``prior``, without one the latent space's own.

    Parameters
    ----------
    network : FrameNetwork
        g, f and pi.
    latent : LatentSpace
        What z ranges over.
    cost : Cost
        C.
    prior : FramePrior, optional
        R(z | x) of a continuous z.
    """

    decoder: FrameNetwork

    def __init__(
        self,
        network: FrameNetwork,
        latent: LatentSpace,
        cost: Cost,
        prior: FramePrior | None = None,
    ) -> None:
        super().__init__(network, latent, cost)
        self.prior = prior
        self.ranks = isinstance(latent, (OneHot, OneHots))

    def forward(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> Tensor:
        assert x is not None
        cost = self.data_term(y, z, x)
        return cost + (self._dear(z, self._share(x)) if self.prior is None else self.prior(z, x))

    @property
    def has_normal_prior(self) -> bool:
        return self.prior is None

    def lowest(self, y: Tensor, z: Tensor, x: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """As of any latent energy; a graph is kept of the best candidate alone."""
        assert x is not None
        if len(z) == 1 and z.shape[1] == len(y):
            return self(y, z[0], x), torch.zeros(len(y), dtype=torch.long, device=y.device)
        net = self.decoder
        state, near, share = net.state(x), net.near(x), self._share(x)
        with torch.no_grad():
            fixed = state.detach()
            costs = torch.stack([self.cost(y, net.from_state(each, fixed, near)) for each in z])
            which = (costs + self._dear(z, share)).argmin(dim=0)
        best = z.expand(-1, len(y), -1)[which, torch.arange(len(y), device=y.device)]
        return self.cost(y, net.from_state(best, state, near)) + self._dear(best, share), which

    def by_place(self, y: Tensor, x: Tensor | None = None) -> Tensor | None:
        net, space = self.decoder, self.latent
        if not isinstance(space, OneHots) or x is None:
            return None
        state, near = net.state(x), net.near(x)
        pixels, like = self._places_of_pixels(y.device), y.new_zeros(len(y), space.places)
        parts = []
        for choice in torch.eye(space.choices, dtype=y.dtype, device=y.device):
            made = net.from_state(choice.repeat(space.places)[None], state, near)
            square = (y - made).square()
            if self.cost.visible is not None:
                square = torch.where(self.cost.visible, square, 0)
            parts.append(like.index_add(1, pixels, square))
        share = net.log_share(x).unflatten(1, (space.places, -1)).permute(2, 0, 1)
        scale = self.cost.scale_of_squares()
        assert scale is not None
        return scale * torch.stack(parts) - share

    def _places_of_pixels(self, device: torch.device) -> Tensor:
        """The place of each number of what follows: (d,)."""
        h, net = self.decoder.shape, self.decoder
        rows, columns = places_of_cells(net.places, net.cells, device)
        place = net.places[1] * rows[:, None] + columns
        each = place.repeat_interleave(CELL, 0).repeat_interleave(CELL, 1)[: h.height, : h.width]
        return each[None, ..., None].expand(h.horizon, -1, -1, h.channels).flatten()

    def restricted(self, visible: Tensor) -> FramePrediction:
        return FramePrediction(self.decoder, self.latent, self.cost.restricted(visible), self.prior)

    def usual(self, x: Tensor, n: int) -> Tensor:
        """The n values of z of least R(z | x), the most usual first: (rows, n, codes).

        Of places with a code each, and of a mixture, n times the most usual one.
        """
        space = self.latent
        if self.prior is not None:
            return self.prior.usual(x)[:, None].repeat(1, n, 1)
        if isinstance(space, OneHots):
            best = self._known_share(x).unflatten(1, (space.places, -1)).argmax(dim=2)
            return space.of(best).to(x)[:, None].repeat(1, n, 1)
        members = space.members()
        if members is None:
            return x.new_zeros(len(x), n, *space.shape)
        order = self._known_share(x).argsort(dim=1, descending=True, stable=True)
        return members[order[:, :n]]

    def drawn(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A value of z for each row, from exp(-R(z | x)): (rows, codes)."""
        space = self.latent
        if self.prior is not None:
            return self.prior.draw(x, generator)
        if not self.ranks:
            found = space.draw(len(x), generator)
            assert found is not None
            return found.to(x)
        one = 1 if not isinstance(space, OneHots) else space.places
        share = self._known_share(x).exp().reshape(len(x) * one, -1)
        which = torch.multinomial(share.to(generator.device), 1, generator=generator)
        which = which.reshape(len(x), one).to(x.device)
        if isinstance(space, OneHots):
            return space.of(which).to(x)
        members = space.members()
        assert members is not None
        return members[which[:, 0]]

    def _known_share(self, x: Tensor) -> Tensor:
        """log pi(x), where it is a number: of what is none the largest would be any code."""
        share = self.decoder.log_share(x)
        if bool(share.isnan().any()):
            raise InputError(
                "FramePrediction: how usual codes are is not a number for some contexts; expected "
                "values that the network can take (theirs or its own are too large)"
            )
        return share

    def _share(self, x: Tensor) -> Tensor | None:
        return self.decoder.log_share(x) if self.ranks else None

    def _dear(self, z: Tensor, share: Tensor | None) -> Tensor:
        """R(z | x): (n,) or (k, n)."""
        own = self.latent(z)
        return own if share is None else own - (z * share).sum(dim=-1)

"""Networks that energies are built of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from thalweg.core import InputError, is_exporting
from thalweg.energies.initial import draw_weights
from thalweg.energies.input_gradient import input_gradient, value_and_input_gradient
from thalweg.energies.silu import Along, SlopeThrough, slope_through
from thalweg.energies.silu_network import Gradients, Values, network_of, parameters_of


class Perceptron(nn.Module):
    """Fully connected layers with a nonlinearity between them.

    Called with one tensor, or with several that are joined: ``net(z, x)``. Leading dimensions
    broadcast, so candidates (k, n, ...) meet rows (n, ...).

    Parameters
    ----------
    sizes : sequence of int
        Width of the input, of each hidden layer, and of the output.
    activation : type of Module, default SiLU
    generator : torch.Generator, optional
        Of the initial weights; torch's own if not given.
    detail : float, default 1
        How much wider than usual the first layer's initial weights are. Of energies of
        standardized rows, which have to tell near points apart, 6 to 10 learns many times faster.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: type[nn.Module] = nn.SiLU,
        generator: torch.Generator | None = None,
        detail: float = 1.0,
    ) -> None:
        super().__init__()
        if not detail > 0:
            raise InputError(f"Perceptron: detail must be above 0, got {detail}")
        layers: list[nn.Module] = []
        for wide, narrow in itertools.pairwise(sizes[:-1]):
            layers += [skip_init(nn.Linear, wide, narrow), activation()]
        self.layers = nn.Sequential(*layers, skip_init(nn.Linear, sizes[-2], sizes[-1]))
        draw_weights(self.layers, generator, offsets=True)
        with torch.no_grad():
            for parameter in self.layers[0].parameters():
                parameter.mul_(detail)
        self.is_silu = activation is nn.SiLU
        """Whether every nonlinearity is SiLU"""
        # in a tuple, for they are layers already
        self._linear = tuple(layer for layer in self.layers if isinstance(layer, nn.Linear))

    def forward(self, *inputs: Tensor) -> Tensor:
        joined = inputs[0]
        if len(inputs) > 1:
            # torch's takes symbols for numbers of rows, and several times as long
            common = torch.broadcast_shapes if is_exporting() else np.broadcast_shapes
            lead = common(*(tuple(each.shape[:-1]) for each in inputs))
            joined = torch.cat([each.expand(*lead, each.shape[-1]) for each in inputs], dim=-1)
        if self._trains_alone(joined):
            layers = self._linear
            network = network_of(layers, joined)
            if network is not None:
                return Values.apply(network, joined, *parameters_of(layers))[:, None]
        value: Tensor = self.layers(joined)
        return value

    def _trains_alone(self, y: Tensor) -> bool:
        """Whether the parameters want a gradient, the rows none, and nobody watches the layers."""
        if not (self.is_silu and self._linear[-1].out_features == 1) or y.requires_grad:
            return False
        if not torch.is_grad_enabled() or y.dtype != torch.float32:
            return False
        trains = all(parameter.requires_grad for parameter in self.parameters())
        return trains and not any(map(_is_watched, self.layers.modules()))

    @property
    def can_pull_back(self) -> bool:
        """Whether :meth:`with_pull_back` is written out: of SiLU networks."""
        return self.is_silu

    @torch.no_grad()
    def with_pull_back(self, z: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """The output for inputs (..., k), and what takes a gradient by it back to the input."""
        *inner, last = self._linear
        # the very operations of forward: descents compare what comes out of both, to the last bit
        at, fields = z, []
        for layer in inner:
            fields.append(layer(at))
            at = torch.nn.functional.silu(fields[-1])

        def pull_back(grad: Tensor) -> Tensor:
            grad = grad @ last.weight
            for layer, field in zip(reversed(inner), reversed(fields), strict=True):
                grad = slope_through(grad, field) @ layer.weight
            return grad

        return last(at), pull_back

    @torch.no_grad()
    def value_and_input_gradient(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """The single output of a SiLU network for rows (n, d), (n,), and its gradient, (n, d)."""
        return value_and_input_gradient(self.layers_of_one_output, y)

    @torch.no_grad()
    def input_gradient(self, y: Tensor) -> Tensor:
        """The gradient alone, (n, d), which needs less."""
        return input_gradient(self.layers_of_one_output, y)

    @property
    def layers_of_one_output(self) -> tuple[nn.Linear, ...]:
        """The linear layers, where there is one output."""
        if self._linear[-1].out_features != 1:
            raise InputError(
                f"Perceptron: {self._linear[-1].out_features} outputs; expected 1 for an energy"
            )
        return self._linear

    def input_slope(self, y: Tensor) -> Tensor:
        """The gradient by y of a SiLU network's single output, (n, d), with a graph."""
        layers = self.layers_of_one_output
        network = None if y.requires_grad else network_of(layers, y)
        if network is not None:
            slope: Tensor = Gradients.apply(network, y, *parameters_of(layers))
            return slope
        *inner, last = layers
        at, fields = y, []
        for i, layer in enumerate(inner):
            fields.append(layer(at))
            if i + 1 < len(inner):
                at = torch.nn.functional.silu(fields[-1])
        grad = last.weight.expand(len(y), -1)
        for layer, field in zip(reversed(inner), reversed(fields), strict=True):
            grad = SlopeThrough.apply(grad, field) @ layer.weight
        return grad

    def input_along(self, y: Tensor, directions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Value (n,), slopes (m, n), summed curvature (n,) along directions (m, n, d).

        Taylor series are carried forward through a SiLU network of one output; one pass with
        2 + m times the rows takes the place of m second derivatives.
        """
        first, *others = self._linear
        n, m = len(y), len(directions)
        a, second = first(y), None
        slopes = (directions.reshape(m * n, -1) @ first.weight.T).reshape(m, n, -1)
        for layer in others:
            h, slopes, second = Along.apply(
                a, slopes, torch.zeros_like(a) if second is None else second
            )
            joined = torch.cat([h, slopes.reshape(m * n, -1), second]) @ layer.weight.T
            a = joined[:n] + layer.bias
            slopes = joined[n : n + m * n].reshape(m, n, -1)
            second = joined[n + m * n :]
        # a single layer is a plane
        curvature = torch.zeros_like(a) if second is None else second
        return a[:, 0], slopes[:, :, 0], curvature[:, 0]


def _is_watched(module: nn.Module) -> bool:
    """Whether something is called when this module is."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks
        or module._backward_hooks or module._backward_pre_hooks
    )  # fmt: skip


class Branches(nn.Module):
    """k predictions for one x, of which a one-hot z chooses: ``branches(z, x)``.

    Parameters
    ----------
    network : Module
        From x (n, dx) to (n, k d).
    k : int
        Branches.
    """

    def __init__(self, network: nn.Module, k: int) -> None:
        super().__init__()
        self.network, self.k = network, k

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        every = self.network(x).unflatten(-1, (self.k, -1))
        return (z[..., None] * every).sum(dim=-2)


class UnitAtoms(nn.Module):
    """A linear decoder with an offset whose atoms have length 1.

    Parameters
    ----------
    k, d : int
        Size of a code, and of a row.
    generator : torch.Generator, optional
        Of the initial atoms.
    """

    def __init__(self, k: int, d: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(k, d, generator=generator))
        self.offset = nn.Parameter(torch.zeros(d))

    def forward(self, z: Tensor) -> Tensor:
        return z @ nn.functional.normalize(self.weight, dim=1) + self.offset


class Saturating(nn.Module):
    r"""An encoder whose codes saturate at -1 and 1: :math:`f(y) = \max(-1, \min(1, h(y)))`.

    Parameters
    ----------
    network : Module
        h.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, y: Tensor) -> Tensor:
        return torch.clamp(self.network(y), -1, 1)

    def distance(self, y: Tensor) -> Tensor:
        """How far each row's activations are from where they are flat, in all: (n,)."""
        return torch.relu(1 - self.network(y).abs()).sum(dim=-1)


class Lista(nn.Module):
    r"""Learned ISTA: a few of its steps, with matrices and thresholds of their own.

    .. math::
        z_{t+1} = h_{\theta_t}(y A_t + z_t S_t), \qquad z_0 = 0

    with h the soft threshold. It starts out as ISTA itself: A = W^T / L, S = I - W W^T / L,
    theta = a / L, with L the curvature.

    Parameters
    ----------
    atoms : Tensor
        W, (k, d), of the dictionary whose codes are wanted.
    weight : float
        a of the penalty.
    layers : int
        Steps.
    nonnegative : bool, default False

    References
    ----------
    Gregor and LeCun, "Learning fast approximations of sparse coding", ICML 2010.
    """

    def __init__(
        self, atoms: Tensor, weight: float, layers: int, nonnegative: bool = False
    ) -> None:
        super().__init__()
        k = len(atoms)
        curvature = torch.linalg.matrix_norm(atoms.detach(), 2).square().clamp_min(1e-12)
        encode = atoms.detach().T / curvature
        inhibit = torch.eye(k).to(atoms) - atoms.detach() @ atoms.detach().T / curvature
        self.encode = nn.Parameter(encode.repeat(layers, 1, 1))
        self.inhibit = nn.Parameter(inhibit.repeat(layers, 1, 1))
        self.threshold = nn.Parameter((weight / curvature).expand(layers, k).clone())
        self.nonnegative = nonnegative

    def forward(self, y: Tensor) -> Tensor:
        z = y.new_zeros(y.shape[0], self.encode.shape[2])
        for encode, inhibit, threshold in zip(
            self.encode, self.inhibit, self.threshold, strict=True
        ):
            u = y @ encode + z @ inhibit
            size = torch.relu((u if self.nonnegative else u.abs()) - threshold.abs())
            z = size if self.nonnegative else u.sign() * size
        return z

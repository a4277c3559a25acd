"""The leapfrog integrator: reversible, volume-preserving, of second order."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from thalweg.core import Energy, EnergyFunction, gradient, value_and_gradient
from thalweg.samplers.base import Info, State, metropolis
from thalweg.samplers.metric import Metric, add_scaled
from thalweg.samplers.native import in_a_row, is_native, kernels
from thalweg.samplers.noise import normal


class Phase(NamedTuple):
    """Points of phase space."""

    y: Tensor
    """``(n, *shape)``"""
    p: Tensor
    """``(n, *shape)``, momenta"""
    energy: Tensor
    """F(y), (n,)"""
    grad: Tensor
    """dF/dy, ``(n, *shape)``"""


def leapfrog(
    energy_fn: EnergyFunction,
    metric: Metric,
    y: Tensor,
    p: Tensor,
    grad: Tensor,
    step: float | Tensor,
    n_steps: int = 1,
) -> Phase:
    r"""n leapfrog steps along Hamilton's equations for F(y) + p^T Sigma p / 2.

    .. math::
        p_{1/2} = p_0 - \tfrac\epsilon2 \nabla F(y_0), \quad
        y_1 = y_0 + \epsilon \Sigma p_{1/2}, \quad
        p_1 = p_{1/2} - \tfrac\epsilon2 \nabla F(y_1)

    Neighbouring half steps of p are joined: one gradient a step. With the sign of p turned round
    the end leads back to the start.

    Parameters
    ----------
    energy_fn : callable
    metric : Metric
    y, p, grad : Tensor
        ``(n, *shape)``: where to start, momenta, and the gradient of F at y. They are not changed.
    step : float or Tensor
        epsilon; a tensor broadcasts against y.
    n_steps : int, default 1

    Returns
    -------
    Phase
        The end; a trajectory that met a number that is not finite ends in one.

    References
    ----------
    Neal, "MCMC using Hamiltonian dynamics" (2011), section 2.3.
    """
    y, p = y.clone(), p.clone()
    add_scaled(p, grad, -0.5 * step)
    for _ in range(n_steps - 1):
        metric.drift(y, p, step)
        add_scaled(p, gradient(energy_fn, y), -step)
    metric.drift(y, p, step)
    energy, grad = value_and_gradient(energy_fn, y)
    add_scaled(p, grad, -0.5 * step)
    return Phase(y, p, energy, grad)


def transition(
    energy_fn: EnergyFunction,
    metric: Metric,
    state: State,
    step: float | Tensor,
    n_steps: int,
    generator: torch.Generator,
    largest_rise: float = torch.inf,
) -> tuple[State, Info]:
    """A random push, a trajectory, and the choice whether to take its end."""
    assert state.grad is not None
    noise = normal(state.y, generator)
    if is_native(state.y, state.energy) and (parts := _parts(metric, state.y)) is not None:
        proposal, log_ratio = _native(energy_fn, metric, parts, state, noise, step, n_steps)
    else:
        p = metric.momentum(noise)
        end = leapfrog(energy_fn, metric, state.y, p, state.grad, step, n_steps)
        kinetic = metric.kinetic(p) - metric.kinetic(end.p)
        log_ratio = state.energy - end.energy + kinetic
        proposal = State(end.y, end.energy, end.grad)
    return metropolis(state, proposal, log_ratio, generator, n_steps, largest_rise)


def _parts(metric: Metric, y: Tensor) -> tuple[int, int, int, int] | None:
    """Directions and addresses of a metric, where it is one that compiled loops know."""
    parts = metric.parts()
    if parts is None:
        return None
    scale, vectors, values = parts
    if scale is None:
        return 0, 0, 0, 0
    if scale.dtype != y.dtype:
        return None
    if vectors is None or values is None:
        return 0, scale.data_ptr(), 0, 0
    return len(values), scale.data_ptr(), vectors.data_ptr(), values.data_ptr()


def _native(
    energy_fn: EnergyFunction,
    metric: Metric,
    parts: tuple[int, int, int, int],
    state: State,
    noise: Tensor,
    step: float | Tensor,
    n_steps: int,
) -> tuple[State, Tensor]:
    """The end of a trajectory, and the log of the ratio that it is accepted with.

    As :func:`leapfrog` has it, with one loop between two gradients.
    """
    assert state.grad is not None
    begin, kernel = in_a_row(state.y, noise), kernels(noise.element_size())
    before, grad = in_a_row(state.energy, noise), in_a_row(state.grad, noise)
    sizes = step.to(noise).flatten() if isinstance(step, Tensor) else None
    how = (
        len(noise), noise.numel() // len(noise),
        *((0.0, sizes.data_ptr()) if sizes is not None else (step, 0)), *parts,
    )  # fmt: skip
    y, p = torch.empty_like(noise), torch.empty_like(noise)
    kernel["push"](
        *how, begin.data_ptr(), noise.data_ptr(), grad.data_ptr(), y.data_ptr(), p.data_ptr()
    )
    found = _by_network(energy_fn, metric, y, p, step, n_steps)
    if found is not None:
        energy, grad = found
    else:
        for _ in range(n_steps - 1):
            grad = in_a_row(gradient(energy_fn, y), noise)
            kernel["move"](*how, y.data_ptr(), p.data_ptr(), grad.data_ptr())
        energy, grad = value_and_gradient(energy_fn, y)
    end, slope, log_ratio = in_a_row(energy, noise), in_a_row(grad, noise), torch.empty_like(before)
    kernel["fall"](
        *how, before.data_ptr(), noise.data_ptr(), end.data_ptr(), p.data_ptr(),
        slope.data_ptr(), log_ratio.data_ptr(),
    )  # fmt: skip
    return State(y, energy, grad), log_ratio


def _by_network(
    energy_fn: EnergyFunction,
    metric: Metric,
    y: Tensor,
    p: Tensor,
    step: float | Tensor,
    n_steps: int,
) -> tuple[Tensor, Tensor] | None:
    """The rest of a trajectory down a network in one loop: y and p are moved on to its end.

    Of that the energy and gradient. None where the energy is no network, or the metric has
    directions that are not coordinates.
    """
    parts = metric.parts()
    if not isinstance(energy_fn, Energy) or parts is None or parts[1] is not None:
        return None
    if (lent := energy_fn.as_network(y)) is None:
        return None
    from thalweg.kernels.network_chains import leapfrog as walk  # compiled: slow to import
    from thalweg.kernels.threads import over_blocks

    network, stiffness = lent
    squares = y.new_empty(0) if parts[0] is None else parts[0].to(y).square().flatten()
    steps = torch.as_tensor(step, dtype=y.dtype).flatten().expand(len(y)).contiguous()
    energy, grad = y.new_empty(len(y)), torch.empty_like(y)
    how = (
        *network, stiffness, steps.numpy(), squares.numpy(), n_steps,
        y.numpy().reshape(-1), p.numpy().reshape(-1), energy.numpy(), grad.numpy().reshape(-1),
    )  # fmt: skip
    over_blocks(lambda a, b: walk(*how, a, b), len(y), network.rows_of_a_block)
    return energy, grad

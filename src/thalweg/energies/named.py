"""Posteriors and other energies of several parameters, each with a name, a shape and bounds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.distributions import biject_to, constraints
from torch.distributions.constraints import Constraint
from torch.distributions.transforms import Transform

from thalweg.core import Energy, InputError, values_known, whole_number

Shape = int | tuple[int, ...]
Declared = Shape | Constraint | tuple[Constraint, Shape]
"""A shape, of real numbers; a constraint, of one number; or both"""

WIDTH = 2.0
"""Half of the range that chains start in, of numbers without bounds"""


class Named(Energy):
    r"""The energy of parameters with names and bounds, over numbers without either.

    .. math::
        F_u(u) = F(T_1(u_1), T_2(u_2), \dots) - \sum_i \log |\det T_i'(u_i)|

    A row u has the parameters one after another, each brought to where it has no bounds by T, the
    bijection that torch has for its constraint. So parameters have the density proportional to
    exp(-F) when u has the one proportional to exp(-F_u), and chains move freely.

    Parameters
    ----------
    energy : callable
        F, minus the log density, by keywords: each parameter is ``(n, *shape)``, the result (n,).
    parameters : mapping from str
        Of each parameter its shape (``()``, 8, (3, 2)), its constraint, of
        ``torch.distributions.constraints`` (``positive``, ``interval(0, 1)``, ``simplex``, ...), or
        (constraint, shape).

    Raises
    ------
    InputError
        If a parameter is declared otherwise, or has a constraint that torch knows no bijection of.

    Examples
    --------
    >>> from torch.distributions import Normal, constraints
    >>> data = torch.tensor([1.0, 2.0, 4.0])
    >>> def energy(mu, sigma):
    ...     return sigma[:, None].log().sum(1) - Normal(mu[:, None], sigma[:, None]).log_prob(
    ...         data).sum(dim=1)
    >>> posterior = Named(energy, {"mu": (), "sigma": constraints.positive})
    >>> posterior.start(16, torch.Generator().manual_seed(0)).shape
    torch.Size([16, 2])
    >>> posterior.named(torch.zeros(1, 2))
    {'mu': tensor([0.]), 'sigma': tensor([1.])}
    """

    def __init__(self, energy: Callable[..., Tensor], parameters: Mapping[str, Declared]) -> None:
        super().__init__()
        if not callable(energy):
            raise InputError(f"Named: energy is {type(energy).__name__}; expected a function")
        if not parameters:
            raise InputError("Named: there are no parameters; expected at least one")
        self._energy = energy
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._free: dict[str, tuple[int, ...]] = {}
        self._transforms: dict[str, Transform] = {}
        self._constraints: dict[str, Constraint] = {}
        for name, declared in parameters.items():
            constraint, shape = _declared(name, declared)
            try:
                transform = biject_to(constraint)
            except NotImplementedError as error:
                raise InputError(
                    f"Named: {name} has constraint {constraint!r}, to which torch has no bijection"
                ) from error
            if len(shape) < constraint.event_dim:
                raise InputError(
                    f"Named: {name} has shape {shape}; expected at least {constraint.event_dim} "
                    f"dimension(s) for {constraint!r}"
                )
            self._transforms[name], self._shapes[name] = transform, shape
            self._constraints[name] = constraint
            self._free[name] = tuple(transform.inverse_shape(shape))
        self._sizes = [torch.Size(free).numel() for free in self._free.values()]

    @property
    def n_columns(self) -> int:
        """Numbers in a row u."""
        return sum(self._sizes)

    def forward(self, y: Tensor, x: Tensor | None = None) -> Tensor:
        values, stretch = self._placed(y)
        inside = self._inside(y, values)
        followed = torch.compiler.is_compiling() or not values_known(y)
        if followed or not bool(inside.all()):
            # a chain that has lost its way has no energy, and must not stop the others:
            # distributions refuse what is out of their support
            values, stretch = self._placed(torch.where(inside[:, None], y, 0))
        value = self._energy(**values)
        if not isinstance(value, Tensor) or value.shape != (len(y),):
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise InputError(
                f"Named: the energy of {len(y)} rows is {got}; expected ({len(y)},), one number a "
                "row"
            )
        return torch.where(inside, value - stretch, torch.nan)

    def _placed(self, u: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """The parameters of rows u (n, k), and the logarithm of how T stretches there: (n,)."""
        values, stretch = {}, u.new_zeros(u.shape[0])
        for name, part in self._parts(u):
            transform = self._transforms[name]
            values[name] = transform(part)
            log_det = transform.log_abs_det_jacobian(part, values[name])  # type: ignore[no-untyped-call]
            stretch = stretch + log_det.reshape(u.shape[0], -1).sum(dim=1)
        return values, stretch

    @torch.no_grad()
    def _inside(self, u: Tensor, values: dict[str, Tensor]) -> Tensor:
        """Which rows have parameters, in floating point too, where they have to be: (n,)."""
        inside = u.isfinite().all(dim=1)
        for name, value in values.items():
            good = value.isfinite()
            if self._constraints[name].event_dim == 0:
                good &= self._constraints[name].check(value)  # type: ignore[no-untyped-call]
            inside &= good.reshape(u.shape[0], -1).all(dim=1)
        return inside

    def named(self, u: Tensor) -> dict[str, Tensor]:
        """The parameters ``(..., *shape)`` of rows u ``(..., k)``, draws of chains for instance."""
        with torch.no_grad():
            return {name: self._transforms[name](part) for name, part in self._parts(u)}

    def joined(self, values: Mapping[str, Tensor]) -> Tensor:
        """The rows u (n, k) of parameters ``(n, *shape)``, within their bounds."""
        if set(values) != set(self._shapes):
            raise InputError(
                f"Named: values have {', '.join(values)}; expected {', '.join(self._shapes)}"
            )
        parts = []
        for name, shape in self._shapes.items():
            value = values[name]
            if value.shape[1:] != shape:
                raise InputError(
                    f"Named: {name} has shape {tuple(value.shape)}; expected (n, *{shape})"
                )
            u = self._transforms[name].inv(value).reshape(len(value), -1)
            if not bool(u.isfinite().all()):
                raise InputError(f"Named: {name} is not within its bounds, or on them")
            parts.append(u)
        return torch.cat(parts, dim=1)

    def start(self, n: int, generator: torch.Generator) -> Tensor:
        """n rows for chains to begin at, each number of u between -2 and 2: (n, k)."""
        n = whole_number("start: n", n)
        u = torch.rand(n, self.n_columns, generator=generator, device=generator.device)
        return WIDTH * (2 * u - 1)

    def _parts(self, u: Tensor) -> list[tuple[str, Tensor]]:
        if u.shape[-1] != self.n_columns:
            raise InputError(f"Named: u has {u.shape[-1]} columns; expected {self.n_columns}")
        split = u.split(self._sizes, dim=-1)
        return [
            (name, part.reshape(*u.shape[:-1], *free))
            for (name, free), part in zip(self._free.items(), split, strict=True)
        ]


def _declared(name: str, declared: Any) -> tuple[Constraint, tuple[int, ...]]:
    constraint: Constraint = constraints.real
    shape = declared
    if isinstance(declared, Constraint):
        constraint, shape = declared, ()
    elif isinstance(declared, tuple) and declared and isinstance(declared[0], Constraint):
        constraint, shape = declared[0], declared[1] if len(declared) == 2 else None
    if type(shape) is int:
        shape = (shape,)
    if not isinstance(shape, tuple) or not all(type(k) is int and k > 0 for k in shape):
        raise InputError(
            f"Named: {name} is {declared!r}; expected a shape, a constraint of "
            "torch.distributions.constraints, or (constraint, shape)"
        )
    return constraint, shape

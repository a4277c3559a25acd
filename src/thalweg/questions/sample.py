"""Draws from the density of an energy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from thalweg.core import (
    Clamped,
    Energy,
    EnergyFunction,
    Given,
    InputError,
    Real,
    as_energy,
    as_rows,
    check_parameters,
    name_of,
    progress,
    value,
    whole_number,
)
from thalweg.questions.compiled import compiled_where_it_pays
from thalweg.samplers import (
    HMC,
    NUTS,
    Bipartite,
    BlockGibbs,
    Bridge,
    Chains,
    GibbsWithGradients,
    Sampler,
)
from thalweg.samplers.chains import followed, walk_of
from thalweg.samplers.doubts import disagreement, doubts_of, not_finite, warn_of

FEW = 8
"""Chains below which trajectories find their own length."""

BETA = Real(0, above=True)


def sample(
    energy: EnergyFunction,
    n: int,
    generator: torch.Generator | None = None,
    x: Tensor | None = None,
    *,
    sampler: Sampler | None = None,
    start: Tensor | None = None,
    visible: Tensor | None = None,
    beta: float | None = None,
    chains: int = 16,
    warm_up: int = 500,
    thin: int = 1,
    compiled: bool | None = None,
    shown: bool = False,
    resume: Chains | None = None,
) -> Chains:
    r"""n draws from :math:`p(y | x) \propto e^{-\beta F(x, y)}`.

    Exact where the energy has a way to draw and neither a sampler nor a start was given; else by
    chains that begin at rows of ``start``, warm up, and are then followed with the settings that
    the warm-up chose. ``result.y`` has the draws, ``(n or a little more, *shape)``, and the result
    what is to be known of them: R-hat, effective sizes, standard errors, acceptance, divergences.

    Parameters
    ----------
    energy : Energy or callable
        From ``(n, *shape)`` to (n,).
    n : int
        Draws; rounded up to a multiple of the number of chains.
    generator : torch.Generator, optional
        On the device of ``start``; a new one with a seed from the system by default.
    x : Tensor, optional
        (1, ...), what is given.
    sampler : Sampler, optional
        By default :class:`HMC`, or :class:`NUTS` for fewer than 8 chains; for an energy of binary
        numbers :class:`BlockGibbs` or :class:`GibbsWithGradients`.
    start : Tensor, optional
        ``(m, *shape)``, rows that chains may begin at. Needed where chains are.
    visible : Tensor, optional
        ``(*shape)``, a row whose coordinates are held, NaN where they are to be drawn.
    beta : float, optional
        Inverse temperature; the energy's own by default.
    chains : int, default 16
    warm_up : int, default 500
        Steps of each chain that are not kept; 0 for a sampler that is to be taken as it is.
    thin : int, default 1
        Steps between draws.
    compiled : bool, optional
        Whether to compile the energy with torch.compile. By default where the run is long enough
        to pay for it and there is a compiler.
    shown : bool, default False
        Whether to show a progress bar.
    resume : Chains, optional
        Chains to go on with, from where they stand, as what made them was tuned: nothing is warmed
        up again. With the generator that they ended with, draws are those of one longer run, bit
        for bit if both are compiled or neither. ``sampler``, ``start``, ``chains`` and ``warm_up``
        are theirs.

    Returns
    -------
    Chains

    Raises
    ------
    InputError
        If a number is out of its range, if there is nowhere to start from, or if a chain would
        begin where the energy is not finite.

    Warns
    -----
    RuntimeWarning
        If the chains do not agree (R-hat above 1.05) or stand still, if steps diverged, or if
        numbers are not finite or lie too far apart in their precision.

    Examples
    --------
    >>> from thalweg.energies import TwoWells
    >>> generator = torch.Generator().manual_seed(0)
    >>> found = sample(TwoWells(1.0), 4000, generator, start=torch.zeros(1, 2))
    >>> found.y.shape, bool((found.r_hat() < 1.05).all())
    (torch.Size([4000, 2]), True)
    """
    n, chains = whole_number("sample: n", n), whole_number("sample: chains", chains)
    warm_up, thin = whole_number("sample: warm_up", warm_up, 0), whole_number("sample: thin", thin)
    if beta is not None:
        check_parameters("sample", {"beta": beta}, {"beta": BETA})
    if generator is None:
        device = start.device if isinstance(start, Tensor) else torch.device("cpu")
        generator = torch.Generator(device)
        generator.seed()
    if not isinstance(generator, torch.Generator):
        raise InputError(
            f"sample: generator must be a torch.Generator, got {generator!r}; expected "
            "torch.Generator().manual_seed(0), for one"
        )
    energy = as_energy(energy)
    if resume is not None:
        sampler, start, chains = _stopped(resume, sampler, start)
        return _by_chains(energy, n, generator, x, sampler, start, visible, beta, chains, 0, thin,
                          compiled, shown, resume)  # fmt: skip
    if start is None and _asks_for_all(energy, x, sampler, visible, beta):
        with torch.no_grad():
            drawn = energy.draw(n, generator)
            if drawn is not None:
                return _exact(energy, drawn)
    begin = _checked(energy, generator, sampler, start, visible)
    return _by_chains(energy, n, generator, x, sampler, begin, visible, beta, chains, warm_up, thin,
                      compiled, shown)  # fmt: skip


def _checked(
    energy: Energy,
    generator: torch.Generator,
    sampler: Sampler | None,
    start: Tensor | None,
    visible: Tensor | None,
) -> Tensor:
    """The rows to start from, where all that chains need is there and fits."""
    if start is not None:
        start = as_rows("sample: start", start, energy)
    if start is None or len(start) == 0:
        raise InputError(
            f"sample: {name_of(energy)} has no exact way to draw what is asked for; expected "
            "start, rows (m, *shape) that chains may begin at"
        )
    if generator.device.type != start.device.type:
        raise InputError(
            f"sample: the generator is on {generator.device} and start on {start.device}; expected "
            "the same device"
        )
    if sampler is not None and not isinstance(sampler, Sampler):
        raise InputError(f"sample: sampler must be a Sampler such as HMC(), got {sampler!r}")
    if visible is not None and not isinstance(visible, Tensor):
        raise InputError(f"sample: visible must be a tensor, got {type(visible).__name__}")
    if start.dim() < 2:
        raise InputError(
            f"sample: start has shape {tuple(start.shape)}; expected (m, *shape), one row or more"
        )
    if visible is not None and visible.shape != start.shape[1:]:
        raise InputError(
            f"sample: visible has shape {tuple(visible.shape)} and a row of start "
            f"{tuple(start.shape[1:])}; expected the same"
        )
    return start


def _stopped(
    resume: Chains, sampler: Sampler | None, start: Tensor | None
) -> tuple[Sampler, Tensor, int]:
    """What made chains, where they stand, and how many they are."""
    if not isinstance(resume, Chains):
        raise InputError(f"sample: resume must be Chains, got {type(resume).__name__}")
    if sampler is not None or start is not None:
        raise InputError(
            "sample: resume has a sampler and places to start from, and another is given; expected "
            "resume alone"
        )
    if resume.sampler is None or resume.state is None:
        raise InputError(
            "sample: resume has exact draws, each by itself; expected chains, or no resume"
        )
    place = resume.sampler.position(resume.state)
    return resume.sampler, place, len(place)


def _same_energy(
    resume: Chains, energy_fn: EnergyFunction, place: Tensor, held: Clamped | None
) -> None:
    """Chains go on in the energy that they walked in, at its temperature and with what is given."""
    expected = "expected the energy, x, visible and beta that they had"
    last = resume.draws[:, -1]
    if held is not None and (
        place.dim() != 2
        or place.shape[1] != len(held.index)
        or not torch.equal(held.filled(place), last)
    ):
        raise InputError(f"sample: resume has chains that held other coordinates; {expected}")
    now, before = value(energy_fn, place), resume.energy[:, -1]
    other = (~((now - before).abs() <= 1e-3 * before.abs().clamp_min(1))).nonzero()
    if len(other):
        i = int(other[0, 0])
        raise InputError(
            f"sample: resume has chain {i} at energy {float(before[i]):.6g}, which is "
            f"{float(now[i]):.6g} here; {expected}"
        )


def _asks_for_all(
    energy: Energy,
    x: Tensor | None,
    sampler: Sampler | None,
    visible: Tensor | None,
    beta: float | None,
) -> bool:
    """Whether draws of the energy's own density are what is wanted."""
    own = beta is None or beta == energy.beta
    return own and sampler is None and x is None and visible is None


def _exact(energy: Energy, drawn: Tensor) -> Chains:
    # the wells of an energy without a temperature are drawn exactly too
    values = (energy.beta if math.isfinite(energy.beta) else 1.0) * energy(drawn)[None]
    none = torch.zeros_like(values, dtype=torch.long)
    warn_of("sample", [not_finite(drawn[None], values)], stacklevel=3)
    return Chains(drawn[None], values, torch.ones_like(values), none, 0.0, None, None)


def _by_chains(
    energy: Energy,
    n: int,
    generator: torch.Generator,
    x: Tensor | None,
    sampler: Sampler | None,
    start: Tensor,
    visible: Tensor | None,
    beta: float | None,
    chains: int,
    warm_up: int,
    thin: int,
    compiled: bool | None,
    shown: bool,
    resume: Chains | None = None,
) -> Chains:
    target = energy if x is None else Given(energy, x)
    clamped = None if visible is None else Clamped(target, visible)
    target = target if clamped is None else clamped
    if sampler is None:
        sampler = _default(target, chains)
    begin, state = start, None if resume is None else resume.state
    if resume is None:
        begin = _beginnings(start, chains, generator)
        begin = begin if clamped is None else begin[:, clamped.hidden]
    draws = -(-n // chains)
    energy_fn = _at(target, beta)
    energy_fn = compiled_where_it_pays(energy_fn, begin, warm_up + draws * thin, compiled)
    with progress(f"sample with {type(sampler).__name__}", warm_up + draws, shown) as bar:
        done = 0

        def follow() -> None:
            nonlocal done
            done += 1
            bar(done, "warming up" if done < warm_up else "drawing")

        if resume is None or state is None:
            state = sampler.init(energy_fn, begin)
        else:
            _same_energy(resume, energy_fn, begin, clamped)
        begin = sampler.position(state)
        if warm_up:
            sampler, state = sampler.warm_up(energy_fn, state, warm_up, generator, follow)
        found = followed(sampler, energy_fn, state, draws, generator, thin, follow)
    walk = walk_of(found, target, begin, warm_up + draws * thin)
    warn_of("sample", [*doubts_of(walk), disagreement(walk)], stacklevel=3)
    return found if clamped is None else found.mapped(clamped.filled)


def _default(energy: Energy, chains: int) -> Sampler:
    if energy.space != "real":
        return BlockGibbs() if isinstance(energy, Bipartite) else GibbsWithGradients()
    return HMC() if chains >= FEW else NUTS()


def _at(energy: Energy, beta: float | None) -> EnergyFunction:
    """The energy at its inverse temperature."""
    beta = energy.beta if beta is None else beta
    if not 0 < beta < math.inf:
        raise InputError(
            f"sample: beta is {beta:g}, and exp(-beta F) is no density; expected beta above 0 and "
            "finite"
        )
    return energy if beta == 1 else Bridge(energy, beta)


def _beginnings(start: Tensor, chains: int, generator: torch.Generator) -> Tensor:
    """A row of ``start`` for each chain: each once before any twice."""
    order = torch.randperm(len(start), generator=generator, device=generator.device)
    return start[order.repeat(-(-chains // len(start)))[:chains].to(start.device)]

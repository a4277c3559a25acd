"""Chains on a GPU: beside plain torch, captured in CUDA graphs, and compiled.

The energy is a network, 2-128-128-1; HMC takes ten leapfrog steps. Capturing and compiling are
tried in processes of their own, for what goes wrong in them can spoil what comes after.
"""

import logging
import math
from pathlib import Path

import torch
from gpu_rows import Found, Row, Where, apart, by_turns, in_short, seconds

from thalweg.energies import NetworkEnergy, Perceptron
from thalweg.samplers import HMC, MALA, Langevin, State, Unit, leapfrog

CPU = torch.device("cpu")
STEP = 0.05
LEAPS = 10


def chain_rows():
    """As they are, beside plain torch."""
    return [
        Row("fast", f"{name} chains", lambda where, n=name: chains(where, n))
        for name in ("HMC", "Langevin")
    ]


def other_ways():
    """What takes a process of its own: the last rows."""
    return [Row("fast", "captured in a CUDA graph", captured), Row("fast", "compiled", compiled)]


def network_energy(device):
    generator = torch.Generator().manual_seed(0)
    return NetworkEnergy(Perceptron((2, 128, 128, 1), generator=generator), 0.1).to(device)


def sampler_of(name):
    return {
        "HMC": HMC(STEP, n_steps=LEAPS, jitter=0.0), "MALA": MALA(STEP), "Langevin": Langevin(STEP)
    }[name]  # fmt: skip


def plain_gradient(energy, y):
    y = y.detach().requires_grad_()
    value = energy.network(y)[:, 0] + 0.05 * y.square().sum(dim=1)
    return value.detach(), torch.autograd.grad(value.sum(), y)[0]


def plain_hmc(energy, y):
    """A transition of HMC."""
    p = torch.randn_like(y)
    before, slope = plain_gradient(energy, y)
    before = before + 0.5 * p.square().sum(dim=1)
    at = y
    for _ in range(LEAPS):
        p = p - 0.5 * STEP * slope
        at = at + STEP * p
        after, slope = plain_gradient(energy, at)
        p = p - 0.5 * STEP * slope
    after = after + 0.5 * p.square().sum(dim=1)
    accepted = torch.rand_like(before) < (before - after).exp()
    return torch.where(accepted[:, None], at, y)


def plain_langevin(energy, y):
    return y - STEP * plain_gradient(energy, y)[1] + math.sqrt(2 * STEP) * torch.randn_like(y)


def stepping(name, device, count):
    """A call that moves chains by one step, and what it moves."""
    energy, sampler, generator, state = begun(name, device, count)
    at = {"state": state}

    def step():
        at["state"], _ = sampler.step(energy, at["state"], generator)

    return step, at


def repeated(step, times):
    def call():
        for _ in range(times):
            step()

    return call


def chains(where, name):
    """Microseconds a step, HMC of ten leapfrog steps; the same network as energy."""
    count, times = where.pick(64, 4096), where.pick(5, 50)
    step, at = stepping(name, where.device, count)
    energy, y = network_energy(where.device), {"y": at["state"].y.clone()}
    move = plain_hmc if name == "HMC" else plain_langevin

    def plain():
        y["y"] = move(energy, y["y"])

    one, other = by_turns(where, repeated(step, times), repeated(plain, times))
    slow = stepping(name, CPU, count)[0]
    cpu = seconds(where, repeated(slow, 3), 2) / 3
    return Found(
        bool(at["state"].y.isfinite().all()), 1e6 * one / times, 1e6 * other / times, 1e6 * cpu,
        "µs", f"{count:,} chains, network 2-128-128-1",
    )  # fmt: skip


def captured(where):
    """The same steps as one CUDA graph each; what is not capturable is said, and no fault."""
    if where.device.type != "cuda":
        return Found(note="CUDA graphs are for GPUs")
    return _ways(where, captures, 60)


def compiled(where):
    """The same steps through torch.compile, which is given a minute for all of them."""
    return _ways(where, compilations, where.pick(100, 90))


def _ways(where, function, limit):
    count, times = where.pick(64, 4096), where.pick(5, 50)
    limit = max(5.0, min(limit, where.left()))
    items, trouble = apart(function, str(where.device), count, times, where.quick, limit=limit)
    found = []
    for name, plain, other, note in items:
        wrong = other is not None and bool(note)
        note = note or "captured or compiled, beside ours as it is"
        found.append(Found(not wrong, other, plain, None, "µs", note, name))
    if trouble:
        found.append(Found(note=trouble, name="the rest"))
    return found or Found(note="nothing")


def captures(device, count, times, quick):
    """(name, microseconds plain, captured, what went wrong) of each, in a process of its own."""
    kinds = {name: (lambda n=name: capture(n, device, count)) for name in ("Langevin", "MALA")}
    kinds["HMC, its leapfrog steps"] = lambda: capture_leapfrog(device, count)
    # last, for what cannot be captured may spoil what comes after
    kinds["HMC"] = lambda: capture("HMC", device, count)
    for name, make in kinds.items():
        yield _timed(name, make, device, count, times)


def compilations(device, count, times, quick):
    """As :func:`captures`, compiled."""
    for name in ("Langevin",) if quick else ("Langevin", "MALA", "HMC"):
        yield _timed(name, lambda n=name: compilation(n, device, count), device, count, times)


def _timed(name, make, device, count, times):
    where = Where(torch.device(device), False, Path(), 0.0)
    plain = repeated(stepping(name.split(",")[0], where.device, count)[0], times)
    before = 1e6 * seconds(where, plain) / times
    try:
        step, state = make()
        after = 1e6 * seconds(where, repeated(step, times)) / times
        wrong = not_chains(where, step, state)
    except (RuntimeError, AttributeError, TypeError, AssertionError) as error:
        return name, before, None, f"not to be had: {in_short(error)}"
    return name, before, after, wrong


def not_chains(where, step, state):
    """What is wrong with chains that a step moves, if anything."""
    earlier = state().y.clone()
    step()
    now, energy = state(), network_energy(where.device)
    if torch.equal(earlier, now.y) or not bool(now.y.isfinite().all()):
        return "the chains stand still, or are not finite"
    apart_by = float((energy(now.y) - now.energy).detach().abs().max())
    return "" if apart_by < 1e-3 else f"energies are {apart_by:.0e} from those of the rows"


def begun(name, device, count):
    """An energy, a sampler, a generator and the state of chains."""
    energy, sampler = network_energy(device), sampler_of(name)
    generator = torch.Generator(device).manual_seed(0)
    start = torch.randn(count, 2, generator=generator, device=device)
    return energy, sampler, generator, sampler.init(energy, start)


def capture(name, device, count):
    """A call that replays a step of chains, whose state it keeps in one place."""
    energy, sampler, generator, state = begun(name, device, count)
    kept = State(*(part.clone() for part in state))

    def step():
        after, _ = sampler.step(energy, kept, generator)
        for place, part in zip(kept, after, strict=True):
            place.copy_(part)

    return graph_of(step, generator), lambda: kept


def capture_leapfrog(device, count):
    """HMC made of the library's leapfrog and an acceptance written out: no number on the host."""
    energy, _, generator, kept = begun("HMC", device, count)
    metric = Unit()

    def step():
        p = torch.randn(kept.y.shape, generator=generator, device=device)
        end = leapfrog(energy, metric, kept.y, p, kept.grad, STEP, LEAPS)
        rise = end.energy - kept.energy + metric.kinetic(end.p) - metric.kinetic(p)
        accepted = torch.rand(count, generator=generator, device=device) < (-rise).exp()
        kept.energy.copy_(torch.where(accepted, end.energy, kept.energy))
        for place, part in ((kept.y, end.y), (kept.grad, end.grad)):
            place.copy_(torch.where(accepted[:, None], part, place))

    return graph_of(step, generator), lambda: kept


def graph_of(step, generator):
    """A call that does again, on the device, what a step did."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(generator)
    with torch.cuda.graph(graph):
        step()
    # a graph does not own the tensors that it reads and writes; the step does
    return lambda owner=step: graph.replay()


def compilation(name, device, count):
    """A call that moves chains by one step, compiled as a whole as far as torch can."""
    logging.getLogger("torch._dynamo").setLevel(logging.ERROR)
    energy, sampler, generator, state = begun(name, device, count)
    at = {"state": state}

    @torch.compile(dynamic=False)
    def move(state):
        return sampler.step(energy, state, generator)[0]

    def step():
        at["state"] = move(at["state"])

    for _ in range(3):
        step()
    return step, lambda: at["state"]

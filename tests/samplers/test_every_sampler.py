"""What every sampler keeps to, the next one that is added too."""

import dataclasses
import warnings

import pytest
import torch
from targets import DOUBLE, EXAMPLE, D, every_sampler, target_for

from thalweg.core import Energy, InputError
from thalweg.samplers import HMC, MALA, NUTS, BlockGibbs, RandomWalk, run

SAMPLERS = dict(every_sampler())


class Elementwise(Energy):
    """A Gumbel energy that adds columns one by one, the same for any number of rows."""

    def forward(self, y, x=None):
        return (y[:, 0] + (-y[:, 0]).exp()) + (y[:, 1] + (-y[:, 1]).exp())


def begin(sampler, n=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    energy = target_for(sampler)
    return energy, energy.draw(n, generator), generator


@pytest.mark.parametrize("name", SAMPLERS)
def test_shapes_and_types(name):
    sampler = SAMPLERS[name]
    energy, y, generator = begin(sampler)
    state = sampler.init(energy, y)
    after, info = sampler.step(energy, state, generator)
    for one, other in zip(state, after, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            assert one.shape == other.shape
            assert one.dtype == other.dtype == DOUBLE
            assert not other.requires_grad
    assert sampler.position(after).shape == y.shape
    assert info.accepted.shape == info.acceptance.shape == info.diverged.shape == (6,)
    assert info.accepted.dtype == info.diverged.dtype == torch.bool
    assert ((info.acceptance >= 0) & (info.acceptance <= 1 + 1e-12)).all()
    assert float(info.gradients) >= 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_state_is_not_written_to(name):
    sampler = SAMPLERS[name]
    energy, y, generator = begin(sampler)
    state = sampler.init(energy, y)
    kept = [None if part is None else part.clone() for part in state]
    sampler.step(energy, state, generator)
    for part, was in zip(state, kept, strict=True):
        assert part is was is None or torch.equal(part, was)


@pytest.mark.parametrize("name", SAMPLERS)
def test_settings_are_frozen(name):
    sampler = SAMPLERS[name]
    with pytest.raises(dataclasses.FrozenInstanceError):
        sampler.anything = 1


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_energy_of_the_state_is_that_of_its_rows(name):
    sampler = SAMPLERS[name]
    energy, y, generator = begin(sampler)
    state = sampler.init(energy, y)
    for _ in range(5):
        state, _ = sampler.step(energy, state, generator)
    rows = state.y.reshape(-1, y.shape[1])
    value, grad = energy.value_and_gradient(rows)
    torch.testing.assert_close(state.energy.flatten(), value.detach())
    if state.grad is not None:
        torch.testing.assert_close(state.grad.reshape(rows.shape), grad)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_generator_gives_the_same_chains(name):
    sampler = SAMPLERS[name]
    energy, y, _ = begin(sampler)
    runs = [
        run(sampler, energy, sampler.init(energy, y), 5, torch.Generator().manual_seed(7)).draws
        for _ in range(2)
    ]
    assert torch.equal(*runs)


@pytest.mark.parametrize("name", [n for n, s in SAMPLERS.items() if s.space == "real"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_chain_does_not_depend_on_how_many_run_beside_it(name, dtype):
    sampler = SAMPLERS[name]
    if "proposal" in {f.name for f in dataclasses.fields(sampler)}:
        pytest.skip("an energy's own draws, which are not the sampler's, are made all at once")
    y = torch.randn(33, D, generator=torch.Generator().manual_seed(1), dtype=dtype)
    many, few = (
        run(sampler, Elementwise(), sampler.init(Elementwise(), rows), 10,
            torch.Generator().manual_seed(2)).draws
        for rows in (y, y[:5])
    )  # fmt: skip
    assert torch.equal(many[:5], few)


@pytest.mark.parametrize("name", [n for n, s in SAMPLERS.items() if s.space == "real"])
def test_any_shape_of_state(name):
    sampler = SAMPLERS[name]
    if "proposal" in {f.name for f in dataclasses.fields(sampler)}:
        pytest.skip("its proposal says what shape a state has")
    y = torch.zeros(3, 2, 4, 4, dtype=DOUBLE)
    state = sampler.init(lambda y: y.square().sum(dim=(1, 2, 3)) / 2, y)
    state, _ = sampler.step(
        lambda y: y.square().sum(dim=(1, 2, 3)) / 2, state, torch.Generator().manual_seed(0)
    )
    assert sampler.position(state).shape == y.shape


class Cliff(Energy):
    """Not a number to the right of a line that chains reach easily."""

    def __init__(self, beyond):
        super().__init__()
        self.beyond = beyond

    def forward(self, y, x=None):
        value = y.square().sum(dim=1) / 8
        return torch.where(y[:, 0] > 0.5, torch.full_like(value, self.beyond), value)


@pytest.mark.parametrize("name", [n for n, s in SAMPLERS.items() if s.space == "real"])
@pytest.mark.parametrize("beyond", [torch.nan, torch.inf, -torch.inf])
def test_what_is_not_finite_is_rejected_and_counted(name, beyond):
    sampler = SAMPLERS[name]
    energy = Cliff(beyond)
    state = sampler.init(energy, torch.zeros(50, D, dtype=DOUBLE))
    with pytest.warns(RuntimeWarning, match=r"run: \d+ steps diverged"):
        found = run(sampler, energy, state, 30, torch.Generator().manual_seed(0))
    assert found.draws.isfinite().all()
    assert found.energy.isfinite().all()
    assert (found.draws[..., 0] <= 0.5).all()
    assert int(found.diverged.sum()) > 0


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_a_start_that_is_not_finite_names_the_chain(name, bad):
    sampler = SAMPLERS[name]
    energy, y, _ = begin(sampler)

    class Broken(type(energy)):
        def forward(self, y, x=None):
            value = super().forward(y, x)
            value = value.clone()
            value[2] = bad
            return value

        def value_and_gradient(self, y, x=None):
            value, grad = super().value_and_gradient(y, x)
            value = value.clone()
            value[2] = bad
            return value, grad

    energy.__class__ = Broken
    with pytest.raises(InputError, match="chain 2 starts where the energy is not finite"):
        sampler.init(energy, y)


@pytest.mark.parametrize("name", [n for n, s in SAMPLERS.items() if s.space == "real"])
def test_a_start_with_a_bad_gradient_names_the_chain(name):
    sampler = SAMPLERS[name]
    energy = lambda y: (y - 1).abs().sqrt().sum(dim=1)  # noqa: E731
    y = torch.zeros(4, D, dtype=DOUBLE)
    y[3] = 1
    if sampler.init(energy, y[:3]).grad is None:
        assert sampler.init(energy, y).energy.isfinite().all()
        return
    with pytest.raises(InputError, match="chain 3 starts where the gradient is not finite"):
        sampler.init(energy, y)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_bad_setting_is_refused_by_name(name):
    kind = type(SAMPLERS[name])
    fields = {f.name for f in dataclasses.fields(kind)}
    given = {k: v for k, v in EXAMPLE.items() if k in fields}
    for setting, constraint in kind.parameters.items():
        for bad in constraint.violations():
            with pytest.raises(InputError, match=f"{kind.__name__}: {setting} must be"):
                kind(**{**given, setting: bad})


@pytest.mark.parametrize("name", SAMPLERS)
def test_warm_up_gives_a_new_sampler_and_runs_without_warning(name):
    sampler = SAMPLERS[name]
    energy, y, generator = begin(sampler, 20)
    kept = {f.name: getattr(sampler, f.name) for f in dataclasses.fields(sampler)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warm, state = sampler.warm_up(energy, sampler.init(energy, y), 60, generator)
    assert type(warm) is type(sampler)
    assert sampler.position(state).shape == y.shape
    for field, value in kept.items():
        assert getattr(sampler, field) is value


@pytest.mark.parametrize("name", SAMPLERS)
def test_it_is_documented(name):
    text = type(SAMPLERS[name]).__doc__
    assert "References" in text
    assert ".. math::" in text


def test_a_setting_without_a_constraint_is_refused():
    @dataclasses.dataclass(frozen=True, eq=False)
    class Careless(type(SAMPLERS["RandomWalk"])):
        size: float = 1.0

    with pytest.raises(TypeError, match="no constraint for size"):
        Careless()


def test_what_has_no_gradient_is_said():
    with pytest.raises(InputError, match="has no gradient by y"):
        SAMPLERS["HMC"].init(lambda y: torch.zeros(len(y)), torch.zeros(2, D))


def test_block_gibbs_asks_for_conditionals():
    with pytest.raises(InputError, match="expected a Bipartite energy"):
        BlockGibbs().init(Elementwise(), torch.zeros(2, D))


def test_an_energy_of_the_wrong_shape():
    sampler = SAMPLERS["HMC"]
    with pytest.raises(InputError, match=r"shape \(4, 2\)"):
        sampler.init(lambda y: y.square(), torch.zeros(4, 2))


@pytest.mark.parametrize("sampler", [HMC(0.3, n_steps=2), MALA(0.1), NUTS(0.3), RandomWalk(0.5)])
def test_energies_in_double_precision_stay_so(sampler):
    """Rows in single precision, and a height at which its energies would all be the same."""

    def high(y):
        return 1e9 + y.double().square().sum(dim=1) / 2

    def low(y):
        return y.square().sum(dim=1) / 2

    y = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    rates = []
    for energy in (high, low):
        state = sampler.init(energy, y)
        _, info = sampler.step(energy, state, torch.Generator().manual_seed(1))
        rates.append(float(info.acceptance.double().mean()))
    assert rates[0] == pytest.approx(rates[1], abs=5e-3)
    assert rates[1] < 1

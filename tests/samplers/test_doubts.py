"""Whoever gets draws is told what speaks against them, and hears nothing where nothing does."""

import math

import pytest
import torch

from thalweg.core import Energy, InputError
from thalweg.energies import Bernoulli, Normal, RestrictedBoltzmann
from thalweg.questions import log_normalizer, sample
from thalweg.questions.gibbs_tokens import _check
from thalweg.samplers import (
    HMC,
    MALA,
    NUTS,
    BlockGibbs,
    GibbsWithGradients,
    Independence,
    Langevin,
    ParallelTempering,
    RandomWalk,
    annealed_importance,
    importance,
    rejection,
    run,
    sequential,
)
from thalweg.samplers.doubts import (
    Walk,
    coarse_energies,
    copies,
    disagreement,
    doubts_of,
    few_decide,
    spacing,
)

DOUBLE = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(y):
    return y.square().sum(dim=1) / 2


def lifted(y):
    return normal(y) + 1e8


def healthy(chains=4, draws=100, shape=(2,), dtype=DOUBLE, **changes):
    y = torch.randn(chains, draws, *shape, generator=seeded(), dtype=dtype)
    energy = y.flatten(2).square().sum(dim=2) / 2
    walk = Walk(y, energy, 0.6, 0, torch.zeros(chains, *shape, dtype=dtype), draws, False, True)
    return walk._replace(**changes)


def said(walk):
    return [doubt for doubt in [*doubts_of(walk), disagreement(walk)] if doubt is not None]


@pytest.mark.parametrize(
    "walk",
    [
        healthy(), healthy(1, 1), healthy(1, 2), healthy(16, 1), healthy(1, 500),
        healthy(shape=(3, 4, 4)), healthy(dtype=torch.float32), healthy(dtype=torch.float16),
        healthy(dtype=torch.bfloat16), healthy(diverged=0, acceptance=0.05),
    ],
    ids=lambda walk: f"{tuple(walk.draws.shape)} {walk.draws.dtype}",
)  # fmt: skip
def test_nothing_is_said_of_healthy_draws(walk):
    assert said(walk) == []


def spoiled(change, **settings):
    walk = healthy(**settings)
    change(walk)
    return said(walk)


def test_a_draw_that_is_not_finite_is_named():
    for bad in (math.nan, math.inf):
        (doubt,) = spoiled(lambda walk, bad=bad: walk.draws[2, 7, 1].fill_(bad))
        assert doubt.startswith("1 of 400 draws, or their energies, are not finite (draw 7 of chai")
        assert "chain 2 is the first" in doubt
        (doubt,) = spoiled(lambda walk, bad=bad: walk.energy[1, 3].fill_(bad))
        assert "draw 3 of chain 1" in doubt


def test_chains_that_never_move():
    for chains, draws, steps in ((4, 100, 100), (16, 1, 501), (1, 1, 201), (1, 5, 5), (3, 2, 2)):
        walk = healthy(chains, draws, steps=steps, acceptance=0.0)
        walk.draws[:] = walk.begin[:, None]
        assert said(walk)[0].startswith(f"{chains} of {chains} chains never moved in {steps} steps")
    # a chain or two that were refused once or twice are no sign of anything
    walk = healthy(4, 1, steps=1, acceptance=0.0)
    walk.draws[:] = walk.begin[:, None]
    assert said(walk) == []
    walk = healthy(4, 5, steps=5, acceptance=0.5)
    walk.draws[:] = walk.begin[:, None]
    assert said(walk) == []


def test_one_chain_that_never_moves_while_others_do():
    walk = healthy(16)
    walk.draws[3] = walk.begin[3]
    assert said(walk)[0].startswith("1 of 16 chains never moved in 100 steps")
    # within a few steps one may be unlucky
    walk = healthy(16, 9)
    walk.draws[3] = walk.begin[3]
    assert said(walk) == []
    # it left where it began in warm-up, and stood still then
    walk = healthy(16, 300)
    walk.draws[3] = 1.0
    assert said(walk)[0].startswith("1 of 16 chains hardly moved: fewer than 1%")


def test_chains_that_hardly_move():
    walk = healthy(4, 300)
    walk.draws[:, :150], walk.draws[:, 150:] = walk.draws[:, :1], walk.draws[:, 1:2]
    assert said(walk)[0].startswith("4 of 4 chains hardly moved")
    # short ones, together
    walk = healthy(400, 9)
    walk.draws[3:] = walk.begin[3:, None]
    walk.draws[:3] = walk.draws[:3, :1]
    assert said(walk)[0].startswith("397 of 400 chains hardly moved")


def test_a_coordinate_that_never_changes():
    walk = healthy(begin=torch.full((4, 2), 7.0, dtype=DOUBLE))
    walk.draws[..., 1] = 7
    (doubt,) = said(walk)
    assert doubt.startswith("1 of 2 coordinates never changed (coordinate 1 is 7)")
    assert "numbers of float64" in doubt
    # one draw of one chain, of which warm-up had to move everything
    walk = healthy(1, 1, steps=201)
    walk.draws[..., 0] = 0
    assert said(walk)[0].startswith("1 of 2 coordinates never changed")
    # a sampler that takes coordinates in turn has not come to it yet
    walk = healthy(1, 3)
    walk.draws[..., 0] = 0
    assert said(walk) == []


def test_bits_may_be_the_same_in_all_draws():
    bits = (torch.rand(4, 100, 3, generator=seeded()) < 0.5).double()
    bits[..., 1] = 0
    zero = torch.zeros(4, 3, dtype=DOUBLE)
    walk = healthy()._replace(draws=bits, begin=zero, discrete=True)
    assert said(walk) == []
    bits[2] = 0
    assert all("began" not in doubt and "moved" not in doubt for doubt in said(walk))
    bits[:] = 0
    assert said(walk)[0].startswith("no chain left where it began in 100 steps")
    assert said(walk._replace(begin=zero + 1)) == []


def test_a_rare_bit_is_not_rounded():
    bits = torch.zeros(16, 100, 2, dtype=torch.bfloat16)
    bits[:, ::2, 0] = 1
    bits[3, 7, 1] = 1
    zero = torch.zeros(16, 2, dtype=torch.bfloat16)
    assert said(healthy(16)._replace(draws=bits, begin=zero, discrete=True)) == []


def test_coordinates_that_are_rounded():
    walk = healthy(dtype=torch.float32)
    shifted = (walk.draws + torch.tensor([0.0, 1e7]), walk.begin + torch.tensor([0.0, 1e7]))
    (doubt,) = said(walk._replace(draws=shifted[0], begin=shifted[1]))
    assert doubt.startswith("coordinate 1 has numbers of up to 1e+07, which lie 1 apart in float32")
    assert said(walk._replace(draws=shifted[0].double(), begin=shifted[1].double())) in (
        [],
        [doubt],
    )
    exact = healthy()
    assert said(exact._replace(draws=exact.draws + 1e7, begin=exact.begin + 1e7)) == []


def test_the_distance_of_neighbouring_numbers():
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        x = torch.tensor([1.0, 1.5, 3.0, 1e3, 1e-3, -5.0, 2.0**20, 1e8], dtype=dtype)
        further = torch.nextafter(x.abs(), torch.full_like(x, math.inf))
        assert torch.equal(torch.from_numpy(spacing(x)), further.double() - x.abs().double())
    assert float(spacing(torch.tensor(4.0, dtype=torch.float16))) == 2.0**-8


def test_energies_that_are_rounded():
    assert coarse_energies(torch.tensor([1e5, -1e5, math.inf])) is None
    for energy in (torch.full((4,), 2e6), torch.full((4,), -2e6), torch.tensor([math.nan, 2e6])):
        assert "the energies are about 2e+06, where neighbouring" in coarse_energies(energy)
        assert coarse_energies(energy.double()) is None
    # half precision is coarse from 32 and from 256 on
    assert coarse_energies(torch.tensor(31.0, dtype=torch.float16)) is None
    assert coarse_energies(torch.tensor(300.0, dtype=torch.float16)) is not None
    assert coarse_energies(torch.tensor(33.0, dtype=torch.bfloat16)) is not None
    assert coarse_energies(torch.tensor([math.nan, math.inf])) is None
    # one far away point is no rule
    assert coarse_energies(torch.tensor([1.0, 2.0, 1e30])) is None


def test_chains_that_do_not_agree_or_tell_little():
    walk = healthy()
    walk.draws[1] += 5
    (doubt,) = said(walk)
    assert doubt.startswith("the chains do not agree, R-hat is ")
    walk.draws[:] = torch.arange(4.0)[:, None, None] + 1
    assert "do not agree" in disagreement(walk)
    short = healthy(4, 20)
    short.draws[0] += 0.7
    assert said(short) == []
    fewer = healthy(4, 9)
    fewer.draws[1] += 5
    assert said(fewer) == []
    # two slow waves: both halves of the chain agree
    wave = healthy(1, 1000)
    wave.draws[0, :, 0] = (torch.arange(1000, dtype=DOUBLE) * 2 * math.pi / 500).sin()
    (doubt,) = said(wave)
    assert doubt.startswith("1000 draws are worth 7 independent ones")


@pytest.mark.parametrize(
    "sampler",
    [MALA(1e6), RandomWalk(1e6), HMC(1e6, n_steps=1), NUTS(1e6),
     ParallelTempering(RandomWalk(1e6), (1.0, 0.5)),
     Independence(Normal(torch.full((2,), 1e3), torch.eye(2)))],
    ids=lambda sampler: type(sampler).__name__,
)  # fmt: skip
@pytest.mark.parametrize(("n", "chains", "thin"), [(200, 16, 1), (5, 1, 1), (10, 2, 3)])
def test_a_sampler_that_never_moves_is_warned_of_in_every_way(sampler, n, chains, thin):
    start = torch.zeros(1, 2)
    with pytest.warns(RuntimeWarning, match="sample: .*chains never moved") as caught:
        found = sample(normal, n, seeded(), start=start, sampler=sampler, warm_up=0, chains=chains,
                       thin=thin)  # fmt: skip
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert float(found.y.std()) == 0
    state = sampler.init(normal, start.expand(chains, 2))
    with pytest.warns(RuntimeWarning, match="run: .*chains never moved") as caught:
        run(sampler, normal, state, n, seeded())
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_draw_after_a_warm_up_that_led_nowhere():
    far = Independence(Normal(torch.full((2,), 1e3), torch.eye(2)))
    for n in (1, 4):
        with pytest.warns(RuntimeWarning, match=f"{n} of {n} chains never moved in 121 steps"):
            sample(normal, n, seeded(), start=torch.zeros(1, 2), sampler=far, chains=n, warm_up=120)


def test_dynamics_that_drift_off_or_stand_still():
    with pytest.warns(RuntimeWarning, match="steps diverged|are not finite"):
        sample(normal, 320, seeded(), start=torch.ones(1, 2), sampler=Langevin(2.5))
    with pytest.warns(RuntimeWarning, match="do not agree"):
        sample(normal, 800, seeded(), start=torch.ones(1, 2), sampler=Langevin(2.1), warm_up=0)
    with pytest.warns(RuntimeWarning, match="never moved"):
        sample(normal, 320, seeded(), start=torch.full((1, 2), 1e9), sampler=Langevin(1e-12),
               warm_up=0)  # fmt: skip
    with pytest.warns(RuntimeWarning, match="never changed"):
        sample(lambda y: normal(y - torch.tensor([1e9, 0.0])), 320, seeded(),
               start=torch.tensor([[1e9, 0.0]]), sampler=Langevin(0.1), warm_up=0)  # fmt: skip


def test_energies_on_a_height_are_warned_of_where_they_decide():
    start = torch.zeros(1, 2)
    for sampler in (MALA(), RandomWalk(1.0), HMC(), ParallelTempering(MALA(), (1.0, 0.5))):
        with pytest.warns(RuntimeWarning, match=r"energies are about 1e\+08, where .* float32 lie"):
            sample(lifted, 800, seeded(), start=start, sampler=sampler, warm_up=50)
    # in double precision nothing is lost
    found = sample(lifted, 3200, seeded(), start=start.double(), sampler=HMC(0.8, n_steps=2))
    assert ((found.sd() - 1).abs() < 5 * found.mcse_sd()).all()
    # beta times the energy is what decides
    with pytest.warns(RuntimeWarning, match="energies are about"):
        sample(lambda y: normal(y) + 1e3, 320, seeded(), start=start, sampler=MALA(), beta=1e4)
    # unadjusted steps see the gradient alone
    sample(lifted, 3200, seeded(), start=start, sampler=Langevin(0.3))


def test_block_gibbs_does_not_mind_a_height():
    class High(RestrictedBoltzmann):
        def forward(self, y, x=None):
            return super().forward(y, x) + 1e8

        def value_and_gradient(self, y, x=None):
            energy, grad = super().value_and_gradient(y, x)
            return energy + 1e8, grad

    machine = High(torch.zeros(3, 2), torch.zeros(3), torch.zeros(2))
    sample(machine, 1600, seeded(), start=torch.zeros(1, 3), sampler=BlockGibbs())
    with pytest.warns(RuntimeWarning, match="energies are about"):
        sample(machine, 1600, seeded(), start=torch.zeros(1, 3), sampler=GibbsWithGradients())


def test_bits_by_gibbs():
    """Units that are always off are right; a machine that stays in one of its two states is not."""
    off = RestrictedBoltzmann(torch.zeros(3, 2), torch.tensor([0.0, -50.0, 0.0]), torch.zeros(2))
    for sampler in (BlockGibbs(), GibbsWithGradients()):
        found = sample(off, 1600, seeded(), start=torch.zeros(1, 3), sampler=sampler)
        assert not found.y[:, 1].any()
    wells = RestrictedBoltzmann(
        torch.full((6, 2), 40.0), torch.full((6,), -40.0), torch.full((2,), -120.0)
    )
    for sampler in (BlockGibbs(), GibbsWithGradients()):
        with pytest.warns(RuntimeWarning, match="no chain left where it began"):
            sample(wells, 1600, seeded(), start=torch.zeros(1, 6), sampler=sampler)
    # a plain function does not know that it is of bits
    with pytest.warns(RuntimeWarning, match="no chain left where it began"):
        sample(lambda y: 50 * y.sum(dim=1), 1600, seeded(), start=torch.zeros(1, 6),
               sampler=GibbsWithGradients())  # fmt: skip
    # the same by proposals that know nothing of bits
    coins = Independence(Bernoulli(torch.zeros(3)))
    sample(lambda y: 50 * y[:, 0], 1600, seeded(), start=torch.zeros(1, 3), sampler=coins)


class Overflowing(Energy):
    def forward(self, y, x=None):
        return normal(y)

    def draw(self, n, generator):
        return torch.tensor([[0.0], [math.inf]]).repeat(n // 2, 1)


def test_exact_draws_are_looked_at_too():
    with pytest.warns(RuntimeWarning, match="sample: 5 of 10 draws") as caught:
        sample(Overflowing(), 10, seeded())
    assert caught[0].filename == __file__


def test_few_weights_and_copies():
    assert few_decide(1.0, 4, "") is None
    assert few_decide(2.0, 5, "") is not None
    assert few_decide(2.1, 20, "") is None
    assert few_decide(5.0, 128, "Help.").endswith("decide: their effective size is 5.0. Help.")
    assert few_decide(5.1, 128, "") is None
    y = torch.arange(100.0)[:, None]
    assert copies(y) is None
    assert copies((y / 9).floor()) is None
    assert copies((y / 10).floor()).startswith("of 100 points 10 are different")
    assert copies(y[:9] * 0) is None


def test_estimates_by_weights_are_warned_of():
    base = Normal(torch.zeros(6), torch.eye(6))
    narrow = lambda y: 500 * (y - 3).square().sum(dim=1)  # noqa: E731
    with pytest.warns(RuntimeWarning, match="annealed_importance: a few of the 50") as caught:
        annealed_importance(narrow, base, RandomWalk(1e6), 10, 50, seeded())
    assert caught[0].filename == __file__
    with pytest.warns(RuntimeWarning, match="sequential: of 200 points"):
        sequential(narrow, base, Independence(Normal(torch.full((6,), 99.0))), 200, seeded())
    with pytest.warns(RuntimeWarning, match="importance: a few of the 20 weights"):
        importance(narrow, base, 20, seeded())


def test_estimates_by_weights_from_a_height():
    base = Normal(torch.zeros(2), torch.eye(2))
    calls = [
        lambda y: annealed_importance(y, base, RandomWalk(), 2, 50, seeded()),
        lambda y: sequential(y, base, RandomWalk(), 50, seeded()),
        lambda y: importance(y, base, 500, seeded()),
        lambda y: rejection(y, base, -1e8, 5, seeded()),
    ]
    for call in calls:
        with pytest.warns(RuntimeWarning, match=r"energies are about 1e\+08"):
            call(lifted)
    # where nothing of the density is, energies may be as large as they like
    for call in calls[:3]:
        call(lambda y: normal(y) * torch.where(y[:, 0] > 1.5, 1e9, 1.0))

    class Lifted(Energy):
        def forward(self, y, x=None):
            return lifted(y)

    with pytest.warns(RuntimeWarning, match=r"log_normalizer: the energies are about"):
        log_normalizer(Lifted(), torch.randn(50, 1, generator=seeded()), seeded())


def test_tokens_that_cannot_be_drawn_are_refused():
    asked = torch.tensor([[False, True, False], [True, False, True]])
    likely = torch.zeros(3, 4)
    _check(likely, asked)
    likely[2, :3] = -math.inf
    _check(likely, asked)
    for bad in (math.nan, -math.inf):
        likely[2] = bad
        with pytest.raises(InputError, match="no token can be drawn for place 2 of text 1"):
            _check(likely, asked)

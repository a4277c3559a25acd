"""One call for draws: exact ones, chains, given a part, at another temperature."""

import math
import warnings

import pytest
import torch

from thalweg.core import Clamped, Energy, Given, InputError
from thalweg.energies import (
    Affine,
    FullGaussians,
    GaussianNoise,
    NetworkEnergy,
    Normal,
    Perceptron,
    Reconstruction,
    RestrictedBoltzmann,
    TwoWells,
)
from thalweg.latents import Exhaustive, FreeEnergy, OneHot
from thalweg.questions import Compiled, complete, descend, project, sample
from thalweg.questions.compiled import _anew
from thalweg.samplers import (
    HMC,
    MALA,
    NUTS,
    BlockGibbs,
    GibbsWithGradients,
    ParallelTempering,
    RandomWalk,
)

DOUBLE = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def close(found, mean, sd):
    assert float(found.ess_bulk().min()) >= 400
    assert ((found.mean() - mean).abs() < 5 * found.mcse_mean()).all()
    assert ((found.sd() - sd).abs() < 5 * found.mcse_sd()).all()


@pytest.fixture
def correlated():
    return Normal(
        torch.tensor([1.0, -1.0], dtype=DOUBLE),
        torch.tensor([[2.0, 1.2], [1.2, 1.0]], dtype=DOUBLE),
    )


def test_exact_draws_where_the_energy_has_them(correlated):
    found = sample(correlated, 5000, seeded())
    assert found.sampler is None
    assert found.y.shape == (5000, 2)
    assert found.gradients == 0
    close(found, correlated.mean, torch.tensor([2.0, 1.0], dtype=DOUBLE).sqrt())
    assert "exact draws" in str(found)
    assert torch.equal(found.y, sample(correlated, 5000, seeded()).y)


@pytest.mark.parametrize(("chains", "kind"), [(16, HMC), (4, NUTS)])
def test_chains_by_default(correlated, chains, kind):
    start = torch.zeros(1, 2, dtype=DOUBLE)
    found = sample(correlated, 3000, seeded(), start=start, chains=chains)
    assert isinstance(found.sampler, kind)
    assert found.draws.shape == (chains, -(-3000 // chains), 2)
    close(found, correlated.mean, torch.tensor([2.0, 1.0], dtype=DOUBLE).sqrt())
    assert f"{chains} chains" in str(found)
    # what comes back can go on
    assert found.state.y.shape == (chains, 2)


def test_without_a_generator_every_call_differs(correlated):
    one, other = (sample(correlated, 10).y for _ in range(2))
    assert not torch.equal(one, other)
    state = torch.get_rng_state()
    sample(correlated, 10, start=torch.zeros(1, 2, dtype=DOUBLE), warm_up=20, sampler=HMC())
    assert torch.equal(state, torch.get_rng_state())


def test_beta_is_the_inverse_temperature(correlated):
    start = torch.zeros(1, 2, dtype=DOUBLE)
    found = sample(correlated, 8000, seeded(), start=start, beta=4.0)
    close(found, correlated.mean, torch.tensor([2.0, 1.0], dtype=DOUBLE).sqrt() / 2)


def mixture(beta):
    means = torch.tensor([[-1.0, 0.0], [1.5, 1.0]], dtype=DOUBLE)
    precisions = torch.stack([torch.eye(2), 2 * torch.eye(2)]).double()
    share = torch.tensor([0.4, 0.6], dtype=DOUBLE)
    return FreeEnergy(FullGaussians(means, share, precisions), Exhaustive(), beta).double()


def test_a_free_energy_is_sampled_at_its_own_beta():
    """Chains, and the energy's own exact draws, tell the same."""
    energy = mixture(2.0)
    exact = sample(energy, 20_000, seeded())
    found = sample(energy, 8000, seeded(), start=exact.y[:50], sampler=HMC())
    error = (found.mcse_mean().square() + exact.mcse_mean().square()).sqrt()
    assert ((found.mean() - exact.mean()).abs() < 5 * error).all()
    error = (found.mcse_sd().square() + exact.mcse_sd().square()).sqrt()
    assert ((found.sd() - exact.sd()).abs() < 5 * error).all()


def test_without_a_temperature_there_is_no_density():
    points = torch.randn(3, 2, generator=seeded(), dtype=DOUBLE)
    energy = FreeEnergy(Reconstruction(Affine(points), OneHot(3)), Exhaustive()).double()
    with pytest.raises(InputError, match="beta is inf, and exp"):
        sample(energy, 10, seeded(), start=points, sampler=MALA())
    assert sample(energy, 10, seeded(), start=points, sampler=MALA(), beta=1.0).y.shape[1] == 2


def test_given_a_part_of_y_the_rest_is_drawn(correlated):
    row = torch.tensor([3.0, math.nan], dtype=DOUBLE)
    found = sample(correlated, 8000, seeded(), start=torch.zeros(1, 2, dtype=DOUBLE), visible=row)
    assert (found.draws[..., 0] == 3).all()
    rest = found.mapped(lambda y: y[..., 1:])
    close(rest, -1 + 0.6 * 2, math.sqrt(1 - 1.2**2 / 2))


def test_given_x(correlated):
    class Line(Energy):
        def forward(self, y, x=None):
            return 2 * (y[:, 0] - x[:, 0] - 2 * x[:, 1]).square()

    x = torch.tensor([[1.0, 0.5]], dtype=DOUBLE)
    found = sample(Line(), 4000, seeded(), x, start=torch.zeros(1, 1, dtype=DOUBLE))
    close(found, 2.0, 0.5)
    each = torch.tensor([[1.0, 0.5], [0.0, 2.0]], dtype=DOUBLE)
    y = torch.tensor([[1.0], [3.0]], dtype=DOUBLE)
    torch.testing.assert_close(Given(Line(), each)(y), torch.tensor([2.0, 2.0], dtype=DOUBLE))
    with pytest.raises(InputError, match="x has 2 rows, and y 3; expected as many, or 1"):
        Given(Line(), each)(y[[0, 0, 0]])


def test_views_have_the_gradient_of_what_they_view(correlated):
    clamped = Clamped(correlated, torch.tensor([3.0, math.nan], dtype=DOUBLE))
    y = torch.randn(4, 1, generator=seeded(), dtype=DOUBLE)
    at = y.clone().requires_grad_()
    (slope,) = torch.autograd.grad(clamped(at).sum(), at)
    value, grad = clamped.value_and_gradient(y)
    torch.testing.assert_close(grad, slope)
    torch.testing.assert_close(value, clamped(y))
    with pytest.raises(InputError, match="no hidden"):
        Clamped(correlated, torch.zeros(2))


def test_part_of_an_image_is_drawn_given_the_rest():
    def smooth(y):
        return 4 * y.diff(dim=2).square().sum(dim=(1, 2)) + y.square().sum(dim=(1, 2)) / 100

    row = torch.zeros(4, 4, dtype=DOUBLE)
    row[:, 0], row[:, 1:3], row[:, 3] = 1.0, math.nan, -2.0
    found = sample(smooth, 8000, seeded(), start=torch.zeros(1, 4, 4, dtype=DOUBLE), visible=row)
    assert found.y.shape == (8000, 4, 4)
    assert (found.y[..., 0] == 1).all()
    rest = found.mapped(lambda y: y[..., 1:3])
    # two numbers between 1 and -2, tied to each other: precision [[16, -8], [-8, 16]] + 1/50
    precision = torch.tensor([[16.02, -8.0], [-8.0, 16.02]], dtype=DOUBLE)
    covariance = torch.linalg.inv(precision)
    mean = covariance @ torch.tensor([8.0, -16.0], dtype=DOUBLE)
    close(rest, mean.expand(4, 2), covariance.diagonal().sqrt().expand(4, 2))
    assert "nan" not in str(found)


def test_bits_are_moved_by_gibbs():
    machine = RestrictedBoltzmann(torch.zeros(3, 2), torch.zeros(3), torch.zeros(2))
    found = sample(machine, 1600, seeded(), start=torch.zeros(1, 3))
    assert isinstance(found.sampler, BlockGibbs)
    assert ((found.y == 0) | (found.y == 1)).all()
    row = torch.tensor([1.0, math.nan, math.nan])
    found = sample(machine, 1600, seeded(), start=torch.zeros(1, 3), visible=row)
    assert isinstance(found.sampler, GibbsWithGradients)
    with pytest.raises(InputError, match="it moves real numbers"):
        sample(machine, 10, seeded(), start=torch.zeros(1, 3), sampler=HMC())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 0}, "n must be a whole number of at least 1"),
        ({"chains": 0}, "chains must be a whole number of at least 1"),
        ({"warm_up": -1}, "warm_up must be a whole number of at least 0"),
        ({"thin": 0}, "thin must be a whole number of at least 1"),
        ({"start": None}, "expected start, rows"),
        ({"start": torch.zeros(0, 2)}, "expected start, rows"),
        ({"beta": -1.0}, "beta must be a number above 0"),
        ({"beta": math.nan}, "beta must be a number above 0"),
        ({"n": True}, "n must be a whole number of at least 1"),
        (
            {"start": torch.zeros(1, 2, dtype=torch.long)},
            "floating point numbers, got torch.int64",
        ),
        ({"n": 1.5}, "n must be a whole number"),
        ({"start": torch.zeros(2)}, "start has shape"),
        ({"start": [[0.0, 0.0]]}, "start must be a tensor"),
        ({"generator": 0}, "generator must be a torch.Generator"),
        ({"visible": [1.0]}, "visible must be a tensor"),
        ({"sampler": "hmc"}, "sampler must be a Sampler"),
        ({"visible": torch.zeros(3)}, "visible has shape"),
        ({"sampler": HMC(torch.ones(3))}, "step_size has 3 numbers for 16 chains"),
        ({"start": torch.full((1, 2), math.nan)}, "chain 0 starts where the energy is not finite"),
    ],
    ids=str,
)
def test_bad_input_has_one_message(settings, message):
    given = {"n": 10, "start": torch.zeros(1, 2), **settings}
    with pytest.raises(InputError, match=message):
        sample(TwoWells(), given.pop("n"), given.pop("generator", seeded()), **given)


def test_chains_that_do_not_agree_are_warned_of():
    wells, start = TwoWells(30.0), torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    with pytest.warns(RuntimeWarning, match=r"chains do not agree, R-hat is"):
        found = sample(wells, 800, seeded(), start=start, sampler=MALA(0.01))
    assert float(found.r_hat().max()) > 1.05


def test_steps_that_diverge_are_warned_of():
    def edge(y):
        return torch.where(y[:, 0] > 0, y[:, 0] + y[:, 1].square(), torch.nan)

    class Edge(Energy):
        def forward(self, y, x=None):
            return edge(y)

    with pytest.warns(RuntimeWarning, match="steps diverged"):
        sample(Edge(), 128, seeded(), start=torch.ones(1, 2), sampler=RandomWalk())


def test_thinning_keeps_every_so_many_steps(correlated):
    start = torch.zeros(1, 2, dtype=DOUBLE)
    settings = {"start": start, "sampler": RandomWalk(1.0), "warm_up": 0, "chains": 8}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        every = sample(correlated, 240, seeded(), **settings)
        third = sample(correlated, 80, seeded(), thin=3, **settings)
    assert torch.equal(every.draws[:, 2::3], third.draws)


def test_divergences_between_draws_are_counted():
    class Cliff(Energy):
        def forward(self, y, x=None):
            return torch.where(y[:, 0] > 0, torch.inf, y.square().sum(dim=1) / 2)

    from thalweg.samplers import run

    sampler, start = RandomWalk(2.0), torch.full((4, 1), -0.1)
    with pytest.warns(RuntimeWarning, match="steps diverged"):
        every = run(sampler, Cliff(), sampler.init(Cliff(), start), 60, seeded())
    with pytest.warns(RuntimeWarning, match="steps diverged"):
        third = run(sampler, Cliff(), sampler.init(Cliff(), start), 20, seeded(), thin=3)
    assert int(every.diverged.sum()) == int(third.diverged.sum()) > 0
    torch.testing.assert_close(every.acceptance.mean(), third.acceptance.mean())
    assert every.gradients == third.gradients == 0


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_arviz_gets_what_it_expects(correlated):
    arviz = pytest.importorskip("arviz")
    found = sample(correlated, 400, seeded(), start=torch.zeros(1, 2, dtype=DOUBLE), chains=8,
                   warm_up=100)  # fmt: skip
    given = found.to_arviz("theta")
    assert given.posterior["theta"].dims[:2] == ("chain", "draw")
    assert given.posterior["theta"].shape == (8, 50, 2)
    assert given.sample_stats["diverging"].dtype == bool
    torch.testing.assert_close(
        torch.as_tensor(arviz.ess(given)["theta"].values), found.ess_bulk(), rtol=1e-6, atol=0
    )


def test_a_progress_bar_is_shown_on_request(correlated, capsys):
    sample(correlated, 50, seeded(), start=torch.zeros(1, 2, dtype=DOUBLE), warm_up=20, shown=True)
    assert "sample with HMC" in capsys.readouterr().err


def test_a_compiled_energy_is_the_same_energy():
    pytest.importorskip("torch._inductor")
    import shutil

    if shutil.which("g++") is None:
        pytest.skip("there is no compiler here")
    network = Perceptron((2, 8, 1), generator=seeded())

    class Plain(Energy):
        def forward(self, y, x=None):
            return network(y).squeeze(-1) + y.square().sum(dim=1)

    y = torch.randn(5, 2, generator=seeded())
    energy = Plain()
    with warnings.catch_warnings():
        # torch's own, while it compiles
        warnings.simplefilter("ignore")
        found = Compiled(Plain()).value_and_gradient(y)
    for one, other in zip(found, energy.value_and_gradient(y), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_noise_of_a_reconstruction_is_a_density():
    """K-means with noise at beta = 1: chains against its exact draws."""
    points = torch.tensor([[-1.0], [1.0]], dtype=DOUBLE)
    energy = FreeEnergy(
        Reconstruction(Affine(points), OneHot(2), GaussianNoise()), Exhaustive(), 1.0
    ).double()
    found = sample(energy, 8000, seeded(), start=points, sampler=HMC())
    close(found, 0.0, math.sqrt(2.0))


# a few draws: that they agree is not what is asked here
@pytest.mark.filterwarnings("ignore:sample. the chains do not agree:RuntimeWarning")
def test_every_compiled_energy_has_code_of_its_own():
    """Torch runs the ninth function of one code as it is."""
    one, other = (_anew(lambda y: y) for _ in range(2))
    assert one.__code__ is not other.__code__
    shift = 2.0
    assert _anew(lambda y: y + shift)(1.0) == 3.0


class TestResume:
    """Chains that go on are one longer run."""

    @staticmethod
    def drawn(n, generator, **settings):
        with warnings.catch_warnings():
            # what is looked at is whether chains go on, not how well so few draws agree
            warnings.simplefilter("ignore", RuntimeWarning)
            return sample(
                TwoWells(1.0), n, generator, warm_up=settings.pop("warm_up", 100),
                compiled=False, **settings,
            )  # fmt: skip

    @pytest.mark.parametrize(
        "sampler", [None, NUTS(), ParallelTempering(HMC(0.3, n_steps=3), (1.0, 0.5))]
    )
    def test_two_pieces_are_the_whole_bit_for_bit(self, sampler):
        whole = self.drawn(400, seeded(), start=torch.zeros(1, 2), chains=4, sampler=sampler)
        generator = seeded()
        first = self.drawn(200, generator, start=torch.zeros(1, 2), chains=4, sampler=sampler)
        second = self.drawn(200, generator, resume=first)
        both = torch.cat([first.draws, second.draws], dim=1)
        assert torch.equal(both, whole.draws)
        assert torch.equal(torch.cat([first.energy, second.energy], dim=1), whole.energy)
        assert second.sampler is first.sampler

    def test_held_coordinates_stay_held(self):
        held = torch.tensor([math.nan, 0.5])
        first = self.drawn(80, seeded(), start=torch.zeros(1, 2), visible=held, chains=4)
        second = self.drawn(80, seeded(1), visible=held, resume=first)
        assert (second.draws[..., 1] == 0.5).all()
        assert second.draws.shape == (4, 20, 2)

    def test_other_held_coordinates_are_refused(self):
        held = torch.tensor([math.nan, 0.5])
        first = self.drawn(80, seeded(), start=torch.zeros(1, 2), visible=held, chains=4)
        for other in (-held, held.flip(0), torch.full((2,), math.nan), None):
            with pytest.raises(InputError, match="sample: resume has"):
                self.drawn(80, seeded(), visible=other, resume=first)

    def test_replicas_are_of_one_energy_too(self):
        hot = ParallelTempering(HMC(0.3, n_steps=3), (1.0, 0.5))
        first = self.drawn(80, seeded(), start=torch.zeros(1, 2), chains=4, sampler=hot)
        with pytest.raises(InputError, match="expected the energy, x, visible and beta"):
            self.drawn(80, seeded(), resume=first, beta=0.1)

    def test_other_energies_are_refused(self):
        first = self.drawn(80, seeded(), start=torch.zeros(1, 2), chains=4)
        with pytest.raises(InputError, match="expected the energy, x, visible and beta"):
            self.drawn(80, seeded(), resume=first, beta=0.1)
        with pytest.raises(InputError, match="expected resume alone"):
            self.drawn(80, seeded(), resume=first, start=torch.zeros(1, 2))
        exact = sample(Normal(torch.zeros(2), torch.eye(2)), 10, seeded())
        with pytest.raises(InputError, match="exact draws, each by itself"):
            self.drawn(80, seeded(), resume=exact)
        with pytest.raises(InputError, match="resume must be Chains, got Tensor"):
            self.drawn(80, seeded(), resume=torch.zeros(2))


PRECISIONS = [lambda y: y.double(), lambda y: y.numpy(), lambda y: y.double().numpy()]


@pytest.mark.filterwarnings("ignore:sample. the chains do not agree:RuntimeWarning")
@pytest.mark.parametrize("of", PRECISIONS)
def test_rows_in_another_precision_or_an_array(of):
    """A network in single precision is asked in it; what is visible stays as it was."""
    network = torch.nn.Sequential(torch.nn.Linear(2, 8), torch.nn.SiLU(), torch.nn.Linear(8, 1))
    energy = NetworkEnergy(network, 1.0)
    y = torch.randn(6, 2, generator=seeded())
    found = sample(energy, 40, seeded(), start=of(y), chains=4, warm_up=20, compiled=False)
    expected = sample(energy, 40, seeded(), start=y, chains=4, warm_up=20, compiled=False)
    assert torch.equal(found.draws, expected.draws)
    assert torch.equal(descend(energy, of(y)), descend(energy, y))
    assert torch.equal(project(energy, of(y)), project(energy, y))
    holed = y.clone()
    holed[:, 1] = torch.nan
    given = of(holed)
    filled = complete(energy, given, starts=y)
    assert filled.dtype == torch.as_tensor(given).dtype
    assert torch.equal(filled[:, 0], torch.as_tensor(given)[:, 0])
    torch.testing.assert_close(filled.float(), complete(energy, holed, starts=y))
    with pytest.raises(InputError, match="start must have floating point numbers"):
        sample(energy, 4, seeded(), start=y.long().numpy())

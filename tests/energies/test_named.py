"""Posteriors with named parameters: bounds, Jacobians, draws of known laws."""

import math

import pytest
import torch
from torch.distributions import Dirichlet, Gamma, Normal, constraints

from thalweg.core import InputError, check_energy
from thalweg.energies import Named
from thalweg.questions import sample

DOUBLE = torch.float64


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def energy(mu, sigma, share, slope):
    """Independent laws, so that each marginal is known."""
    three, two = torch.tensor([3.0, 2.0]).to(sigma)
    return -(
        Normal(1.0, 2.0).log_prob(mu)
        # which computes in the precision of its own numbers
        + Gamma(three, two).log_prob(sigma)
        + Dirichlet(torch.tensor([2.0, 3.0, 4.0]).to(share)).log_prob(share)
        + Normal(0.0, 1.0).log_prob(slope).sum(dim=(1, 2))
    )


PARAMETERS = {
    "mu": (),
    "sigma": constraints.positive,
    "share": (constraints.simplex, 3),
    "slope": (2, 2),
}


@pytest.fixture
def posterior():
    return Named(energy, PARAMETERS)


def test_each_parameter_has_its_law(posterior):
    generator = seeded()
    found = sample(posterior, 4000, generator, start=posterior.start(16, generator))
    drawn = posterior.named(found.draws)
    assert drawn["slope"].shape == (16, 250, 2, 2)
    assert (drawn["sigma"] > 0).all()
    torch.testing.assert_close(drawn["share"].sum(-1), torch.ones(16, 250))
    error = 5 / math.sqrt(float(found.ess_bulk().min()))
    for name, mean, sd in [
        ("mu", 1.0, 2.0),
        ("sigma", 1.5, math.sqrt(3) / 2),
        ("share", torch.tensor([2.0, 3.0, 4.0]) / 9, 0.15),
        ("slope", 0.0, 1.0),
    ]:
        assert ((drawn[name].mean(dim=(0, 1)) - mean).abs() < error * sd).all(), name


def test_the_jacobian_is_autograds(posterior):
    u = torch.randn(5, posterior.n_columns, generator=seeded(), dtype=DOUBLE)
    assert posterior.n_columns == 1 + 1 + 2 + 4
    check_energy(posterior, u)

    def free(row):
        # a simplex is known by all but its last
        named = posterior.named(row[None])
        parts = [named["mu"], named["sigma"], named["share"][0, :-1], named["slope"].flatten()]
        return torch.cat([part.flatten() for part in parts])

    steps = 1e-6 * torch.eye(8, dtype=DOUBLE)
    for row, value in zip(u, posterior(u), strict=True):
        jacobian = torch.stack([(free(row + e) - free(row - e)) / 2e-6 for e in steps])
        inside = energy(**posterior.named(row[None]))[0]
        torch.testing.assert_close(
            value, inside - torch.linalg.slogdet(jacobian)[1], rtol=1e-6, atol=1e-6
        )


def test_a_chain_that_is_lost_has_no_energy_and_stops_no_other(posterior):
    u = posterior.start(4, seeded())
    lost = u.clone()
    lost[0, 0], lost[1, 1], lost[2, 1] = torch.nan, 1e4, -1e4
    value, grad = posterior.value_and_gradient(lost)
    assert value[:3].isnan().all()
    torch.testing.assert_close(value[3], posterior(u)[3])
    assert grad[3].isfinite().all()


def test_there_and_back(posterior):
    u = posterior.start(7, seeded()).double()
    assert u.abs().max() <= 2
    torch.testing.assert_close(posterior.joined(posterior.named(u)), u)


# a few draws: that they agree is not what is asked here
@pytest.mark.filterwarnings("ignore:sample. the chains do not agree:RuntimeWarning")
def test_arviz_gets_the_names(posterior):
    pytest.importorskip("arviz")
    found = sample(posterior, 320, seeded(), start=posterior.start(16, seeded()), warm_up=20)
    drawn = found.to_arviz(posterior.named)["posterior"]
    assert set(drawn.data_vars) == set(PARAMETERS)
    assert drawn["share"].shape == (16, 20, 3)


@pytest.mark.parametrize(("parameters", "said"), [
    ({}, "no parameters"),
    ({"a": "positive"}, "a is 'positive'; expected a shape, a constraint"),
    ({"a": (constraints.positive, 2, 3)}, "a is"),
    ({"a": -1}, "a is -1"),
    ({"a": constraints.simplex}, r"a has shape \(\); expected at least 1 dimension"),
    ({"a": (constraints.boolean, 2)}, "torch has no bijection"),
])  # fmt: skip
def test_what_is_no_parameter_is_refused(parameters, said):
    with pytest.raises(InputError, match=said):
        Named(energy, parameters)


def test_what_does_not_fit_is_said(posterior):
    with pytest.raises(InputError, match="u has 3 columns; expected 8"):
        posterior(torch.zeros(2, 3))
    with pytest.raises(InputError, match="values have mu; expected mu, sigma, share, slope"):
        posterior.joined({"mu": torch.zeros(2)})
    named = posterior.named(torch.zeros(2, 8))
    with pytest.raises(InputError, match="sigma is not within its bounds"):
        posterior.joined({**named, "sigma": torch.tensor([1.0, -1.0])})
    with pytest.raises(InputError, match="share has shape"):
        posterior.joined({**named, "share": torch.zeros(2, 4)})
    with pytest.raises(InputError, match="the energy of 2 rows is"):
        Named(lambda a: a.sum(), {"a": ()})(torch.zeros(2, 1))
    with pytest.raises(InputError, match="energy is str"):
        Named("energy", {"a": ()})

"""Every estimator of tables answers every row, and learns from rows with gaps."""

import inspect
import itertools
import warnings

import numpy as np
import pytest
import torch

import thalweg
from thalweg.core import InputError
from thalweg.data import Rows
from thalweg.energies import RestrictedBoltzmann, every_state
from thalweg.estimators import BernoulliRBM, EnergyDensity, KMeans, SquareICA
from thalweg.estimators.registry import estimator, names_in
from thalweg.questions.minimized import MinimizedOut

KINDS = names_in("tables")
SCALED = ("AnomalyDetector", "Imputer", "KernelDensity", "Neighbors")
QUICK = {
    "n_steps": 60, "n_components": 2, "n_clusters": 3, "max_iter": 130, "hidden": (16,),
    "random_state": 0,
}  # fmt: skip


def make(name, **settings):
    kind = estimator(name)
    known = inspect.signature(kind).parameters
    usual = {k: v for k, v in QUICK.items() if (name, k) != ("SparseCoding", "n_components")}
    return kind(**{k: v for k, v in {**usual, **settings}.items() if k in known})


def rows_of(n=150, seed=0):
    random = np.random.default_rng(seed)
    sources = random.laplace(size=(n, 3))
    return sources @ [[1.0, 0.6, 0.2], [0.0, 1.0, -0.5], [0.3, 0.0, 1.0]] + [0.0, 5.0, -1.0]


def with_gaps(rows, share=0.2, seed=1):
    return np.where(np.random.default_rng(seed).random(rows.shape) < share, np.nan, rows)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_row_with_nothing_to_see_changes_no_fit_and_is_answered(name):
    rows = rows_of()
    silent = np.insert(rows, [4, 80], np.nan, axis=0)
    plain, model = make(name).fit(rows), make(name).fit(silent)
    np.testing.assert_array_equal(model.energy(rows), plain.energy(rows))
    empty = np.full((2, 3), np.nan)
    energy, filled = model.energy(empty), model.complete(empty)
    assert np.isfinite(energy).all()
    assert energy[0] == pytest.approx(energy[1])
    # the typical row is no outlier
    assert (model.energy(filled) <= np.quantile(model.energy(rows), 0.9)).all()
    assert np.isfinite(model.project(empty)).all()
    if hasattr(model, "transform"):
        assert np.isfinite(model.transform(empty)).all()
    for learned, of_all in (("labels_", (152,)), ("codes_", (152, 2))):
        if hasattr(model, learned):
            found = getattr(model, learned)
            assert found.shape == of_all
            assert not found[[4, 81]].any()
            np.testing.assert_array_equal(np.delete(found, [4, 81], 0), getattr(plain, learned))


def test_weights_of_rows_with_nothing_to_see_do_not_count():
    rows = rows_of()
    weight = np.random.default_rng(0).uniform(0.5, 2, len(rows))
    plain = KMeans(3, random_state=0).fit(rows, sample_weight=weight)
    model = KMeans(3, random_state=0).fit(
        np.insert(rows, 7, np.nan, axis=0), sample_weight=np.insert(weight, 7, 1e6)
    )
    np.testing.assert_array_equal(model.cluster_centers_, plain.cluster_centers_)
    only = np.arange(len(rows) + 1) == 7
    with pytest.raises(InputError, match="all weights are 0"):
        KMeans(3).fit(np.insert(rows, 7, np.nan, axis=0), sample_weight=only)


def test_mapped_rows_with_nothing_to_see_are_left_out_on_disk(tmp_path):
    rows = np.insert(rows_of(), 7, np.nan, axis=0)
    mapped = np.memmap(tmp_path / "rows", rows.dtype, "w+", shape=rows.shape)
    mapped[:] = rows
    speaking = Rows(mapped).speaking()
    assert speaking.on_disk
    np.testing.assert_array_equal(speaking.values, rows_of())
    np.testing.assert_array_equal(np.flatnonzero(~speaking.kept), [7])


@pytest.mark.parametrize("value", [0.0, 2024.3])
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_constant_column_stays_constant_and_another_value_is_unusual(name, value, tmp_path):
    rows = np.insert(rows_of(), 1, value, axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = make(name, **({"n_steps": 200} if name == "EnergyDensity" else {})).fit(rows)
    hidden = rows[:9].copy()
    hidden[:, 1] = hidden[::2, 2] = np.nan
    assert (model.complete(hidden)[:, 1] == value).all()
    if hasattr(model, "sample"):
        assert (model.sample(20, random_state=0)[:, 1] == value).all()
    other = rows.copy()
    other[:, 1] += max(1.0, 0.5 * value)
    if name != "BernoulliRBM" or value > 1:
        # a bit that is always the same is one of which another value is no number
        assert np.median(model.energy(other) - model.energy(rows)) > 0
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    assert again.constants_ == model.constants_
    ((column, held),) = again.constants_
    # in the units of the energy, which some methods have of arrays too
    assert column == 1
    assert held == value or (name in SCALED and abs(held) < 1e-9)


@pytest.mark.parametrize("name", ["EnergyDensity", "SquareICA"])
def test_no_filling_has_less_energy_than_the_row_it_fills(name):
    rows = rows_of()
    model = make(name).fit(with_gaps(rows))
    asked = with_gaps(rows[:40], 0.4, 3)
    energy = model.energy(asked)
    np.testing.assert_allclose(energy, model.energy(model.complete(asked)), rtol=1e-5, atol=1e-5)
    hidden, random = np.isnan(asked), np.random.default_rng(0)
    for _ in range(50):
        tried = np.where(hidden, random.normal(rows.mean(0), rows.std(0), rows[:40].shape), asked)
        assert (energy <= model.energy(tried) + 1e-4).all()
    # one at a time, and in another order: the same
    np.testing.assert_allclose(model.energy(asked[::-1])[::-1], energy, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.energy(asked[5:6]), energy[5:6], rtol=1e-5, atol=1e-5)
    view = MinimizedOut(model.energy_, torch.from_numpy(model.starts_))
    assert view.minimizes_hidden
    seen = torch.from_numpy(~hidden)
    np.testing.assert_allclose(view.restricted(seen)(torch.from_numpy(asked)).detach(), energy)


def test_a_density_of_rows_with_gaps_is_nearly_that_of_whole_ones():
    random = np.random.default_rng(0)
    turn = np.array([[1.0, 0.0], [0.95, 0.3]])
    rows, test = (random.normal(size=(n, 2)) @ turn.T for n in (1000, 4000))
    holed = with_gaps(rows)
    settings = {"hidden": (32, 32), "n_steps": 600, "learning_rate": 2e-3, "random_state": 0}
    score = [
        EnergyDensity(**settings).fit(each).score(test)
        for each in (rows, holed, np.where(np.isnan(holed), np.nanmean(holed, axis=0), holed))
    ]
    assert score[1] > score[0] - 0.08
    assert score[1] > score[2] + 0.15


@pytest.mark.parametrize(
    "objective",
    ["maximum-likelihood", "persistent-contrastive-divergence", "noise-contrastive", "hinge",
     "score-matching", "dual-score-matching"],
)  # fmt: skip
def test_every_kind_of_objective_takes_gaps_and_the_same_seed_gives_the_same(objective):
    holed = with_gaps(rows_of())
    first, second = (
        EnergyDensity(objective, hidden=(8,), n_steps=15, random_state=0).fit(holed)
        for _ in range(2)
    )
    energy = first.energy(rows_of())
    assert np.isfinite(energy).all()
    np.testing.assert_array_equal(energy, second.energy(rows_of()))
    assert type(first.objective_).__name__ != "Imputed"
    assert np.isfinite(first.starts_).all()


def test_sources_are_found_in_rows_with_gaps():
    random = np.random.default_rng(0)
    n = 1500
    sources = np.stack([random.laplace(size=n), random.uniform(-1, 1, n), random.choice([-1, 1], n)
                        + 0.3 * random.normal(size=n)], axis=1)  # fmt: skip
    rows = sources @ random.normal(size=(3, 3)) * [1.0, 1000.0, 0.01] + [0.0, 5e4, 1.0]
    holed = np.insert(with_gaps(rows), 1, 7.0, axis=1)
    holed[::5, 1] = np.nan
    first, second = (SquareICA(random_state=0).fit(holed) for _ in range(2))
    np.testing.assert_array_equal(first.components_, second.components_)
    found = first.transform(np.insert(rows, 1, 7.0, axis=1))
    across = np.abs(np.corrcoef(np.delete(found, 1, axis=1).T, sources.T))[:3, 3:]
    assert across.max(axis=0).min() > 0.97
    whole = SquareICA(random_state=0).fit(np.insert(rows, 1, 7.0, axis=1))
    test = np.insert(rows, 1, 7.0, axis=1)
    assert first.score(test) > whole.score(test) - 0.05
    with pytest.warns(match="not converged after 3 iterations"):
        SquareICA(random_state=0, max_iter=3).fit(holed)


def test_all_columns_may_be_constant():
    model = SquareICA(random_state=0).fit(np.tile([3.0, 0.0], (9, 1)))
    assert model.energy([[3.0, 0.0]])[0] < min(model.energy([[3.1, 0.0], [3.0, 0.1]]))
    np.testing.assert_array_equal(model.complete([[3.0, np.nan]]), [[3.0, 0.0]])


def likelihood(machine, rows):
    """Mean log-likelihood of the visible entries, all states listed."""
    states = every_state(rows.shape[1])
    fits = ((states == rows[:, None]) | rows[:, None].isnan()).all(dim=2)
    heights = machine(states)
    log_p = torch.where(fits, -heights, -torch.inf).logsumexp(dim=1)
    return log_p.mean() - torch.logsumexp(-heights, dim=0)


def rows_with_hidden_bits():
    """Draws of a machine whose bits say much of each other, 30 in 100 of them hidden."""
    generator = torch.Generator().manual_seed(2)
    states = every_state(4)
    true = RestrictedBoltzmann(
        *(3 * torch.randn(*s, generator=generator).double() for s in ((4, 2), (4,), (2,)))
    )
    share = torch.softmax(-true(states), dim=0).detach()
    rows = states[torch.multinomial(share, 1000, replacement=True, generator=generator)]
    rows[torch.rand(rows.shape, generator=generator) < 0.3] = torch.nan
    return rows[~rows.isnan().all(dim=1)]


def greatest_likelihood(rows):
    """By descent on the likelihood itself."""
    generator = torch.Generator().manual_seed(0)
    best = RestrictedBoltzmann(
        *(0.1 * torch.randn(*s, generator=generator).double() for s in ((4, 2), (4,), (2,)))
    )
    descent = torch.optim.LBFGS(best.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def loss():
        descent.zero_grad()
        value = -likelihood(best, rows)
        value.backward()
        return value

    descent.step(loss)
    return float(likelihood(best, rows).detach())


def test_a_machine_of_rows_with_gaps_has_their_greatest_likelihood():
    rows = rows_with_hidden_bits()
    best = greatest_likelihood(rows)
    settings = {"n_steps": 1000, "learning_rate": 0.03, "random_state": 0}

    def short_of_it(objective, rows_to_learn_from):
        model = BernoulliRBM(2, objective=objective, **settings).fit(rows_to_learn_from)
        with torch.no_grad():
            return best - float(likelihood(model.energy_.double(), rows))

    filled = np.where(rows.isnan(), np.nanmean(rows.numpy(), axis=0) > 0.5, rows)
    assert short_of_it("maximum-likelihood", rows.numpy()) < 0.01
    assert short_of_it("persistent-contrastive-divergence", rows.numpy()) < 0.02
    assert short_of_it("maximum-likelihood", filled) > 0.025


def test_bits_stay_bits_beside_real_columns(tmp_path):
    random = np.random.default_rng(0)
    bit = random.integers(0, 2, 800)
    flipped = np.where(random.random(800) < 0.1, 1 - bit, bit)
    rows = np.stack([bit, 50 + 20 * bit + 3 * random.normal(size=800), flipped], axis=1)
    model = BernoulliRBM(4, n_steps=700, learning_rate=0.02, random_state=0).fit(with_gaps(rows))
    assert model.energy_.space == "mixed"
    assert model.energy_.which_bits().tolist() == [True, False, True]
    drawn = model.sample(2000, random_state=0)
    assert set(np.unique(drawn[:, [0, 2]])) == {0.0, 1.0}
    assert np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1] > 0.8
    filled = model.complete([[np.nan, 71.0, np.nan], [np.nan, 49.0, np.nan], [1.0, np.nan, 1.0]])
    np.testing.assert_array_equal(filled[:2, [0, 2]], [[1.0, 1.0], [0.0, 0.0]])
    assert filled[2, 1] == pytest.approx(70, abs=3)
    mean = model.complete([[1.0, np.nan, 1.0]], answer="mean")
    assert mean[0, 1] == pytest.approx(70, abs=3)
    ends = model.project([[1.0, 52.0, 0.0]])
    assert set(ends[0, [0, 2]]) <= {0.0, 1.0}
    assert model.energy(ends)[0] <= model.energy([[1.0, 52.0, 0.0]])[0]
    # exp(-F) / Z is a density over bits and, in its own units, the real column
    line = np.linspace(0, 120, 1201)
    states = [np.insert(np.tile(b, (1201, 1)), 1, line, axis=1)
              for b in itertools.product([0.0, 1.0], repeat=2)]  # fmt: skip
    log_z = model.log_normalizer().value
    mass = sum(np.exp(model.score_samples(each) - log_z).sum() for each in states) * 0.1
    assert mass == pytest.approx(1.0, abs=1e-3)
    seen = np.insert(np.tile([np.nan, np.nan], (1201, 1)), 1, line, axis=1)
    assert np.exp(model.score_samples(seen) - log_z).sum() * 0.1 == pytest.approx(1.0, abs=1e-3)
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.energy(rows), model.energy(rows))
    with pytest.raises(InputError, match="these are gaussian in part"):
        BernoulliRBM(objective="ratio-matching").fit(rows)

"""Every estimator of tables on a table as people have them: words, dates, units, gaps."""

import inspect
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.preprocessing import RobustScaler, StandardScaler

import thalweg
from thalweg.data.columns import Table
from thalweg.energies.inside import free_energy_of
from thalweg.estimators import GaussianMixture, KMeans, SparseCoding
from thalweg.estimators.registry import estimator, names_in

RANDOM = np.random.default_rng(3)
N = 80
DAY = np.timedelta64(86_400_000_000, "us")
TINY = {
    "KMeans": {"n_clusters": 3},
    "GaussianMixture": {"n_components": 2, "reg_covar": 1e-3},
    "PCA": {"n_components": 2},
    "SquareICA": {"max_iter": 5},
    "SparseCoding": {"n_components": 4, "max_iter": 3},
    "GLO": {"n_components": 2, "hidden": (8,), "n_steps": 150, "descent_iter": 30, "n_starts": 1},
    "VQAutoencoder": {"n_components": 2, "n_codes": 4, "code_size": 2},
    "SparseAutoencoder": {"n_components": 4},
    "MaskedAutoencoder": {"hidden": (8,)},
    "EnergyDensity": {"hidden": (8,)},
    "BernoulliRBM": {"n_components": 4},
}
NAMES = names_in("tables")


def made():
    """An order's number, a kind that says its price, a discount, a day, a truth, a constant."""
    kind = RANDOM.choice(["bolt", "nut", "screw"], N)
    price = np.select([kind == "bolt", kind == "nut"], [12_000.0, 30_000.0], 51_000.0)
    frame = pd.DataFrame(
        {
            "order": [f"A-{i:05}" for i in range(N)],
            "kind": kind,
            "price": (price + RANDOM.normal(0, 900, N)).round(2),
            "units": RANDOM.integers(1, 40, N).astype(float),
            "day": pd.Timestamp("2021-01-04")
            + pd.to_timedelta(RANDOM.integers(0, 90, N), unit="D"),
            "paid": RANDOM.choice(["yes", "no"], N),
            "shop": "Berlin",
        }
    )
    for name in ("kind", "price", "units", "day", "paid", "shop"):
        frame.loc[RANDOM.choice(N, 5, replace=False), name] = None
        frame.loc[11, name] = None
    return frame


FRAME = made()
ASKED = FRAME.iloc[[0, 11, 7]]
"""One of them says nothing."""


def fitted(name, X=None, **given):
    kind = estimator(name)
    said = {"n_steps": 20, "random_state": 0, "batch_size": 32, **TINY.get(name, {}), **given}
    said = {each: value for each, value in said.items() if each in kind.parameters}
    if "hidden" in kind.parameters:
        said.setdefault("hidden", (8,))
    if "n_components" in kind.parameters:
        said.setdefault("n_components", 2)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*not converged")
        return kind(**said).fit(FRAME if X is None else X)


@pytest.fixture(scope="module", params=NAMES)
def model(request):
    return fitted(request.param)


pytestmark = [
    pytest.mark.filterwarnings("ignore:(?s).*codes of .* rows did not converge"),
    pytest.mark.filterwarnings("ignore:(?s).*steps diverged"),
]
"""descents and chains are kept short here"""


def known(column, name):
    return set(FRAME[name].dropna()) >= set(column)


def test_every_row_has_an_energy_and_codes(model):
    energies = model.energy(FRAME)
    assert energies.shape == (N,)
    assert np.isfinite(energies).all()
    if hasattr(model, "inverse_transform"):
        codes = model.transform(ASKED)
        assert len(codes) == 3
        assert np.isfinite(np.asarray(codes, dtype=float)).all()


def test_gaps_are_filled_with_what_columns_hold(model):
    full = model.complete(ASKED)
    assert full.dtypes.tolist() == ASKED.dtypes.tolist()
    assert list(full["order"]) == list(ASKED["order"])
    visible = ASKED.notna()
    assert full.where(visible).equals(ASKED.where(visible))
    assert not full.isna().any(axis=None)
    assert known(full["kind"], "kind")
    assert known(full["paid"], "paid")
    assert set(full["shop"]) == {"Berlin"}
    assert (full["units"] == full["units"].round()).all()
    assert full["day"].between("2015-01-01", "2027-01-01").all()


def test_projections_and_draws_are_rows_of_the_table(model):
    projected = model.project(ASKED)
    assert list(projected.columns) == list(ASKED.columns)
    frames = [pl.from_pandas(projected.reset_index(drop=True))]
    if hasattr(model, "sample"):
        chains = "n_steps" in inspect.signature(model.sample).parameters
        frames.append(model.sample(3, random_state=0, **({"n_steps": 1} if chains else {})))
        assert frames[1].columns == [name for name in ASKED.columns if name != "order"]
    for frame in frames:
        assert known(frame["kind"], "kind")
        assert known(frame["paid"], "paid")
        assert set(frame["shop"]) == {"Berlin"}
        assert np.isfinite(frame["price"].to_numpy()).all()
        units = frame["units"].to_numpy()
        np.testing.assert_array_equal(units, np.rint(units))
        assert frame.height == 3


def test_a_saved_model_says_the_same_bit_for_bit(model, tmp_path):
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.energy(ASKED), model.energy(ASKED))
    assert again.table_.to_json() == model.table_.to_json()


def test_a_word_never_seen_has_more_energy_than_any_that_was(model):
    row = FRAME.dropna().iloc[:1]
    words = ["bolt", "nut", "screw", "a zeppelin"]
    rows = pd.concat([row.assign(kind=word) for word in words])
    energies = model.energy(rows)
    assert energies[3] > energies[:3].max()


def test_the_order_of_columns_does_not_matter_and_a_missing_one_is_hidden(model):
    asked = FRAME.dropna().iloc[:2]
    expected = model.energy(asked)
    np.testing.assert_array_equal(model.energy(asked[asked.columns[::-1]]), expected)
    with pytest.warns(UserWarning, match="no column 'price', taken as missing in every row"):
        fewer = model.energy(asked.drop(columns="price"))
    np.testing.assert_array_equal(fewer, model.energy(asked.assign(price=np.nan)))
    with pytest.warns(UserWarning, match="'more' was no column of training and is left out"):
        more = model.energy(asked.assign(more=1))
    np.testing.assert_array_equal(more, expected)


@pytest.mark.parametrize("name", NAMES)
def test_files_and_frames_of_every_kind_say_the_same(name, tmp_path):
    path = tmp_path / "orders.csv"
    FRAME.to_csv(path, index=False)
    full = FRAME.dropna().iloc[:2]
    expected = fitted(name).energy(full)
    file = thalweg.read_table(path)
    model = fitted(name, file)
    two = file.frame[full.index.tolist()]
    for asked in (full, Table(full), pl.from_pandas(full), two, two.to_arrow()):
        np.testing.assert_allclose(model.energy(asked), expected, rtol=1e-9)


# the exact energies of words

PLAIN = pl.DataFrame(
    {
        "x": RANDOM.normal(50, 8, 120),
        "y": RANDOM.normal(-3e5, 2e4, 120),
        "kind": ["a"] * 60 + ["b"] * 40 + ["c"] * 20,
    }
)
COUNTS = np.array([60, 40, 20, 0]) + 0.5
P = COUNTS / COUNTS.sum()
"""The prior of the column: half a row is added to each."""
SHARES = np.array([60, 40, 20, 0]) / 120


def of_words(row, words):
    return pl.concat([row.with_columns(kind=pl.lit(word, dtype=pl.String)) for word in words])


def test_words_of_one_mean_cost_minus_the_log_of_their_frequency():
    model = KMeans(1, random_state=0).fit(PLAIN)
    energies = model.energy(of_words(PLAIN[:1], ["a", "b", "c", "d"]))
    # shares in training, with the prior as a hundredth; over the entropy, as a number counts
    p = (SHARES + 0.01 * P) / 1.01
    surprise = -np.log(p) / -(P * np.log(P)).sum()
    np.testing.assert_allclose(energies - energies[0], surprise - surprise[0], rtol=1e-6)
    # and a hidden one costs what the likeliest does
    hidden = model.energy(of_words(PLAIN[:1], [None]))
    np.testing.assert_allclose(hidden, energies[:1], rtol=1e-12)


def scaled(frame, model):
    numbers = frame.select("x", "y").to_numpy()
    scaler = RobustScaler(unit_variance=True).fit(PLAIN.select("x", "y").to_numpy())
    assert model._space.scaling is not None
    return scaler.transform(numbers)


def test_a_mixture_of_one_is_a_normal_density_times_the_frequency_of_words():
    model = GaussianMixture(1, reg_covar=0.0, random_state=0).fit(PLAIN)
    inside = scaled(PLAIN, model)
    density = multivariate_normal(inside.mean(axis=0), np.cov(inside.T, bias=True))
    # counts, with a row that has each word as often as the prior says
    p = (120 * SHARES + P) / 121
    at = PLAIN["kind"].replace_strict({"a": 0, "b": 1, "c": 2}).to_numpy()
    np.testing.assert_allclose(
        model.energy(PLAIN), -density.logpdf(inside) - np.log(p[at]), rtol=1e-9
    )
    # between words of one row there is nothing else
    energies = model.energy(of_words(PLAIN[:1], ["a", "b", "c", "d"]))
    np.testing.assert_allclose(energies - energies[0], np.log(p[0] / p), rtol=1e-9)


def test_a_word_that_is_hidden_is_summed_out_of_a_mixture():
    model = GaussianMixture(3, random_state=0, reg_covar=1e-3, max_iter=500).fit(PLAIN)
    every = [*model.table_.columns[2].words, "never seen"]
    rows = PLAIN[:5]
    energies = np.stack([model.energy(rows.with_columns(kind=pl.lit(word))) for word in every])
    hidden = model.energy(rows.with_columns(kind=pl.lit(None, dtype=pl.String)))
    np.testing.assert_allclose(hidden, -logsumexp(-energies, axis=0), rtol=1e-9)


# units

NUMBERS = RANDOM.normal(size=(100, 3)) * [1, 1e4, 1e-3] + [5, -1e5, 0]
SCALERS = {"robust": RobustScaler(unit_variance=True), "standard": StandardScaler()}


@pytest.mark.parametrize("how", SCALERS)
@pytest.mark.parametrize("name", ["KMeans", "PCA", "GaussianMixture"])
def test_units_are_those_of_scikit_learns_scalers(name, how):
    inside = SCALERS[how].fit_transform(NUMBERS)
    expected = fitted(name, inside).energy(inside)
    model = fitted(name, NUMBERS, scale=how)
    np.testing.assert_allclose(model.energy(NUMBERS), expected, rtol=1e-4, atol=1e-5)
    # answers are in the units of the table
    hidden = NUMBERS[:4].copy()
    hidden[:, 1] = np.nan
    filled = model.complete(hidden)
    assert ((filled[:, 1] > -2e5) & (filled[:, 1] < 0)).all()
    np.testing.assert_array_equal(filled[:, [0, 2]], hidden[:, [0, 2]])


@pytest.mark.parametrize("frame", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_arrays_and_frames_of_numbers_alone_stay_as_they_are(frame):
    X = frame(NUMBERS)
    model = KMeans(3, random_state=0).fit(X)
    assert model.table_ is None
    none = KMeans(3, random_state=0, scale="none").fit(X)
    np.testing.assert_array_equal(model.energy(X), none.energy(X))
    centers = model.cluster_centers_
    least = ((NUMBERS[:, None] - centers) ** 2).sum(axis=-1).min(axis=1)
    np.testing.assert_allclose(model.energy(X), least, rtol=1e-6)


def test_a_table_of_numbers_alone_is_scaled():
    frame = pl.DataFrame(NUMBERS, schema=["a", "b", "c"])
    table = KMeans(3, random_state=0).fit(Table(frame))
    robust = KMeans(3, random_state=0, scale="robust").fit(NUMBERS)
    np.testing.assert_allclose(table.energy(Table(frame)), robust.energy(NUMBERS), rtol=1e-9)
    plain = KMeans(3, random_state=0, scale="none").fit(Table(frame))
    raw = KMeans(3, random_state=0).fit(NUMBERS)
    np.testing.assert_allclose(plain.energy(frame), raw.energy(NUMBERS), rtol=1e-9)


def test_weights_are_of_the_rows_that_were_given():
    weight = np.ones(N)
    weight[:40] = 3
    model = KMeans(1, scale="none", random_state=0).fit(FRAME, sample_weight=weight)
    again = KMeans(1, scale="none", random_state=0)
    # the row that says nothing has a weight too, and is passed over with it
    again.fit(pd.concat([FRAME, FRAME[:40], FRAME[:40]]))
    at, its = (each.table_.places("price")[0] for each in (model, again))
    np.testing.assert_allclose(
        model.cluster_centers_[0, at], again.cluster_centers_[0, its], rtol=1e-6
    )


@pytest.mark.parametrize("scale", ["auto", "standard", "none"])
def test_sparse_coding_knows_where_words_are_about_its_offset(scale):
    model = SparseCoding(4, max_iter=2, random_state=0, scale=scale).fit(FRAME)
    inside, space = free_energy_of(model.energy_).energy.cost.indicators, model._space
    words = inside.mask.numpy()
    for value, at in ((0.0, inside.off), (1.0, inside.on)):
        rows = (at + model.energy_.shift).numpy()[None]
        np.testing.assert_allclose(space.out(rows)[0, words], value, atol=1e-12)


def outside_of_buffers(value, path, seen):
    """Tensors that an energy holds where ``to`` does not find them, by their paths."""
    if id(value) in seen:
        return []
    seen.add(id(value))
    if isinstance(value, torch.Tensor):
        return [path]
    if isinstance(value, torch.nn.Module):
        parts = {k: v for k, v in vars(value).items() if k not in ("_parameters", "_buffers")}
    elif isinstance(value, dict):
        parts = value
    elif isinstance(value, (list, tuple)):
        parts = dict(enumerate(value))
    elif type(value).__module__.startswith("thalweg"):
        parts = getattr(value, "__dict__", {})
    else:
        return []
    return [s for k, v in parts.items() for s in outside_of_buffers(v, f"{path}.{k}", seen)]


def test_all_that_an_energy_holds_goes_with_it_to_another_device(model):
    assert outside_of_buffers(model.energy_, "energy_", set()) == []

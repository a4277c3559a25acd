"""The default for gaps: it chooses by cells that it hides, and fills in better than its parts."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

import thalweg
from thalweg.core import InputError
from thalweg.data import Rows
from thalweg.estimators import GaussianMixture, Imputer
from thalweg.estimators.tables import choosing
from thalweg.estimators.tables.recovery import Trial
from thalweg.estimators.tables.space import Prepared, RowSpace


def curved(n, seed=0):
    """Columns that a plane does not hold."""
    random = np.random.default_rng(seed)
    t, u = random.random((2, n))
    rows = np.column_stack([np.sin(6 * t), np.cos(6 * t), t + u, 100 * u])
    return rows + [0.02, 0.02, 0.02, 2] * random.normal(size=(n, 4))


def holed(rows, share=0.15, seed=1):
    return np.where(np.random.default_rng(seed).random(rows.shape) < share, np.nan, rows)


def off(filled, rows, given):
    asked = np.isnan(given)
    return np.sqrt(np.mean((((filled - rows) / rows.std(axis=0))[asked]) ** 2))


@pytest.fixture(scope="module")
def fitted():
    return Imputer(n_steps=1000, random_state=0).fit(holed(curved(700)))


def test_gaps_are_filled_in_and_nothing_else_changes(fitted):
    rows, model = curved(700), fitted
    given = holed(rows)
    filled = model.transform(given)
    seen = ~np.isnan(given)
    assert np.array_equal(filled[seen], given[seen])
    plane = GaussianMixture(random_state=0).fit(given).complete(given, answer="mean")
    assert off(filled, rows, given) < 0.8 * off(plane, rows, given)
    # what it says of itself is so: of cells that nobody knew
    assert off(filled, rows, given) ** 2 == pytest.approx(model.errors_["blend"], rel=0.5)


def test_new_rows_are_filled_in_without_fitting_again(fitted):
    new, model = curved(300, seed=5), fitted
    given = holed(new)
    again = model.transform(given)
    assert off(again, new, given) < 0.75
    # row by row, whatever else is asked
    np.testing.assert_allclose(model.transform(given[:7]), again[:7], rtol=1e-6)


def test_a_blend_is_no_worse_than_its_parts_where_it_was_chosen():
    model = Imputer(n_steps=300, random_state=0).fit(holed(curved(400)))
    assert set(model.errors_) == {"GaussianMixture", "MaskedAutoencoder", "Neighbors", "blend"}
    assert model.errors_["blend"] <= 1.02 * min(model.errors_.values())
    shares = model.energy_.shares
    np.testing.assert_allclose(shares.sum(dim=0), 1, rtol=1e-9)
    assert (shares >= 0).all()


def test_a_trial_hides_cells_that_are_there_and_keeps_rows_and_columns():
    rows = holed(curved(400))
    rows[3, 1:] = np.nan
    trial = Trial.of(Prepared(RowSpace(), Rows(rows), 4), 300, 0)
    assert len(trial.whole) == 300
    assert not np.isnan(trial.whole[trial.asked]).any()
    assert np.isnan(trial.given.rows.values[trial.asked]).all()
    assert (~np.isnan(trial.given.rows.values)).any(axis=1).all()
    share = trial.asked.sum() / (~np.isnan(trial.whole)).sum()
    assert share == pytest.approx(0.1, abs=0.03)
    mean = np.broadcast_to(np.nanmean(trial.whole, axis=0), trial.whole.shape)
    assert trial.error(mean) == pytest.approx(1, abs=0.2)
    assert trial.error(trial.whole) == 0


def test_a_column_that_is_nearly_always_the_same_does_not_outweigh_the_others():
    rows = np.random.default_rng(0).normal(size=(600, 3))
    # a mean of equal numbers is rounded: their variance is not quite 0
    rows[:, 2] = 0.3
    rows[:4, 2] = 0.83
    trial = Trial.of(Prepared(RowSpace(), Rows(rows), 3), 600, 0)
    np.testing.assert_allclose(trial.weight[2], 1 / rows[:, 2].var())
    # of one that is the same in all rows of a trial nothing is asked
    rows[:, 2] = 0.3
    trial = Trial.of(Prepared(RowSpace(), Rows(rows), 3), 600, 0)
    assert not trial.asked[:, 2].any()
    assert trial.mean_error() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("more", "others"), [
    # far worse with less added to covariances: no more of those
    ({(5, 2): 0.5}, [(5, 2), (5, 0)]),
    ({(5, 2): 0.41, (2, 2): 0.3, (10, 2): 0.6}, [(5, 2), (2, 2), (10, 2), (2, 3)]),
])  # fmt: skip
def test_sizes_are_tried_until_two_in_a_row_are_worse(more, others, monkeypatch):
    of_high = {1: 0.5, 2: 0.55, 5: 0.4, 10: 0.41, 20: 0.42, 40: 0.1}
    errors = {**{(k, 1): error for k, error in of_high.items()}, **more}
    tried = []

    def of(trial, model):
        tried.append((model.n_components, choosing.FLOORS.index(model.reg_covar)))
        return choosing.Tried(model, None, None, errors.get(tried[-1], 0.9))

    monkeypatch.setattr(choosing, "tried_by", of)
    prepared = Prepared(RowSpace(), Rows(curved(400)), 4)
    found = choosing.best_mixture(Trial.of(prepared, 400, 0), prepared, 0)
    assert tried == [*((k, 1) for k in (1, 2, 5, 10, 20)), *others]
    assert found.error == min(errors[each] for each in tried if each in errors)


def test_weights_are_those_of_least_squares():
    rows = np.random.default_rng(0).normal(size=(4000, 2))
    trial = Trial.of(Prepared(RowSpace(), Rows(rows), 2), 4000, 0)
    e = np.random.default_rng(1).normal(size=(2, *rows.shape))
    # of independent errors with variances 1 and 4, 4 to 1 in the first column, equal in the second
    one, two = rows + e[0], rows + e[1] * [2, 1]
    shares = trial.shares([one, two])
    np.testing.assert_allclose(shares[:, 0], [0.8, 0.2], atol=0.1)
    np.testing.assert_allclose(shares[:, 1], [0.5, 0.5], atol=0.15)


def frame():
    random = np.random.default_rng(2)
    n = 500
    kind = random.integers(0, 3, n)
    whole = pl.DataFrame({
        "kind": np.array(["ash", "oak", "yew"])[kind],
        "height": np.array([30.0, 20.0, 10.0])[kind] + random.normal(size=n),
        "planted": np.datetime64("1900-01-01") + (kind * 12000 + random.integers(900, size=n)),
    })  # fmt: skip
    gaps = {name: random.random(n) < 0.15 for name in whole.columns}
    gaps["kind"] &= ~gaps["height"]
    given = whole.with_columns(
        pl.when(~pl.Series(gap)).then(pl.col(name)).alias(name) for name, gap in gaps.items()
    )
    return whole, given, gaps


@pytest.fixture(scope="module")
def of_frame():
    return Imputer(n_steps=300, random_state=0).fit(frame()[1])


def test_words_and_dates_come_back_as_words_and_dates(of_frame):
    whole, given, gaps = frame()
    model = of_frame
    for asked in (given, pd.DataFrame(given.to_dict(as_series=False))):
        filled = model.transform(asked)
        assert type(filled) is type(asked)
        assert list(filled.columns) == whole.columns
    filled = model.transform(given)
    assert filled.schema == whole.schema
    assert filled.null_count().sum_horizontal().item() == 0
    right = (filled["kind"] == whole["kind"]).filter(pl.Series(gaps["kind"])).mean()
    assert right > 0.95
    years = (filled["planted"] - whole["planted"]).dt.total_days().filter(
        pl.Series(gaps["planted"])
    )  # fmt: skip
    assert years.abs().median() < 900


def test_it_is_a_step_of_a_pipeline():
    rows = curved(300)
    way = make_pipeline(Imputer(n_steps=0, random_state=0), LinearRegression())
    way.fit(holed(rows[:, :3]), rows[:, 3])
    assert way.score(rows[:, :3], rows[:, 3]) > 0.5
    assert list(Imputer(n_steps=0).fit(rows).get_feature_names_out()) == ["x0", "x1", "x2", "x3"]


def test_it_is_saved_whole(of_frame, fitted, tmp_path):
    for X, model in ((frame()[1], of_frame), (holed(curved(200)), fitted)):
        model.save(tmp_path / "model.safetensors")
        again = thalweg.load(tmp_path / "model.safetensors")
        np.testing.assert_array_equal(again.energy(X), model.energy(X))
        np.testing.assert_array_equal(np.array(again.transform(X)), np.array(model.transform(X)))
        assert again.errors_ == model.errors_
        for one, two in zip(again.members_, model.members_, strict=True):
            assert one.get_params() == two.get_params()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda said: said["members"].pop(), "shares"),
        (lambda said: said.update(members=[]), "members must be a list"),
        (lambda said: said["members"][0].update(estimator="Pipeline"), "a member must be one of"),
        (lambda said: said["members"][0]["facts"].update(energy_=1), "facts of a member"),
        (lambda said: said["members"][2]["facts"].update(k_=0), "facts of a member"),
        (lambda said: said["members"][1]["parameters"].update(n_steps=-1), "n_steps"),
        (lambda said: said.update(errors={"blend": "none"}), "errors must be numbers"),
    ],
)
def test_a_changed_file_is_refused(tmp_path, change, message):
    path = tmp_path / "model.safetensors"
    Imputer(n_steps=20, random_state=0).fit(curved(100)).save(path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    model = json.loads(header["__metadata__"]["model"])
    change(model["extra"])
    header["__metadata__"]["model"] = json.dumps(model)
    written = json.dumps(header).encode()
    path.write_bytes(len(written).to_bytes(8, "little") + written + content[8 + length :])
    with pytest.raises(InputError, match=message):
        thalweg.load(path)


@pytest.mark.parametrize("shape", [(1, 2), (3, 4), (25, 1), (40, 1), (12, 60)])
def test_few_rows_and_single_columns(shape):
    rows = np.random.default_rng(0).normal(size=shape)
    rows[0, 0] = np.nan
    if shape[0] == 1:
        with pytest.raises(InputError, match="no visible entry"):
            Imputer().fit(rows)
        return
    assert np.isfinite(Imputer(n_steps=50, random_state=0).fit(rows).transform(rows)).all()


def test_columns_of_many_numbers_are_learned_as_planes(monkeypatch):
    monkeypatch.setattr(choosing, "WIDE", 30)
    random = np.random.default_rng(0)
    rows = random.normal(size=(150, 3)) @ random.normal(size=(3, 40))
    rows += 0.1 * random.normal(size=rows.shape)
    given = holed(rows)
    model = Imputer(n_steps=0, random_state=0).fit(given)
    assert type(model.members_[0]).__name__ == "PCA"
    assert off(model.transform(given), rows, given) < 0.15

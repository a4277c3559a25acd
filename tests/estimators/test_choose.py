"""Which method suits a table."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from thalweg.core import InputError
from thalweg.data.columns import read_table
from thalweg.estimators import PCA, KMeans, choose
from thalweg.estimators.tables import choose as choosing
from thalweg.estimators.tables.choose import _some_of


def plane(n=150, d=8):
    random = np.random.default_rng(0)
    return random.normal(size=(n, 2)) @ random.normal(size=(2, d)) + 0.05 * random.normal(
        size=(n, d)
    )


def choose_quietly(rows):
    """Of noise it may be said that there is nothing to bring back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return choose(rows, random_state=0)


def points(n=150, d=6):
    random = np.random.default_rng(1)
    return 10 * random.normal(size=(5, d))[random.integers(5, size=n)] + random.normal(size=(n, d))


def test_rows_on_a_plane_are_a_plane_s():
    found = choose(plane(), random_state=0)
    errors = [each.error for each in found.ranking]
    assert errors == sorted(errors)
    assert {type(each.model).__name__ for each in found.ranking} == {
        "GaussianMixture", "PCA", "KMeans", "SparseCoding", "Neighbors", "KernelDensity"
    }  # fmt: skip
    by_name = {type(each.model).__name__: each for each in found.ranking}
    assert by_name["PCA"].model.n_components in (2, 5)
    assert by_name["PCA"].name.startswith("PCA(n_components=")
    assert by_name["KMeans"].error > 5 * errors[0]
    assert found.model is found.ranking[0].model
    # learned from all rows, as by itself
    again = type(found.model)(**found.model.get_params()).fit(plane())
    np.testing.assert_array_equal(found.model.energy(plane()), again.energy(plane()))


def test_an_error_is_that_of_hidden_cells():
    # of points far apart, what is hidden of a row is known to what lies within them
    found = choose(points(190), random_state=0, max_rows=150)
    by_name = {type(each.model).__name__: each for each in found.ranking}
    assert by_name["KMeans"].model.n_clusters == 5
    assert by_name["KMeans"].error == pytest.approx((1 / points(190).var(axis=0)).mean(), rel=0.5)
    noise = np.random.default_rng(2).normal(size=(150, 4))
    # nothing can be known: the mean is best
    assert choose_quietly(noise).ranking[0].error == pytest.approx(1, abs=0.25)


def test_larger_sizes_are_tried_as_long_as_they_help(monkeypatch):
    tried = []

    class Counted(PCA):
        def fit(self, X, y=None):
            tried.append(self.n_components)
            return super().fit(X)

    method = choosing.Method(Counted, "n_components", (1, 2, 5, 100), {"scale": "robust"})
    monkeypatch.setattr(choosing, "METHODS", (method,))
    found = choose(plane(60), random_state=0)
    # 100 are too many for 8 columns
    assert tried[:3] == [1, 2, 5]
    assert tried[-1] == found.model.n_components
    # a plane of all columns has no energy
    whole = choosing.Method(PCA, "n_components", (7, 8), {"scale": "robust"})
    monkeypatch.setattr(choosing, "METHODS", (whole,))
    assert choose(plane(60), random_state=0).model.n_components == 7
    # more clusters than what is there
    many = choosing.Method(KMeans, "n_clusters", (50,), {"scale": "robust"})
    monkeypatch.setattr(choosing, "METHODS", (many,))
    with pytest.warns(UserWarning, match="no method brings back more than the means"):
        choose(np.random.default_rng(2).normal(size=(150, 4)), random_state=0)
    none = choosing.Method(KMeans, "n_clusters", (1000,), {})
    monkeypatch.setattr(choosing, "METHODS", (none,))
    with pytest.raises(InputError, match="no method could be fitted"):
        choose(plane(60))


def test_tables_of_words_and_files(tmp_path):
    random = np.random.default_rng(3)
    kind = random.integers(3, size=120)
    frame = pd.DataFrame({
        "id": [f"r{i}" for i in range(120)],
        "kind": np.array(["ash", "oak", "yew"])[kind],
        "height": 10.0 * kind + random.normal(size=120),
    })  # fmt: skip
    frame.loc[::9, "height"] = np.nan
    found = choose(frame, random_state=0)
    assert found.ranking[0].error < 0.3
    assert found.model.complete(frame)["height"].notna().all()
    frame.to_csv(tmp_path / "trees.csv", index=False)
    again = choose(read_table(tmp_path / "trees.csv"), random_state=0)
    assert [each.name for each in again.ranking] == [each.name for each in found.ranking]


def test_some_rows_of_many_are_each_as_likely():
    rows = np.arange(2000.0)[:, None]
    taken, n = _some_of(rows, 500, 0)
    assert (n, len(np.unique(taken))) == (2000, 500)
    assert abs(taken.mean() - 999.5) < 4 * 577 / np.sqrt(500)
    assert _some_of(rows[:500], 500, 0)[0].shape == (500, 1)

    table = read_of(pl.DataFrame({"a": np.arange(2000)}))
    taken, n = _some_of(table, 500, 0)
    kept = taken.frame["a"].to_numpy()
    assert (n, len(np.unique(kept))) == (2000, 500)
    assert abs(kept.mean() - 999.5) < 4 * 577 / np.sqrt(500)


def read_of(frame):
    from thalweg.data.columns import Table

    class Parts(Table):
        def batches(self):
            yield self.frame[:300]
            yield self.frame[300:1900]
            yield self.frame[1900:]

    return Parts(frame)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.zeros((5, 3)), "X has 5 rows; expected at least 20"),
        (np.arange(30.0)[:, None], "X has 1 columns that vary"),
        (sparse.coo_array(plane(60)), "X is sparse"),
        ([["a", "b"]] * 30, "X"),
    ],
)
def test_what_nothing_can_be_chosen_for_is_said(rows, message):
    with pytest.raises(InputError, match=message):
        choose(rows)
    with pytest.raises(InputError, match="max_rows must be"):
        choose(plane(), max_rows=3)


def test_constants_are_brought_back_by_nobody():
    noise = np.random.default_rng(2).normal(size=(150, 4))
    found = choose_quietly(np.hstack([noise, np.ones((150, 3))]))
    assert found.ranking[0].error == pytest.approx(1, abs=0.25)
    with pytest.raises(InputError, match="X has 0 columns that vary"):
        choose(np.ones((50, 3)))
    holes = np.full((100, 3), np.nan)
    holes[np.arange(100), np.arange(100) % 3] = np.random.default_rng(0).normal(size=100)
    with pytest.raises(InputError, match="too few visible cells"):
        choose(holes)
    with pytest.raises(InputError, match="X"):
        choose(None)

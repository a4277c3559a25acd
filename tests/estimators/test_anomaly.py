"""The default for anomalies: what it promises of rows, of rates, of scikit-learn's manners."""

import numpy as np
import polars as pl
import pytest
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score

import thalweg
from thalweg.core import InputError
from thalweg.estimators import AnomalyDetector

RANDOM = np.random.default_rng(0)


def normal(n, d=4, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) @ random.normal(size=(d, d))


def test_few_far_rows_are_found_among_those_that_were_learned_from():
    rows = normal(600)
    rows[:6] += 40
    for contamination in ("auto", 0.05, 0.3):
        chosen = AnomalyDetector(contamination, random_state=0).fit(rows).select(rows, fdr=0.05)
        assert chosen[:6].all()
        assert chosen.sum() <= 8


def test_a_crowd_of_anomalies_does_not_explain_itself():
    rows = np.concatenate([normal(900), 12 + 0.01 * RANDOM.normal(size=(80, 4))])
    odd = np.arange(980) >= 900
    assert roc_auc_score(odd, AnomalyDetector(random_state=0).fit(rows).energy(rows)) > 0.99


def test_energies_are_the_logs_of_shares():
    rows = normal(3000)
    new = rows[1000:]
    for contamination in (0, "auto"):
        energy = AnomalyDetector(contamination, random_state=0).fit(rows[:1000]).energy(new)
        for share in (0.5, 0.3):
            # three standard errors of a share, of new rows and of those that were learned from
            error = 3 * np.sqrt(share * (1 - share) * (1 / 2000 + 1 / 1000))
            assert abs((energy > -np.log(share)).mean() - share) < error


def test_p_values_are_uniform_where_none_is_an_anomaly():
    random = np.random.default_rng(0)
    found = []
    for seed in range(40):
        rows = random.normal(size=(220, 3))
        model = AnomalyDetector(contamination=0, random_state=seed).fit(rows[:200])
        found.append(model.p_values(rows[200:]))
    # of a discrete uniform law, whose steps are 1 / 201; rows of a table share its calibration
    assert kstest(np.concatenate(found), "uniform").pvalue > 0.001


@pytest.mark.parametrize("contamination", ["auto", 0.02])
def test_false_alarms_are_as_rare_as_was_said(contamination):
    wrong, missed = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        rows = random.normal(size=(300, 3))
        rows[:6] = 9 * np.sign(rows[:6])
        chosen = AnomalyDetector(contamination, random_state=seed).fit(rows).select(rows, 0.1)
        wrong.append(chosen[6:].sum() / max(1, chosen.sum()))
        missed.append(6 - chosen[:6].sum())
    assert np.mean(wrong) < 0.1 + 3 * np.std(wrong) / np.sqrt(60)
    assert np.mean(missed) < 0.5


def test_a_row_has_the_same_energy_whether_it_was_learned_from_or_not():
    rows = normal(300)
    inside = AnomalyDetector(contamination=0).fit(rows).energy(rows[:5])
    for i in range(5):
        outside = AnomalyDetector(contamination=0).fit(np.delete(rows, i, axis=0))
        assert outside.energy(rows[i : i + 1])[0] == pytest.approx(inside[i], rel=0.15, abs=0.02)


def test_predict_calls_as_many_unusual_as_was_said():
    rows = normal(400)
    model = AnomalyDetector(0.05, random_state=0)
    assert (model.fit_predict(rows) == -1).sum() == 20
    np.testing.assert_array_equal(model.predict(rows) == -1, model.decision_function(rows) < 0)
    np.testing.assert_allclose(
        model.decision_function(rows), model.score_samples(rows) - model.offset_
    )
    assert (AnomalyDetector(0).fit_predict(rows) == 1).all()


def test_a_table_with_words_dates_and_gaps():
    random = np.random.default_rng(1)
    n = 400
    city = np.array(["Bern", "Rome", "Oslo"])[random.integers(0, 3, n)]
    degrees = np.where(city == "Oslo", 2, np.where(city == "Rome", 24, 12)) + random.normal(size=n)
    frame = pl.DataFrame({"city": city, "degrees": degrees, "wind": random.exponential(size=n)})
    frame = frame.with_columns(
        pl.when(pl.Series(random.random(n) < 0.1))
        .then(None)
        .otherwise(pl.col("wind"))
        .alias("wind")
    )
    odd = pl.DataFrame({"city": ["Oslo", "Rome"], "degrees": [27.0, 24.0], "wind": [0.5, 0.5]})
    model = AnomalyDetector(random_state=0).fit(frame)
    energy = model.energy(odd)
    assert energy[0] > 3
    assert energy[1] < 2
    said = model.explain(odd)
    # by itself either cell is usual: both hide the contradiction
    assert (said.contribution[0, :2] > 1).all()
    assert abs(said.contribution[0, 2]) < 1


def test_it_is_saved_and_learns_on(tmp_path):
    rows = normal(500)
    rows[RANDOM.random(rows.shape) < 0.05] = np.nan
    for contamination in ("auto", 0):
        model = AnomalyDetector(contamination, max_rows=200, random_state=0).fit(rows[:250])
        model.save(tmp_path / "model.safetensors")
        again = thalweg.load(tmp_path / "model.safetensors")
        np.testing.assert_array_equal(again.energy(rows), model.energy(rows))
        np.testing.assert_array_equal(again.p_values(rows), model.p_values(rows))
        np.testing.assert_array_equal(again.predict(rows), model.predict(rows))
        again.partial_fit(rows[250:])
        assert again.n_rows_ == 200
        assert again.n_samples_seen_ == 500
        # trimmed rows are kept for later, too
        assert len(again._kept_rows()) == 200


@pytest.mark.parametrize("contamination", [-0.1, 0.6, "some"])
def test_a_share_of_anomalies_is_at_most_half(contamination):
    with pytest.raises(InputError, match="contamination"):
        AnomalyDetector(contamination).fit(normal(20))


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_few_rows(n):
    model = AnomalyDetector().fit(normal(n))
    assert np.isfinite(model.energy(normal(5, seed=1))).all()

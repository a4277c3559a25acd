"""One contract over every estimator in the registry; a new one is in it without anyone's doing."""

import inspect

import numpy as np
import pytest
import torch
from sklearn.datasets import load_wine
from sklearn.utils.estimator_checks import parametrize_with_checks

import thalweg
from thalweg.core import InputError, check_energy
from thalweg.estimators.registry import estimator, names_in

KINDS = sorted(names_in("tables"))
SEEDING = {
    f"check_sample_weight_equivalence_on_{kind}_data": "k-means++ draws from the rows as they "
    "stand, and a repeated row is two rows to draw from"
    for kind in ("dense", "sparse")
}
BROKEN = {
    # the code of a row is the entry that its encoder is nearest to, not the best one
    "VQAutoencoder": ["jumps"],
}
EXPECTED_FAILURES = {"KMeans": SEEDING, "GaussianMixture": SEEDING}


def make(name, **settings):
    """Small, quick and seeded; everything else at its default."""
    kind = estimator(name)
    quick = {"random_state": 0, "n_steps": 150, "n_clusters": 3}
    if name == "MaskedAutoencoder":
        quick["hidden"] = (64,)  # its chains ask for each of many parts
    if "Sparse" not in name:
        quick["n_components"] = 2
    known = inspect.signature(kind).parameters
    return kind(**{k: v for k, v in {**quick, **settings}.items() if k in known})


@parametrize_with_checks(
    # what is learned is of no account to these
    [make(name, n_steps=30) for name in KINDS],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator).__name__, {}),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learn_contract(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def rows():
    data = load_wine().data[:, :5]
    return (data - data.mean(0)) / data.std(0)


@pytest.fixture(scope="module")
def fitted(rows):
    models = {}

    class Fitted:
        def __getitem__(self, name):
            if name not in models:
                models[name] = make(name).fit(rows)
            return models[name]

    return Fitted()


@pytest.mark.parametrize("name", KINDS)
def test_one_energy_a_row_and_no_row_sees_another(fitted, rows, name):
    model = fitted[name]
    energy = model.energy(rows)
    assert energy.shape == (len(rows),)
    assert np.isfinite(energy).all()
    order = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_allclose(model.energy(rows[order]), energy[order], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(model.energy(rows[:1]), energy[:1], rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(model.score_samples(rows), -energy)


@pytest.mark.parametrize("name", KINDS)
def test_their_energies_keep_the_laws(fitted, rows, name):
    energy = fitted[name].energy_
    like = next(energy.parameters())
    check_energy(energy, torch.from_numpy(rows[:6]).to(like), except_for=BROKEN.get(name, ()))


@pytest.mark.parametrize("name", KINDS)
def test_data_lie_lower_than_elsewhere(fitted, rows, name):
    away = rows[::-1].copy() * np.array([4, -4, 4, -4, 4])
    energy = fitted[name].energy
    assert np.median(energy(rows)) < np.median(energy(away))


@pytest.mark.parametrize("name", KINDS)
def test_saved_and_loaded_it_answers_the_same(fitted, rows, name, tmp_path):
    model = fitted[name]
    model.save(tmp_path / "m.safetensors")
    again = thalweg.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.energy(rows), model.energy(rows))
    assert again.get_params() == model.get_params()
    for attribute in (a for a in vars(model) if a.endswith("_") and not a.startswith("_")):
        if attribute not in ("energy_", "history_", "members_", "objective_"):
            np.testing.assert_array_equal(getattr(again, attribute), getattr(model, attribute))


@pytest.mark.parametrize("name", KINDS)
def test_completion_keeps_what_is_there_and_beats_random_fillings(fitted, rows, name):
    model = fitted[name]
    holed = rows[:30].copy()
    holed[::2, 1] = np.nan
    holed[::3, 4] = np.nan
    hidden = np.isnan(holed)
    filled = model.complete(holed)
    assert np.array_equal(filled[~hidden], holed[~hidden])
    random = np.random.default_rng(0)
    best = np.full(len(holed), np.inf)
    for _ in range(100):
        best = np.minimum(
            best, model.energy(np.where(hidden, random.normal(size=holed.shape), holed))
        )
    assert (model.energy(filled) <= best + 1e-6 * (1 + abs(best))).all()


@pytest.mark.parametrize("name", KINDS)
def test_projection_lowers_the_energy(fitted, rows, name):
    model = fitted[name]
    away = rows[:20] + np.random.default_rng(0).normal(size=(20, 5))
    assert (model.energy(model.project(away)) <= model.energy(away) + 1e-6).all()


@pytest.mark.parametrize("name", [n for n in KINDS if hasattr(estimator(n), "inverse_transform")])
def test_codes_decode_to_rows(fitted, rows, name):
    model = fitted[name]
    codes = model.transform(rows)
    assert codes.shape == (len(rows), len(model.get_feature_names_out()))
    assert model.inverse_transform(codes).shape == rows.shape
    with pytest.raises(InputError, match="inverse_transform: Z has shape"):
        model.inverse_transform(codes[:, :0])


@pytest.mark.parametrize("name", [n for n in KINDS if hasattr(estimator(n), "sample")])
def test_samples_lie_low_and_follow_the_seed(fitted, rows, name):
    model = fitted[name]
    drawn = model.sample(60, random_state=1)
    assert drawn.shape == (60, 5)
    np.testing.assert_array_equal(drawn, model.sample(60, random_state=1))
    assert not np.array_equal(drawn, model.sample(60, random_state=2)) or name == "KMeans"
    elsewhere = 5 * np.random.default_rng(0).normal(size=(60, 5))
    assert np.median(model.energy(drawn)) < np.median(model.energy(elsewhere))


@pytest.mark.parametrize("name", KINDS)
def test_the_same_seed_gives_the_same_fit(rows, name):
    first, second = make(name).fit(rows[:60]), make(name).fit(rows[:60])
    np.testing.assert_array_equal(first.energy(rows), second.energy(rows))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_hidden_entries_in_training(rows, name):
    holed = rows.copy()
    hidden = np.random.default_rng(0).random(rows.shape) < 0.1
    hidden[hidden.all(axis=1)] = False
    holed[hidden] = np.nan
    model = make(name).fit(holed)
    assert np.isfinite(model.energy(holed)).all()
    filled = model.complete(holed)
    error = np.sqrt(np.mean((filled - rows)[hidden] ** 2))
    assert error < 1.3 * rows[hidden].std()


@pytest.mark.parametrize("name", KINDS)
def test_single_precision_stays_single(rows, name):
    model = make(name).fit(rows.astype(np.float32))
    assert model.energy(rows[:5].astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize(
    ("name", "parameter", "value"),
    [
        (name, parameter, value)
        for name in KINDS
        for parameter, declared in estimator(name).parameters.items()
        for value in declared.constraint.violations()
    ],
    ids=str,
)
def test_every_parameter_is_held_to_its_constraint(name, parameter, value):
    with pytest.raises(InputError, match=f"{name}: {parameter} must be"):
        estimator(name)(**{parameter: value}).fit(np.zeros((4, 2)))


@pytest.mark.parametrize("name", KINDS)
def test_every_parameter_has_a_constraint_and_a_default_that_meets_it(name):
    kind = estimator(name)
    known = inspect.signature(kind).parameters
    assert list(kind.parameters) == list(known)
    for parameter, declared in kind.parameters.items():
        assert known[parameter].default == declared.default or declared.default is None
        assert declared.constraint.allows(declared.default), parameter
        assert declared.sentence.endswith("."), parameter


@pytest.mark.parametrize("name", KINDS)
def test_bad_rows_are_named(rows, name):
    bad = rows[:30].copy()
    bad[3, 2] = np.inf
    with pytest.raises(InputError, match="row 3, column 2 is inf"):
        make(name).fit(bad)
    bad = rows[:30].copy()
    bad[:, 3] = np.nan
    with pytest.raises(InputError, match="column 3 has no visible entry"):
        make(name).fit(bad)


@pytest.mark.parametrize("name", KINDS)
def test_documented(name):
    kind = estimator(name)
    text = inspect.getdoc(kind)
    for section in ("Parameters\n", "Attributes\n", "References\n", "Examples\n", ".. math::"):
        assert section in text, section
    for parameter in kind.parameters:
        assert f"{parameter} :" in text, parameter

"""Models that earlier versions saved still load and answer as they did."""

import json
from pathlib import Path

import numpy as np
import pytest

import thalweg
from thalweg.core import InputError
from thalweg.estimators.registry import ESTIMATORS

SAVED = Path(__file__).parents[1] / "saved"
CASES = [
    (folder.name, name, case)
    for folder in sorted(SAVED.iterdir())
    for name, case in json.loads((folder / "expected.json").read_text()).items()
]


@pytest.mark.parametrize(("version", "name", "case"), CASES, ids=lambda x: str(x)[:40])
def test_a_model_of_an_earlier_version_answers_as_it_did(version, name, case):
    path = SAVED / version / name
    model = thalweg.load(path if path.is_dir() else path.with_suffix(".safetensors"))
    if "texts" in case:
        energy = model.energy(case["texts"])
    else:
        energy = model.energy(*(np.array(rows) for rows in case["asked"]))
    # single precision, on other machines
    np.testing.assert_allclose(energy, case["energy"], rtol=2e-4, atol=1e-5)


def test_every_estimator_has_a_saved_model():
    assert {name.partition("-")[0] for _, name, _ in CASES} == set(ESTIMATORS)


@pytest.mark.parametrize(
    ("word", "other", "message"),
    [
        # of the same length, for the header says how long it is
        (b"n_iter_", b"predict", "predict is nothing that KMeans saves"),
        (b'\\"KMeans\\"', b'\\"Nobody\\"', "estimator 'Nobody', which this thalweg does not know"),
    ],
)
def test_a_file_that_says_other_than_its_estimator_is_refused(tmp_path, word, other, message):
    path = tmp_path / "m.safetensors"
    content = (SAVED / "version_0_1_0" / "KMeans.safetensors").read_bytes()
    assert content.count(word) == 1
    path.write_bytes(content.replace(word, other))
    with pytest.raises(InputError, match=message):
        thalweg.load(path)


def test_names_are_there_before_they_are_imported():
    import thalweg.estimators

    assert set(ESTIMATORS) < set(dir(thalweg.estimators))
    assert {"load", "__version__"} <= set(dir(thalweg))

"""Files that somebody or something changed: one clear error, before anything is built of them."""

import json
import math
import os
import shutil
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import thalweg
from thalweg.core import Bounded, InputError, Integer
from thalweg.core.plain import parse_json
from thalweg.estimators import GaussianMixture, KMeans, LatentRegressor, MaskedAutoencoder
from thalweg.estimators.registry import ESTIMATORS, estimator
from thalweg.estimators.texts import folder as text_folders

SAVED = Path(__file__).parents[1] / "saved" / "version_0_1_0"


def taken_apart(name):
    content = (SAVED / f"{name}.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["model"]), content[8 + length :]


def refused(tmp_path, header, model, data, message):
    if model is not None:
        header["__metadata__"]["model"] = model if isinstance(model, str) else json.dumps(model)
    text = json.dumps(header).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    begun = time.perf_counter()
    with pytest.raises(InputError, match=message) as raised:
        thalweg.load(path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)
    assert time.perf_counter() - begun < 20


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("KMeans", {"n_features_in": 4}, r"decoder\.weight is float64 \(3, 3\); expected \(3, 4\)"),
        ("KMeans", {"n_features_in": -1}, "n_features_in must be a whole number of at least 1"),
        ("KMeans", {"n_features_in": True}, "n_features_in must be a whole number"),
        ("KMeans", {"n_features_in": [3]}, "n_features_in must be a whole number"),
        ("KMeans", {"feature_names_in": ["a", "b"]}, "2 feature_names_in, and 3 columns"),
        ("KMeans", {"feature_names_in": ["a", "a", "b"]}, "must be different names"),
        ("KMeans", {"estimator": ["KMeans"]}, "estimator of its header is no name"),
        ("KMeans", {"parameters": []}, "parameters of its header is no object"),
        ("KMeans", {"more": 1}, "its header has a part 'more'"),
        ("KMeans", {"facts": {}}, "there is no inertia_"),
        ("KMeans", {"facts": {"inertia_": "1", "n_iter_": 4}}, "inertia_ must be a number"),
        ("KMeans", {"facts": {"inertia_": 1.0, "n_iter_": 4, "fit": 1}}, "fit is nothing that KM"),
        ("KMeans", {"extra": {"targets": [9]}}, "different positions below 4"),
        ("KMeans", {"extra": {"table": [["a", None]]}}, "table makes 1 columns"),
        ("PCA", {"facts": {"n_components_": 3, "n_iter_": 1}}, r"explained_variance_ has shape"),
        ("MaskedImageModel-transformer", {"facts": {"shape_": {"tuple": [8, 9, 1]}}}, "72 numbers"),
        ("NextFrame-None", {"facts": {"shape_": {"tuple": [64]}, "grey_": True}}, "of 3 whole"),
    ],
)  # fmt: skip
def test_a_header_that_says_otherwise_is_refused(tmp_path, name, change, message):
    header, model, data = taken_apart(name)
    refused(tmp_path, header, {**model, **change}, data, message)


@pytest.mark.parametrize(
    ("name", "parameter", "value", "message"),
    [
        ("KMeans", "n_clusters", 4, r"expected \(4, 3\)"),
        ("KMeans", "nobody", 1, "nobody is no parameter"),
        ("KMeans", "tol", {"float": "nan"}, "is no value of a parameter"),
        ("KMeans", "tol", [1], "is no value of a parameter"),
        ("KMeans", "init", {"tuple": [1]}, "init must be among the tensors"),
        ("SaturatingAutoencoder", "hidden", {"tuple": [10**9, 10**9]}, "hidden must be"),
        ("SaturatingAutoencoder", "hidden", {"tuple": [4] * 2000}, "larger network|tensor"),
        ("MaskedImageModel-transformer", "depth", 3_000_000, "depth must be"),
        ("MaskedImageModel-convolutional", "depth", 10**9, "depth must be"),
        ("JointEmbeddingModel", "grid", 10**6, "grid must be"),
        ("MaskedImageModel-transformer", "grid", 10**6, "grid must be"),
        ("NextFrame-discrete", "reach", 10**6, "larger network|reach"),
        ("NextFrame-discrete", "n_components", 10**12, "larger network|n_components"),
        ("VariationalAutoencoder", "n_draws", 10**9, "larger network|n_draws"),
        ("VQAutoencoder", "n_codes", 10**9, "larger network|n_codes"),
        ("GLO", "n_starts", 10**10, "larger network|n_starts"),
        ("SparseCoding-lista", "n_layers", 10**9, "larger network|n_layers"),
    ],
)
def test_a_parameter_that_its_tensors_do_not_have_is_refused_at_once(
    tmp_path, name, parameter, value, message
):
    header, model, data = taken_apart(name)
    model["parameters"][parameter] = value
    refused(tmp_path, header, model, data, message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": 1' + "0" * 400 + "}", "401 digits"),
        ('{"a": 1e999}', "too large a number"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a": ', "no JSON"),
        ("3", "no object"),
    ],
)
def test_json_is_read_by_the_letter(tmp_path, text, message):
    header, _, data = taken_apart("KMeans")
    refused(tmp_path, header, text, data, message)


@pytest.mark.parametrize("version", ["²", "0", "-1", "1.0", "", "1" * 30, "one"])
def test_a_version_that_is_none_is_refused(tmp_path, version):
    header, _, data = taken_apart("KMeans")
    header["__metadata__"]["thalweg"] = version
    refused(tmp_path, header, None, data, "is no version of the format")


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e300])
def test_values_that_nothing_can_be_asked_of_are_named(tmp_path, value):
    header, _, data = taken_apart("SquareICA")
    first, last = header["energy.weight"]["data_offsets"]
    spoiled = np.frombuffer(data[first:last]).copy()
    spoiled[3] = value
    data = data[:first] + spoiled.tobytes() + data[last:]
    refused(
        tmp_path, header, None, data, r"energy\.weight has (values that are not finite|a value)"
    )


def test_types_and_names_of_tensors_are_held_to_the_energy(tmp_path):
    header, _, data = taken_apart("PCA")
    entry = header["energy.energy.decoder.offset"]
    entry["dtype"] = "I64"
    refused(tmp_path, header, None, data, "decoder.offset|floating point")
    entry.update(dtype="F64", shape=[3, *[1] * 70])
    refused(tmp_path, header, None, data, "decoder.offset has 71 axes")
    entry["shape"] = [3]
    header["fitted.predict"] = header.pop("fitted.explained_variance_")
    refused(tmp_path, header, None, data, "predict is nothing that PCA saves")
    header["else.where"] = header.pop("fitted.predict")
    refused(tmp_path, header, None, data, "nothing has the tensor else.where")


@pytest.mark.parametrize("name", ["VariationalAutoencoder", "EnergyDensity-dual"])
def test_units_are_numbers_with_a_point(tmp_path, name):
    header, _, data = taken_apart(name)
    header["energy.shift"]["dtype"] = "I64"
    refused(tmp_path, header, None, data, r"shift is int64 \(3,\); expected floating point")


def test_every_fact_that_is_saved_says_what_it_may_be():
    for name in ESTIMATORS:
        for fact, each in estimator(name).learned.items():
            if each.saved:
                assert (each.constraint is None) != (each.shape is None), (name, fact)


def test_a_device_is_no_model(tmp_path):
    os.symlink("/dev/zero", tmp_path / "m.safetensors")
    with pytest.raises(InputError, match="is a device; expected a model"):
        thalweg.load(tmp_path / "m.safetensors")


def _folder(tmp_path):
    return Path(shutil.copytree(SAVED / "MaskedLanguageModel", tmp_path / "model"))


@pytest.mark.parametrize("name", ["thalweg.json", "model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize(("to", "said"), [("/dev/zero", "leads out"), ("none", "no such file")])
def test_links_do_not_lead_out_of_a_folder(tmp_path, name, to, said):
    folder = _folder(tmp_path)
    (folder / name).unlink()
    (folder / name).symlink_to(to)
    with pytest.raises(InputError, match=said):
        thalweg.load(folder)


def test_a_file_that_cannot_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    folder = _folder(tmp_path)
    opened = open

    def locked(path, *more, **others):
        if str(path).endswith("model.safetensors"):
            raise PermissionError(13, "Permission denied")
        return opened(path, *more, **others)

    monkeypatch.setattr("builtins.open", locked)
    with pytest.raises(InputError, match=r"model\.safetensors cannot be read \(Permission denied"):
        thalweg.load(folder)


@pytest.mark.parametrize(
    ("file", "change", "message"),
    [
        ("config.json", {"num_hidden_layers": 10**9}, "larger network"),
        ("config.json", {"max_position_embeddings": 10**9}, "larger network"),
        ("config.json", {"intermediate_size": 10**9}, "larger network"),
        ("config.json", {"num_attention_heads": 3}, "multiple of"),
        ("config.json", {"vocab_size": 10**9}, r"no tensor model\.embeddings"),
        ("config.json", {"hidden_size": "8"}, "hidden_size of config.json must be"),
        ("thalweg.json", {"lengths": [500]}, "lengths go beyond the context"),
        ("thalweg.json", {"lengths": []}, "lengths of thalweg.json"),
        ("thalweg.json", {"marks": ["a", "b"]}, "marks of thalweg.json"),
        ("thalweg.json", {"estimator": "KMeans"}, "estimator of thalweg.json"),
        ("thalweg.json", {"format": "²"}, "is no version"),
        ("thalweg.json", {"more": 1}, "has a part 'more'"),
    ],
)
def test_a_folder_whose_files_say_otherwise_is_refused_at_once(tmp_path, file, change, message):
    path = _folder(tmp_path) / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    begun = time.perf_counter()
    with pytest.raises(InputError, match=message) as raised:
        thalweg.load(path.parent)
    assert str(path.parent) in str(raised.value)
    assert time.perf_counter() - begun < 20


def test_a_token_beyond_the_network_is_refused(tmp_path):
    path = _folder(tmp_path) / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["~~"] = 2**31
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="a token of number 2147483648"):
        thalweg.load(path.parent)


def test_a_folder_that_a_save_exchanges_meanwhile_is_read_anew(tmp_path, monkeypatch):
    folder = _folder(tmp_path)
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    (folder / "config.json").write_text("{}")
    read = []
    found = text_folders._read

    def exchanged(path, kind):
        read.append(path.stat().st_ino)
        try:
            return found(path, kind)
        finally:
            if len(read) == 1:
                folder.rename(tmp_path / "former")
                other.rename(folder)

    monkeypatch.setattr(text_folders, "_read", exchanged)
    assert thalweg.load(folder).width == 8
    assert len(set(read)) == 2


def test_a_former_model_is_named_where_a_save_was_killed(tmp_path):
    left = tmp_path / ".thalweg-00000000-1-00000000.model.kept"
    _folder(tmp_path).rename(left)
    with pytest.raises(InputError, match=f"was killed as it wrote it; expected {left}"):
        thalweg.load(tmp_path / "model")


def test_a_model_that_is_not_finite_is_not_saved(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    model = KMeans(2, random_state=0).fit(rows)
    with torch.no_grad():
        model.energy_.energy.decoder.weight[0, 0] = torch.inf
    with pytest.raises(InputError, match=r"KMeans: energy\.energy\.decoder\.weight has values"):
        model.save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_an_answer_that_is_no_number_is_an_error():
    rows = np.random.default_rng(0).normal(size=(40, 3))
    model = MaskedAutoencoder((4,), n_steps=2, random_state=0).fit(rows)
    with torch.no_grad():
        model.energy_.energy.network.layers[0].weight.fill_(torch.nan)
    with pytest.raises(InputError, match="MaskedAutoencoder: the answer for row 0 is not a number"):
        model.energy(rows)


def test_a_draw_that_is_no_number_is_an_error():
    rows = np.random.default_rng(0).normal(size=(40, 3))
    model = LatentRegressor(hidden=(4,), n_init=1, n_steps=2, random_state=0)
    model.fit(rows, rows[:, 0])
    with torch.no_grad():
        model.energy_.energy.energy.cost.log_sigma.fill_(torch.nan)
    with pytest.raises(InputError, match="the answer for row 0 is not a number"):
        model.energy(rows, rows[:, 0])
    with torch.no_grad():
        model.energy_.energy.energy.cost.log_sigma.fill_(1e15)
    with pytest.raises(InputError, match="LatentRegressor: the answer for row 0 is not a number"):
        model.sample(rows, random_state=0)


def test_hard_assignment_draws_where_the_energy_is_lowest():
    rows = np.random.default_rng(0).normal(size=(40, 3))
    model = GaussianMixture(2, beta=math.inf, random_state=0).fit(rows)
    drawn = model.sample(3, random_state=0)
    assert np.ptp(drawn, axis=0).tolist() == [0, 0, 0]
    assert model.energy(drawn)[0] <= model.energy(model.means_).min() + 1e-9


def test_building_stops_before_memory_is_taken():
    with Bounded([10]):
        torch.zeros(1000).expand(1000, 1000)
    for make in (
        lambda: torch.empty(10**12),
        lambda: torch.randn(10**6, 10**6, generator=torch.Generator()),
        lambda: torch.arange(10**11),
        lambda: torch.zeros(10**5)[:, None] * torch.zeros(10**5),
        lambda: torch.nn.Linear(10**8, 10**8),
    ):
        with Bounded([10]), pytest.raises(InputError, match="larger network"):
            make()


def test_whole_numbers_fit_in_64_bits():
    assert parse_json("[123456789012345678, -1.5e3]") == [123456789012345678, -1500.0]
    assert Integer(1).allows(parse_json("[1]")[0])

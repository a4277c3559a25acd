"""Every estimator fitted on a device, and its answers held against those of its copy on the CPU.

The fitted energy is copied to the CPU, in single and in double precision, and the same questions
are asked of all three. Where training has no noise the model that the CPU fits is held against it
too. Data are made here, small.
"""

import copy
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from gpu_rows import Check, NotRun

import thalweg.estimators
from thalweg.core import InputError
from thalweg.data import turning_digits
from thalweg.estimators import load

LEARNED = {"hidden": (16,), "n_steps": 60, "batch_size": 64, "learning_rate": 0.005}

SENTENCES = ["the cat sat on the mat", "a dog ran in the park", "the dog sat on the rug",
             "a cat and a dog met", "the park had a cat"]  # fmt: skip


def table(n=400, d=5):
    """Rows of three clusters with heavy tails, in single precision."""
    random = np.random.default_rng(0)
    centers = 8 * random.normal(size=(3, d))
    mixing = np.eye(d) + 0.3 * random.normal(size=(d, d))
    spread = random.laplace(size=(n, d)) @ mixing
    return (centers[random.integers(3, size=n)] + spread).astype(np.float32)


def holed(rows):
    """Rows with entries that are hidden, some in every second row."""
    result = rows.copy()
    result[::2, 1] = np.nan
    result[::3, 3] = np.nan
    return result


def pictures(n=64, side=12):
    """Soft blobs, in single precision."""
    random = np.random.default_rng(0)
    at = np.arange(side)
    y, x, wide = (random.uniform(low, high, (n, 1, 1)) for low, high in ((2, 9), (2, 9), (2, 8)))
    away = (at[:, None] - y) ** 2 + (at[None, :] - x) ** 2
    noise = 0.05 * random.normal(size=(n, side, side))
    return (np.exp(-away / wide) + noise).astype(np.float32)


def clips():
    digits = (255 * pictures(20).clip(0, 1)).astype(np.uint8)
    found = turning_digits(digits, 40, torch.Generator().manual_seed(0), length=5, size=16)
    return found.frames.astype(np.float32) / 255


def texts():
    return SENTENCES * 20


class Recipe(NamedTuple):
    """How an estimator is made and asked."""

    data: str
    settings: dict
    slack: float = 0.0
    """relative, besides rounding: what a solver's own tolerance leaves open"""
    loose: tuple = ()
    """questions whose answers are not held: where many are as good"""
    alike: float | None = None
    """slack with which the CPU's own fit gives the same energies; None where noise is drawn"""
    by_descent: bool = False
    """codes by descent, which rounding may send into another valley now and then"""


RECIPES = {
    "KMeans": Recipe("rows", {"n_clusters": 3}, alike=0.0),
    "PCA": Recipe("rows", {"n_components": 2}, alike=0.0),
    "Neighbors": Recipe("rows", {}, alike=0.0),
    "KernelDensity": Recipe("rows", {}, alike=1e-4),
    "AnomalyDetector": Recipe("rows", {}, alike=0.0),
    "Imputer": Recipe("rows", {"n_steps": 0}, alike=1e-4),
    "GaussianMixture": Recipe("rows", {"n_components": 3, "max_iter": 30}, alike=1e-5),
    "SparseCoding": Recipe(
        # on a GPU codes come from descent to a duality gap of 1e-6: of F, not of its slope
        "rows",
        {"n_components": 8, "max_iter": 3},
        1e-5,
        ("transform", "gradient"),
        alike=0.02,
    ),
    "SquareICA": Recipe("rows", {}, alike=1e-4),
    "GLO": Recipe(
        "rows",
        {"n_components": 2, "descent_iter": 100, **LEARNED},
        1e-3,
        ("transform", "gradient"),
        by_descent=True,
    ),
    "VariationalAutoencoder": Recipe("rows", {"n_components": 2, **LEARNED}),
    "VQAutoencoder": Recipe("rows", {"n_components": 2, "n_codes": 8, **LEARNED}),
    "SparseAutoencoder": Recipe("rows", {"n_components": 8, **LEARNED}),
    "ContractiveAutoencoder": Recipe("rows", {"n_components": 2, **LEARNED}),
    "SaturatingAutoencoder": Recipe("rows", {"n_components": 2, **LEARNED}),
    "DenoisingAutoencoder": Recipe("rows", {"n_components": 8, **LEARNED}),
    "MaskedAutoencoder": Recipe("rows", LEARNED),
    "EnergyDensity": Recipe("rows", LEARNED),
    "BernoulliRBM": Recipe("rows", {"n_components": 4, "n_steps": 60, "batch_size": 64}),
    # predictions come in the order of their energies, which are nearly the same
    "LatentRegressor": Recipe("pairs", LEARNED, loose=("predict",)),
    "MaskedImageModel": Recipe(
        "images", {"width": 32, "depth": 1, "n_steps": 30, "pretext": "mixed"}
    ),
    "JointEmbeddingModel": Recipe("images", {"width": 4, "n_components": 16, "n_steps": 20}),
    "ImageDensity": Recipe("images", {"width": 8, "depth": 1, "n_steps": 30}),
    "JEPA": Recipe("images", {"width": 4, "n_components": 16, "n_steps": 20}),
    "ImageDenoiser": Recipe(
        "photos", {"width": 12, "depth": 1, "crop": 8, "n_steps": 30, "batch_size": 8}
    ),
    "NextFrame": Recipe("clips", {"n_components": 3, "width": 16, "reach": 2, "n_steps": 30}),
    "MaskedLanguageModel": Recipe("texts", {"layers": 1, "width": 32, "batch_tokens": 200}),
}

EXACT = ("energy", "energy of hidden", "transform", "infer", "predict", "evaluate")
"""Questions whose answers are numbers that do not hang on chance"""


class Data(NamedTuple):
    """What to fit on, what to ask by name (method, arguments), and flat rows (y, x)."""

    fit: tuple
    ask: dict
    flat: tuple | None = None


def data_of(model, kind):
    """Small data of a kind, and the questions that a model has about them."""
    made = {
        "rows": _rows, "pairs": _pairs, "images": _images, "photos": _photos, "clips": _clips,
        "texts": _texts,
    }  # fmt: skip
    fit, ask, flat = made[kind](model)
    return Data(fit, {k: v for k, v in ask.items() if hasattr(model, v[0])}, flat)


def _rows(model):
    rows = table()
    few = rows[:4]
    ask = {
        "energy": ("energy", rows[:100]), "transform": ("transform", rows[:100]),
        "complete": ("complete", holed(few)), "project": ("project", few), "sample": ("sample", 8),
    }  # fmt: skip
    if model.__sklearn_tags__().input_tags.allow_nan:
        ask["energy of hidden"] = ("energy", holed(rows[:100]))
    return (rows,), ask, (rows[:100], None)


def _pairs(model):
    rows = table()
    x, y = rows[:, :3], rows[:, 3:]
    ask = {
        "energy": ("energy", x[:100], y[:100]), "infer": ("infer", x[:100], y[:100]),
        "predict": ("predict", x[:100]), "complete": ("complete", x[:4], holed(rows[:4])[:, 3:]),
        "project": ("project", x[:4], y[:4]), "sample": ("sample", x[:4]),
    }  # fmt: skip
    return (x, y), ask, (y[:100], x[:100])


def _images(model):
    images = pictures()
    hidden = images[:4].copy()
    hidden[:, 3:7, 3:7] = np.nan
    two = not hasattr(model, "complete")
    flat = images[:8].reshape(8, -1)
    ask = {
        "energy": ("energy", images[:8], images[8:16]) if two else ("energy", images[:8]),
        "transform": ("transform", images[:8]), "complete": ("complete", hidden),
    }  # fmt: skip
    return (images,), ask, (flat, flat[::-1].copy() if two else None)


def _photos(model):
    images = pictures() / pictures().max()
    ask = {"energy": ("energy", images[:8]), "project": ("project", images[:4])}
    return (images,), ask, None


def _clips(model):
    given = clips()
    x, y = given[:8, :4].reshape(8, -1), given[:8, 4:].reshape(8, -1)
    ask = {
        "energy": ("energy", given[:8]), "infer": ("infer", given[:8]),
        "transform": ("transform", given[:8, :4]), "predict": ("predict", given[:8, :4]),
        "predict_all": ("predict_all", given[:2, :4], 2, 2),
    }  # fmt: skip
    return (given,), ask, (y, x)


def _texts(model):
    ask = {
        "energy": ("energy", SENTENCES), "transform": ("transform", SENTENCES),
        "evaluate": ("evaluate", SENTENCES), "complete": ("complete", ["the [MASK] sat on a mat"]),
        "sample": ("sample", 2),
    }  # fmt: skip
    return (texts(),), ask, None


def made(name, recipe, device):
    """An estimator on a device, seeded where it draws."""
    kind = getattr(thalweg.estimators, name)
    seed = {"random_state": 0} if "random_state" in kind.parameters else {}
    return kind(**recipe.settings, **seed, device=device)


def fitted(model, *data, **more):
    """The model, fitted; a part of the installation that it may do without is no failure."""
    try:
        return model.fit(*data, **more)
    except InputError as error:
        if isinstance(error.__cause__, ImportError):
            raise NotRun(str(error)) from error
        raise


def twin(model, kind):
    """The same model with its energy on the CPU, in another precision."""
    other = copy.copy(model)
    other.energy_ = copy.deepcopy(model.energy_).to("cpu", kind)
    return other


def check(where, name, recipe):
    """Fit, ask, and hold the answers against the CPU's."""
    result, model = Check(), made(name, recipe, str(where.device))
    data = data_of(model, recipe.data)
    with warnings.catch_warnings():
        # of convergence, and of few steps
        warnings.simplefilter("ignore")
        fitted(model, *data.fit)
        places = {t.device.type for t in (*model.energy_.parameters(), *model.energy_.buffers())}
        result.that(places == {where.device.type}, f"the energy is on {', '.join(sorted(places))}")
        if hasattr(model, "history_"):
            result.that(bool(np.isfinite(model.history_.losses).all()), "a loss is not finite")
        _questions(result, model, data, recipe)
        if data.flat is not None and "gradient" not in recipe.loose:
            _gradient(result, model, data.flat, recipe.slack)
        _stored(result, model)
        if recipe.alike is not None:
            _fitted_alike(result, name, recipe, model, data)
    return result.found()


def _questions(result, model, data, recipe):
    twins = [twin(model, kind) for kind in (torch.float32, torch.float64)]
    for question, (method, *arguments) in data.ask.items():
        found = getattr(model, method)(*arguments)
        if question not in EXACT or question in recipe.loose:
            result.that(_finite(found), f"{question}: not finite")
            continue
        if question == "evaluate":
            # what is hidden is drawn on the device
            result.that(np.isfinite(found.loss), "evaluate: not finite")
            continue
        cpu, exact = (getattr(each, method)(*arguments) for each in twins)
        some = 0.95 if recipe.by_descent or question == "energy of hidden" else 1.0
        result.held(question, found, cpu, exact, recipe.slack, some)


def _finite(found):
    return isinstance(found, list) or bool(np.isfinite(np.asarray(found)).all())


def _gradient(result, model, flat, slack):
    """F and its slope, by the energy itself."""
    found = []
    for kind, energy in (
        (torch.float32, model.energy_),
        (torch.float32, twin(model, torch.float32).energy_),
        (torch.float64, twin(model, torch.float64).energy_),
    ):
        like = next(energy.parameters())
        y, x = (None if f is None else torch.from_numpy(f).to(like.device, kind) for f in flat)
        found.append(energy.value_and_gradient(y, x))
    for i, what in enumerate(("value", "gradient")):
        result.held(what, *(each[i] for each in found), slack)


def _stored(result, model):
    """Written on the device and read on the CPU it has the very same numbers."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model"
        model.save(path)
        again = load(path).energy_.state_dict()
    same = all(torch.equal(v.cpu(), again[k]) for k, v in model.energy_.state_dict().items())
    result.that(same, "what was saved is not what was there")


def columns(n=300):
    """A table with words, dates, truth values and gaps beside its numbers."""
    random = np.random.default_rng(1)
    rows = table(n)[:, :3].astype(float)
    rows[::7, 1] = np.nan
    which = random.integers(4, size=n)
    places = ["north", "south", "east", "west"]
    words = [None if i % 11 == 0 else places[k] for i, k in enumerate(which)]
    days = np.datetime64("2024-01-01") + (which * 30 + random.integers(30, size=n)).astype("m8[D]")
    numbers = {f"number {i}": rows[:, i] for i in range(3)}
    return pl.DataFrame(
        {**numbers, "place": words, "day": days, "paid": rows[:, 0] > 0}, nan_to_null=True
    )


def check_columns(where, name, recipe):
    """The same of a table with words: its energies, with gaps and without, and its completions."""
    result, model, frame = Check(), made(name, recipe, str(where.device)), columns()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted(model, frame)
        places = {t.device.type for t in (*model.energy_.parameters(), *model.energy_.buffers())}
        result.that(places == {where.device.type}, f"the energy is on {', '.join(sorted(places))}")
        twins = [twin(model, kind) for kind in (torch.float32, torch.float64)]
        for asked, share in ((frame.drop_nulls()[:100], 1.0), (frame[:20], 0.9)):
            answers = [each.energy(asked) for each in (model, *twins)]
            result.held("energy", *answers, recipe.slack, share)
        filled = model.complete(frame[:6])
        result.that(not filled.null_count().sum_horizontal()[0], "complete left a gap")
    return result.found()


def _fitted_alike(result, name, recipe, model, data):
    fitted = [made(name, recipe, "cpu").fit(data.fit[0].astype(t)) for t in ("f4", "f8")]
    answers = [each.energy(data.fit[0]) for each in (model, *fitted)]
    result.held("the CPU's own fit", *answers, recipe.alike)

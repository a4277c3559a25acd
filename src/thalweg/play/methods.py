"""The ways to shape an energy that can be touched: an estimator each, with a few knobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from thalweg.core import InputError
from thalweg.estimators.registry import estimator

STRATEGIES = {
    "C1": "contrastive, everywhere: data down, all else up by what p says of it",
    "C2": "contrastive, at chosen points: data down, those points up",
    "C3": "contrastive, by mapping spoiled points back",
    "A1": "architectural: the volume of low energy is bounded",
    "A2": "architectural: codes have a price, or are few",
    "A3": "architectural: the reconstruction is kept as constant as can be",
    "A4": "architectural: small slope and large curvature at the data",
    "F(x, y)": "what may follow from x: a latent variable says which",
}


class Knob(NamedTuple):
    """A number that is to be turned."""

    name: str
    title: str
    low: float
    high: float
    start: float
    kind: str = "whole"
    """whole, real (evenly from low to high) or log (evenly in the logarithm)"""

    def read(self, value: Any) -> float:
        """What a page sent, held to the knob's range."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = float("nan")
        if not self.low <= number <= self.high or (self.kind == "whole" and number % 1):
            kind = "a whole number" if self.kind == "whole" else "a number"
            raise InputError(
                f"{self.name}: {value!r}; expected {kind} from {self.low:g} to {self.high:g}"
            )
        return int(number) if self.kind == "whole" else number


class Method(NamedTuple):
    """An estimator with knobs."""

    title: str
    strategy: str
    sentence: str
    estimator: str
    fixed: Mapping[str, Any]
    knobs: tuple[Knob, ...]
    paired: bool = False
    """whether the first column is given, x, and the second is y"""
    random: bool = True
    """whether anything of it is"""

    @property
    def rounds(self) -> bool:
        """Whether it learns in rounds over all rows, each a closed form."""
        return any(knob.name == "max_iter" for knob in self.knobs)

    @property
    def steps(self) -> bool:
        """Whether it learns by gradient steps, which can be watched."""
        return any(knob.name == "n_steps" for knob in self.knobs)

    def settings(self, turned: Mapping[str, Any]) -> dict[str, Any]:
        """The estimator's parameters with knobs as they are turned."""
        unknown = set(turned) - {knob.name for knob in self.knobs}
        if unknown:
            known = ", ".join(knob.name for knob in self.knobs)
            raise InputError(f"{self.title}: no knob {min(unknown)!r}; expected {known}")
        values = {knob.name: knob.read(turned.get(knob.name, knob.start)) for knob in self.knobs}
        return {**self.fixed, **values}

    def make(self, turned: Mapping[str, Any], seed: int, **more: Any) -> Any:
        """The estimator, to be fitted."""
        return estimator(self.estimator)(**self.arguments(turned, seed, **more))

    def arguments(self, turned: Mapping[str, Any], seed: int, **more: Any) -> dict[str, Any]:
        """What the estimator is made with."""
        drawn = {"random_state": seed} if self.random else {}
        return {**self.settings(turned), **more, **drawn}


CODES = Knob("n_components", "codes", 1, 16, 2)
STEPS = Knob("n_steps", "steps", 50, 10_000, 1500, "log")
ROUNDS = Knob("max_iter", "iterations", 1, 100, 30)
RATE = Knob("learning_rate", "learning rate", 1e-4, 1e-2, 2e-3, "log")


def _steps(start: int) -> Knob:
    return STEPS._replace(start=start, kind="whole")


def _density(title: str, strategy: str, sentence: str, objective: str) -> Method:
    fixed = {"objective": objective, "hidden": (64, 64)}
    return Method(title, strategy, sentence, "EnergyDensity", fixed, (_steps(1500), RATE))


METHODS: dict[str, Method] = {
    "maximum_likelihood": _density(
        "maximum likelihood", "C1",
        "Pushes data down and points that the energy itself draws up, by how likely they are.",
        "maximum-likelihood",
    ),
    "contrastive_divergence": _density(
        "contrastive divergence", "C2",
        "Kicks data points, lets them fall (green), pushes up where they land.",
        "contrastive-divergence",
    ),
    "persistent_chains": _density(
        "persistent contrastive divergence", "C2",
        "Chains that never stop say where the energy is too low.",
        "persistent-contrastive-divergence",
    ),
    "noise_contrastive": _density(
        "noise contrastive estimation", "C2",
        "Tells data from noise of a known density; the difference is the energy.",
        "noise-contrastive",
    ),
    "boltzmann": Method(
        "restricted Boltzmann machine", "C2",
        "Each hidden unit folds the plane; chains push up.",
        "BernoulliRBM", {"batch_size": 128},
        (Knob("n_components", "hidden units", 1, 64, 16), _steps(1500),
         RATE._replace(high=0.05, start=0.01)),
    ),
    "denoising": Method(
        "denoising autoencoder", "C3",
        "Learns the way back from spoiled points; the energy is how far it sends one.",
        "DenoisingAutoencoder", {},
        (Knob("n_components", "codes", 1, 64, 32), Knob("noise", "noise", 0.02, 1.0, 0.2, "log"),
         _steps(2000), RATE),
    ),
    "kmeans": Method(
        "K-means", "A1",
        "k points of energy 0; all else as far as it is from the nearest.",
        "KMeans", {"init": "random", "n_init": 1, "tol": 0.0},
        (Knob("n_clusters", "points", 1, 100, 20), ROUNDS),
    ),
    "mixture": Method(
        "Gaussian mixture", "A1",
        "Which of k bells a point is of is summed over: a soft K-means with shapes.",
        "GaussianMixture", {"tol": 0.0},
        (Knob("n_components", "bells", 1, 40, 8), ROUNDS._replace(start=60)),
    ),
    "pca": Method(
        "principal components", "A1",
        "A line of energy 0: linear codes, a bounded volume.",
        "PCA", {}, (Knob("n_components", "codes", 1, 2, 1),), random=False,
    ),
    "sparse": Method(
        "sparse coding", "A2",
        "More atoms than columns, and a price on each code's size.",
        "SparseCoding", {},
        (Knob("n_components", "atoms", 1, 24, 6), Knob("alpha", "price", 0.01, 2.0, 0.2, "log"),
         ROUNDS),
    ),
    "variational": Method(
        "variational autoencoder", "A2",
        "Codes are made fuzzy, and fuzz has a price.",
        "VariationalAutoencoder", {"hidden": (64, 64)}, (CODES, _steps(3000), RATE),
    ),
    "contracting": Method(
        "contracting autoencoder", "A3",
        "A reconstruction that hardly changes, but along the data.",
        "ContractiveAutoencoder", {},
        (Knob("n_components", "codes", 1, 64, 8),
         Knob("contraction", "contraction", 1e-3, 1.0, 0.03, "log"), _steps(3000), RATE),
    ),
    "score_matching": _density(
        "score matching", "A4",
        "At the data the slope is made small and the curvature large.",
        "score-matching",
    ),
    "conditional": Method(
        "regression with a latent variable", "F(x, y)",
        "Given x (across), what is y (up)? As z varies the predictions do.",
        "LatentRegressor", {"n_init": 1}, (Knob("n_components", "branches", 1, 8, 2), _steps(1500),
                                RATE._replace(start=5e-3)),
        paired=True,
    ),
}  # fmt: skip


def method(word: str) -> Method:
    """The method of a word.

    Raises
    ------
    InputError
        If there is none.
    """
    if word not in METHODS:
        raise InputError(f"method: {word!r}; expected one of {', '.join(METHODS)}")
    return METHODS[word]

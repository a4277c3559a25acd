"""Every estimator: its name and where it lives; it is imported when it is asked for."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from typing import Any

ESTIMATORS = {
    "AnomalyDetector": "tables.anomaly",
    "Imputer": "tables.imputer",
    "KMeans": "tables.kmeans",
    "GaussianMixture": "tables.mixture",
    "PCA": "tables.pca",
    "SquareICA": "tables.ica",
    "SparseCoding": "tables.sparse_coding",
    "GLO": "tables.glo",
    "VariationalAutoencoder": "tables.variational",
    "VQAutoencoder": "tables.quantized",
    "SparseAutoencoder": "tables.regularized",
    "ContractiveAutoencoder": "tables.regularized",
    "SaturatingAutoencoder": "tables.regularized",
    "DenoisingAutoencoder": "tables.denoising",
    "MaskedAutoencoder": "tables.masked",
    "EnergyDensity": "tables.energy_density",
    "BernoulliRBM": "tables.boltzmann",
    "Neighbors": "tables.neighbors",
    "KernelDensity": "tables.kernel_density",
    "LatentRegressor": "regression.latent_regressor",
    "MaskedImageModel": "images.masked",
    "JointEmbeddingModel": "images.joint_embedding",
    "JEPA": "images.jepa",
    "ImageDensity": "images.density",
    "ImageDenoiser": "photos.denoiser",
    "NextFrame": "clips.next_frame",
    "MaskedLanguageModel": "texts.masked_language_model",
}
"""The module of each, below ``thalweg.estimators``: a room and a file."""


def estimator(name: str) -> Any:
    """The class of a name, or KeyError."""
    return getattr(import_module(f"thalweg.estimators.{ESTIMATORS[name]}"), name)


def names_in(room: str) -> list[str]:
    """The estimators of a room: tables, regression, images, photos, clips or texts."""
    return [name for name, place in ESTIMATORS.items() if place.partition(".")[0] == room]


def sentence(name: str) -> str:
    """The first line of an estimator's documentation, read without importing it."""
    path = Path(__file__).parent.joinpath(*ESTIMATORS[name].split(".")).with_suffix(".py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    raise KeyError(name)


def command_name(name: str) -> str:
    """The name on the command line: KMeans is kmeans, VQAutoencoder is vq-autoencoder.

    >>> [command_name(name) for name in ("KMeans", "VQAutoencoder", "BernoulliRBM")]
    ['kmeans', 'vq-autoencoder', 'bernoulli-rbm']
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z][A-Z])(?=[A-Z][a-z])", "-", name).lower()

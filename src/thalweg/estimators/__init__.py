"""Energies in scikit-learn's terms; each is imported when it is first asked for."""

from typing import TYPE_CHECKING

from thalweg.estimators.registry import ESTIMATORS
from thalweg.lazy import lazily

if TYPE_CHECKING:  # for editors and type checkers; a test holds it to the registry
    from thalweg.estimators.clips.next_frame import NextFrame
    from thalweg.estimators.images.density import ImageDensity
    from thalweg.estimators.images.jepa import JEPA
    from thalweg.estimators.images.joint_embedding import JointEmbeddingModel
    from thalweg.estimators.images.masked import MaskedImageModel
    from thalweg.estimators.photos.denoiser import ImageDenoiser
    from thalweg.estimators.regression.latent_regressor import LatentRegressor
    from thalweg.estimators.storage import load
    from thalweg.estimators.tables.anomaly import AnomalyDetector
    from thalweg.estimators.tables.boltzmann import BernoulliRBM
    from thalweg.estimators.tables.choose import choose
    from thalweg.estimators.tables.denoising import DenoisingAutoencoder
    from thalweg.estimators.tables.energy_density import EnergyDensity
    from thalweg.estimators.tables.glo import GLO
    from thalweg.estimators.tables.ica import SquareICA
    from thalweg.estimators.tables.imputer import Imputer
    from thalweg.estimators.tables.kernel_density import KernelDensity
    from thalweg.estimators.tables.kmeans import KMeans
    from thalweg.estimators.tables.masked import MaskedAutoencoder
    from thalweg.estimators.tables.mixture import GaussianMixture
    from thalweg.estimators.tables.neighbors import Neighbors
    from thalweg.estimators.tables.pca import PCA
    from thalweg.estimators.tables.quantized import VQAutoencoder
    from thalweg.estimators.tables.regularized import (
        ContractiveAutoencoder,
        SaturatingAutoencoder,
        SparseAutoencoder,
    )
    from thalweg.estimators.tables.sparse_coding import SparseCoding
    from thalweg.estimators.tables.variational import VariationalAutoencoder
    from thalweg.estimators.texts.masked_language_model import MaskedLanguageModel
    from thalweg.estimators.texts.model import Completion, Evaluation

__all__ = [
    "GLO",
    "JEPA",
    "PCA",
    "AnomalyDetector",
    "BernoulliRBM",
    "Completion",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "EnergyDensity",
    "Evaluation",
    "GaussianMixture",
    "ImageDenoiser",
    "ImageDensity",
    "Imputer",
    "JointEmbeddingModel",
    "KMeans",
    "KernelDensity",
    "LatentRegressor",
    "MaskedAutoencoder",
    "MaskedImageModel",
    "MaskedLanguageModel",
    "Neighbors",
    "NextFrame",
    "SaturatingAutoencoder",
    "SparseAutoencoder",
    "SparseCoding",
    "SquareICA",
    "VQAutoencoder",
    "VariationalAutoencoder",
    "choose",
    "load",
]


__getattr__, __dir__ = lazily(
    __name__,
    ESTIMATORS
    | {
        "choose": "tables.choose",
        "load": "storage",
        "Completion": "texts.model",
        "Evaluation": "texts.model",
    },
)

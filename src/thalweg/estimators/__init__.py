"""Energies in scikit-learn's terms."""

from thalweg.estimators.boltzmann import BernoulliRBM
from thalweg.estimators.denoising import DenoisingAutoencoder, MaskedAutoencoder
from thalweg.estimators.energy_density import EnergyDensity
from thalweg.estimators.glo import GLO
from thalweg.estimators.ica import SquareICA
from thalweg.estimators.joint_embedding import JointEmbeddingModel
from thalweg.estimators.kmeans import KMeans
from thalweg.estimators.language import MaskedLanguageModel
from thalweg.estimators.language_questions import Completion, Evaluation
from thalweg.estimators.latent_regressor import LatentRegressor
from thalweg.estimators.masked_images import MaskedImageModel
from thalweg.estimators.mixture import GaussianMixture
from thalweg.estimators.next_frame import NextFrame
from thalweg.estimators.pca import PCA
from thalweg.estimators.quantized import VQAutoencoder
from thalweg.estimators.regularized import (
    ContractiveAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
)
from thalweg.estimators.sparse_coding import SparseCoding
from thalweg.estimators.storage import load
from thalweg.estimators.variational import VariationalAutoencoder

__all__ = [
    "GLO",
    "PCA",
    "BernoulliRBM",
    "Completion",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "EnergyDensity",
    "Evaluation",
    "GaussianMixture",
    "JointEmbeddingModel",
    "KMeans",
    "LatentRegressor",
    "MaskedAutoencoder",
    "MaskedImageModel",
    "MaskedLanguageModel",
    "NextFrame",
    "SaturatingAutoencoder",
    "SparseAutoencoder",
    "SparseCoding",
    "SquareICA",
    "VQAutoencoder",
    "VariationalAutoencoder",
    "load",
]

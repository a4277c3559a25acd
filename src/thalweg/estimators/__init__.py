"""Energies in scikit-learn's terms."""

from thalweg.estimators.glo import GLO
from thalweg.estimators.ica import SquareICA
from thalweg.estimators.kmeans import KMeans
from thalweg.estimators.latent_regressor import LatentRegressor
from thalweg.estimators.mixture import GaussianMixture
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
    "ContractiveAutoencoder",
    "GaussianMixture",
    "KMeans",
    "LatentRegressor",
    "SaturatingAutoencoder",
    "SparseAutoencoder",
    "SparseCoding",
    "SquareICA",
    "VQAutoencoder",
    "VariationalAutoencoder",
    "load",
]

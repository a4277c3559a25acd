"""Energies in scikit-learn's terms."""

from thalweg.estimators.ica import SquareICA
from thalweg.estimators.kmeans import KMeans
from thalweg.estimators.mixture import GaussianMixture
from thalweg.estimators.pca import PCA
from thalweg.estimators.sparse_coding import SparseCoding
from thalweg.estimators.storage import load

__all__ = ["PCA", "GaussianMixture", "KMeans", "SparseCoding", "SquareICA", "load"]

"""Energies in scikit-learn's terms."""

from thalweg.estimators.kmeans import KMeans
from thalweg.estimators.mixture import GaussianMixture
from thalweg.estimators.pca import PCA
from thalweg.estimators.storage import load

__all__ = ["PCA", "GaussianMixture", "KMeans", "load"]

"""Energies in scikit-learn's terms."""

from thalweg.estimators.kmeans import KMeans
from thalweg.estimators.storage import load

__all__ = ["KMeans", "load"]

"""Every estimator by its name."""

from __future__ import annotations

from thalweg.estimators.base import EnergyEstimator, FittedModel
from thalweg.estimators.boltzmann import BernoulliRBM
from thalweg.estimators.denoising import DenoisingAutoencoder, MaskedAutoencoder
from thalweg.estimators.energy_density import EnergyDensity
from thalweg.estimators.glo import GLO
from thalweg.estimators.ica import SquareICA
from thalweg.estimators.images import ImageModel
from thalweg.estimators.joint_embedding import JointEmbeddingModel
from thalweg.estimators.kmeans import KMeans
from thalweg.estimators.language import MaskedLanguageModel
from thalweg.estimators.language_questions import LanguageModel
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
from thalweg.estimators.variational import VariationalAutoencoder

KINDS: tuple[type[EnergyEstimator], ...] = (
    GLO,
    GaussianMixture,
    KMeans,
    PCA,
    SparseCoding,
    SquareICA,
    ContractiveAutoencoder,
    SaturatingAutoencoder,
    SparseAutoencoder,
    VQAutoencoder,
    VariationalAutoencoder,
    DenoisingAutoencoder,
    MaskedAutoencoder,
    EnergyDensity,
    BernoulliRBM,
)
"""Energies F(y) of rows."""

CONDITIONAL: tuple[type[FittedModel], ...] = (LatentRegressor,)
"""Energies F(x, y) of rows y for given rows x."""

IMAGES: tuple[type[ImageModel], ...] = (MaskedImageModel, JointEmbeddingModel)
"""Energies of images, which are not tables: arrays of three or four dimensions, folders, files."""

CLIPS: tuple[type[FittedModel], ...] = (NextFrame,)
"""Energies of what follows in clips: arrays of four or five dimensions, video files."""

TEXTS: tuple[type[LanguageModel], ...] = (MaskedLanguageModel,)
"""Energies of texts: lists of strings, files and folders of text."""

ESTIMATORS: dict[str, type[FittedModel]] = {
    kind.__name__: kind for kind in (*KINDS, *CONDITIONAL, *IMAGES, *CLIPS, *TEXTS)
}


def command_name(kind: type[FittedModel]) -> str:
    """The name on the command line: KMeans is kmeans, VQAutoencoder is vq-autoencoder."""
    name = kind.__name__
    letters = []
    for i, c in enumerate(name):
        after_word = i > 0 and c.isupper() and name[i - 1].islower()
        after_initials = i > 1 and c.isupper() and name[i + 1 : i + 2].islower()
        letters.append("-" + c if after_word or (after_initials and name[i - 1].isupper()) else c)
    return "".join(letters).lower()

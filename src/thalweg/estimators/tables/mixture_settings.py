"""How a mixture is fitted: its parameters."""

from __future__ import annotations

from numpy.typing import ArrayLike

from thalweg.core import Array, Choice, Integer, Real, parameter
from thalweg.estimators.base.settings import Seeded


class MixtureSettings(Seeded):
    """Parameters of :class:`~thalweg.estimators.GaussianMixture`."""

    n_components: int = parameter(
        "k, how many components.", Integer(1, high=1_000_000), default=1, kw_only=False
    )
    covariance_type: str = parameter(
        "A matrix for each component, one for all, variances of columns, or one variance.",
        Choice(("full", "tied", "diag", "spherical")),
        default="full",
    )
    tol: float = parameter(
        "EM ends when the mean free energy falls by less; gradient training when three epochs "
        "lower it by less than this share.",
        Real(0),
        default=1e-3,
    )
    reg_covar: float = parameter(
        "Added to the diagonal of covariances by EM, in squared units of the columns.",
        Real(0),
        default=1e-6,
    )
    max_iter: int = parameter(
        "Most iterations of EM, epochs of gradient training.", Integer(1), default=100
    )
    init_params: str = parameter(
        "Where responsibilities start.", Choice(("kmeans", "random")), default="kmeans"
    )
    weights_init: ArrayLike | None = parameter(
        "Where the weights start: (k,).", Array(none=True), default=None
    )
    means_init: ArrayLike | None = parameter(
        "Where the means start: (k, n_features).", Array(none=True), default=None
    )
    precisions_init: ArrayLike | None = parameter(
        "Where the inverse covariances start, in scikit-learn's shapes.",
        Array(none=True),
        default=None,
    )
    n_pooled: int = parameter(
        "Mixtures fitted from as many starts, each of ``n_components``, and pooled into one of "
        "all their components, each with its share of the weight. Pooling smooths what few rows "
        "leave open, which helps completion most.",
        Integer(1, high=10_000),
        default=1,
    )
    algorithm: str = parameter(
        "Expectation maximization over all rows, or gradient steps (Adam) on batches.",
        Choice(("em", "gradient")),
        default="em",
    )
    beta: float = parameter(
        "Inverse temperature at which the energy is trained and asked; inf is hard assignment.",
        Real(0, above=True, infinite=True),
        default=1.0,
    )
    beta_start: float | None = parameter(
        "Below beta: training begins here and beta grows in stages of 1.5, a little beyond its "
        "end and back (deterministic annealing), which depends less on where it starts.",
        Real(0, above=True, none=True),
        default=None,
    )
    batch_size: int = parameter("Rows a step, for gradient.", Integer(1), default=1024)
    learning_rate: float = parameter(
        "For gradient, in units of the columns' spread.", Real(0, above=True), default=0.02
    )

"""Which method suits a table: several are tried, by cells that are hidden from them."""

from __future__ import annotations

import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from sklearn.base import clone
from sklearn.utils import _safe_indexing, check_random_state

from thalweg.core import InputError, Integer, check_parameters, progress, real_array
from thalweg.data.columns import Table
from thalweg.data.columns.frames import is_frame
from thalweg.estimators.base.model import warn
from thalweg.estimators.tables.imputer import Imputer
from thalweg.estimators.tables.kernel_density import KernelDensity
from thalweg.estimators.tables.kmeans import KMeans
from thalweg.estimators.tables.masked import MaskedAutoencoder
from thalweg.estimators.tables.mixture import GaussianMixture
from thalweg.estimators.tables.neighbors import Neighbors
from thalweg.estimators.tables.pca import PCA
from thalweg.estimators.tables.recovery import Trial
from thalweg.estimators.tables.space import Prepared
from thalweg.estimators.tables.sparse import is_sparse
from thalweg.estimators.tables.sparse_coding import SparseCoding
from thalweg.estimators.tables.variational import VariationalAutoencoder


class Method(NamedTuple):
    """What is tried."""

    kind: Any
    size: str | None = None
    """the parameter that says how large it is"""
    sizes: tuple[int, ...] = ()
    settings: dict[str, Any] = {}  # noqa: RUF012 (never written to)


ROBUST = {"scale": "robust"}
"""Of methods that leave arrays in units of their own: columns have to compare"""

METHODS = (
    Method(GaussianMixture, "n_components", (1, 2, 5, 10, 20), {**ROBUST, "reg_covar": 0.01}),
    Method(PCA, "n_components", (1, 2, 5, 10, 20), ROBUST),
    Method(KMeans, "n_clusters", (2, 5, 10, 20, 50), ROBUST),
    Method(SparseCoding, settings=ROBUST),
    Method(Neighbors, settings={"n_neighbors": 10}),
    Method(KernelDensity),
)

NETWORKS = (
    Method(VariationalAutoencoder, "n_components", (2, 5, 10)),
    Method(MaskedAutoencoder),
    Method(Imputer),
)
"""Tried where there are rows enough"""

FOR_NETWORKS = 200
"""Rows, from which on networks are tried"""

FEWEST = 20
"""Rows, below which nothing can be told apart"""

WORSE = 1.1
"""Times the best error, from which on larger sizes are not tried"""


class Ranked(NamedTuple):
    """A method that was tried."""

    model: Any
    """an estimator, with the size that was best; fitted if it is the first one"""
    error: float
    """mean squared error of the cells that were hidden, as a share of that of the columns' means"""
    seconds: float
    """that all its sizes took"""

    size: str | None = None
    """the parameter that several values were tried of"""

    @property
    def name(self) -> str:
        """The method, and the size that was chosen of it."""
        size = "" if self.size is None else f"{self.size}={getattr(self.model, self.size)}"
        return f"{type(self.model).__name__}({size})"


class Chosen(NamedTuple):
    """What was chosen of several methods."""

    model: Any
    """of the least error, fitted on all rows"""
    ranking: list[Ranked]
    """all that were tried, the best first"""


def choose(
    X: Any,
    *,
    max_rows: int = 2000,
    random_state: int | np.random.RandomState | None = None,
    device: str = "auto",
    verbose: int = 0,
) -> Chosen:
    """The method that brings back most of what is hidden from it, and how all of them did.

    A tenth of the visible cells is hidden; K-means, mixtures, planes, sparse codes, neighbours,
    kernels and, of 200 rows or more, a variational and a masked autoencoder and the imputer's blend
    fill them in with their means. Of methods with a size, several are tried. The best then learns
    from all rows.

    Parameters
    ----------
    X : array, data frame or table (n, n_features)
        NaN entries are hidden, and asked of nobody.
    max_rows : int, default 2000
        Rows, at most, that methods are tried on.
    random_state : int or RandomState, optional
        Of what is hidden, and of the methods.
    device : str, default "auto"
        Where methods learn: "cpu", "cuda", "mps", or by auto the first that there is.
    verbose : int, default 0
        Whether to show a bar.

    Returns
    -------
    Chosen
        ``model``, fitted; ``ranking``.

    Raises
    ------
    InputError
        If there are fewer than 20 rows or 2 columns, or an entry is bad.

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import choose
    >>> X = np.random.default_rng(0).normal(size=(150, 1)) @ np.ones((1, 4))
    >>> found = choose(X + 0.1 * np.random.default_rng(1).normal(size=(150, 4)), random_state=0)
    >>> found.ranking[0].error < 0.1
    True
    """
    check_parameters("choose", {"max_rows": max_rows}, {"max_rows": Integer(FEWEST)})
    seed = int(check_random_state(random_state).randint(2**31 - 1))
    sample, n = _some_of(X, max_rows, seed)
    given = {"random_state": random_state, "device": device}
    if n < FEWEST:
        raise InputError(f"choose: X has {n} rows; expected at least {FEWEST}")
    methods = METHODS + (NETWORKS if n >= FOR_NETWORKS else ())
    tried: list[Ranked] = []
    with progress("choose", len(methods), verbose > 0) as bar:
        for i, method in enumerate(methods):
            found = _best_size(method, sample, max_rows, seed, given)
            tried.extend([] if found is None else [found])
            bar(i + 1, method.kind.__name__)
    if not tried:
        raise InputError("choose: no method could be fitted to the rows; expected some that vary")
    ranking = sorted(tried, key=lambda each: each.error)
    if ranking[0].error >= 1:
        warn(
            "choose: no method brings back more than the means of the columns do; they say little "
            "of one another",
            UserWarning,
        )
    # what was tried is as it was
    model = clone(ranking[0].model).set_params(verbose=verbose).fit(X)
    return Chosen(model, [ranking[0]._replace(model=model), *ranking[1:]])


def _best_size(
    method: Method, sample: Any, max_rows: int, seed: int, given: dict[str, Any]
) -> Ranked | None:
    """A method of the size that is best; None where none of its sizes can be fitted."""
    kind, began = method.kind, time.perf_counter()
    known = {name: value for name, value in given.items() if name in kind.parameters}
    models = [
        kind(**known, **method.settings, **({method.size: k} if method.size else {}))
        for k in (method.sizes or (0,))
    ]
    best: Ranked | None = None
    with warnings.catch_warnings():
        # of the table it is told when the chosen one learns from it; sizes are judged as they end
        warnings.simplefilter("ignore")
        # each in units of its own; rows and cells are the same, for the seed is
        reader = clone(models[0])
        rows, _ = reader._begin(sample)
        trial = Trial.of(Prepared(reader._space, rows, reader.n_features_in_), max_rows, seed)
        if trial.cells < 2:
            raise InputError(f"choose: X has {trial.cells} columns that vary; expected two or more")
        usual = trial.mean_error()
        if not usual:
            raise InputError(
                "choose: X has too few visible cells to hide some; expected rows with two or more"
            )
        for model in models:
            if kind is PCA and model.n_components >= rows.n_columns:
                # a plane that holds every row has no energy
                break
            try:
                error = trial.error(trial.filled(clone(model))) / usual
            except InputError:
                # rows that this one cannot be fitted to, or not of this size
                continue
            if best is None or error < best.error:
                best = Ranked(model, error, 0.0, method.size)
            elif error > WORSE * best.error:
                break
    seconds = time.perf_counter() - began
    return None if best is None else best._replace(seconds=seconds)


def _some_of(X: Any, most: int, seed: int) -> tuple[Any, int]:
    """So many of the rows, at most, at random, and how many there are."""
    random = np.random.default_rng(seed)
    if not isinstance(X, Table):
        if is_sparse(X):
            raise InputError(
                "choose: X is sparse, which most methods do not take; expected an array or a table "
                "(KMeans, PCA and BernoulliRBM learn from sparse rows)"
            )
        if not is_frame(X):
            X = real_array("X", X)
        shape = getattr(X, "shape", None)
        n = len(X) if shape is None else int(shape[0])
        if n <= most:
            return X, n
        return _safe_indexing(X, np.sort(random.permutation(n)[:most])), n
    kept, keys, n = None, np.empty(0), 0
    for frame in X.batches():
        # those of the smallest keys: every row of the file is as likely
        keys = np.concatenate([keys, random.random(len(frame))])
        every = frame if kept is None else pl.concat([kept, frame])
        chosen = np.sort(np.argsort(keys, kind="stable")[:most])
        kept, keys, n = every[chosen.tolist()], keys[chosen], n + len(frame)
    return (X if kept is None else X.with_frame(kept)), n

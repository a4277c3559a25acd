"""K-means as an energy."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import (
    Array,
    Choice,
    Constraint,
    Device,
    InputError,
    Integer,
    Real,
    Seed,
    seen_through,
)
from thalweg.data import Rows, Summary
from thalweg.energies import Affine, Reconstruction
from thalweg.estimators.base import CodesMixin, EnergyEstimator, SamplesMixin
from thalweg.latents import Exhaustive, FreeEnergy, OneHot
from thalweg.training import kmeans as training
from thalweg.training.processes import processes
from thalweg.training.seeding import check_distinct, plus_plus, random_rows


class KMeans(CodesMixin, SamplesMixin, ClusterMixin, EnergyEstimator):
    r"""K-means: k points of zero energy, and quadratic growth around them.

    .. math::
        E(y, z) = \|y - zW\|^2, \quad z \text{ one-hot}, \qquad
        F(y) = \min_z E(y, z), \qquad
        F_\beta(y) = -\tfrac1\beta \log \sum_z e^{-\beta E(y, z)}

    Drops in for ``sklearn.cluster.KMeans``, except that ``transform`` gives the codes (one-hot)
    and not distances. NaN entries are hidden coordinates: fitting, energies and codes use the
    visible ones, ``complete`` fills them. A ``numpy.memmap`` is read piece by piece and may be
    larger than memory. Under ``accelerate launch`` or ``torchrun`` the rows are shared out among
    the processes, each of which calls ``fit`` with all of X.

    Parameters
    ----------
    n_clusters : int, default 8
        k.
    init : {"k-means++", "random"} or array (n_clusters, n_features), default "k-means++"
        Where the points start: greedy k-means++, different rows at random, or these.
    n_init : int or "auto", default "auto"
        Fits from as many starts, of which the best is kept; auto is 10 for random, else 1.
    max_iter : int, default 300
        Most iterations (epochs) of one fit.
    tol : float, default 1e-4
        Lloyd ends when the points move, in all, by less than this share of the mean variance of
        the columns; gradient and minibatch when the energy of three epochs was lower by less than
        this share of it.
    random_state : int, RandomState or None, default None
        Seed of all randomness.
    algorithm : {"lloyd", "gradient", "minibatch"}, default "lloyd"
        Coordinate descent over all rows (exact, and the best of the three where it fits); gradient
        steps on the points, z inferred for each batch; running means over batches.
    beta : float, default inf
        Inverse temperature, in units of 1 / energy. Finite: F_beta is trained and asked.
    batch_size : int, default 1024
        Rows a step, for gradient and minibatch.
    learning_rate : float, default 0.1
        For gradient: the share of the way to its mean that a point with 1 / k of the rows goes in
        one step.
    device : str, default "auto"
        Where to compute: "cpu", "cuda", ...; auto is a GPU if there is one.
    verbose : int, default 0
        Above 0, a progress bar on standard error.

    Attributes
    ----------
    energy_ : FreeEnergy
        The fitted energy.
    cluster_centers_ : array (n_clusters, n_features)
        W.
    labels_ : array (n,)
        The cluster of each training row.
    inertia_ : float
        The (weighted) sum over training rows of the squared distance to their point.
    n_iter_ : int
        Iterations (epochs) of the best fit.
    history_ : History
        Mean energy and time of every step of the best fit. Not saved.
    n_features_in_ : int
    feature_names_in_ : array
        Where X had names.

    Raises
    ------
    InputError
        If a parameter violates its constraint, X is not finite or has a row without a visible
        entry, or there are fewer distinct rows than clusters.

    References
    ----------
    MacQueen (1967); Lloyd (1982); Arthur and Vassilvitskii, "k-means++" (2007); bounds that skip
    distances: Elkan (2003), Ding et al., "Yinyang K-means" (2015).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import KMeans
    >>> X = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])
    >>> model = KMeans(n_clusters=2, random_state=0).fit(X)
    >>> model.energy([[0.0, 1.0], [10.0, 4.0]])
    array([0., 9.])
    >>> model.complete([[9.0, np.nan]])
    array([[9., 1.]])
    """

    energy_: FreeEnergy
    parameters: ClassVar[dict[str, Constraint]] = {
        "n_clusters": Integer(1),
        "init": Array(("k-means++", "random")),
        "n_init": Integer(1, words=("auto",)),
        "max_iter": Integer(1),
        "tol": Real(0),
        "random_state": Seed(),
        "algorithm": Choice(("lloyd", "gradient", "minibatch")),
        "beta": Real(0, above=True, infinite=True),
        "batch_size": Integer(1),
        "learning_rate": Real(0, above=True),
        "device": Device(),
        "verbose": Integer(0),
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | ArrayLike = "k-means++",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: int | np.random.RandomState | None = None,
        algorithm: str = "lloyd",
        beta: float = math.inf,
        batch_size: int = 1024,
        learning_rate: float = 0.1,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.algorithm = algorithm
        self.beta = beta
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Shape the energy so that the rows of X have a low one.

        Parameters
        ----------
        X : array, data frame or tensor (n, n_features)
            NaN entries are hidden.
        y : ignored
        sample_weight : array (n,), optional
            How much each row counts.

        Returns
        -------
        self
        """
        rows, summary = self._begin(X)
        weight = self._weight(X, rows, sample_weight)
        check_distinct(rows, self.n_clusters, type(self).__name__)
        group = processes(self.device)
        if group.size > 1 and self.algorithm != "lloyd":
            raise InputError(
                f"KMeans: algorithm={self.algorithm!r} trains in one process, and there are "
                f"{group.size}; expected algorithm='lloyd'"
            )
        random_state = check_random_state(self.random_state)
        best: training.Fit | None = None
        for _ in range(self._starts()):
            seed = group.from_first(int(random_state.randint(0, 2**31 - 1)))
            generator = torch.Generator().manual_seed(seed)
            centers = self._start(rows, weight, generator)
            energy = self._energy_at(torch.from_numpy(centers).to(Device.resolve(self.device)))
            fit = training.fit(
                energy, rows, weight, summary, self._settings(summary), generator, group
            )
            if best is None or fit.inertia < best.inertia:
                best = fit
        assert best is not None
        self.energy_ = best.energy
        self.labels_ = best.labels
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        self.history_ = best.history
        return self

    def _starts(self) -> int:
        if self.n_init != "auto":
            return 1 if not isinstance(self.init, str) else int(self.n_init)
        return 10 if isinstance(self.init, str) and self.init == "random" else 1

    def _start(
        self, rows: Rows, weight: NDArray[np.float64] | None, generator: torch.Generator
    ) -> NDArray[np.floating]:
        if isinstance(self.init, str):
            seed = plus_plus if self.init == "k-means++" else random_rows
            return seed(rows, self.n_clusters, weight, generator)
        centers = np.array(self.init, dtype=rows.dtype, order="C")
        expected = (self.n_clusters, rows.n_columns)
        if centers.shape != expected:
            raise InputError(
                f"KMeans: init has shape {centers.shape}; expected {expected}, "
                "n_clusters by the number of columns of X"
            )
        if not np.isfinite(centers).all():
            raise InputError("KMeans: init has an entry that is not finite; expected numbers")
        return centers

    def _energy_at(self, centers: Tensor) -> FreeEnergy:
        k = len(centers)
        energy = Reconstruction(Affine(centers), OneHot(k))
        return FreeEnergy(energy, Exhaustive(), float(self.beta)).to(centers)

    def _settings(self, summary: Summary) -> training.Settings:
        return training.Settings(
            algorithm=self.algorithm,
            max_iter=self.max_iter,
            tol=self.tol,
            move_tol=self.tol * float(summary.variance.mean()),
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            verbose=self.verbose > 0,
        )

    @property
    def cluster_centers_(self) -> NDArray[np.floating]:
        """W: (n_clusters, n_features)."""
        return np.asarray(self._parameter().detach().cpu().numpy())

    @property
    def _n_features_out(self) -> int:
        return int(self.energy_.energy.latent.shape[0])

    def predict(self, X: Any) -> NDArray[np.int32]:
        """The cluster of each row, that of the nearest point: (n,)."""
        return self._ask(self._read(X), self._nearest).astype(np.int32)

    def _nearest(self, y: Tensor) -> Tensor:
        view = seen_through(self.energy_, y)
        assert isinstance(view, FreeEnergy)
        return view.energy.lowest(y, view.infer(y).z)[1]

    def score(self, X: Any, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Minus the (weighted) sum of the rows' energies, for model selection."""
        rows = self._read(X)
        weight = self._weight(X, rows, sample_weight)
        energy = self._ask(rows, lambda part: seen_through(self.energy_, part)(part))
        return -float(energy.sum(dtype=np.float64) if weight is None else energy @ weight)

    def _tensors(self) -> dict[str, Tensor]:
        return {"labels_": torch.from_numpy(self.labels_)}

    def _facts(self) -> dict[str, Any]:
        return {"inertia_": float(self.inertia_), "n_iter_": int(self.n_iter_)}

    def _blank(self, state: dict[str, Tensor]) -> FreeEnergy:
        return self._energy_at(state["energy.decoder.weight"])

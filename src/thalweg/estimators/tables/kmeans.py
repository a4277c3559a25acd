"""K-means as an energy."""

from __future__ import annotations

import copy
import math
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state
from torch import Tensor

from thalweg.core import (
    Array,
    Choice,
    InputError,
    Integer,
    Real,
    finite_array,
    learned,
    parameter,
    visible_energy,
)
from thalweg.data import Rows, Summary, batches_in_order, steps_of
from thalweg.energies import Affine, Reconstruction, SquaredError
from thalweg.estimators.base.loading import held
from thalweg.estimators.base.scikit_learn import ClusterMixin
from thalweg.estimators.base.settings import Seeded
from thalweg.estimators.tables.learning_on import LearnsOn
from thalweg.estimators.tables.model import CodesMixin, SamplesMixin, TableModel
from thalweg.estimators.tables.sparse import TakesSparse
from thalweg.estimators.tables.words import layout_of, table_cost
from thalweg.latents import Exhaustive, FreeEnergy, OneHot
from thalweg.training import History
from thalweg.training import kmeans as training
from thalweg.training.minibatch import MiniBatchStep, counts_of
from thalweg.training.partition import weighted_sum
from thalweg.training.processes import processes
from thalweg.training.seeding import check_distinct, plus_plus, random_rows


class KMeans(TakesSparse, LearnsOn, CodesMixin, SamplesMixin, ClusterMixin, Seeded, TableModel):
    r"""K-means: k points of zero energy, and quadratic growth around them.

    .. math::
        E(y, z) = \|y - zW\|^2, \quad z \text{ one-hot}, \qquad
        F(y) = \min_z E(y, z), \qquad
        F_\beta(y) = -\tfrac1\beta \log \sum_z e^{-\beta E(y, z)}

    Drops in for ``sklearn.cluster.KMeans``, except that ``transform`` gives the codes (one-hot)
    and not distances. NaN entries are hidden coordinates: fitting, energies and codes use the
    visible ones, ``complete`` fills them. A ``numpy.memmap`` is read piece by piece and may be
    larger than memory; a sparse matrix of scipy is made dense piece by piece. Under ``accelerate
    launch`` or ``torchrun`` the rows are shared out among the processes, each of which calls
    ``fit`` with all of X.

    Raises
    ------
    InputError
        If a parameter violates its constraint, X is not finite, or there are fewer distinct rows
        than clusters.

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

    n_clusters: int = parameter(
        "k, how many points.", Integer(1, high=10_000_000), default=8, kw_only=False
    )
    init: str | ArrayLike = parameter(
        "Where the points start: greedy k-means++, different rows at random, or these "
        "(n_clusters, n_features).",
        Array(("k-means++", "random")),
        default="k-means++",
    )
    n_init: int | str = parameter(
        "Fits from as many starts, of which the best is kept; auto is 10 for random, else 1.",
        Integer(1, words=("auto",), high=10_000),
        default="auto",
    )
    max_iter: int = parameter("Most iterations (epochs) of one fit.", Integer(1), default=300)
    tol: float = parameter(
        "Lloyd ends when the points move, in all, by less than this share of the mean variance of"
        " the columns; gradient and minibatch when the energy of three epochs was lower by less "
        "than this share of it.",
        Real(0),
        default=1e-4,
    )
    algorithm: str = parameter(
        "Coordinate descent over all rows, exact, and lower than as many steps down the whole "
        "gradient; gradient steps on the points, z inferred for each batch, slower and often a "
        "little lower; running means over batches.",
        Choice(("lloyd", "gradient", "minibatch")),
        default="lloyd",
    )
    beta: float = parameter(
        "Inverse temperature, in units of 1 / energy. Finite: F_beta is trained and asked.",
        Real(0, above=True, infinite=True),
        default=math.inf,
    )
    batch_size: int = parameter(
        "Rows a step, for gradient and minibatch.", Integer(1), default=1024
    )
    learning_rate: float = parameter(
        "For gradient: the share of the way to its mean that a point with 1 / k of the rows goes "
        "in one step.",
        Real(0, above=True),
        default=0.1,
    )

    energy_: FreeEnergy = learned()
    labels_: NDArray[np.int32] = learned(
        "The cluster of each training row, the first for one with no visible entry: (n,).",
        saved=True,
        shape=("any",),
    )
    inertia_: float = learned(
        "The (weighted) sum over training rows of the squared distance to their point.",
        saved=True,
        constraint=Real(0),
    )
    n_iter_: int = learned(
        "Iterations (epochs) of the best fit.", saved=True, constraint=Integer(0)
    )
    counts_: NDArray[np.float64] | None = learned(
        "The weight of the rows that each coordinate of a point is the mean of: (k, n_features).",
        saved=True,
        shape=("n_clusters", "_width"),
        optional=True,
    )
    history_: History = learned("Mean energy and time of every step of the best fit. Not saved.")

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
            energy = self._energy_at(torch.from_numpy(centers).to(self._device))
            fit = training.fit(
                energy, rows, weight, summary, self._settings(summary), generator, group
            )
            if best is None or fit.inertia < best.inertia:
                best = fit
        assert best is not None
        self.energy_ = best.energy
        self.labels_ = rows.among_all(best.labels)
        self.inertia_ = best.inertia
        self.n_iter_ = best.n_iter
        self.history_ = best.history
        self.counts_ = counts_of(rows, best.labels, self.n_clusters, weight, summary.hidden)
        self.n_samples_seen_ = float(len(rows) if weight is None else weight.sum())
        return self

    def partial_fit(self, X: Any, y: None = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn on: each point stays the mean of the rows that it was given.

        The first call is ``fit``. Later ones go once through the rows in order, ``batch_size`` at
        a time, and move points to the running means of their rows (Sculley, 2010). ``labels_``
        and ``inertia_`` are then those of the rows of this call.

        Parameters
        ----------
        X : array, data frame or tensor (n, n_features)
            NaN entries are hidden.
        y : ignored
        sample_weight : array (n,), optional
            How much each row counts.
        """
        if self._is_new():
            return self.fit(X, sample_weight=sample_weight)
        rows, _ = self._more(X)
        weight = self._weight(X, rows, sample_weight)
        energy = copy.deepcopy(self.energy_)
        centers = next(energy.parameters())
        counts = torch.tensor(self._kept("counts_")).to(centers.device)
        self.history_ = self._iterate(
            MiniBatchStep(energy, centers, counts),
            batches_in_order(rows, weight, self.batch_size, centers),
            steps_of(rows, self.batch_size),
        )
        self.energy_, self.counts_ = energy, counts.cpu().numpy()
        lowest, label = self._ask(rows, lambda y: torch.stack(self._lowest(y)).double().T).T
        self.labels_, self.inertia_ = label.astype(np.int32), weighted_sum(lowest, weight)
        self.n_iter_ += 1
        seen = float(len(rows) if weight is None else weight.sum())
        self.n_samples_seen_ = self._kept("n_samples_seen_") + seen
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
        expected = (self.n_clusters, rows.n_columns)
        meaning = "n_clusters by the number of columns of X"
        return finite_array("KMeans: init", self.init, expected, meaning).astype(rows.dtype)

    def _energy_at(self, centers: Tensor) -> FreeEnergy:
        k = len(centers)
        cost = SquaredError()
        words = layout_of(self._space) is not None
        made = table_cost(self._space, cost, centers) if words else cost
        energy = Reconstruction(Affine(centers), OneHot(k), made)
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
        """W, in the units of the rows: (n_clusters, n_features)."""
        return self._space.out(np.asarray(self._like().detach().cpu().numpy()))

    @property
    def _n_features_out(self) -> int:
        return int(self.energy_.energy.latent.shape[0])

    def predict(self, X: Any) -> NDArray[np.int32]:
        """The cluster of each row, that of the nearest point: (n,)."""
        return self._ask(self._read(X), lambda y: self._lowest(y)[1]).astype(np.int32)

    def _lowest(self, y: Tensor) -> tuple[Tensor, Tensor]:
        view = visible_energy(self.energy_, y)
        assert isinstance(view, FreeEnergy)
        return view.energy.lowest(y, view.infer(y).z)

    def score(self, X: Any, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Minus the (weighted) sum of the rows' energies, for model selection."""
        rows = self._read(X)
        weight = self._weight(X, rows, sample_weight)
        energy = self._ask(rows, lambda part: visible_energy(self.energy_, part)(part))
        return -float(energy.sum(dtype=np.float64) if weight is None else energy @ weight)

    def _blank(self, state: dict[str, Tensor]) -> FreeEnergy:
        shape = (self.n_clusters, self._width)
        return self._energy_at(held(state, "energy.decoder.weight", *shape))

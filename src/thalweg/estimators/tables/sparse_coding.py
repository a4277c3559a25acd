"""Sparse coding as an energy."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from thalweg.core import (
    Array,
    Batch,
    Choice,
    Either,
    InputError,
    Integer,
    Real,
    Switch,
    finite_array,
    generator_from,
    learned,
    parameter,
)
from thalweg.data import Rows, Summary, batches, steps_of
from thalweg.energies import Affine, Lista, Reconstruction, Rescaled, SquaredError
from thalweg.energies.inside import affine_of, free_energy_of
from thalweg.estimators.base.loading import held
from thalweg.estimators.base.settings import Seeded
from thalweg.estimators.tables.learning_on import LearnsOn, generator_later
from thalweg.estimators.tables.model import CodesMixin, TableModel
from thalweg.estimators.tables.outliers import OutliersMixin
from thalweg.estimators.tables.words import with_words, without_words
from thalweg.latents import ActiveSet, Encoder, FreeEnergy, LatentSolver, ProximalGradient, Sparse
from thalweg.objectives import PushDown
from thalweg.training import History, gradient_step
from thalweg.training.dictionary import (
    DictionaryStep,
    dictionary_gradient_step,
    random_atoms,
    unit_,
)
from thalweg.training.stopping import no_more_progress

AUTO_ALPHA = 0.1
"""alpha, where it is to be found, as a share of the typical length of a centered row."""

LISTA_STEPS = 1500
"""Gradient steps that LISTA is trained for, rounded up to whole epochs."""

LISTA_FOLLOWS = 150
"""The same, after the atoms have learned on."""


class SparseCoding(OutliersMixin, LearnsOn, CodesMixin, Seeded, TableModel):
    r"""Sparse coding: few atoms of a dictionary explain a row.

    .. math::
        E(y, z) = \tfrac12 \|y - b - zW\|^2 + a \|z\|_1, \quad \|w_j\| = 1, \qquad
        F(y) = \min_z E(y, z)

    The penalty limits how much can be explained cheaply, so that there may be more atoms than
    columns. NaN entries are hidden: they are minimized out. There is no ``sample``: exp(-F) has
    no exact way to draw from.

    Raises
    ------
    InputError
        If the dictionary has a zero atom, or a bad parameter or entry.

    References
    ----------
    Olshausen and Field (1996); Lee et al. (2006); Beck and Teboulle (2009); Mairal et al. (2010);
    Gregor and LeCun (2010).

    Examples
    --------
    >>> import numpy as np
    >>> from thalweg.estimators import SparseCoding
    >>> atoms = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> model = SparseCoding(2, alpha=1.0, dictionary_init=atoms, max_iter=0, fit_offset=False)
    >>> model.fit(atoms).transform([[3.0, 0.5], [-2.0, 4.0]])
    array([[ 2.,  0.],
           [-1.,  3.]])
    """

    n_components: int | None = parameter(
        "Atoms; twice the number of columns if not given.",
        Integer(1, none=True, high=1_000_000),
        default=None,
        kw_only=False,
    )
    alpha: float | str = parameter(
        "a, in units of the columns; auto is a tenth of the root mean square length of a row "
        "about the mean.",
        Either(Real(0), Choice(("auto",))),
        default="auto",
    )
    nonnegative: bool = parameter(
        "Whether codes have no negative entries.", Switch(), default=False
    )
    solver: str = parameter(
        "How codes are found: exactly on their support; by descent to a duality gap; by a learned"
        " network of ``n_layers`` steps, trained after the dictionary, and ``refine_iter`` steps "
        "of descent after it.",
        Choice(("active-set", "fista", "ista", "lista")),
        default="active-set",
    )
    algorithm: str = parameter(
        "Dictionary learning: coordinate descent on the atoms, or Adam.",
        Choice(("coordinate", "gradient")),
        default="coordinate",
    )
    fit_offset: bool = parameter(
        "Whether b is the mean of the rows; else it is 0.", Switch(), default=True
    )
    dictionary_init: ArrayLike | None = parameter(
        "Where the atoms start (n_components, n_features); rows of X if not given.",
        Array(none=True),
        default=None,
    )
    max_iter: int = parameter(
        "Epochs of dictionary learning; 0 keeps the dictionary as it starts.",
        Integer(0),
        default=30,
    )
    tol: float = parameter(
        "Learning ends when three epochs lower the mean energy by less than this share of it.",
        Real(0),
        default=1e-4,
    )
    batch_size: int = parameter("Rows a step.", Integer(1), default=512)
    learning_rate: float = parameter(
        "For gradient, and for LISTA a tenth of it.", Real(0, above=True), default=0.01
    )
    solver_tol: float = parameter(
        "Duality gap, as a share of the row's energy, at which a code has converged.",
        Real(0, above=True),
        default=1e-6,
    )
    solver_iter: int = parameter(
        "Most iterations of fista and ista.", Integer(1, high=1_000_000), default=1000
    )
    n_layers: int = parameter("Depth of LISTA.", Integer(1, high=1000), default=5)
    refine_iter: int = parameter(
        "Descent steps after LISTA.", Integer(0, high=1_000_000), default=0
    )

    energy_: Rescaled = learned("The free energy, about the mean.")
    alpha_: float = learned("a, as it was found or given.", saved=True, constraint=Real(0))
    n_iter_: int = learned("Epochs of dictionary learning.", saved=True, constraint=Integer(0))
    code_products_: NDArray[np.floating] | None = learned(
        "Z^T Z of the rows that coordinate descent remembers: (n_components, n_components).",
        saved=True,
        shape=("_n_features_out", "_n_features_out"),
        optional=True,
    )
    code_rows_: NDArray[np.floating] | None = learned(
        "Z^T (Y - b) of them: (n_components, n_features).",
        saved=True,
        shape=("_n_features_out", "_width"),
        optional=True,
    )
    history_: History = learned("Mean energy of every step. Not saved.")

    def fit(self, X: Any, y: None = None) -> Self:
        """Learn the dictionary from the rows of X (n, n_features); NaN entries are hidden."""
        rows, summary = self._begin(X)
        generator = generator_from(self.random_state)
        size = float(np.sqrt(summary.variance.sum()))
        self.alpha_ = AUTO_ALPHA * size if self.alpha == "auto" else float(self.alpha)
        atoms = self._start(rows, summary, generator)
        offset = summary.mean if self.fit_offset else np.zeros(rows.n_columns)
        like = torch.from_numpy(np.empty(0, rows.dtype)).to(self._device)
        learner = "active-set" if self.solver == "lista" else self.solver
        self.energy_ = self._energy_at(atoms.to(like), torch.from_numpy(offset).to(like), learner)
        inner = free_energy_of(self.energy_)
        decoder = affine_of(inner)
        unit_(decoder.weight)
        self.n_samples_seen_ = 0.0
        self._learn_atoms(rows, generator, self.max_iter, self.tol)
        self.n_iter_ = max(1, -(-len(self.history_) // steps_of(rows, self.batch_size)))
        if self.solver == "lista":
            self._learn_to_infer(rows, generator)
        self._ask_words(self.energy_)
        return self

    def partial_fit(self, X: Any, y: None = None) -> Self:
        """Learn on: one epoch more over the rows of X.

        The first call is ``fit``; b and a stay what it found. Coordinate descent remembers the rows
        before by what it needs of them, the products of their codes (Mairal et al., 2010), the
        early ones less and less. LISTA follows the atoms by 150 steps.
        """
        if self._is_new():
            return self.fit(X)
        seen = self._kept("n_samples_seen_")
        if self.algorithm == "coordinate":
            self._kept("code_products_", "it remembers nothing of rows before")
        rows, _ = self._more(X)
        generator = generator_later(self.random_state, seen)
        self.energy_ = copy.deepcopy(self.energy_)
        inner = without_words(free_energy_of(self.energy_))
        network = inner.solver
        if self.solver == "lista":
            inner.solver = self._solver("active-set", affine_of(inner).weight)
        self._learn_atoms(rows, generator, 1, None)
        self.n_iter_ += 1
        if self.solver == "lista":
            inner.solver = network
            self._train_network(rows, generator, LISTA_FOLLOWS)
        self._ask_words(self.energy_)
        return self

    def _learn_atoms(
        self, rows: Rows, generator: torch.Generator, epochs: int, tol: float | None
    ) -> None:
        inner = free_energy_of(self.energy_)
        decoder = affine_of(inner)
        before = self._kept("n_samples_seen_")
        seen = before + len(rows)
        if self.algorithm == "coordinate":
            step = DictionaryStep(inner, decoder, inner.energy.latent, seen)
            if before:
                step.remember(
                    before, *map(torch.from_numpy, (self.code_products_, self.code_rows_))
                )
            self.history_ = self._train(step, rows, generator, epochs, tol)
            self.code_products_, self.code_rows_ = step.a.cpu().numpy(), step.b.cpu().numpy()
        else:
            optimizer = torch.optim.Adam([decoder.weight], lr=self.learning_rate)
            gradient = dictionary_gradient_step(inner, decoder, optimizer)
            self.history_ = self._train(gradient, rows, generator, epochs, tol)
            self.code_products_ = self.code_rows_ = None
        self.n_samples_seen_ = seen

    def _held(self, columns: int) -> int:
        k = 2 * columns if self.n_components is None else self.n_components
        return 2 * k * (k + columns)

    def _start(self, rows: Rows, summary: Summary, generator: torch.Generator) -> Tensor:
        """Rows of X about their mean, or what the user gave."""
        k = 2 * rows.n_columns if self.n_components is None else self.n_components
        if self.dictionary_init is not None:
            shape = (k, rows.n_columns)
            atoms = finite_array("SparseCoding: dictionary_init", self.dictionary_init, shape)
            zero = np.flatnonzero(~atoms.any(axis=1))
            if len(zero):
                raise InputError(
                    f"SparseCoding: dictionary_init: atom {zero[0]} is all zeros, and has no "
                    "direction; expected atoms that are not"
                )
            return torch.from_numpy(atoms)
        offset = summary.mean if self.fit_offset else 0
        return random_atoms(rows, summary, k, offset, generator)

    def _energy_at(self, atoms: Tensor, offset: Tensor, solver: str) -> Rescaled:
        space = Sparse(len(atoms), self.alpha_, bool(self.nonnegative))
        energy = Reconstruction(Affine(atoms), space, SquaredError(0.5))
        inner = FreeEnergy(energy, self._solver(solver, atoms))
        return Rescaled(inner, offset, torch.ones_like(offset)).to(atoms).eval()

    def _solver(self, name: str, atoms: Tensor) -> LatentSolver:
        if name == "active-set":
            return ActiveSet(self.solver_tol, self.solver_iter)
        if name == "lista":
            network = Lista(atoms, self.alpha_, self.n_layers, bool(self.nonnegative))
            return Encoder(network, self.refine_iter, self.solver_iter, self.solver_tol)
        return ProximalGradient(name, self.solver_tol, self.solver_iter)

    def _learn_to_infer(self, rows: Rows, generator: torch.Generator) -> None:
        """Put LISTA in the place of the exact solver, and train it on the energy it reaches."""
        inner = free_energy_of(self.energy_)
        inner.solver = self._solver("lista", affine_of(inner).weight)
        self._train_network(rows, generator, LISTA_STEPS)

    def _train_network(self, rows: Rows, generator: torch.Generator, steps: int) -> None:
        inner = free_energy_of(self.energy_)
        inner.solver.train()
        parameters = list(inner.solver.parameters())
        optimizer = torch.optim.Adam(parameters, lr=0.1 * self.learning_rate)
        step = gradient_step(inner, PushDown(), optimizer)
        epochs = -(-steps // steps_of(rows, self.batch_size))
        self._train(step, rows, generator, epochs, tol=None)
        inner.solver.eval()

    def _train(
        self, step: Any, rows: Rows, generator: torch.Generator, epochs: int, tol: float | None
    ) -> History:
        steps = steps_of(rows, self.batch_size)
        like = self.energy_.shift

        def about_mean(batch: Batch) -> Batch:
            return batch._replace(y=batch.y.to(like) - self.energy_.shift)

        source = batches(rows, None, self.batch_size, epochs, generator, like.device)
        return self._iterate(
            step,
            map(about_mean, source),
            epochs * steps,
            generator,
            stop=(lambda history: False) if tol is None else no_more_progress(steps, tol),
        )

    @property
    def components_(self) -> NDArray[np.floating]:
        """W: (n_components, n_features)."""
        return np.asarray(affine_of(self.energy_).weight.detach().cpu().numpy())

    @property
    def mean_(self) -> NDArray[np.floating]:
        """b: (n_features,)."""
        return np.asarray(self.energy_.shift.cpu().numpy())

    @property
    def _n_features_out(self) -> int:
        return 2 * self._width if self.n_components is None else self.n_components

    def _blank(self, state: dict[str, Tensor]) -> Rescaled:
        k, d = self._n_features_out, self._width
        atoms = held(state, "energy.energy.decoder.weight", k, d)
        return self._ask_words(self._energy_at(atoms, held(state, "shift", d), self.solver))

    def _ask_words(self, energy: Rescaled) -> Rescaled:
        """The energy of what is learned, of which the words of a table cost -log p."""
        with_words(free_energy_of(energy), self._space, energy.shift, energy.shift)
        return energy

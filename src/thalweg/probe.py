"""What a representation is worth: how well simple classifiers tell labels from it.

The labels that train a probe come by hand and are few; those of the validation part choose between
the probe's few settings; the test part is looked at once.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from thalweg.core import InputError, Loss
from thalweg.data import random_positions
from thalweg.training import adam
from thalweg.training import train as take_steps

PENALTIES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0)
"""Inverse strengths of the linear probe's penalty: variances of weights, before any label."""

NEIGHBOURS = (1, 5, 15)

LEARNING_RATES = (0.003, 0.001)


class Labelled(NamedTuple):
    """Items and what they are."""

    items: NDArray[Any]
    """(n, d): features for the probes, rows of pixels for fine-tuning"""
    labels: NDArray[Any]
    """(n,)"""


def some_of_each(labels: ArrayLike, count: int, random_state: int) -> NDArray[np.int64]:
    """Positions of so many random items of every class.

    Raises
    ------
    InputError
        If a class has fewer.

    Examples
    --------
    >>> some_of_each([0, 1, 0, 1, 1], 2, random_state=0).shape
    (4,)
    """
    given = np.asarray(labels)
    if count < 1:
        raise InputError(f"some_of_each: count must be at least 1, got {count}")
    random = np.random.default_rng(random_state)
    chosen = []
    for kind in np.unique(given):
        every = np.flatnonzero(given == kind)
        if len(every) < count:
            raise InputError(f"class {kind} has {len(every)} items; expected at least {count}")
        chosen.append(random.permutation(every)[:count])
    return np.concatenate(chosen)


def linear_probe(train: Labelled, validation: Labelled, test: Labelled) -> float:
    """Test accuracy of a logistic regression on standardized features.

    Its penalty is the one that is best on the validation part.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).normal(size=(300, 5))
    >>> part = Labelled(x, x[:, 0] > 0)
    >>> linear_probe(part, part, part) > 0.95
    True
    """
    _check(train, validation, test)
    train, validation, test = _standardized(train, validation, test)

    path = LogisticRegression(max_iter=100, warm_start=True)

    def fitted(strength: float) -> Any:
        path.set_params(C=strength)
        with warnings.catch_warnings():
            # the last digits of the weights do not change what is chosen
            warnings.simplefilter("ignore", ConvergenceWarning)
            return copy.deepcopy(path.fit(train.items, train.labels))

    return _best(map(fitted, PENALTIES), validation, test)


def neighbour_probe(train: Labelled, validation: Labelled, test: Labelled) -> float:
    """Test accuracy of the vote of the nearest neighbours, in standardized features.

    How many is what is best on the validation part.
    """
    _check(train, validation, test)
    train, validation, test = _standardized(train, validation, test)

    def fitted(k: int) -> Any:
        return KNeighborsClassifier(min(k, len(train.labels)), algorithm="brute").fit(
            train.items, train.labels
        )

    return _best(map(fitted, NEIGHBOURS), validation, test)


def fine_tune(
    encoder: nn.Module,
    train: Labelled,
    validation: Labelled,
    test: Labelled,
    n_steps: int = 500,
    batch_size: int = 64,
    random_state: int = 0,
) -> float:
    """Test accuracy of a linear layer on an encoder, both trained on the labels.

    With an encoder of random weights this is supervised training from scratch. The number of steps
    is fixed; the learning rate is the one that is best on the validation part.

    Parameters
    ----------
    encoder : Module
        From items (n, d) to features (n, k); a copy of it is trained.
    train, validation, test : Labelled
    n_steps, batch_size : int, default 500 and 64
    random_state : int, default 0
    """
    _check(train, validation, test)
    kinds, target = np.unique(train.labels, return_inverse=True)
    items = torch.from_numpy(np.asarray(train.items, np.float32))

    def fitted(rate: float) -> _Network:
        generator = torch.Generator().manual_seed(random_state)
        network = _Network(copy.deepcopy(encoder), items[:1], kinds)
        optimizer, schedule = adam([{"params": network.parameters(), "lr": rate}], n_steps)

        def step(index: NDArray[np.int64], generator: torch.Generator) -> Loss:
            loss = nn.functional.cross_entropy(
                network(items[index]), torch.from_numpy(target[index])
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            return Loss(loss, {})

        network.train()
        take_steps(step, random_positions(len(items), batch_size, n_steps, generator), generator)
        return network

    return _best(map(fitted, LEARNING_RATES), validation, test)


def _check(*parts: Labelled) -> None:
    for name, (items, labels) in zip(("train", "validation", "test"), parts, strict=True):
        shape = np.shape(items)
        if len(shape) != 2 or not len(labels) or len(labels) != shape[0]:
            raise InputError(
                f"{name}: items of shape {shape} and {len(labels)} labels; expected (n, d), and n "
                "labels, at least one"
            )
        if shape[1] != np.shape(parts[0].items)[1]:
            raise InputError(
                f"{name}: {shape[1]} columns; expected {np.shape(parts[0].items)[1]}, as in train"
            )
        if not np.isfinite(items).all():
            raise InputError(f"{name}: an item is not finite; expected numbers without NaN")
    if len(np.unique(parts[0].labels)) < 2:
        raise InputError("train: one class alone; expected at least two")


class _Classifier(Protocol):
    def score(self, X: Any, y: Any) -> float: ...


class _Network(nn.Module):
    """An encoder and a linear layer on it, asked as scikit-learn's classifiers are."""

    def __init__(self, encoder: nn.Module, example: Tensor, kinds: NDArray[Any]) -> None:
        super().__init__()
        self.encoder, self.kinds = encoder, kinds
        with torch.no_grad():
            size = encoder(example).shape[1]
        # nothing is said before the first step, and no generator is moved
        self.last = nn.Linear(size, len(kinds), device="meta").to_empty(device="cpu")
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, items: Tensor) -> Tensor:
        result: Tensor = self.last(self.encoder(items))
        return result

    @torch.no_grad()
    def score(self, X: Any, y: Any) -> float:
        self.eval()
        parts = torch.from_numpy(np.asarray(X, np.float32)).split(500)
        found = np.concatenate([self(part).argmax(dim=1).numpy() for part in parts])
        return float(np.mean(self.kinds[found] == y))


def _standardized(train: Labelled, *others: Labelled) -> list[Labelled]:
    """Columns of mean 0 and deviation 1 over the first; those that hardly vary stay small."""
    items = np.asarray(train.items, np.float64)
    mean, spread = items.mean(axis=0), items.std(axis=0)
    spread = np.maximum(spread, max(1e-3 * float(spread.max()), 1e-12))
    return [
        Labelled(((np.asarray(part.items) - mean) / spread).astype(np.float32), part.labels)
        for part in (train, *others)
    ]


def _best(tried: Iterable[_Classifier], validation: Labelled, test: Labelled) -> float:
    """Test accuracy of the classifier with the best validation accuracy, the first of equals."""
    best = max(tried, key=lambda model: float(model.score(validation.items, validation.labels)))
    return float(best.score(test.items, test.labels))

"""Completion of words and numbers by others: scikit-learn's imputers, and MissForest.

Each takes a polars frame of strings and floats with nulls and gives it back filled.
scikit-learn's imputers know numbers alone. So numbers are scaled to variance 1, words become
indicators or codes with gaps where a word is missing, and what comes out is read as the nearest
word.
"""

import numpy as np
import polars as pl
from mixed_data import words_of
from sklearn.ensemble import (
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler


def typical(frame):
    """The mean of a column of numbers, the most frequent word of a column of words."""
    return frame.with_columns(
        pl.col(name).fill_null(frame[name].drop_nulls().mode().sort()[0])
        if frame[name].dtype == pl.String else pl.col(name).fill_null(frame[name].mean())
        for name in frame.columns
    )  # fmt: skip


def _scaled(frame, numbers):
    scaler = StandardScaler()
    return scaler, scaler.fit_transform(frame.select(numbers).to_numpy().astype(np.float64))


def _numbers_of(frame, numbers, scaler, filled):
    values = scaler.inverse_transform(filled)
    return {name: frame[name].fill_null(pl.Series(values[:, j])) for j, name in enumerate(numbers)}


def indicators(imputer):
    """By scaled numbers and ``OneHotEncoder``; the largest indicator of a column is its word.

    The first indicator is dropped: with it, the others of a word say it all, are missing with it,
    and chained regressions stay at the most frequent word.
    """

    def way(frame):
        words = words_of(frame)
        numbers = [name for name in frame.columns if name not in words]
        scaler, X = _scaled(frame, numbers)
        known = [np.array(sorted(frame[name].drop_nulls().unique())) for name in words]
        encoder = OneHotEncoder(categories=known, drop="first", sparse_output=False)
        ones = encoder.fit_transform(typical(frame).select(words).to_numpy())
        places = np.cumsum([0, *(len(each) - 1 for each in known)])
        for name, first, end in zip(words, places[:-1], places[1:], strict=True):
            ones[frame[name].is_null().to_numpy(), first:end] = np.nan
        filled = imputer().fit_transform(np.concatenate([X, ones], axis=1))
        result = _numbers_of(frame, numbers, scaler, filled[:, : len(numbers)])
        for j, (name, each) in enumerate(zip(words, known, strict=True)):
            block = filled[:, len(numbers) :][:, places[j] : places[j + 1]]
            best = np.column_stack([1 - block.sum(axis=1), block]).argmax(axis=1)
            result[name] = frame[name].fill_null(pl.Series(each[best].tolist()))
        return pl.DataFrame({name: result[name] for name in frame.columns})

    return way


def ordinals(imputer):
    """By scaled numbers and ``OrdinalEncoder``; the nearest code is the word."""

    def way(frame):
        words = words_of(frame)
        numbers = [name for name in frame.columns if name not in words]
        scaler, X = _scaled(frame, numbers)
        encoder = OrdinalEncoder(encoded_missing_value=np.nan)
        codes = encoder.fit_transform(
            np.where(
                np.stack([frame[name].is_null().to_numpy() for name in words], axis=1),
                np.array(np.nan, dtype=object),
                frame.select(words).to_numpy(),
            )
        )
        known = [
            [word for word in each if isinstance(word, str)] for each in encoder.categories_
        ]  # fmt: skip
        filled = imputer().fit_transform(np.concatenate([X, codes], axis=1))
        result = _numbers_of(frame, numbers, scaler, filled[:, : len(numbers)])
        for j, (name, each) in enumerate(zip(words, known, strict=True)):
            best = np.rint(filled[:, len(numbers) + j]).clip(0, len(each) - 1).astype(int)
            result[name] = frame[name].fill_null(pl.Series(np.array(each)[best].tolist()))
        return pl.DataFrame({name: result[name] for name in frame.columns})

    return way


def _seen(X, kinds, without):
    """What a forest sees: the columns but one, words as indicators."""
    blocks = []
    for j, kind in enumerate(kinds):
        if j != without:
            few = kind is None or len(kind) <= 2
            blocks.append(X[:, [j]] if few else np.eye(len(kind))[X[:, j].astype(int)])
    return np.concatenate(blocks, axis=1)


def missforest(frame, n_trees=100, max_rounds=10, n_jobs=1):
    """The loop of Stekhoven and Buehlmann (2012) with its defaults, forests by scikit-learn.

    Columns from the fewest gaps to the most; a forest that has learned from the rows where the
    column is there says the rest; rounds go on until the change of the words and that of the
    numbers have both grown, and the round before is the answer. A split sees sqrt(d) columns,
    leaves of numbers have about five rows.
    """
    start = typical(frame)
    kinds = [
        sorted(frame[name].drop_nulls().unique()) if name in words_of(frame) else None
        for name in frame.columns
    ]
    X = np.stack(
        [
            start[name].to_numpy() if kind is None else np.searchsorted(kind, start[name])
            for name, kind in zip(frame.columns, kinds, strict=True)
        ],
        axis=1,
    ).astype(np.float64)
    gaps = np.stack([frame[name].is_null().to_numpy() for name in frame.columns], axis=1)
    is_word = np.array([kind is not None for kind in kinds])
    before = (np.inf, np.inf)
    for turn in range(max_rounds):
        old = X.copy()
        for j in np.argsort(gaps.mean(axis=0), kind="stable"):
            there = ~gaps[:, j]
            if there.all():
                continue
            make = RandomForestClassifier if is_word[j] else RandomForestRegressor
            forest = make(n_trees, max_features="sqrt", min_samples_split=2 if is_word[j] else 6,
                          n_jobs=n_jobs, random_state=turn)  # fmt: skip
            others = _seen(X, kinds, j)
            forest.fit(others[there], X[there, j])
            X[~there, j] = forest.predict(others[~there])
        change = (
            np.sum((X - old)[:, ~is_word] ** 2) / np.sum(X[:, ~is_word] ** 2),
            np.sum((old != X)[:, is_word]) / max(gaps[:, is_word].sum(), 1),
        )
        if change[0] >= before[0] and change[1] >= before[1]:
            X = old
            break
        before = change
    said = [
        pl.Series(X[:, j] if kind is None else np.array(kind)[X[:, j].astype(int)].tolist())
        for j, kind in enumerate(kinds)
    ]
    return frame.with_columns(
        frame[name].fill_null(each) for name, each in zip(frame.columns, said, strict=True)
    )


def ridge():
    return IterativeImputer(random_state=0)


def boosting():
    trees = HistGradientBoostingRegressor(random_state=0)
    return IterativeImputer(trees, max_iter=5, random_state=0)


PEERS = {
    "mean, most frequent": typical,
    "OneHotEncoder, KNNImputer": indicators(KNNImputer),
    "OneHotEncoder, IterativeImputer, BayesianRidge": indicators(ridge),
    "OrdinalEncoder, IterativeImputer, BayesianRidge": ordinals(ridge),
    "OrdinalEncoder, IterativeImputer, HistGradientBoosting": ordinals(boosting),
    "MissForest": missforest,
}

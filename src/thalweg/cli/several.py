"""More than one way to fill in what is missing."""

from __future__ import annotations

from typing import Any, NamedTuple

import polars as pl

from thalweg.cli.batches import of_array
from thalweg.cli.reading import can
from thalweg.core import InputError
from thalweg.data.columns import Table
from thalweg.data.columns.filling import typed
from thalweg.data.table_files import TableWriter


class Several(NamedTuple):
    """More than one way to fill in, if that is asked for."""

    draws: int | None = None
    interval: float | None = None
    random_state: int | None = None

    @property
    def asked(self) -> bool:
        return self.draws is not None or self.interval is not None

    def give(self, fitted: Any, values: Any, out: str | None, answer: str) -> None:
        """One table below the other, with a column that says which it is."""
        if self.draws is not None and self.interval is not None:
            raise InputError("--draws and --interval are both given; expected one of them")
        if answer != "lowest":
            raise InputError(f"--answer {answer} is one filling; expected it without --draws")
        complete = can(fitted, "complete")
        found = complete(
            values, draws=self.draws, interval=self.interval, random_state=self.random_state
        )
        names = ("lower", "upper") if self.draws is None else range(self.draws)
        parts = []
        for name, each in zip(names, found, strict=True):
            table = each.frame if isinstance(each, Table) else of_array(each, fitted.table_)
            which = "bound" if self.draws is None else "draw"
            which = f"{which} (answer)" if which in table.columns else which
            parts.append(table.insert_column(0, pl.lit(name).alias(which)))
        together = pl.concat(parts)
        if isinstance(values, Table) and out is not None and out.lower().endswith(".parquet"):
            together = together.select(together.columns[:1]).hstack(
                typed(together.select(together.columns[1:]), fitted.table_)
            )
        with TableWriter(out, getattr(values, "separator", ",")) as writer:
            writer.append(together)

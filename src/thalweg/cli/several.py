"""More than one way to fill in what is missing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from thalweg.cli.batches import of_array
from thalweg.cli.pictures import give_images, read_mask
from thalweg.cli.reading import can
from thalweg.core import InputError
from thalweg.data.columns import Table
from thalweg.data.columns.filling import typed
from thalweg.data.table_files import TableWriter
from thalweg.data.tables import write_data


class Wanted(NamedTuple):
    """More than one way to fill in, if that is asked for."""

    draws: int | None = None
    interval: float | None = None
    random_state: int | None = None

    @property
    def asked(self) -> bool:
        return self.draws is not None or self.interval is not None

    def give(self, fitted: Any, values: Any, out: str | None, mask: str | None) -> None:
        """What is asked for, in the form of what the model is about."""
        if self.draws is not None and self.interval is not None:
            raise InputError("--draws and --interval are both given; expected one of them")
        if fitted.about == "photos":
            raise InputError("photos are filled in once; expected neither --draws nor --interval")
        if mask is not None and fitted.about != "images":
            raise InputError("--mask is for images; in a table what is missing is an empty cell")
        if self.interval is not None and fitted.about in ("clips", "texts"):
            raise InputError(f"--interval is for numbers, not for {fitted.about}; expected --draws")
        if fitted.about == "rows":
            self._give_tables(can(fitted, "complete"), fitted, values, out)
        elif fitted.about == "texts":
            lines = [(line, text) for line, text in enumerate(values) if text.strip()]
            drawn = fitted.complete([text for _, text in lines], draws=self.draws,
                                    random_state=self.random_state)  # fmt: skip
            write_data(pl.DataFrame(
                {
                    "draw": [draw for draw in range(len(drawn)) for _ in lines],
                    "line": [line for _ in drawn for line, _ in lines],
                    "text": [text for each in drawn for text in each],
                },
                schema={"draw": pl.Int64, "line": pl.Int64, "text": pl.String},
            ), out)  # fmt: skip
        elif fitted.about == "clips":
            give_images(
                lambda: fitted.predict(values, draws=self.draws, random_state=self.random_state),
                out,
            )
        else:
            complete = can(fitted, "complete")
            give_images(lambda: np.stack(complete(
                values, read_mask(mask), draws=self.draws, interval=self.interval,
                random_state=self.random_state,
            )), out, values, several=True)  # fmt: skip

    def _give_tables(self, complete: Any, fitted: Any, values: Any, out: str | None) -> None:
        """One table below the other, with a column that says which it is."""
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

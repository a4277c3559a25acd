"""Answers about texts."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from thalweg.cli.outcome import write
from thalweg.cli.reading import model_of
from thalweg.cli.spare import spare
from thalweg.core import InputError
from thalweg.data.tables import write_data
from thalweg.data.texts import TextFiles


def completions(fitted: Any, texts: TextFiles, top: int) -> pl.DataFrame:
    """The ways to fill each text, ranked; empty lines are passed over."""
    given = [(line, text) for line, text in enumerate(texts) if text.strip()]
    return pl.DataFrame(
        [
            {
                "line": line,
                "rank": rank,
                "probability": each.probability,
                "energy": each.energy,
                "filling": " ".join(each.pieces),
                "text": each.text,
            }
            for (line, _), found in zip(
                given, fitted.completions([text for _, text in given], top), strict=True
            )
            for rank, each in enumerate(found, start=1)
        ]
    )


def give_pairs(model: str, data: str | None, pairs: tuple[str, str], out: str | None) -> None:
    """How often the good text of a pair has less energy than the bad one; ties count half.

    The share goes to standard output, the energies of all pairs to ``out``.
    """
    if data is not None:
        raise InputError(f"--pairs takes the place of DATA; expected no {data!r} beside it")
    spare(out, model, *pairs)
    fitted = model_of(model)
    if fitted.about != "texts":
        raise InputError(f"--pairs is for language models, not for {type(fitted).__name__}")
    good, bad = (list(TextFiles(name)) for name in pairs)
    if not good or len(good) != len(bad):
        raise InputError(
            f"--pairs: {pairs[0]} has {len(good)} lines and {pairs[1]} {len(bad)}; expected as "
            "many in both, and at least one"
        )
    energy = fitted.energy([*good, *bad])
    first, second = energy[: len(good)], energy[len(good) :]
    # what a text lies beside when it is asked about moves its energy by a rounding
    tie = np.isclose(first, second, rtol=1e-5)
    share = float(np.mean(np.where(tie, 0.5, first < second)))
    write(pl.DataFrame({"pairs": [len(good)], "share": [share]}).write_csv())
    if out is not None:
        write_data(pl.DataFrame({"good": first, "bad": second}), out)

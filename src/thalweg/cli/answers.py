"""What each verb does: a model and data in, answers out."""

from __future__ import annotations

import polars as pl

from thalweg.cli.reading import (
    by_file,
    can,
    give,
    give_images,
    model_of,
    opened,
    read_mask,
    runs_of,
    spare,
    table_of,
)
from thalweg.cli.texts import completions, give_pairs
from thalweg.core import InputError
from thalweg.data import MASK
from thalweg.data.tables import read_data
from thalweg.estimators.base.model import ScoresMixin


def energy(model: str, data: str | None, out: str | None, pairs: tuple[str, str] | None) -> None:
    """How unusual is each row: F, low where it fits."""
    if pairs is not None:
        give_pairs(model, data, pairs, out)
        return
    if data is None:
        raise InputError("DATA is missing; expected what to ask about")
    fitted, values, _ = opened(model, data, out)
    if fitted.about == "images" and not isinstance(fitted, ScoresMixin):
        name = type(fitted).__name__
        raise InputError(f"{name} has an energy of pairs of images, not of single ones")
    if fitted.about == "clips":
        table, runs = runs_of(fitted, values)
        give(table.with_columns(pl.Series("energy", fitted.energy(runs))), out)
        return
    give(by_file(values, pl.DataFrame({"energy": fitted.energy(values)})), out)


def codes(model: str, data: str, out: str | None) -> None:
    """The codes z* of each row."""
    fitted, values, _ = opened(model, data, out)
    if fitted.about == "clips":
        table, runs = runs_of(fitted, values)
        z = fitted.infer(runs)
        give(table.hstack(pl.DataFrame(z, schema=[f"z{j}" for j in range(z.shape[1])])), out)
        return
    z = can(fitted, "transform")(values)
    table = pl.DataFrame(z, schema=list(fitted.get_feature_names_out()))
    give(by_file(values, table), out)


def complete(
    model: str, data: str, out: str | None, answer: str, mask: str | None, top: int
) -> None:
    """Fill what is missing; what is there stays as it is. Of clips: the frames that follow."""
    spare(out, mask)
    fitted, values, encoding = opened(model, data, out)
    if fitted.about == "texts":
        if mask is not None or answer != "lowest":
            raise InputError(f"--mask and --answer are not for texts; expected {MASK} in them")
        give(completions(fitted, values, top), out)
        return
    if mask is not None and fitted.about != "images":
        raise InputError("--mask is for images; in a table what is missing is an empty cell")
    if answer != "lowest" and fitted.about in ("images", "clips"):
        raise InputError(
            f"--answer {answer}: {type(fitted).__name__} has one answer; expected none"
        )
    if fitted.about == "clips":
        give_images(lambda: fitted.predict(values), out)
        return
    if fitted.about == "images":
        give_images(lambda: can(fitted, "complete")(values, read_mask(mask)), out)
        return
    filled = table_of(fitted.complete(values, answer=answer), encoding)
    given = read_data(data)
    if isinstance(given, pl.DataFrame):
        kept = [
            given[name].fill_nan(None) if given[name].dtype.is_float() else given[name]
            for name in given.columns
        ]
        filled = pl.DataFrame(
            [
                s if s.null_count() == 0 else pl.select(pl.coalesce(s, filled[s.name])).to_series()
                for s in kept
            ]
        )
    give(filled, out)


def project(model: str, data: str, out: str | None) -> None:
    """The point of the data manifold that is closest to each row."""
    fitted, values, encoding = opened(model, data, out)
    give(table_of(can(fitted, "project")(values), encoding), out)


def sample(model: str, n: int, random_state: int | None, out: str | None, text: str | None) -> None:
    """Draws from the density of the energy."""
    spare(out, model)
    fitted, encoding = model_of(model)
    if fitted.about == "texts":
        drawn = fitted.sample(n, random_state, text=text)
        give(pl.DataFrame({"text": drawn}), out)
        return
    if text is not None:
        raise InputError(f"--text is for language models, not for {type(fitted).__name__}")
    give(table_of(can(fitted, "sample")(n, random_state=random_state), encoding), out)

"""What each verb does: a model and data in, answers out."""

from __future__ import annotations

from typing import Any

import polars as pl

from thalweg.cli.batches import give_beside, give_tables, of_array
from thalweg.cli.pictures import by_photo, give_images, give_photos, read_mask
from thalweg.cli.reading import (
    Reading,
    by_file,
    can,
    model_of,
    opened,
    runs_of,
)
from thalweg.cli.several import Wanted
from thalweg.cli.spare import spare
from thalweg.cli.texts import completions, give_pairs
from thalweg.core import InputError
from thalweg.data import MASK
from thalweg.data.columns.filling import written
from thalweg.data.tables import write_data
from thalweg.estimators.base.calibration import CalibratedMixin
from thalweg.questions.rarity import p_values


def energy(
    model: str,
    data: str | None,
    out: str | None,
    pairs: tuple[str, str] | None,
    reading: Reading,
) -> None:
    """How unusual is each row: F, low where it fits."""
    if pairs is not None:
        give_pairs(model, data, pairs, out)
        return
    if data is None:
        raise InputError("DATA is missing; expected what to ask about")
    fitted, values = opened(model, data, out, reading)
    if fitted.about == "images" and not isinstance(fitted, CalibratedMixin):
        name = type(fitted).__name__
        raise InputError(f"{name} has an energy of pairs of images, not of single ones")
    if fitted.about == "photos":
        write_data(by_photo(fitted, values), out)
    elif fitted.about == "clips":
        table, runs = runs_of(fitted, values)
        write_data(table.hstack(_energies(fitted, runs)), out)
    elif fitted.about == "rows":
        give_beside(
            values, fitted.table_, out, reading,
            lambda part: _energies(fitted, part),
        )  # fmt: skip
    else:
        write_data(by_file(values, _energies(fitted, values)), out)


def _energies(fitted: Any, values: Any) -> pl.DataFrame:
    """Energies, and p-values beside them of a model that was calibrated."""
    found = fitted.energy(values)
    answers = pl.DataFrame({"energy": found})
    calibration = getattr(fitted, "calibration_", None)
    if calibration is None:
        return answers
    return answers.with_columns(p=pl.Series(p_values(found, calibration)))


def codes(model: str, data: str, out: str | None, reading: Reading) -> None:
    """The codes z* of each row."""
    fitted, values = opened(model, data, out, reading)
    if fitted.about == "clips":
        table, runs = runs_of(fitted, values)
        z = fitted.infer(runs)
        write_data(table.hstack(pl.DataFrame(z, schema=[f"z{j}" for j in range(z.shape[1])])), out)
        return
    transform, names = can(fitted, "transform"), list(fitted.get_feature_names_out())
    if fitted.about == "rows":
        give_beside(
            values, fitted.table_, out, reading,
            lambda part: pl.DataFrame(transform(part), schema=names),
        )  # fmt: skip
    else:
        write_data(by_file(values, pl.DataFrame(transform(values), schema=names)), out)


def complete(
    model: str,
    data: str,
    out: str | None,
    answer: str,
    mask: str | None,
    top: int,
    several: Wanted,
    reading: Reading,
) -> None:
    """Fill what is missing; what is there stays as it is. Of clips: the frames that follow."""
    spare(out, mask)
    fitted, values = opened(model, data, out, reading)
    if several.asked:
        if answer != "lowest":
            raise InputError(f"--answer {answer} is one filling; expected it without --draws")
        several.give(fitted, values, out, mask)
        return
    if fitted.about == "texts":
        if mask is not None or answer != "lowest":
            raise InputError(f"--mask and --answer are not for texts; expected {MASK} in them")
        write_data(completions(fitted, values, top), out)
        return
    if mask is not None and fitted.about not in ("images", "photos"):
        raise InputError("--mask is for images; in a table what is missing is an empty cell")
    if answer != "lowest" and fitted.about in ("images", "clips"):
        raise InputError(
            f"--answer {answer}: {type(fitted).__name__} has one answer; expected none"
        )
    if fitted.about == "clips":
        give_images(lambda: fitted.predict(values), out)
    elif fitted.about == "images":
        give_images(lambda: can(fitted, "complete")(values, read_mask(mask)), out, values)
    elif fitted.about == "photos":
        hidden = read_mask(mask)
        if hidden is None:
            raise InputError("--mask is missing; expected a picture that says what is hidden")
        fill = can(fitted, "complete")
        give_photos(lambda each: fill(each, hidden, random_state=0), values, out)
    else:
        give_tables(
            values, fitted.table_, out, reading,
            lambda part: fitted.complete(part, answer=answer),
        )  # fmt: skip


def project(model: str, data: str, out: str | None, reading: Reading) -> None:
    """The point of the data manifold that is closest to each row."""
    fitted, values = opened(model, data, out, reading)
    find = can(fitted, "project")
    if fitted.about == "rows":
        give_tables(values, fitted.table_, out, reading, find)
    elif fitted.about == "images":
        give_images(lambda: find(values), out, values)
    elif fitted.about == "photos":
        give_photos(find, values, out)
    else:
        write_data(of_array(find(values), None), out)


def sample(model: str, n: int, random_state: int | None, out: str | None, text: str | None) -> None:
    """Draws from the density of the energy."""
    spare(out, model)
    fitted = model_of(model)
    if fitted.about == "texts":
        drawn = fitted.sample(n, random_state, text=text)
        write_data(pl.DataFrame({"text": drawn}), out)
        return
    if text is not None:
        raise InputError(f"--text is for language models, not for {type(fitted).__name__}")
    ask = can(fitted, "sample")
    if fitted.about in ("images", "photos"):
        # photos are from 0 to 1
        white = 1 if fitted.about == "photos" else fitted.white_
        give_images(lambda: ask(n, random_state=random_state), out, white=white, count=n)
        return
    drawn = ask(n, random_state=random_state)
    if isinstance(drawn, pl.DataFrame):
        texts = out is None or out.lower().endswith(".csv")
        write_data(written(drawn, fitted.table_) if texts else drawn, out)
    else:
        write_data(of_array(drawn, None), out)

"""One verb a question."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import torch
import typer

from thalweg import questions
from thalweg.cli.reading import (
    Data,
    MaybeData,
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
from thalweg.estimators.joint_embedding import JointEmbeddingModel
from thalweg.estimators.registry import CLIPS, IMAGES, TEXTS
from thalweg.gallery import draw, pages
from thalweg.plots import draw_landscape, figure, save_figure

Model = Annotated[str, typer.Argument(help="A model that thalweg fit wrote.")]
Out = Annotated[str | None, typer.Option(help="CSV, Parquet or .npy; standard output without it.")]


app = typer.Typer()


@app.command()
def energy(
    model: Model,
    data: MaybeData = None,
    out: Out = None,
    pairs: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="GOOD BAD",
            help="For texts, two files of as many lines: how often the good one has less energy.",
        ),
    ] = None,
) -> None:
    """How unusual is each row: F, low where it fits."""
    if pairs is not None:
        give_pairs(model, data, pairs, out)
        return
    if data is None:
        raise InputError("DATA is missing; expected what to ask about")
    fitted, values, _ = opened(model, data, out)
    if isinstance(fitted, JointEmbeddingModel):
        raise InputError("JointEmbeddingModel has an energy of pairs of images, not of single ones")
    if isinstance(fitted, CLIPS):
        table, runs = runs_of(fitted, values)
        give(table.with_columns(pl.Series("energy", fitted.energy(runs))), out)
        return
    give(by_file(values, pl.DataFrame({"energy": fitted.energy(values)})), out)


@app.command()
def codes(model: Model, data: Data, out: Out = None) -> None:
    """The codes z* of each row."""
    fitted, values, _ = opened(model, data, out)
    if isinstance(fitted, CLIPS):
        table, runs = runs_of(fitted, values)
        found = fitted.infer(runs)
        give(
            table.hstack(pl.DataFrame(found, schema=[f"z{j}" for j in range(found.shape[1])])), out
        )
        return
    found = can(fitted, "transform")(values)
    table = pl.DataFrame(found, schema=list(fitted.get_feature_names_out()))
    give(by_file(values, table), out)


@app.command()
def complete(
    model: Model,
    data: Data,
    out: Out = None,
    answer: Annotated[
        str, typer.Option(help="What to fill in: lowest (least energy) or mean.")
    ] = "lowest",
    mask: Annotated[
        str | None, typer.Option(help="For images, .npy of bool: where they are hidden besides.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="For texts, how many ways to fill each.")] = 5,
) -> None:
    """Fill what is missing; what is there stays as it is. Of clips: the frames that follow."""
    spare(out, mask)
    fitted, values, encoding = opened(model, data, out)
    if isinstance(fitted, TEXTS):
        if mask is not None or answer != "lowest":
            raise InputError(f"--mask and --answer are not for texts; expected {MASK} in them")
        give(completions(fitted, values, top), out)
        return
    if mask is not None and not isinstance(fitted, IMAGES):
        raise InputError("--mask is for images; in a table what is missing is an empty cell")
    if answer != "lowest" and isinstance(fitted, (*IMAGES, *CLIPS)):
        raise InputError(
            f"--answer {answer}: {type(fitted).__name__} has one answer; expected none"
        )
    if isinstance(fitted, CLIPS):
        give_images(lambda: fitted.predict(values), out)
        return
    if isinstance(fitted, IMAGES):
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


@app.command()
def project(model: Model, data: Data, out: Out = None) -> None:
    """The point of the data manifold that is closest to each row."""
    fitted, values, encoding = opened(model, data, out)
    give(table_of(can(fitted, "project")(values), encoding), out)


@app.command()
def sample(
    model: Model,
    n: Annotated[int, typer.Option("-n", help="How many draws.")] = 1,
    random_state: Annotated[int | None, typer.Option(help="Seed.")] = None,
    out: Out = None,
    text: Annotated[
        str | None, typer.Option(help="For a language model, a text with [MASK] where to draw.")
    ] = None,
) -> None:
    """Draws from the density of the energy."""
    spare(out, model)
    fitted, encoding = model_of(model)
    if isinstance(fitted, TEXTS):
        drawn = fitted.sample(n, random_state, text=text)
        give(pl.DataFrame({"text": drawn}), out)
        return
    if text is not None:
        raise InputError(f"--text is for language models, not for {type(fitted).__name__}")
    give(table_of(can(fitted, "sample")(n, random_state=random_state), encoding), out)


@app.command("map")
def map_(
    model: Model,
    data: Data,
    out: Annotated[str, typer.Option(help="An image: .png, .svg or .pdf.")],
    resolution: Annotated[int, typer.Option(min=2, help="Grid points a side.")] = 200,
) -> None:
    """Draw the energy over the plane of the data's two widest directions."""
    if Path(out).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"{out}: expected a name that ends in .png, .svg or .pdf")
    fitted, values, _ = opened(model, data, out)
    if isinstance(fitted, (*IMAGES, *CLIPS, *TEXTS)):
        raise InputError(
            f"{type(fitted).__name__} has no plane to draw: its rows are no points of one"
        )
    like = next(fitted.energy_.parameters())
    whole = torch.from_numpy(np.array(fitted.complete(values))).to(like)
    plane = questions.plane_of(whole)
    at = plane.coordinates(whole)
    low, high = at.min(dim=0).values, at.max(dim=0).values
    margin = 0.15 * (high - low).clamp_min(1e-6)
    bottom, top = (low - margin).tolist(), (high + margin).tolist()
    drawn = questions.landscape(
        fitted.energy_, plane, (bottom[0], bottom[1]), (top[0], top[1]), resolution
    )
    # colours for where the data are: far from them energies may be any number
    some = at[:: -(-len(at) // 10_000)]
    with torch.no_grad():
        near = fitted.energy_(plane.points(some)).quantile(0.99)
    lowest = drawn.energy.min()
    heights = drawn.energy.clamp(max=lowest + 1.5 * (near - lowest).clamp_min(1e-6))
    result = figure(6.4, 5.2)
    axes = result.axes[0]
    draw_landscape(axes, drawn.a, drawn.b, heights.numpy(), at.numpy(), title=Path(model).name)
    axes.set_xlabel("first direction" if values.shape[1] > 2 else "y1")
    axes.set_ylabel("second direction" if values.shape[1] > 2 else "y2")
    save_figure(result, out)


@app.command()
def demo(out: Annotated[str, typer.Option(help="A folder, made if need be.")] = "demo") -> None:
    """The main job on real data: fit, ask every question, draw the figures."""
    from thalweg.demo import run

    run(Path(out))


@app.command(epilog="Pages: " + ", ".join(page.name for page in pages()) + ".")
def lecture(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Pages; all without a name.")
    ] = None,
    out: Annotated[str, typer.Option(help="A folder, made if need be.")] = "lecture",
    quick: Annotated[bool, typer.Option("--quick", help="Rougher, in little time.")] = False,
) -> None:
    """The figures of the lecture on energy-based learning, one script each.

    masked_text needs the extra: pip install thalweg[text].
    """
    count = draw(Path(out), names or (), brief=quick)
    print(f"{count} figures in {out}")

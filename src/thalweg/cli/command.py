"""What runs when ``thalweg`` is typed: the verbs, and what they take.

Only what the command line itself needs is imported here, so that it starts at once; the work is
in :mod:`thalweg.cli.answers` and :mod:`thalweg.cli.fitting`, imported when a verb runs.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from thalweg.cli import outcome
from thalweg.cli.methods import Methods
from thalweg.cli.options import Data, MaybeData, Model, Out, reads_tables
from thalweg.gallery.scripts import pages

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Energy-based learning: shape an energy from data, then ask it questions. "
    "DATA is CSV (- is standard input), Parquet or .npy; of images a folder, IDX or .npy; "
    "of clips .npy or a video; of texts a file, a folder or - for standard input. "
    "Rows are counted from 0.",
)
app.add_typer(
    typer.Typer(
        cls=Methods,
        help="Fit an energy: thalweg fit METHOD DATA [--out MODEL].",
    ),
    name="fit",
)


def _say_version(asked: bool) -> None:
    if asked:
        from thalweg import __version__

        outcome.write(f"{__version__}\n")
        raise typer.Exit


@app.callback()
def everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """Options of the command itself; its help is the app's."""


@app.command()
@reads_tables
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
    *,
    reading: Any,
) -> None:
    """How unusual is each row: F, low where it fits."""
    from thalweg.cli import answers

    with outcome.about(*(pairs or ())):
        answers.energy(model, data, out, pairs, reading)


@app.command()
@reads_tables
def codes(model: Model, data: Data, out: Out = None, *, reading: Any) -> None:
    """The codes z* of each row."""
    from thalweg.cli import answers

    answers.codes(model, data, out, reading)


@app.command()
@reads_tables
def explain(
    model: Model,
    data: Data,
    out: Out = None,
    top: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many parts, the most telling first.")
    ] = 20,
    figure: Annotated[
        str | None, typer.Option(help="A picture of them too: PNG, SVG or PDF.")
    ] = None,
    *,
    reading: Any,
) -> None:
    """What is unusual where: cells, squares of images, tokens; and what is usual there."""
    from thalweg.cli import explaining

    with outcome.about(data, model, out):
        explaining.explain(model, data, out, top, figure, reading)


@app.command()
@reads_tables
def complete(
    model: Model,
    data: Data,
    out: Out = None,
    answer: Annotated[
        str, typer.Option(help="What to fill in: lowest (least energy) or mean.")
    ] = "lowest",
    mask: Annotated[
        str | None,
        typer.Option(
            help="For images, where they are hidden besides: .npy of bool, or a picture that is "
            "not black there."
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(min=1, max=10_000, help="For texts, how many ways to fill each.")
    ] = 5,
    draws: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="So many fillings, drawn from what may be there: of tables and "
            "texts one below the other, with a column draw; of images and clips .npy (draws, ...).",
        ),
    ] = None,
    interval: Annotated[
        float | None,
        typer.Option(
            help="Of tables and images, bounds instead that what is missing lies between "
            "with this probability: the lower, then the upper; of tables with a column bound."
        ),
    ] = None,
    random_state: Annotated[int | None, typer.Option(help="Seed of draws.")] = None,
    *,
    reading: Any,
) -> None:
    """Fill what is missing; what is there stays as it is. Of clips: the frames that follow."""
    from thalweg.cli import answers
    from thalweg.cli.several import Wanted

    with outcome.about(data, model, out, mask):
        several = Wanted(draws, interval, random_state)
        answers.complete(model, data, out, answer, mask, top, several, reading)


@app.command()
@reads_tables
def project(model: Model, data: Data, out: Out = None, *, reading: Any) -> None:
    """The point of the data manifold that is closest to each row."""
    from thalweg.cli import answers

    answers.project(model, data, out, reading)


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
    from thalweg.cli import answers

    answers.sample(model, n, random_state, out, text)


@app.command("map")
@reads_tables
def map_(
    model: Model,
    data: Data,
    out: Annotated[str, typer.Option(help="An image: .png, .svg or .pdf.")],
    resolution: Annotated[int, typer.Option(help="Grid points a side, from 2 to 4096.")] = 200,
    columns: Annotated[
        str | None, typer.Option(help="Of a table, two columns to draw over, as A,B.")
    ] = None,
    *,
    reading: Any,
) -> None:
    """Draw the energy over two columns of a table, or the widest plane of an array."""
    from thalweg.cli import drawing

    drawing.map_of(model, data, out, resolution, columns, reading)


@app.command()
@reads_tables
def report(
    data: Data,
    out: Annotated[str, typer.Option(help="A folder, made if need be, for report.html.")],
    model: Annotated[
        str | None, typer.Option(help="A model of tables, whose energies say what is unusual.")
    ] = None,
    fdr: Annotated[
        float, typer.Option(help="Of the rows that are called unusual, how many may not be.")
    ] = 0.1,
    *,
    reading: Any,
) -> None:
    """One page that says what is in a table: what is unusual and why, what is missing."""
    from thalweg.cli import reporting

    with outcome.about(data, model, out):
        reporting.report(data, out, model, fdr, reading)


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

    masked_text needs the extra: text.
    """
    from thalweg.gallery import draw

    count = draw(Path(out), names or (), brief=quick)
    outcome.write(f"{count} figures in {out}\n")


@app.command()
def play(
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")
    ] = True,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Of this machine; 0 for one that is free.")
    ] = 0,
) -> None:
    """Energies of the plane to touch, in the browser: train them, drag points, run chains.

    Its address is printed; it answers this machine alone, until Ctrl-C ends it.
    """
    from thalweg.play import play as serve

    serve(browser, port)


def main() -> None:
    """Run the command line; :mod:`thalweg.cli.outcome` says how it ends."""
    warnings.showwarning = outcome.warn
    words = sys.argv[1:]
    with outcome.told():
        if words in ([], ["fit"]):
            words.append("--help")
        command = typer.main.get_command(app)
        with command.make_context("thalweg", words) as context:
            command.invoke(context)

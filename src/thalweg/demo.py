"""The main job on real data: fit energies, ask every question, draw the answers."""

from __future__ import annotations

import html
import math
from pathlib import Path

import numpy as np
import polars as pl
import torch
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import Progress
from sklearn.datasets import load_digits, load_wine

from thalweg import questions
from thalweg.core import Energy, InputError, write_beside
from thalweg.data.columns import FileTable, read_table
from thalweg.data.columns.filling import typed
from thalweg.data.tables import write_data
from thalweg.data.toy import spiral
from thalweg.estimators import KMeans, LatentRegressor
from thalweg.plots import draw_images, draw_landscape, figure, save_figure
from thalweg.questions.descent import descend
from thalweg.report import report

BETAS = (3.0, 10.0, 100.0)


def run(folder: Path) -> None:
    """Write figures, a filled table, models and ``index.html`` into a folder."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; expected a folder, or a name for a new one")
    folder.mkdir(exist_ok=True)
    parts = (
        ("spiral", _spiral),
        ("digits", _digits),
        ("table", _table),
        ("branches", _branches),
        ("report", _report),
    )
    sections = []
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("demo", total=len(parts))
        for name, part in parts:
            bar.update(task, description=name)
            sections.append(part(folder))
            bar.advance(task)
    _write_page(folder / "index.html", sections)
    print(f"{folder / 'index.html'} shows the results")


def _spiral(folder: Path) -> str:
    generator = torch.Generator().manual_seed(0)
    y = spiral(2000, generator, noise=0.01)
    model = KMeans(n_clusters=20, random_state=0).fit(y)
    model.save(folder / "spiral.safetensors")
    save_figure(_spiral_figure(model, y, generator), folder / "spiral.png")
    unusual = model.energy(torch.tensor([[0.0, 0.9], [0.3, 0.0]]))
    return (
        "<h2>A spiral of 2000 points</h2><img src='spiral.png' alt='energy of the spiral'>"
        f"<p>20 points of zero energy follow the spiral; mean energy of the data "
        f"{model.energy(y).mean():.5f}, at (0, 0.9) {unusual[0]:.3f}, "
        f"at (0.3, 0) {unusual[1]:.3f}.</p>" + _answers(model, y.numpy())
    )


def _spiral_figure(model: KMeans, y: torch.Tensor, generator: torch.Generator) -> Figure:
    """Surface and wells, F against F_beta, descent to the manifold, and the two questions."""
    drawn = figure(15, 8.2, 2, 4)
    axes = drawn.axes
    plane = questions.plane_of(y)
    low, high = (-1.3, -1.3), (1.3, 1.3)
    wells = model.cluster_centers_

    def show(position: int, energy: Energy, title: str, data: bool = True) -> None:
        surface = questions.landscape(energy, plane, low, high, 160)
        draw_landscape(
            axes[position], surface.a, surface.b, surface.energy.numpy(),
            y[::4].numpy() if data else None, wells, title,
        )  # fmt: skip
        axes[position].set_aspect("equal")

    show(0, model.energy_, "F = min over z of E, and its 20 wells")
    for i, beta in enumerate(BETAS):
        soft = KMeans(n_clusters=20, init=wells, beta=beta, max_iter=1).fit(y)
        show(1 + i, soft.energy_, rf"$F_\beta$, beta = {beta:g}", data=False)
    show(4, model.energy_, "descent of 30 random points", data=False)
    path: list[torch.Tensor] = []
    start = 2.4 * torch.rand(30, 2, generator=generator) - 1.2
    soft = KMeans(n_clusters=20, init=wells, beta=100.0, max_iter=1).fit(y)
    path.append(start)
    descend(soft.energy_, start, path=path)
    for line in torch.stack(path).permute(1, 0, 2):
        axes[4].plot(line[:, 0], line[:, 1], color="white", linewidth=1)
    axes[4].scatter(start[:, 0], start[:, 1], s=12, c="white")

    show(5, model.energy_, "given y1, what is y2?", data=False)
    asked = torch.linspace(-0.9, 0.9, 7)
    filled = model.complete(torch.stack([asked, torch.full_like(asked, math.nan)], dim=1))
    for y1, y2 in filled.tolist():
        axes[5].axvline(y1, color="white", linewidth=0.6, linestyle=":")
        axes[5].plot(y1, y2, "w^", markersize=8)
    show(6, model.energy_, "which manifold point is closest?", data=False)
    for a, b in zip(start, model.project(start), strict=True):
        axes[6].annotate(
            "", b.tolist(), a.tolist(), arrowprops={"arrowstyle": "->", "color": "white"}
        )
    axes[7].plot(
        (np.array(model.history_.seconds) - model.history_.seconds[0]) * 1e3, model.history_.losses
    )
    axes[7].set(xlabel="milliseconds", ylabel="mean energy", title="training", yscale="log")
    return drawn


def _answers(model: KMeans, rows: np.ndarray) -> str:
    """Every question, asked of one data set, in a line each."""
    holed = rows[:5].copy()
    holed[:, -1] = np.nan
    codes = model.transform(rows)
    asked = {
        "mean energy": f"{model.energy(rows).mean():.5g}",
        "lowest score (most unusual row)": f"{model.score_samples(rows).argmin()}",
        "codes of the first five rows": str(codes[:5].argmax(axis=1).tolist()),
        "codes decode to (root mean squared error)": (
            f"{np.sqrt(np.nanmean((model.inverse_transform(codes) - rows) ** 2)):.4g}"
        ),
        "last column of five rows, completed": str(model.complete(holed)[:, -1].round(3).tolist()),
        "closest point to the first row": str(model.project(rows[:1])[0, :4].round(3).tolist()),
        "a sample": str(model.sample(1, random_state=0)[0, :4].round(3).tolist()),
    }
    lines = "".join(f"<li>{name}: {html.escape(text)}</li>" for name, text in asked.items())
    return f"<p>Every question (vectors: first four entries):</p><ul>{lines}</ul>"


def _answers_of_table(model: KMeans, table: FileTable) -> str:
    """The same of a table, whose answers are tables."""
    closest, schema = model.project(table).frame, model.table_
    assert schema is not None
    asked = {
        "mean energy": f"{model.energy(table).mean():.5g}",
        "lowest score (most unusual row)": f"{model.score_samples(table).argmin()}",
        "codes of the first five rows": str(model.transform(table)[:5].argmax(axis=1).tolist()),
        "closest point to the first row": _last(typed(closest, schema)),
        "a sample": _last(model.sample(1, random_state=0)),
    }
    lines = "".join(f"<li>{name}: {html.escape(text)}</li>" for name, text in asked.items())
    return f"<p>Every question (rows: last four columns):</p><ul>{lines}</ul>"


def _last(rows: pl.DataFrame) -> str:
    """The last four cells of the first row."""
    return str([round(cell, 3) if isinstance(cell, float) else cell for cell in rows.row(0)[-4:]])


def _digits(folder: Path) -> str:
    digits = load_digits().data
    order = np.random.default_rng(0).permutation(len(digits))
    train, test = digits[order[:1500]], digits[order[1500:]]
    model = KMeans(n_clusters=60, random_state=0).fit(train)
    model.save(folder / "digits.safetensors")
    asked = test[:12].copy()
    asked[:, 32:] = np.nan
    filled = model.complete(asked)
    odd = test[np.argsort(-model.energy(test))[:12]]
    soft = KMeans(n_clusters=60, init=model.cluster_centers_, beta=0.05, random_state=0).fit(train)
    stacks = {
        "points of zero energy": model.cluster_centers_[:12],
        "held-out digits": test[:12],
        "lower half hidden": asked,
        "completed": filled,
        "closest point": model.project(test[:12]),
        "most unusual": odd,
        "samples, beta = 0.05": soft.sample(12, random_state=0),
    }
    images = [stack.reshape(-1, 8, 8) for stack in stacks.values()]
    save_figure(draw_images(images, list(stacks), 0, 16), folder / "digits.png")
    surface = questions.landscape(
        model.energy_, questions.plane_of(torch.from_numpy(train)), (-35, -35), (35, 35)
    )
    drawn = figure(6.4, 5.2)
    at = questions.plane_of(torch.from_numpy(train)).coordinates(torch.from_numpy(train))
    draw_landscape(
        drawn.axes[0], surface.a, surface.b, surface.energy.numpy(), at.numpy(),
        title="digits: the plane of the two widest directions",
    )  # fmt: skip
    save_figure(drawn, folder / "digits_map.png")
    hidden = np.isnan(asked)
    error = np.sqrt(np.mean((filled - test[:12])[hidden] ** 2))
    column = np.broadcast_to(train.mean(axis=0), asked.shape)
    plain = np.sqrt(np.mean((column - test[:12])[hidden] ** 2))
    return (
        "<h2>scikit-learn's handwritten digits</h2><img src='digits.png' alt='digits'>"
        "<img src='digits_map.png' alt='energy over a plane of digits'>"
        f"<p>Completion of the lower half: root mean squared error {error:.2f} "
        f"(column means: {plain:.2f}); pixels run from 0 to 16.</p>" + _answers(model, train)
    )


def _table(folder: Path) -> str:
    wine = load_wine()
    names = [name.replace("/", "_") for name in wine.feature_names]
    # columns of unlike units: each in units of its own spread
    values = (wine.data - wine.data.mean(0)) / wine.data.std(0)
    truth = pl.DataFrame(values.round(4), schema=names).with_columns(
        pl.Series("cultivar", [str(wine.target_names[t]) for t in wine.target])
    )
    random = np.random.default_rng(0)
    holed = truth.select(
        pl.when(pl.Series(random.random(truth.height) < 0.1)).then(None).otherwise(pl.col(name))
        .alias(name)
        for name in truth.columns
    )  # fmt: skip
    source, target = folder / "wine.csv", folder / "wine_filled.csv"
    write_data(holed, source)
    table = read_table(source)
    model = KMeans(n_clusters=12, random_state=0).fit(table)
    model.save(folder / "wine.safetensors")
    filled = model.complete(table).frame
    write_data(filled, target)
    lost = holed["cultivar"].is_null()
    right = float(np.mean((filled["cultivar"] == truth["cultivar"]).filter(lost).to_numpy()))
    assert model.table_ is not None
    shown, typed_cells = [0, 59, 130], typed(filled, model.table_)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in filled.columns)
    body = ""
    for row in shown:
        cells = "".join(
            f"<td class='{'filled' if holed[name][row] is None else ''}'>"
            f"{value if isinstance(value, str) else round(value, 2)}</td>"
            for name, value in zip(filled.columns, typed_cells.row(row), strict=True)
        )
        body += f"<tr>{cells}</tr>"
    return (
        "<h2>A table with holes</h2><p>scikit-learn's wine data with a tenth of the entries "
        f"removed, then filled: <a href='wine.csv'>before</a>, <a href='wine_filled.csv'>after</a>"
        f". Of {int(lost.sum())} hidden cultivars {right:.0%} were named right (a third by "
        f"chance). Filled entries are marked.</p><div class='wide'><table><tr>{head}</tr>{body}"
        + "</table></div>"
        + _answers_of_table(model, table)
    )


def _report(folder: Path) -> str:
    """A table as people have it, and the page that says what is in it."""
    source = folder / "wines.csv"
    write_data(messy_wines(), source)
    report(read_table(source), folder / "report")
    return (
        "<h2>A table as people have it, and one page on it</h2><p><a href='wines.csv'>Wines</a> in "
        "raw units, with identifiers, words, dates, gaps and two cells whose decimal points have "
        "moved: <a href='report/report.html'>what is in it, what is unusual and why, what is "
        "missing and how sure that is</a>.</p>"
    )


def messy_wines() -> pl.DataFrame:
    """scikit-learn's wines with what real tables have."""
    wine, random = load_wine(), np.random.default_rng(0)
    names = [name.replace("/", "_") for name in wine.feature_names]
    bottled = np.datetime64("1991-03-01") + (40 * wine.target + random.integers(40, size=178))
    columns = {name: wine.data[:, j].round(2) for j, name in enumerate(names)}
    whole = pl.DataFrame({
        "bottle": [f"W{i:03d}" for i in range(178)],
        "cultivar": np.array(["Barolo", "Grignolino", "Barbera"])[wine.target],
        "bottled": bottled, **columns,
    })  # fmt: skip
    table = whole.with_columns(
        pl.when(pl.Series(random.random(178) < 0.08)).then(None).otherwise(pl.col(name)).alias(name)
        for name in whole.columns[1:]
    )
    # decimal points that have moved
    table[4, "ash"], table[77, "proline"] = 28.7, 9600.0
    return table


def _branches(folder: Path) -> str:
    random = np.random.default_rng(0)
    angle = random.uniform(0, 2 * np.pi, size=1000)
    x, y = np.cos(angle)[:, None], np.sin(angle) + 0.05 * random.normal(size=1000)
    asked = np.linspace(-0.95, 0.95, 80)[:, None]
    drawn = figure(10, 4, 1, 2)
    sentences = []
    for axes, k, title in zip(drawn.axes, (1, 2), ("least squares", "two branches"), strict=True):
        model = LatentRegressor(n_components=k, n_steps=800, random_state=0).fit(x, y)
        predictions, _ = model.predict_all(asked)
        axes.scatter(x, y, s=3, color="#bbbbbb")
        for branch in predictions.T:
            axes.scatter(asked, branch, s=6, color="#0b6e99")
        axes.set(title=title, xlabel="x", ylabel="y")
        sentences.append(f"{title} at x = 0: {model.predict_all([[0.0]])[0][0].round(2).tolist()}")
    model.save(folder / "branches.safetensors")
    save_figure(drawn, folder / "branches.png")
    return (
        "<h2>Two answers for one x</h2><img src='branches.png' alt='two answers for one x'>"
        "<p>A circle seen from its first coordinate. Least squares takes the average of what may "
        f"happen, a latent variable gives both. {'; '.join(sentences)}.</p>"
    )


def _write_page(path: Path, sections: list[str]) -> None:
    style = (
        "body{font:16px/1.5 sans-serif;max-width:1100px;margin:2em auto;padding:0 1em}"
        "img{max-width:100%}table{border-collapse:collapse;font-size:12px}"
        "td,th{border:1px solid #ccc;padding:2px 5px}.filled{background:#ffe08a}"
        ".wide{overflow-x:auto}"
    )
    page = (
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>thalweg demo</title>"
        f"<style>{style}</style><h1>thalweg: energies and what they answer</h1>" + "".join(sections)
    )
    with write_beside(path) as beside:
        beside.write_text(page, encoding="utf-8")

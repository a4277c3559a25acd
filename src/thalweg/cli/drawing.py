"""A model's energy as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from thalweg import questions
from thalweg.cli.reading import opened
from thalweg.core import InputError
from thalweg.plots import draw_landscape, figure, save_figure


def map_of(model: str, data: str, out: str, resolution: int) -> None:
    """The energy over the plane of the data's two widest directions."""
    if Path(out).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"{out}: expected a name that ends in .png, .svg or .pdf")
    fitted, values, _ = opened(model, data, out)
    if fitted.about in ("images", "clips", "texts"):
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
    shown = at[:: -(-len(at) // 10_000)]
    with torch.no_grad():
        near = fitted.energy_(plane.points(shown)).quantile(0.99)
    lowest = drawn.energy.min()
    heights = drawn.energy.clamp(max=lowest + 1.5 * (near - lowest).clamp_min(1e-6))
    result = figure(6.4, 5.2)
    axes = result.axes[0]
    draw_landscape(axes, drawn.a, drawn.b, heights.numpy(), at.numpy(), title=Path(model).name)
    axes.set_xlabel("first direction" if values.shape[1] > 2 else "y1")
    axes.set_ylabel("second direction" if values.shape[1] > 2 else "y2")
    save_figure(result, out)

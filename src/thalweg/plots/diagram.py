"""What a model is made of, as boxes and arrows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes

from thalweg.core import InputError

KINDS: Mapping[str, Mapping[str, str | float]] = {
    "observed": {"boxstyle": "circle,pad=0.4", "facecolor": "#bbbbbb"},
    "latent": {"boxstyle": "circle,pad=0.4", "facecolor": "white"},
    "function": {"boxstyle": "round,pad=0.5,rounding_size=0.6", "facecolor": "#cfe3f2"},
    "cost": {"boxstyle": "square,pad=0.5", "facecolor": "#f3c0a0"},
}
"""How a variable that is seen, one that is not, a function and a term of the energy look"""


class Node(NamedTuple):
    """A variable, a function or a term of the energy, and where it is drawn."""

    a: float
    """From the left, 0 to 1."""
    b: float
    """From below, 0 to 1."""
    text: str
    kind: str = "function"
    """``"observed"``, ``"latent"``, ``"function"`` or ``"cost"``."""


def draw_diagram(
    axes: Axes,
    nodes: Mapping[str, Node],
    arrows: Sequence[tuple[str, str]],
    title: str = "",
    fontsize: float = 11,
) -> None:
    """A model as boxes: variables are circles, grey if observed, terms of the energy squares.

    Parameters
    ----------
    axes : Axes
    nodes : mapping from names to Node
    arrows : sequence of (name, name)
        From what is given to what takes it.
    title : str
    fontsize : float, default 11

    Raises
    ------
    InputError
        If an arrow names no node, or a node's kind is none of those.
    """
    boxes = {}
    for name, node in nodes.items():
        if node.kind not in KINDS:
            raise InputError(
                f"draw_diagram: {name} has kind {node.kind!r}; expected one of {', '.join(KINDS)}"
            )
        box = {"edgecolor": "#222222", "linewidth": 1.3, **KINDS[node.kind]}
        boxes[name] = axes.text(node.a, node.b, node.text, ha="center", va="center",
                                fontsize=fontsize, color="#222222", bbox=box, zorder=3)  # fmt: skip
    for begin, end in arrows:
        for name in (begin, end):
            if name not in nodes:
                raise InputError(
                    f"draw_diagram: an arrow from {begin} to {end}; expected names among "
                    f"{', '.join(nodes)}"
                )
        axes.annotate(
            "", nodes[end][:2], nodes[begin][:2],
            arrowprops={"arrowstyle": "-|>", "color": "#222222", "linewidth": 1.3,
                        "patchA": boxes[begin].get_bbox_patch(),
                        "patchB": boxes[end].get_bbox_patch(), "shrinkA": 1, "shrinkB": 2},
        )  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()
    axes.set_title(title, fontsize=10)

"""The page with recorded fields, which needs no server: for documents."""

from __future__ import annotations

import base64
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from thalweg.core import Energy
from thalweg.play import plane
from thalweg.play.answers import catalogue
from thalweg.play.methods import METHODS, Method
from thalweg.play.moment import Curves, Moment, seen
from thalweg.play.room import Room
from thalweg.play.scenes import Scene, toy_scene
from thalweg.play.server import PAGE
from thalweg.training import History, Run

SCENES = ("two_moons", "spiral", "eight_gaussians")
WORDS = ("noise_contrastive", "contrastive_divergence", "denoising", "kmeans", "mixture", "pca",
         "sparse", "variational", "score_matching")  # fmt: skip
"""All strategies, and few enough to be sent"""

RESOLUTION = 56
AT = (1, 8, 40, 150, 500, 1500)
ROUNDS = (1, 2, 4, 8, 15, 30)
STEPS = 65_535
"""Heights that a number of 16 bits tells apart"""


def write_recorded(
    folder: str | os.PathLike[str],
    scenes: Sequence[str] = SCENES,
    words: Sequence[str] = WORDS,
    steps: Sequence[int] = AT,
) -> Path:
    """Write the page into a folder, with fields of these methods on these data, as they train.

    Parameters
    ----------
    folder : path
        Made if need be.
    scenes, words : sequence of str
        Data and methods, as ``thalweg play`` has them.
    steps : sequence of int
        Gradient steps after which the energy is kept.

    Returns
    -------
    Path
        The page.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    for file in PAGE.iterdir():
        shutil.copyfile(file, place / file.name)
    page = place / "index.html"
    text = page.read_text(encoding="utf-8")
    text = text.replace(
        '<html lang="en">', '<html lang="en" class="recorded" data-fields="fields.json">'
    )
    page.write_text(text, encoding="utf-8")
    known = catalogue(Room(), "", {})
    fields = {
        **known,
        "scenes": {name: known["scenes"][name] for name in scenes},
        "methods": {word: known["methods"][word] for word in words},
        "resolution": RESOLUTION,
        "recorded": {
            name: _scene(toy_scene(name), {word: METHODS[word] for word in words}, steps)
            for name in scenes
        },
    }
    (place / "fields.json").write_text(json.dumps(fields, allow_nan=False), encoding="utf-8")
    return page


def _scene(scene: Scene, methods: dict[str, Method], steps: Sequence[int]) -> dict[str, Any]:
    return {
        **plane.described(scene),
        "methods": {word: _moments(scene, word, each, steps) for word, each in methods.items()},
    }


def _moments(scene: Scene, word: str, method: Method, steps: Sequence[int]) -> list[dict[str, Any]]:
    curves = Curves(scene)
    found = []
    for moment in _trained(scene, word, method, steps, curves):
        field = plane.field(moment.energy, scene, RESOLUTION)
        found.append({
            "step": moment.step,
            **moment.described(scene),
            **_short(field),
        })  # fmt: skip
    return found


def _trained(
    scene: Scene, word: str, method: Method, steps: Sequence[int], curves: Curves
) -> Iterator[Moment]:
    """The energy after some steps or rounds; all of them are kept."""
    if not method.steps:
        for count in ROUNDS if method.rounds else (1,):
            more = {"max_iter": count} if method.rounds else {}
            with warnings.catch_warnings():
                # what has not converged yet is shown as it is
                warnings.simplefilter("ignore")
                model = method.make({}, 0, **more).fit(scene.rows)
            yield seen(count, count, model.energy_, word, model, scene, curves, None)
        return
    kept: list[Moment] = []
    model = method.make({"n_steps": max(50, *steps)}, 0)

    def watch(history: History, energy: Energy) -> bool:
        if len(history) in steps:
            kept.append(seen(len(kept), len(history), energy, word, model, scene, curves, history))
        return len(history) == max(steps)

    model.fit(scene.rows, run=Run(watch=watch))
    yield from kept


def _short(field: Tensor) -> dict[str, Any]:
    """Energies as numbers of 16 bits, of the root of their height: fine where it is low."""
    low = float(field.min())
    span = max(float(field.max()) - low, 1e-9)
    height = ((field - low) / span).clamp(0, 1).sqrt()
    codes = (height * STEPS).round().to(torch.int32).numpy().astype("<u2")
    return {"low": low, "span": span, "heights": base64.b64encode(codes.tobytes()).decode()}

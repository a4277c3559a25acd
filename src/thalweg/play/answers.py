"""What a page may ask of what it has open: one function a question."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from thalweg.core import InputError
from thalweg.play import plane
from thalweg.play.chains import KINDS, Chains
from thalweg.play.marks import alone, count, strongest
from thalweg.play.methods import METHODS, STRATEGIES
from thalweg.play.moment import Moment
from thalweg.play.room import SIDES, Room
from thalweg.play.scenes import TOYS, Scene, drawn_scene, numbers_of, table_scene, toy_scene
from thalweg.play.script import script
from thalweg.play.stage import Stage

FRAME_WAITS = 0.5
"""Seconds that an answer waits for a newer state"""

LARGEST = 8 << 20
"""Bytes of a table that may be sent"""


class Frame(NamedTuple):
    """A picture: what goes along in words, and the numbers of the field."""

    words: dict[str, Any]
    values: NDArray[np.float32] | None
    """None where nothing is newer than what is known already"""


def answer(room: Room, name: str, asked: Mapping[str, Any]) -> Any:
    """The answer to a question of a window, or a :class:`Frame`.

    Raises
    ------
    InputError
        If there is no such question, or it asks for what cannot be.
    """
    question = QUESTIONS.get(name)
    if question is None:
        raise InputError(f"{name!r} is no question; expected one of {', '.join(QUESTIONS)}")
    window = str(asked.get("window", ""))[:64]
    room.sign(window)
    if name in ("frame", "open", "bye", "sign"):
        # who looks waits for training, and not the other way round
        return question(room, window, asked)
    with room.people.asking():
        return question(room, window, asked)


def catalogue(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What there is to choose from."""
    return {
        "scenes": {name: title for name, (title, _) in TOYS.items()},
        "strategies": STRATEGIES,
        "chains": KINDS,
        "methods": {
            word: {
                "title": each.title,
                "strategy": each.strategy,
                "sentence": each.sentence,
                "knobs": [knob._asdict() for knob in each.knobs],
                "trains": each.rounds or each.steps,
                "paired": each.paired,
            }
            for word, each in METHODS.items()
        },
    }


def scene_of(asked: Mapping[str, Any]) -> Scene:
    name = str(asked.get("scene"))
    if name == "drawn":
        return drawn_scene(asked.get("points") or [])
    if name == "table":
        names = asked.get("columns") or ["", ""]
        return table_scene(
            asked.get("points") or [], str(asked.get("file", "table.csv")),
            (str(names[0]), str(names[1])),
        )  # fmt: skip
    return toy_scene(name)


def open_stage(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Begin with an energy that has hardly been trained."""
    side = str(asked.get("side"))
    if side not in SIDES:
        raise InputError(f"side: {side!r}; expected left or right")
    scene = scene_of(asked)
    seed = int(_number(asked, "seed", 0, 2**31 - 1, 0))
    knobs = asked.get("knobs") or {}
    if not isinstance(knobs, dict):
        raise InputError(f"knobs: {knobs!r:.80}; expected names and numbers")
    number = int(_number(asked, "number", 0, 2**53, 0))
    stage = Stage(scene, str(asked.get("method")), knobs, seed, room.people)
    room.put(window, side, stage, number)
    return plane.described(scene)


def train(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    room.at(window, asked).stage.go(bool(asked.get("on")))
    return {}


def frame(room: Room, window: str, asked: Mapping[str, Any]) -> Frame:
    """The field, if newer than version ``after``; while it is trained, as fine as time allows."""
    opened = room.at(window, asked)
    stage = opened.stage
    after = int(_number(asked, "after", -1, 2**53, -1))
    moment = stage.now(after, FRAME_WAITS if after >= 0 else 60.0)
    words: dict[str, Any] = {
        "version": moment.version,
        "step": moment.step,
        "training": stage.training,
        "done": stage.done,
        "error": stage.error,
    }
    if moment.version <= after:
        return Frame(words, None)
    resolution = int(_number(asked, "resolution", 8, 256, 96))
    energy = _asked_energy(moment, asked)
    if stage.training:
        resolution = opened.pace.points(resolution)
    begun = time.perf_counter()
    values = plane.field(energy, stage.scene, resolution)
    opened.pace.took(time.perf_counter() - begun, resolution)
    words |= {
        "resolution": resolution,
        "codes": count(moment.energy),
        **moment.described(stage.scene),
    }
    if asked.get("regions"):
        which = strongest(moment.energy, stage.scene.grid(resolution))
        words["regions"] = None if which is None else which.tolist()
    return Frame(words, values.numpy().astype(np.float32))


def _asked_energy(moment: Moment, asked: Mapping[str, Any]) -> Any:
    """As the sliders have it: at a beta, of one z alone; else as it was trained."""
    energy = moment.energy
    if asked.get("beta") is not None:
        energy = plane.softened(energy, _number(asked, "beta", 1e-6, 1e9, 1.0))
    total = count(energy)
    if asked.get("z") is None or not total:
        return energy
    # there may be fewer than there were when it was chosen
    number = int(_number(asked, "z", 0, 10_000, 0))
    return alone(energy, number) if number < total else energy


def fall(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    stage = room.at(window, asked).stage
    moment = stage.now()
    found = plane.fall(_asked_energy(moment, asked), _point(asked), bool(asked.get("settled")))
    return plane.listed({**found._asdict(), "version": moment.version}, 6)


def given(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    stage = room.at(window, asked).stage
    energy = _asked_energy(stage.now(), asked)
    beta = plane.inverse_temperature(energy, stage.scene.rows)
    return plane.listed(plane.given(energy, stage.scene, _point(asked)[0], beta)._asdict())


def _needs_density(stage: Stage) -> None:
    if stage.method.paired:
        raise InputError("F(x, y) says nothing of x, which is given; expected fall or given")


def kick(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    stage = room.at(window, asked).stage
    _needs_density(stage)
    strength = _number(asked, "strength", 1e-3, 10, 0.3) * float(stage.scene.rows.std())
    generator = torch.Generator().manual_seed(int(_number(asked, "seed", 0, 2**31 - 1, 0)))
    count_ = int(_number(asked, "count", 1, 200, 24))
    order = torch.randperm(len(stage.scene.rows), generator=generator)[:count_]
    data = stage.scene.rows[order]
    if asked.get("point") is not None:
        data = torch.tensor([_point(asked)], dtype=torch.float32)
    found = plane.kick(_asked_energy(stage.now(), asked), data, strength, generator)
    return plane.listed(found._asdict(), 4)


def chains(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Some steps of chains; ``start`` begins new ones, everywhere or at a point."""
    opened = room.at(window, asked)
    stage, scene = opened.stage, opened.stage.scene
    _needs_density(stage)
    energy = _asked_energy(stage.now(), asked)
    many = int(_number(asked, "count", 1, 400, 64))
    seed = int(_number(asked, "seed", 0, 2**31 - 1, 0))
    n_steps = int(_number(asked, "steps", 1, 100, 5))
    scale = float(scene.rows.std(dim=0).mean())
    size = _number(asked, "step_size", 1e-3, 5, 0.2) * scale
    beta = plane.inverse_temperature(energy, scene.rows)
    beta /= _number(asked, "warmth", 0.01, 100, 1.0)
    begin = scene.anywhere(many, torch.Generator().manual_seed(seed))
    if asked.get("point") is not None:
        begin = torch.tensor([_point(asked)], dtype=torch.float32).repeat(many, 1)
    with opened.walking:
        if asked.get("start") or opened.chains is None:
            opened.chains = Chains(str(asked.get("kind")), begin, seed)
        moved = opened.chains.advance(energy, beta, size, n_steps)
    return plane.listed(moved._asdict(), 4)


def python(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    stage = room.at(window, asked).stage
    return {"script": script(stage, stage.now().step, asked)}


def table(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of numbers of a table that was sent as text; null is missing."""
    text = asked.get("text")
    if not isinstance(text, str) or len(text) > LARGEST:
        raise InputError(f"table: expected a text of at most {LARGEST >> 20} MB")
    found = numbers_of(text)
    return {"columns": {name: plane.listed(values.tolist(), 15) for name, values in found.items()}}


def bye(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The window is closed, or a side of it."""
    side = asked.get("side")
    room.close(window, SIDES if side is None else (str(side),))
    return {}


def sign(room: Room, window: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The window is there; to be asked is enough."""
    return {}


def _number(asked: Mapping[str, Any], name: str, low: float, high: float, default: float) -> float:
    value = asked.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise InputError(f"{name}: {value!r}; expected a number from {low:g} to {high:g}")
    return value


def _point(asked: Mapping[str, Any]) -> list[float]:
    point = asked.get("point")
    if not isinstance(point, list) or len(point) != 2:
        raise InputError(f"point: {point!r}; expected two numbers")
    return [_number({"point": each}, "point", -1e6, 1e6, 0) for each in point]


QUESTIONS = {
    "catalogue": catalogue,
    "open": open_stage,
    "train": train,
    "frame": frame,
    "fall": fall,
    "given": given,
    "kick": kick,
    "chains": chains,
    "python": python,
    "table": table,
    "bye": bye,
    "sign": sign,
}
"""By name: a function of the room, the window and what was asked."""

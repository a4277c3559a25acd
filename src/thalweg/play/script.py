"""What is on the screen, as a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thalweg.play.stage import Stage


def script(stage: Stage, step: int, asked: Mapping[str, Any]) -> str:
    """Python that makes the energy as it is after ``step`` steps, and asks it about the point.

    Parameters
    ----------
    stage : Stage
    step : int
    asked : mapping
        ``tool``: fall, given or another; ``point``: where; ``beta``: of a latent variable, if any.
    """
    method = stage.method
    more = {"max_iter": step} if method.rounds else {}
    arguments = method.arguments(stage.turned, stage.seed, **more)
    named = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    rows = "rows[:, :1], rows[:, 1]" if method.paired else "rows"
    whole = not method.steps or step >= arguments["n_steps"]
    lines = [
        stage.scene.source,
        "",
        f"from thalweg.estimators import {method.estimator}",
        "",
        f"model = {method.estimator}({named})",
    ]
    if whole:
        lines += [f"model.fit({rows})", "energy = model.energy_"]
    else:
        lines += [
            "",
            "import copy",
            "from thalweg.training import Run",
            "",
            "",
            "def stop(history, now):",
            "    global energy",
            f"    if len(history) == {step}:",
            "        energy = copy.deepcopy(now).eval().requires_grad_(False)",
            f"    return len(history) == {step}",
            "",
            "",
            f"model.fit({rows}, run=Run(watch=stop))",
        ]
    if (beta := asked.get("beta")) is not None:
        lines += [
            "",
            "from thalweg.latents import FreeEnergy",
            "",
            "for part in energy.modules():",
            "    if isinstance(part, FreeEnergy):",
            f"        part.beta = {float(beta)!r}",
        ]
    if (number := asked.get("z")) is not None:
        lines += [f"# on the screen: of z, number {int(number)} alone"]
    return "\n".join([*lines, "", *_question(method.paired, asked), ""])


def _question(paired: bool, asked: Mapping[str, Any]) -> list[str]:
    if paired:
        point = asked.get("point") or [0.0, 0.0]
        x, y = (f"torch.tensor([[{float(each)!r}]])" for each in point)
        return [f"print(energy({y}, {x}))"]
    point = [float(each) for each in asked.get("point") or [0.0, 0.0]]
    if asked.get("tool") == "given":
        return [
            "from thalweg.questions import complete",
            "",
            f"print(complete(energy, torch.tensor([[{point[0]!r}, float('nan')]]), starts=rows))",
        ]
    return [
        "from thalweg.questions import descend",
        "",
        f"point = torch.tensor([[{point[0]!r}, {point[1]!r}]])",
        "print(energy(point), descend(energy, point))",
    ]

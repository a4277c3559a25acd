"""Parameters and facts as JSON has them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def to_json(value: Any) -> Any:
    """A parameter or a fact as JSON has it; a RandomState moves on and is not kept."""
    if isinstance(value, np.random.RandomState):
        return None
    if isinstance(value, np.generic):
        value = value.item()
    # JSON has no infinity
    if isinstance(value, (tuple, list)):
        return {"tuple": [to_json(part) for part in value]}
    return {"float": str(value)} if isinstance(value, float) and math.isinf(value) else value


def from_json(value: Any) -> Any:
    """What :func:`to_json` was given."""
    if not isinstance(value, dict):
        return value
    if "tuple" in value:
        return tuple(from_json(part) for part in value["tuple"])
    return float(value["float"])

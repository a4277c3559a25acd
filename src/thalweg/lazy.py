"""Public names that are imported when they are first asked for, so that a start costs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(
    package: str, places: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A module's ``__getattr__`` and ``__dir__`` (PEP 562) for names in modules below a package.

    Parameters
    ----------
    package : str
        Where the names are asked for.
    places : mapping
        From a name to its module, relative to the package.
    """

    def __getattr__(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    def __dir__() -> list[str]:
        return sorted(places)

    return __getattr__, __dir__

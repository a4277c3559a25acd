"""scikit-learn's base classes, without two libraries that it imports for others.

``sklearn.base`` imports pandas (where it is there) and ``scipy.stats``, half of its time, for a few
functions that a command line never calls. While it is imported here, both names stand for modules
that are loaded when something is asked of them. Import this before anything that imports
scikit-learn; afterwards all is as ever.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class Deferred(ModuleType):
    """A module that is imported when something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        _clear(self)
        return getattr(import_module(self.__name__), name)


def _clear(module: Deferred) -> None:
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]


@contextmanager
def deferred(*names: str) -> Iterator[None]:
    """Inside, imports of these modules give :class:`Deferred` ones."""
    names_to_defer = [
        name for name in names if name not in sys.modules and find_spec(name) is not None
    ]
    modules = [Deferred(name) for name in names_to_defer]
    sys.modules.update(zip(names_to_defer, modules, strict=True))
    try:
        yield
    finally:
        for module in modules:
            _clear(module)


with deferred("pandas", "scipy.stats"):
    import sklearn.base  # noqa: F401

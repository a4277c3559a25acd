"""Energy-based learning: shape an energy from data, then ask it questions."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.data.columns import read_table
    from thalweg.estimators.pipeline import pipeline
    from thalweg.estimators.storage import load

    __version__: str

__all__ = ["__version__", "load", "pipeline", "read_table"]


def __getattr__(name: str) -> Any:
    # each when it is asked for: a start costs nothing
    if name == "__version__":
        from importlib.metadata import version

        return version("thalweg")
    if name == "load":
        from thalweg.estimators.storage import load

        return load
    if name == "read_table":
        from thalweg.data.columns import read_table

        return read_table
    if name == "pipeline":
        from thalweg.estimators.pipeline import pipeline

        return pipeline
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

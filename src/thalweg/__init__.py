"""Energy-based learning: shape an energy from data, then ask it questions."""

from importlib.metadata import version
from typing import Any

__version__ = version("thalweg")
__all__ = ["__version__", "load"]


def load(path: Any) -> Any:
    """Read a model that ``save`` or ``thalweg fit`` wrote. Runs no code from the file.

    Parameters
    ----------
    path : str or path
        A safetensors file; of a language model a folder.

    Returns
    -------
    estimator
        The fitted estimator, as it was saved.

    Raises
    ------
    thalweg.core.InputError
        If the file is not there, damaged, foreign, or of a newer version.
    """
    from thalweg.estimators import load as load_estimator

    return load_estimator(path)

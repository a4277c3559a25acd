"""Arrays in ``.npy`` files."""

from __future__ import annotations

import os
import tokenize
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thalweg.core import InputError


def read_npy(path: str | os.PathLike[str], of: str = "numbers") -> NDArray[Any]:
    """The array of a ``.npy`` file, mapped from disk; no code is run.

    Parameters
    ----------
    path : path
    of : str, default "numbers"
        What is expected in it, for messages.

    Raises
    ------
    InputError
        If the file is not there, of another format, cut short, or has a header that lies.
    """
    if not Path(path).is_file():
        there = "no file" if Path(path).exists() else "no such file"
        raise InputError(f"{path}: {there}; expected a .npy file of {of}")
    try:
        with np.errstate(over="ignore"):
            found = np.load(path, mmap_mode="r", allow_pickle=False)
    # a header is Python's syntax, and may have any number in it
    except (ValueError, TypeError, OverflowError, EOFError, OSError, MemoryError, RecursionError,
            SyntaxError, tokenize.TokenError) as error:  # fmt: skip
        raise InputError(f"{path} is not a readable .npy file of {of} ({error})") from error
    if not isinstance(found, np.ndarray):
        found.close()
        raise InputError(f"{path} is a .npz file of several arrays; expected a .npy file of {of}")
    return found

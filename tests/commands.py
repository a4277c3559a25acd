"""The command line, run in the process of the tests."""

import io
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout

import pytest

from thalweg.cli import main


def said(*words, folder, typed=b""):
    """Exit status, output and errors of a command, run in this process."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        redirect_stdout(out),
        redirect_stderr(errors),
    ):
        # main puts its own way to show warnings in place
        warnings.simplefilter("default")
        patch.setattr(sys, "argv", ["thalweg", *map(str, words)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed)))
        patch.chdir(folder)
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
    return code, out.getvalue(), errors.getvalue()

"""How a command ends: its exit status, and the one line that says why.

Whatever a user can mend is status 2 and one line on standard error. What is left is a mistake of
thalweg, and says so. Nothing heavy is imported here: whoever raised an error has what it needs.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import Any

import typer

MENDABLE, INTERRUPTED = 2, 130
"""Exit statuses: the user can mend it; stopped from the keyboard, as the shell counts it."""

TRACEBACK = "THALWEG_DEBUG"
"""The environment variable with which the traceback of any error is shown."""

LONGEST = 2000
"""Characters of a line."""

REFUSAL: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)
"""What the command line says of words that it does not know"""


@contextmanager
def told() -> Iterator[None]:
    """Runs a command: whatever ends it becomes an exit status, and one line if it failed."""
    if isinstance(sys.stdout, TextIOWrapper):
        # what is read is UTF-8, so what is written is, whatever the terminal says
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        yield
        _flush()
    except typer.Exit as end:
        _flush()
        raise SystemExit(end.exit_code) from None
    except BrokenPipeError:
        # whoever reads has enough, as `head` does: no failure, and no more to be written
        _forget_output()
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        _forget_output()
        say("interrupted")
        raise SystemExit(INTERRUPTED) from None
    except SystemExit as end:
        # the library that lays out help ends with 1 where nobody reads on
        if isinstance(end.__context__, BrokenPipeError):
            _forget_output()
            raise SystemExit(0) from None
        raise
    except BaseException as error:  # noqa: BLE001 - panics of Rust are no Exception; all are said
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        _forget_output()
        say(reason(error) or _mistake(error))
        raise SystemExit(MENDABLE) from None


@contextmanager
def about(*names: str | os.PathLike[str] | None) -> Iterator[None]:
    """Inside, what cannot be used is said with the first of the names, unless one is said."""
    from thalweg.core import InputError

    given = [os.fspath(name) for name in names if name]
    said = [rf"(?<!\w){re.escape(name)}(?!\w)" for name in (*given, "standard output")]
    try:
        yield
    except InputError as error:
        if not given or any(re.search(each, str(error)) for each in said):
            raise
        raise InputError(f"{given[0]}: {error}") from error


def write(text: str) -> None:
    """Writes an answer to standard output."""
    if sys.stdout is None:
        raise _not_written("it is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _not_written(error.strerror or str(error)) from error


def _not_written(why: str) -> ValueError:
    from thalweg.core import InputError

    return InputError(f"standard output cannot be written ({why}); expected it open, or --out")


def say(message: Any) -> None:
    """One line on standard error; where that cannot be written either, the status says enough."""
    with suppress(OSError, ValueError):
        if sys.stderr is not None:
            sys.stderr.write(f"thalweg: {line(str(message))}\n")
            sys.stderr.flush()


def warn(message: Warning | str, *where: Any, **more: Any) -> None:
    """A warning in one line: where in the code it was raised says nothing to who typed this."""
    say(f"warning: {message}")


def be_quiet() -> None:
    """From here on warnings are not shown."""
    warnings.simplefilter("ignore")


def is_watched() -> bool:
    """Whether standard error is a terminal, where a bar makes sense."""
    return sys.stderr is not None and sys.stderr.isatty()


def line(text: str) -> str:
    """A text as one line of printable characters."""
    joined = " ".join(text.split())
    joined = joined if len(joined) <= LONGEST else joined[: LONGEST - 3] + "..."
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in joined)


def reason(error: BaseException) -> str | None:
    """What a user can mend, in words; None for a mistake of thalweg."""
    if isinstance(error, REFUSAL):
        return f"{error.format_message()} ({_path_of(error)} --help says what there is)"
    from thalweg.core import InputError

    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        where = [os.fsdecode(each) for each in (error.filename, error.filename2)
                 if isinstance(each, (str, bytes, os.PathLike))]  # fmt: skip
        return f"{' and '.join(where) or 'a file or standard output'}: {error.strerror}"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return f"there is not enough memory ({error}); expected fewer rows or smaller sizes"
    if type(error).__name__ in ("LinAlgError", "_LinAlgError"):
        return (
            f"the columns cannot be decomposed ({error}); expected numbers of moderate size, such "
            "as standardized ones"
        )
    return None


def _path_of(refusal: Any) -> str:
    context = getattr(refusal, "ctx", None)
    return "thalweg" if context is None else str(context.command_path)


def _mistake(error: BaseException) -> str:
    from thalweg import __version__

    return (
        f"this is a mistake in thalweg {__version__}: {type(error).__name__}: {error}; please "
        f"report it, with the traceback that {TRACEBACK}=1 in the environment shows, as "
        "CONTRIBUTING.md says"
    )


def _flush() -> None:
    if sys.stdout is not None:
        write("")


def _forget_output() -> None:
    """What is left to be written is not tried once more as Python ends."""
    if isinstance(sys.stdout, TextIOWrapper):
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)

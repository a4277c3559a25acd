"""Names of columns made clear."""

from __future__ import annotations

SHOWN = 4
"""Columns that a note names; others are counted"""


def clear_names(written: list[str]) -> tuple[list[str], list[str]]:
    """Names that are there and all different, and one sentence on each thing that was changed.

    Parameters
    ----------
    written : list of str
        As they stand in the file.

    Returns
    -------
    tuple
        The names, and the notes.

    Examples
    --------
    >>> names, notes = clear_names(["x", " y", "", "x"])
    >>> names
    ['x', 'y', 'column 3', 'x (2)']
    >>> notes[1]
    "columns without a name are called 'column 3'"
    """
    stripped = [name.strip("\ufeff \t\r\n\u00a0") for name in written]
    spaced = [now for before, now in zip(written, stripped, strict=True) if now != before and now]
    filled = [name or f"column {i}" for i, name in enumerate(stripped, start=1)]
    unnamed = [name for name, before in zip(filled, stripped, strict=True) if not before]
    taken = set(filled)
    names: list[str] = []
    repeated = []
    seen: set[str] = set()
    for name in filled:
        count, new = 1, name
        while new in seen or (count > 1 and new in taken):
            count += 1
            new = f"{name} ({count})"
        if new != name:
            repeated.append(new)
        seen.add(new)
        names.append(new)
    notes = []
    if spaced:
        notes.append(f"spaces around names of columns were left off: {listed(spaced, SHOWN)}")
    if unnamed:
        notes.append(f"columns without a name are called {listed(unnamed, SHOWN)}")
    if repeated:
        notes.append(
            f"columns of a name that was there before are called {listed(repeated, SHOWN)}"
        )
    return names, notes


def listed(names: list[str], most: int = 8) -> str:
    """Some names, and how many there are."""
    text = ", ".join(repr(name) for name in names[:most])
    return text if len(names) <= most else f"{text}, ... ({len(names)} in all)"

"""Nobody's data or model is written over."""

from __future__ import annotations

import os

from thalweg.core import InputError


def spare(out: str | None, *inputs: str | None) -> None:
    """Refuse to write where something is that is read: nobody's data or model is lost."""
    if out is None or not os.path.exists(out):
        return
    read = [each for each in inputs if each and os.path.exists(each)]
    if any(os.path.samefile(out, each) for each in read):
        raise InputError(f"--out {out} is what is read; expected another name")

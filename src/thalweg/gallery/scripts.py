"""The lecture's scripts, found without running them."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple


class Page(NamedTuple):
    """A script of the lecture."""

    name: str
    """Without the number that orders pages"""
    script: Path

    @property
    def title(self) -> str:
        """The first line of the script's docstring."""
        tree = ast.parse(self.script.read_text(encoding="utf-8"))
        return (ast.get_docstring(tree) or self.name).splitlines()[0]


def pages() -> list[Page]:
    """All pages, in order."""
    package = Path(__file__).parents[1]
    installed = package / "lecture"
    folder = installed if installed.is_dir() else package.parents[1] / "examples" / "lecture"
    scripts = sorted(folder.glob("[0-9]*_*.py"))
    return [Page(path.stem.partition("_")[2], path) for path in scripts]

"""The lecture's figures: one script a page, what the scripts call, and what runs them.

A page is a script of ``examples/lecture`` (in an installed package, of ``thalweg/lecture``): its
first docstring has a title, underlined, and what the figure shows; run as ``python PAGE.py [FILE]
[--quick]`` it draws one figure.
"""

from typing import TYPE_CHECKING

from thalweg.lazy import lazily

if TYPE_CHECKING:
    from thalweg.gallery.page import change, quick, save, surface
    from thalweg.gallery.runner import draw
    from thalweg.gallery.scripts import Page, pages

__all__ = ["Page", "change", "draw", "pages", "quick", "save", "surface"]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "Page": "scripts",
        "change": "page",
        "draw": "runner",
        "pages": "scripts",
        "quick": "page",
        "save": "page",
        "surface": "page",
    },
)

"""How the gallery gets at the figures: each script writes its own, and this hands it on."""

import shutil
from pathlib import Path

from sphinx_gallery.scrapers import figure_rst

FOLDER = Path(__file__).parent / "_build" / "lecture_figures"


def argv(gallery_conf, script_vars):
    """What a script finds on its command line: where its figure goes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return [str(figure_of(script_vars["src_file"]))]


def scraper(block, block_vars, gallery_conf):
    """The figure that a script has written, as a part of its page."""
    drawn = figure_of(block_vars["src_file"])
    if not drawn.exists():
        return ""
    path = next(block_vars["image_path_iterator"])
    shutil.move(drawn, path)
    return figure_rst([path], gallery_conf["src_dir"])


def figure_of(script):
    return FOLDER / Path(script).with_suffix(".png").name

"""Sphinx settings."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "thalweg"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates"]
templates_path = ["_templates"]
autosummary_generate = True
autosummary_imported_members = True
html_theme = "pydata_sphinx_theme"
numpydoc_show_class_members = False
autodoc_typehints = "none"
autodoc_default_options = {
    # what scikit-learn adds to every estimator
    "exclude-members": "set_fit_request, set_partial_fit_request, set_score_request, "
    "set_transform_request, "
    "set_inverse_transform_request, set_predict_request, get_metadata_routing, set_output, "
    # what declarations leave on a class, and torch on a module
    "parameters, learned, about, training, forward, extra_repr",
}

sphinx_gallery_conf = {
    "examples_dirs": "../examples/lecture",
    "gallery_dirs": "lecture",
    "filename_pattern": r"/\d\d_\w+\.py",
    "within_subsection_order": "FileNameSortKey",
    "reset_argv": "lecture_figures.argv",
    "image_scrapers": ("lecture_figures.scraper",),
    "reset_modules": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
}


def setup(app):
    """The playground with recorded fields, beside the pages."""
    from thalweg.play import write_recorded

    app.connect("builder-inited", lambda app: write_recorded(Path(app.outdir) / "play"))

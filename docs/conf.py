"""Sphinx settings."""

project = "thalweg"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
numpydoc_show_class_members = False
autodoc_typehints = "none"

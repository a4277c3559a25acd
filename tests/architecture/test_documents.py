"""What the documents name is there, and what they show runs."""

import importlib
import json
import re
from pathlib import Path

import pytest

from thalweg.estimators.registry import ESTIMATORS

ROOT = Path(__file__).parents[2]
PUBLIC = json.loads(Path(__file__).with_name("public_api.json").read_text())
ALIASES = ("EnergyFunction", "Step")
ROWS = [
    line for line in (ROOT / "docs" / "systems.md").read_text().splitlines()
    if line.startswith("|") and "---" not in line
][1:]  # fmt: skip


FIGURES = (ROOT / "benchmarks" / "README.md").read_text()


def said_in(name, text):
    """Whether a text speaks of a class, by its name or as words are written on a command line."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()
    return re.search(rf"\b({name}|{words})\b", text) is not None


def names_in(cell):
    """What a cell of a row names, of the library."""
    return re.findall(r"`(\w+)`", cell)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_what_a_system_names_is_there(row):
    system, energy, _, *places = row.strip("|").split("|")
    every = {name for names in PUBLIC.values() for name in names}
    named = names_in(system)
    assert named
    assert set(named) <= every
    # of an expression of energy, every class
    assert set(re.findall(r"\b[A-Z]\w*[a-z]\w*(?=\()", energy)) <= every
    for kind, cell in zip(("examples", "tests", "benchmarks"), places, strict=True):
        paths = re.findall(r"`([\w/]+\.py)`", cell)
        assert paths, kind
        texts = []
        for path in paths:
            assert path.startswith(kind) or (kind == "benchmarks" and path.startswith("examples"))
            assert (ROOT / path).is_file(), path
            texts.append((ROOT / path).read_text())
        if kind == "benchmarks":
            assert all(Path(path).name in FIGURES for path in paths)
            texts.append(FIGURES)
        if kind != "examples":
            for name in named:
                assert any(said_in(name, text) for text in texts), f"nothing of {name} in {kind}"


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_is_a_system_and_an_example_uses_it(name):
    (row,) = [row for row in ROWS if name in names_in(row.split("|")[1])]
    paths = re.findall(r"`(examples/[\w/]+\.py)`", row)
    assert any(re.search(rf"\b{name}\b", (ROOT / path).read_text()) for path in paths)


def test_every_page_of_the_lecture_is_a_systems_example():
    for page in (ROOT / "examples" / "lecture").glob("*.py"):
        assert any(f"`examples/lecture/{page.name}`" in row for row in ROWS), page.name


@pytest.mark.parametrize("package", [name for name in PUBLIC if PUBLIC[name]])
def test_the_reference_has_every_public_name(package):
    """A page lists what has a docstring."""
    if package not in ("thalweg", "thalweg.cli"):
        page = (ROOT / "docs" / "reference" / f"{package.split('.')[1]}.md").read_text()
        if "autosummary::" in page:
            # a page for each
            assert f"currentmodule:: {package}\n" in page
            assert re.findall(r"^   (\w+)$", page, re.MULTILINE) == PUBLIC[package]
        else:
            assert f"automodule:: {package}\n   :members:\n   :imported-members:" in page
    module = importlib.import_module(package)
    # what a type is called has its text in the source
    every = [getattr(module, name) for name in PUBLIC[package] if name not in ALIASES]
    bare = [each for each in every if not each.__doc__]
    assert not bare


def test_links_between_documents_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if {"_build", "lecture", "generated"} & set(page.parts):
            continue
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.py")), ids=lambda p: p.name)
def test_an_example_is_short(path):
    assert len(path.read_text().splitlines()) <= 80

"""Imports go one way, files stay short, the public names are the known ones."""

import ast
import importlib
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "thalweg"
SNAPSHOT = Path(__file__).with_name("public_api.json")
ORDER = [
    {"core"},
    {"kernels"},
    {"latents", "samplers", "data", "plots"},
    {"energies"},
    {"pretext"},
    {"objectives"},
    {"training"},
    {"questions"},
    {"estimators"},
    {"probe"},
    {"demo", "gallery"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
FILES = sorted(ROOT.rglob("*.py"))


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", [f for f in FILES if f.parent != ROOT or f.stem in LEVEL], ids=str)
def test_a_folder_imports_only_from_folders_before_it(path):
    here = room(path)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "thalweg" or len(parts) < 2 or parts[1] not in LEVEL or parts[1] == here:
            continue
        assert LEVEL[parts[1]] < LEVEL[here], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= 400


def test_only_estimators_import_scikit_learns_base():
    for path in FILES:
        if room(path) != "estimators":
            assert not any(n.startswith("sklearn.base") for n in imports(path)), path


def test_public_names_are_the_known_ones():
    packages = ["thalweg", *(f"thalweg.{p.name}" for p in sorted(ROOT.iterdir()) if p.is_dir())]
    found = {
        name: sorted(getattr(importlib.import_module(name), "__all__", []))
        for name in packages
        if "__pycache__" not in name
    }
    assert found == json.loads(SNAPSHOT.read_text())


def test_files_of_tests_have_names_of_their_own():
    """pytest takes two of one name for the same module."""
    names = [path.name for path in (ROOT.parents[1] / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))

"""Imports go one way and in no circle, files stay short, the public names are the known ones."""

import ast
import importlib
import json
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "src" / "thalweg"
SNAPSHOT = Path(__file__).with_name("public_api.json")
ORDER = [
    {"lazy"},
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
    {"report", "play"},
    {"demo", "gallery"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
ROOMS = [{"base"}, {"tables", "images", "photos", "clips", "texts"}, {"regression"}]
"""Of the estimators, in the order in which they may import."""

FILES = sorted(ROOT.rglob("*.py"))


def module_of(path):
    """The dotted name of a file; a package is its ``__init__``."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def room(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(tree):
    """Names that are imported anywhere, inside of functions and for type checkers too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_imported(tree, modules):
    """The modules of ours that are meant: of ``from a.b import c`` a.b.c where it is one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in modules:
                    yield whole
                elif node.module in modules:
                    yield node.module


def circle(sources):
    """A circle among modules given as text by name; None if there is none."""
    graph = {
        name: set(modules_imported(ast.parse(text), sources)) - {name}
        for name, text in sources.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_no_file_imports_itself_by_way_of_others():
    assert circle({name: path.read_text() for name, path in MODULES.items()}) is None


def test_a_circle_is_found_inside_of_functions_too():
    files = {
        "a": "import b",
        "b": "def f():\n    from c import d",
        "c": "",
        "c.d": "if TYPE_CHECKING:\n    from a import x",
    }
    assert set(circle(files)) == {"a", "b", "c.d"}
    assert circle(files | {"c.d": "from c import y"}) is None


@pytest.mark.parametrize("path", [f for f in FILES if f.parent != ROOT or f.stem in LEVEL], ids=str)
def test_a_folder_imports_only_from_folders_before_it(path):
    here = room(path)
    for name in imports(ast.parse(path.read_text())):
        parts = name.split(".")
        if parts[0] != "thalweg" or len(parts) < 2 or parts[1] not in LEVEL or parts[1] == here:
            continue
        assert LEVEL[parts[1]] < LEVEL[here], f"{path.name} imports {name}"


def test_rooms_of_estimators_import_only_from_rooms_before_them():
    level = {name: i for i, names in enumerate(ROOMS) for name in names}
    for path in (ROOT / "estimators").glob("*/*.py"):
        for name in imports(ast.parse(path.read_text())):
            if name.startswith("thalweg.estimators."):
                there, here = name.split(".")[2], path.parent.name
                assert there == here or level[there] < level[here], f"{path} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_are_short(path):
    assert len(path.read_text().splitlines()) <= 350


def test_only_estimators_import_scikit_learns_base():
    for path in FILES:
        if room(path) != "estimators" and path.name != "light.py":
            names = imports(ast.parse(path.read_text()))
            assert not any(name.startswith("sklearn.base") for name in names), path


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

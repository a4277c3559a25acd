"""What a start imports: nothing heavy before it is used."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import sklearn

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "numpy", "sklearn", "scipy", "polars", "pandas", "matplotlib", "numba", "PIL",
         "accelerate", "transformers", "tokenizers", "safetensors")  # fmt: skip
LATER = {"rich.progress", "thalweg.core"}


def imported(code, *words, folder="."):
    """Modules that a fresh interpreter has after some code, run as a command line."""
    program = (
        f"import sys, json; sys.argv = {['thalweg', *words]!r}\n"
        f"try:\n    {code}\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1])), done.stdout


COMMAND = "from thalweg.cli import main; main()"


@pytest.mark.parametrize("words", [("--help",), ("--version",), ("fit", "--help"), ()], ids=str)
def test_help_imports_nothing_heavy(words):
    modules, said = imported(COMMAND, *words) if words else imported("import thalweg")
    assert not modules & {*HEAVY, *LATER}
    assert not words or said


def test_asking_a_small_table_leaves_out_what_it_does_not_need(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n2,3\n9,9\n8,9\n")
    words = ("fit", "kmeans", "t.csv", "--n-clusters", "2", "--out", "m", "--scale", "none")
    imported(COMMAND, *words, folder=tmp_path)
    modules, said = imported(COMMAND, "energy", "m", "t.csv", folder=tmp_path)
    if sklearn.__version__.split(".")[:2] >= ["1", "9"]:
        # older ones look at pandas' version as they are imported
        assert "pandas" not in modules
    assert not modules & {"numba", "scipy.stats", "matplotlib", "accelerate",
                          "transformers", "tokenizers", "rich.progress"}  # fmt: skip
    assert said == "energy\n0.5\n0.5\n0.25\n0.25\n"


def test_what_is_deferred_is_there_when_it_is_asked_for():
    code = (
        "from thalweg.cli import light; import sklearn.utils.fixes as fixes, sys; "
        "assert 'scipy.stats' not in sys.modules; "
        "assert fixes.scipy.stats.norm.cdf(0) == 0.5; import pandas; "
        "assert pandas.DataFrame({'a': [1]}).shape == (1, 1); "
        "assert fixes.pd.DataFrame is pandas.DataFrame"
    )
    imported(code)


def declared():
    """Names of packages that an installation brings, and those that extras bring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [each for group in ("text", "video", "diagnostics", "tensorboard")
              for each in project["optional-dependencies"][group]]  # fmt: skip

    def names(requirements):
        return {re.match(r"[\w.-]+", each)[0].lower() for each in requirements}

    return names(project["dependencies"]), names(extras)


def test_only_declared_dependencies_are_imported():
    """Those of extras inside functions alone: a bare installation has none of them."""
    always, extras = declared()
    owners = packages_distributions()
    for path in (ROOT / "src").rglob("*.py"):
        tree = ast.parse(path.read_text())
        inside = {
            node for place in ast.walk(tree)
            if isinstance(place, ast.FunctionDef) or ast.unparse(place)[:16] == "if TYPE_CHECKING"
            for node in ast.walk(place)
        }  # fmt: skip
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            else:
                continue
            for name in (each.partition(".")[0] for each in names):
                if name in sys.stdlib_module_names or name == "thalweg":
                    continue
                packages = {owner.lower() for owner in owners[name]}
                allowed = always | extras if node in inside else always
                assert packages & allowed, f"{path.name} imports {name}"


def test_every_dependency_is_imported():
    """accelerate, numba and the like are there for somebody."""
    always, _ = declared()
    owners = packages_distributions()
    used = set()
    for path in (ROOT / "src").rglob("*.py"):
        for name in re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(), re.MULTILINE):
            used |= {owner.lower() for owner in owners.get(name, [])}
    assert always <= used

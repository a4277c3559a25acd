"""Examples run, the lecture's in little time; the longer ones are run by hand, before a release."""

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
LECTURE = [f"lecture/{path.stem}" for path in sorted((EXAMPLES / "lecture").glob("*.py"))]
SAMPLERS = [f"samplers/{path.stem}" for path in sorted((EXAMPLES / "samplers").glob("*.py"))]


@pytest.mark.parametrize("name", [*LECTURE, *SAMPLERS, "a_table"])
def test_an_example_draws_its_figure(name, tmp_path, monkeypatch):
    """In this process: to start one costs most of them more than what they do."""
    out, script = tmp_path / "figure.png", EXAMPLES / f"{name}.py"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(script), str(out), *["--quick"] * (name in LECTURE)])
    runpy.run_path(str(script), run_name="__main__")
    assert out.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [out]

"""Examples run, the lecture's in little time; the longer ones are run by hand, before a release."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
LECTURE = [f"lecture/{path.stem}" for path in sorted((EXAMPLES / "lecture").glob("*.py"))]
SAMPLERS = [f"samplers/{path.stem}" for path in sorted((EXAMPLES / "samplers").glob("*.py"))]


@pytest.mark.parametrize("name", [*LECTURE, *SAMPLERS, "a_table"])
def test_an_example_draws_its_figure(name, tmp_path):
    out = tmp_path / "figure.png"
    brief = ["--quick"] if name in LECTURE else []
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), str(out), *brief],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")
    assert list(tmp_path.iterdir()) == [out]

"""Examples run; the longer ones are run by hand, before a release."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
EVERY = [
    f"{folder.name}/{path.stem}"
    for folder in (EXAMPLES / "lecture", EXAMPLES / "samplers")
    for path in sorted(folder.glob("*.py"))
]


@pytest.mark.parametrize("name", EVERY)
def test_an_example_draws_its_figure(name, tmp_path):
    out = tmp_path / "figure.png"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), str(out)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert out.read_bytes().startswith(b"\x89PNG")

"""The newcomer's ten minutes."""

import re
from pathlib import Path

from commands import said

ROOT = Path(__file__).parents[1]


def test_the_tour_runs(tmp_path, monkeypatch, capsys):
    """Its blocks, one after the other as a reader would type them; what they print is printed."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "tour.md").read_text()
    scope = {"__name__": "tour"}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) > 5
    for block in blocks:
        exec(compile(block, "docs/tour.md", "exec"), scope)
    commands = re.findall(r"^thalweg (.*)$", text, re.MULTILINE)
    assert len(commands) > 3
    for command in commands:
        status, _, errors = said(*command.split(), folder=tmp_path)
        assert status == 0, errors
    assert (tmp_path / "filled.csv").read_text().count("\n") == 179
    printed = capsys.readouterr().out
    assert "0.73 1.05" in printed
    assert printed.rstrip().endswith("1.7")

"""What the documents name is there."""

import re
from pathlib import Path

import pytest

from thalweg.estimators.registry import ESTIMATORS

ROOT = Path(__file__).parents[2]
ROWS = [
    line for line in (ROOT / "docs" / "systems.md").read_text().splitlines()
    if line.startswith("|") and "---" not in line
][1:]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_system_has_its_example_test_and_benchmark(row):
    paths = re.findall(r"`((?:examples|tests|benchmarks)/[\w/]+\.py)`", row)
    assert {path.split("/")[0] for path in paths} >= {"examples", "tests"}
    for path in paths:
        assert (ROOT / path).is_file(), path


def test_every_estimator_is_a_system_and_in_the_reference():
    systems, reference = "\n".join(ROWS), (ROOT / "docs" / "reference.md").read_text()
    for name in ESTIMATORS:
        assert f"`{name}`" in systems, name
        assert f"thalweg.estimators.{name}" in reference, name


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.py")), ids=lambda p: p.name)
def test_an_example_is_short(path):
    assert len(path.read_text().splitlines()) <= 80

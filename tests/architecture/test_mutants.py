"""The list of mutants speaks of the code as it is."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTS = sorted((ROOT / "benchmarks" / "code_mutants").glob("*.json"))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_every_mutant_has_its_place_and_its_tests(path):
    for mutant in json.loads(path.read_text()):
        code = (ROOT / "src" / "thalweg" / mutant["file"]).read_text()
        assert code.count(mutant["old"]) == 1, mutant
        assert mutant["old"] != mutant["new"]
        assert all((ROOT / test.split("::")[0]).is_file() for test in mutant["tests"]), mutant

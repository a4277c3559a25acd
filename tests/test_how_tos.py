"""What the how-tos say works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from thalweg.energies import Normal

ROOT = Path(__file__).parents[1]
PRINTED = {
    "coming from": (
        "True\nTrue\ntorch.Size([2]) torch.Size([2])\ntorch.Size([16, 250, 2])\nTrue\n"
    ),
    "elsewhere": "True\ntorch.Size([8, 4])\n",
    "energy": "2.0\nTrue\ntensor([[0., 2.]])\n",
    "objective": "True\n",
    "sampler": "",
    "your own": "2.0\ntorch.Size([16, 500, 2])\ntensor([[0., 2.]])\n['away', 'mu', 'tau'] True\n",
}
PAGES = {
    "coming from": "coming_from",
    "elsewhere": "elsewhere",
    "energy": "how_to_add_an_energy",
    "objective": "how_to_add_an_objective",
    "sampler": "how_to_add_a_sampler",
    "your own": "your_own_energy",
}


def blocks(name):
    text = (ROOT / "docs" / f"{name}.md").read_text()
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("name", PRINTED)
# torch's exporter has some of its own
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_code_of_a_how_to_runs_and_prints_what_it_says(name, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope = {"__name__": "how_to"}
    block = "\n".join(blocks(PAGES[name]))
    exec(compile(block, name, "exec"), scope)
    assert capsys.readouterr().out == PRINTED[name]
    for line, printed in re.findall(r"^(print.*?)  +# (.*)$", block, re.MULTILINE):
        assert printed in PRINTED[name], line
    if name == "sampler":
        sampler, energy = scope["Componentwise"](1.5), Normal(torch.ones(2))
        generator = torch.Generator().manual_seed(0)
        state = sampler.init(energy, torch.zeros(4000, 2))
        for _ in range(60):
            state, _ = sampler.step(energy, state, generator)
        assert (state.y.mean(dim=0) - 1).abs().max() < 5 / 4000**0.5


def test_the_page_for_a_folder_of_photos(tmp_path, monkeypatch):
    """With models as small as the photos here."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for folder, count in (("clean", 2), ("photos", 7), ("others", 12)):
        Path(folder).mkdir()
        for i in range(count):
            pixels = random.integers(0, 256, (24, 20), dtype=np.uint8)
            Image.fromarray(pixels).save(Path(folder, f"{i}.png"))
    Image.fromarray(pixels).convert("RGB").resize((40, 30)).save("photos/large.jpg")
    code = "\n".join(blocks("photos"))
    for name, settings in (
        ("ImageDenoiser()", "ImageDenoiser(width=4, depth=1, crop=16, n_steps=2)"),
        ("width=16", "width=4, n_steps=2"),
        ("ImageDensity()", "ImageDensity(width=4, depth=1, n_steps=2, batch_size=4)"),
        ("JointEmbeddingModel()", "JointEmbeddingModel(width=4, n_steps=2, batch_size=4)"),
    ):
        assert name in code
        code = code.replace(name, settings)
    scope = {"__name__": "photos"}
    with pytest.warns(UserWarning, match="1 of 8 image files have another size"):
        exec(compile(code, "photos", "exec"), scope)
    assert [image.shape for image in scope["clean"]] == [(24, 20)] * 7 + [(30, 40, 3)]
    assert scope["filled"].shape == (8, 24, 20)
    assert (scope["lower"] <= scope["upper"]).all()
    assert scope["drawn"].shape == (3, 24, 20)
    assert scope["several"].shape == (2, 8, 24, 20)
    np.testing.assert_array_equal(scope["several"][0][:, :4], scope["filled"][:, :4])
    assert scope["unusual"].shape == (8,)
    assert scope["where"].shape == (8, 6, 5)
    assert len(scope["places"]) == 8


def test_an_estimator_is_added_in_under_forty_lines(tmp_path):
    """In a copy of the package, from Python and from the command line."""
    code, line = blocks("how_to_add_an_estimator")
    assert len(code.strip().splitlines()) < 40
    package = tmp_path / "thalweg"
    ignored = shutil.ignore_patterns("__pycache__", "kernels")
    shutil.copytree(ROOT / "src" / "thalweg", package, ignore=ignored)
    # where they are compiled already
    (package / "kernels").symlink_to(ROOT / "src" / "thalweg" / "kernels")
    (package / "estimators" / "tables" / "score_density.py").write_text(code)
    registry = package / "estimators" / "registry.py"
    registry.write_text(f"{registry.read_text()}\n{line}")
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{i % 7},{i % 7 + 1}\n" for i in range(70)))
    asked = (
        "import numpy as np, thalweg; from thalweg.cli import main\n"
        "from thalweg.estimators import ScoreDensity\n"
        "X = np.random.default_rng(0).normal(size=(60, 1)) * [[1.0, 2.0]]\n"
        "model = ScoreDensity(8, n_steps=400, random_state=0).fit(X)\n"
        "assert model.energy([[1.0, 2.0]])[0] < model.energy([[1.0, -2.0]])[0]\n"
        "assert model.sample(3, random_state=0).shape == model.project(X[:3]).shape\n"
        "assert not np.isnan(model.complete([[1.0, np.nan]])).any()\n"
        "model.save('s'); again = thalweg.load('s')\n"
        "np.testing.assert_array_equal(again.energy(X), model.energy(X))\n"
        "assert 'noise : float, default 0.3' in ScoreDensity.__doc__\n"
        "import sys\n"
        "sys.argv = 'thalweg fit score-density t.csv --width 8 --n-steps 5 --out m'.split()\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "sys.argv = 'thalweg energy m t.csv --out e.csv'.split()\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "sys.argv = 'thalweg fit score-density --help'.split()\n"
        "main()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, cwd=tmp_path,
        env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Its deviation, in those of columns. Must be a number above 0." in done.stdout
    assert len((tmp_path / "e.csv").read_text().splitlines()) == 71

"""The lecture: its pages, and the command that draws them."""

import ast
import sys
import time

import pytest
import torch

from commands import said
from thalweg.core import Energy, InputError
from thalweg.gallery import Page, draw, pages, quick, runner, save, surface
from thalweg.plots import figure

DRAWS = "import sys; from thalweg.gallery import save, quick; from thalweg.plots import figure\n"


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Pages of our own: one that draws, one that stops, one that ends without a word."""
    texts = {
        "draws": DRAWS + "save(figure(3 if quick() else 6, 2))",
        "stops": "raise ValueError('no more ink')",
        "silent": "import os; os._exit(3)",
    }
    found = []
    for name, text in texts.items():
        script = tmp_path / f"{name}.py"
        script.write_text(text)
        found.append(Page(name, script))
    monkeypatch.setattr(runner, "pages", lambda: found)
    return tmp_path / "figures"


def width(path):
    """Of a PNG, in pixels."""
    return int.from_bytes(path.read_bytes()[16:20], "big")


def test_every_idea_of_the_course_is_a_page_in_its_order():
    names = [page.name for page in pages()]
    assert names[:14] == [
        "self_supervised", "filling_in", "why_least_squares_blurs", "latent_variable",
        "seven_strategies", "maximum_likelihood", "k_means", "sparse_coding", "glo", "contrastive",
        "denoising_autoencoder", "masked_text", "contrastive_divergence", "monte_carlo",
    ]  # fmt: skip


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_has_a_title_two_sentences_and_the_public_library(page):
    tree = ast.parse(page.script.read_text())
    title, bar, empty, *text = ast.get_docstring(tree).splitlines()
    assert title == page.title
    assert bar == "=" * len(title)
    assert not empty
    # a formula is no sentence
    said = [line for line in text if not line.startswith((".. math::", "    "))]
    sentences = " ".join(said).count(". ") + 1
    assert sentences == 2
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("thalweg"):
            assert node.module.count(".") <= 1, node.module
            assert not any(name.name.startswith("_") for name in node.names)


def test_figures_are_drawn_in_a_folder_that_is_made(made):
    draw(made / "deep", ["draws"], shown=False)
    assert [path.name for path in (made / "deep").iterdir()] == ["draws.png"]
    full = width(made / "deep" / "draws.png")
    draw(made / "deep", ["draws"], brief=True, shown=False)
    assert width(made / "deep" / "draws.png") == full // 2


def test_a_script_that_stops_is_named_and_the_others_are_drawn(made):
    with pytest.raises(InputError) as caught:
        draw(made, shown=False)
    text = str(caught.value)
    assert "2 of 3 pages" in text
    assert "stops: ValueError: no more ink" in text
    assert "silent: it ended with status 3" in text
    assert (made / "draws.png").is_file()


def test_a_figure_of_another_time_is_not_this_times(made):
    made.mkdir()
    (made / "stops.png").write_bytes(b"old")
    with pytest.raises(InputError, match="1 of 1 pages were not drawn"):
        draw(made, ["stops"], shown=False)
    assert (made / "stops.png").read_bytes() == b"old"
    runner.pages()[1].script.write_text("")
    with pytest.raises(InputError, match="1 of 1 pages were not drawn"):
        draw(made, ["stops"], shown=False)


def test_a_script_that_ends_well_without_a_figure_has_failed(made):
    runner.pages()[2].script.write_text("")
    with pytest.raises(InputError, match="silent: it ended with status 0"):
        draw(made, ["silent"], shown=False)


def test_a_script_that_was_killed_says_by_what(made):
    runner.pages()[2].script.write_text("import os; os.kill(os.getpid(), 9)")
    with pytest.raises(InputError, match="silent: it was stopped by SIGKILL"):
        draw(made, ["silent"], shown=False)


def test_who_stops_it_does_not_get_the_rest(made, monkeypatch):
    begun = []

    def stopped(page, *rest):
        begun.append(page)
        time.sleep(0.2)
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "_run", stopped)
    monkeypatch.setattr(runner, "pages", lambda: [Page(f"{i}", made) for i in range(50)])
    with pytest.raises(KeyboardInterrupt):
        draw(made, shown=False)
    assert len(begun) < 25


def test_the_command_draws_what_is_named(made):
    words = ("lecture", "draws", "--out", str(made), "--quick")
    status, told, errors = said(*words, folder=made.parent)
    assert status == 0
    assert told == f"1 figures in {made}\n"
    assert "lecture: 1 of 1, draws" in errors
    assert (made / "draws.png").is_file()


def test_the_command_says_which_pages_there_are(tmp_path):
    status, _, errors = said("lecture", "k-mans", "--out", str(tmp_path), folder=tmp_path)
    assert status == 2
    assert "no page 'k-mans'" in errors
    assert "k_means" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("name", ["k_means", "K-means", "07_k_means", "07_k_means.py"])
def test_a_page_has_its_name_and_that_of_its_file(name):
    assert [page.name for page in runner._chosen([name, "glo"])] == ["k_means", "glo"]


def test_the_help_lists_the_pages(tmp_path):
    status, told, _ = said("lecture", "--help", folder=tmp_path)
    assert status == 0
    words = " ".join(told.split())
    for page in pages():
        assert page.name in words


def test_a_file_is_no_folder_for_figures(tmp_path):
    (tmp_path / "file").write_text("mine")
    status, _, errors = said("lecture", "k_means", "--out", str(tmp_path / "file"), folder=tmp_path)
    assert status == 2
    assert "is a file" in errors
    assert (tmp_path / "file").read_text() == "mine"


def test_a_page_knows_where_its_figure_goes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["/elsewhere/page.py"])
    assert not quick()
    save(figure(1, 1))
    monkeypatch.setattr(sys, "argv", ["page.py", "--quick", "named.svg"])
    assert quick()
    save(figure(1, 1))
    assert {path.name for path in tmp_path.iterdir()} == {"page.png", "named.svg"}


@pytest.mark.parametrize("words", [["--quik"], ["a.png", "b.png"]])
def test_a_page_refuses_what_it_does_not_know(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["page.py", *words])
    for ask in (quick, lambda: save(figure(1, 1))):
        with pytest.raises(InputError, match=r"expected \[FILE\] \[--quick\]"):
            ask()
    assert not list(tmp_path.iterdir())


class Bowl(Energy):
    def forward(self, y, x=None):
        return y.square().sum(dim=1)


def test_a_surface_has_equal_axes_and_a_top():
    drawn = figure(4, 4)
    surface(drawn.axes[0], Bowl(), (2, 1), torch.zeros(3, 2), "a bowl", top=0.5)
    axes = drawn.axes[0]
    assert axes.get_aspect() == 1
    assert axes.get_xlim() == (-2, 2)
    assert axes.get_ylim() == (-1, 1)
    shown = axes.collections[0].levels
    assert shown.max() == pytest.approx(0.5, abs=1e-3)

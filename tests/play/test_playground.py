"""The playground in a browser: there at once, quick to touch, and it tells of what it shows."""

import contextlib
import shutil
import subprocess
import sys
import time

import pytest
import torch

from thalweg import questions
from thalweg.play.methods import METHODS
from thalweg.play.scenes import toy_scene

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (the extra: browser)"
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")

SLOWER = 8
"""Than a machine with nothing else to do: other tests run beside this one. ``benchmarks/play.py``
holds the page to the figures themselves: 1 s, 15 pictures a second, 60 ms."""

READY = "Boolean(window.thalweg && thalweg.all.length && thalweg.all.every(side => side.last))"


@pytest.fixture(scope="module")
def address():
    command = [sys.executable, "-m", "thalweg.cli", "play", "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


def until(page, what, seconds=20.0):
    """Wait until JavaScript says true; the page's own policy forbids playwright's way."""
    end = time.monotonic() + seconds
    while not page.evaluate(what):
        assert time.monotonic() < end, what
        time.sleep(0.02)


@contextlib.contextmanager
def page_of(browser, address, state="", **size):
    page = browser.new_page(viewport={"width": 1200, "height": 1100} | size)
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{address}#{state}")
    until(page, READY)
    yield page
    assert said == []
    host = address.split("/")[2]
    assert all(url.startswith(("blob:", f"http://{host}/")) for url in asked)
    page.close()


def drag(page, steps=25):
    """Move the point over the map, and look how long each answer takes."""
    box = page.locator(".plane").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    for k in range(steps):
        share = 0.3 + 0.4 * k / steps
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.35 * box["height"])
        time.sleep(0.03)
    page.mouse.up()
    times = page.evaluate("thalweg.sides.left.drags")
    return sorted(times)[len(times) // 2]


def test_the_first_picture_is_there_at_once(browser, address):
    page = browser.new_page()
    begun = time.monotonic()
    page.goto(address)
    until(page, READY)
    assert time.monotonic() - begun < 1.0 * SLOWER
    page.close()


def test_pictures_while_training_and_answers_to_a_drag(browser, address):
    with page_of(browser, address, "left=noise_contrastive&left.n_steps=10000") as page:
        page.click(".train")
        until(page, "thalweg.sides.left.pictures.length > 25")
        newest = page.evaluate("thalweg.sides.left.pictures")
        rate = (len(newest) - 1) / (newest[-1] - newest[0]) * 1000
        assert rate > 15 / SLOWER
        assert drag(page) < 60 * SLOWER
        before = page.evaluate("thalweg.sides.left.last.step")
        until(page, f"thalweg.sides.left.last.step > {before}")


def test_a_point_falls_to_where_a_descent_ends(browser, address):
    with page_of(browser, address, "scene=two_moons&left=kmeans&left.n_clusters=12") as page:
        page.click(".train")
        until(page, "thalweg.sides.left.last.training || thalweg.sides.left.going")
        page.evaluate("thalweg.sides.left.train(false)")
        time.sleep(0.5)
        drag(page, 6)
        until(page, "!thalweg.sides.left.touching && Boolean(thalweg.sides.left.falling.closest)")
        fall = page.evaluate("thalweg.sides.left.falling")
        point, step = page.evaluate("[thalweg.state.point, thalweg.sides.left.last.step]")
    scene = toy_scene("two_moons")
    model = METHODS["kmeans"].make({"n_clusters": 12}, 0, max_iter=step).fit(scene.rows)
    end = questions.descend(model.energy_, torch.tensor([point]))
    assert fall["energy"][1] < fall["energy"][0]
    assert torch.allclose(torch.tensor(fall["path"][-1]), end[0], atol=5e-3)


def test_the_keyboard_moves_the_point_and_the_page_says_where(browser, address):
    with page_of(browser, address, "left=kmeans&point=0,0") as page:
        page.focus(".plane")
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        x, y = page.evaluate("thalweg.state.point")
        assert x > 0.2
        assert 0 < y < x
        until(page, "document.getElementById('said').textContent.includes('falls to')")
        assert "Energy by K-means" in page.get_attribute(".plane", "aria-label")
        assert f"point={x:.3f}" in page.url.replace("%2C", ",")


def test_a_link_shows_the_same(browser, address):
    state = (
        "scene=spiral&tool=given&view=surface&regions=1&left=mixture&left.n_components=5&right=pca"
    )
    with page_of(browser, address, state) as page:
        found = page.evaluate("thalweg.state")
        url = page.url
    assert found["scene"] == "spiral"
    assert found["tool"] == "given"
    assert found["sides"]["left"]["knobs"] == {"n_components": 5}
    assert list(found["sides"]) == ["left", "right"]
    with page_of(browser, address, url.partition("#")[2]) as page:
        again = page.evaluate("thalweg.state")
    for name in ("scene", "tool", "view", "regions", "point", "camera"):
        assert again[name] == pytest.approx(found[name], abs=1e-3), name


def test_how_strong_kicks_are_is_in_the_link(browser, address):
    with page_of(browser, address, "left=kmeans&tool=kick&kick=0.8") as page:
        until(page, "document.getElementById('kick-strength').nextElementSibling.value === '0.80'")
        assert page.evaluate("thalweg.state.kick") == 0.8
        page.locator("#kick-strength").fill("0.5")
        until(page, "location.hash.includes('kick=0.5')")


def test_two_windows_and_the_end_of_one(browser, address):
    with page_of(browser, address, "left=denoising") as first:
        with page_of(browser, address, "scene=spiral&left=denoising") as second:
            second.click(".train")
            first.click(".train")
            until(second, "thalweg.sides.left.last.step > 10")
            until(first, "thalweg.sides.left.last.step > 10")
        step = first.evaluate("thalweg.sides.left.last.step")
        until(first, f"thalweg.sides.left.last.step > {step + 10}")


def test_data_drawn_by_hand(browser, address):
    with page_of(browser, address) as page:
        page.select_option("#scene", "drawn")
        box = page.locator(".plane").bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        for k in range(20):
            page.mouse.move(box["x"] + 100 + 15 * k, box["y"] + 100 + 10 * k)
        page.mouse.up()
        until(page, "thalweg.sides.left.last?.version >= 0")
        assert page.evaluate("thalweg.sides.left.scene.rows.length") > 20
        page.click("#python")
        until(
            page,
            "document.querySelector('#script pre').textContent.includes('rows = torch.tensor')",
        )


def test_two_columns_of_a_file(browser, address, tmp_path):
    file = tmp_path / "people.csv"
    rows = [f"{k % 7},{(k * k) % 11},x{k % 3}" for k in range(40)]
    file.write_text("\n".join(["height,weight,town", *rows]))
    with page_of(browser, address) as page:
        page.set_input_files("#file", file)
        until(
            page,
            "thalweg.state.scene === 'table' && thalweg.sides.left.scene.names[0] === 'height'",
        )
        page.select_option("#column-x", "weight")
        # six different rows, and twenty points: the page says so where one looks
        until(page, "document.querySelector('.error').textContent.includes('distinct rows')")


def test_the_tour_goes_through_ten_steps(browser, address):
    with page_of(browser, address) as page:
        page.click("#tour")
        titles = set()
        for _ in range(10):
            until(page, READY)
            titles.add(page.inner_text("#guide h2"))
            page.click("#guide-next")
        assert len(titles) == 10
        assert not page.is_visible("#guide")


def test_kicks_and_chains_are_drawn(browser, address):
    with page_of(browser, address, "left=mixture&tool=kick") as page:
        until(page, "thalweg.sides.left.kicked && thalweg.sides.left.kicked.paths.length === 24")
        for kind in ("walk", "langevin", "hmc", "tempering"):
            page.check("input[value=chains]")
            page.select_option("#chain-kind", kind)
            until(page, "thalweg.sides.left.chains && thalweg.sides.left.chains.trails.length > 8")


def test_a_picture_and_a_recording_can_be_kept(browser, address):
    with page_of(browser, address) as page:
        with page.expect_download() as kept:
            page.click("#picture")
        assert kept.value.suggested_filename == "thalweg-kmeans.png"
        page.click("#record")
        page.click(".train")
        time.sleep(1)
        with page.expect_download() as kept:
            page.click("#record")
        assert kept.value.suggested_filename.endswith((".webm", ".mp4"))


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("tool", ["given", "chains", "kick"])
def test_it_fits_the_screen(browser, address, width, tool):
    with page_of(browser, address, f"tool={tool}&left=mixture&right=pca", width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width

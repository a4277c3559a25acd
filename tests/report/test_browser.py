"""The page in a browser: it asks for nothing, says nothing in the console, sorts and filters."""

import shutil

import pytest

from thalweg.demo import messy_wines
from thalweg.report import report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
playwright = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed (the extra: browser)"
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    place = tmp_path_factory.mktemp("browser")
    page_file = report(messy_wines(), place / "out", n_steps=50)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(page_file.as_uri())
        yield page, asked, said
        browser.close()


def cells(page, table, at):
    return page.eval_on_selector_all(
        f"{table} tbody tr:not([hidden])", f"rows => rows.map(row => row.cells[{at}].textContent)"
    )


def test_nothing_is_asked_for_and_nothing_goes_wrong(opened):
    page, asked, said = opened
    page.wait_for_load_state("load")
    assert all(url.startswith(("file:", "data:")) for url in asked)
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert said == []


def test_sorting_and_filtering(opened):
    page, _, said = opened
    before = cells(page, "#t-gaps", 0)
    page.click("#t-gaps th:nth-child(1) button")
    page.click("#t-gaps th:nth-child(1) button")
    numbers = [int(text) for text in cells(page, "#t-gaps", 0)]
    assert numbers == sorted(map(int, before), reverse=True)
    page.click("#t-unusual th:nth-child(3) button")
    energies = [float(text) for text in cells(page, "#t-unusual", 2)]
    assert energies == sorted(energies)
    page.fill("[data-filter=t-gaps]", "proline")
    assert set(cells(page, "#t-gaps", 1)) == {"proline"}
    page.fill("[data-filter=t-gaps]", "")
    assert len(cells(page, "#t-gaps", 0)) == len(before)
    assert said == []


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_screen(opened, width):
    page, *_ = opened
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_sorts(opened):
    page, *_ = opened
    page.focus("#t-unusual th:nth-child(1) button")
    page.keyboard.press("Enter")
    assert page.get_attribute("#t-unusual th:nth-child(1)", "aria-sort") == "ascending"

"""The page with recorded fields: whole, near to what was recorded, and without a server."""

import base64
import json
import shutil

import numpy as np
import pytest
import torch

from thalweg.play import plane, write_recorded
from thalweg.play.methods import METHODS
from thalweg.play.recording import RESOLUTION, STEPS
from thalweg.play.scenes import toy_scene


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    return write_recorded(folder, ["spiral"], ["kmeans", "denoising", "pca"], steps=(1, 5, 20))


def heights(moment):
    codes = np.frombuffer(base64.b64decode(moment["heights"]), "<u2").astype(float)
    return moment["low"] + moment["span"] * (codes / STEPS) ** 2


def test_fields_are_those_of_the_models(page):
    fields = json.loads((page.parent / "fields.json").read_text())
    scene = toy_scene("spiral")
    recorded = fields["recorded"]["spiral"]["methods"]
    assert [each["step"] for each in recorded["denoising"]] == [1, 5, 20]
    last = recorded["kmeans"][-1]
    model = METHODS["kmeans"].make({}, 0, max_iter=last["step"]).fit(scene.rows)
    expected = plane.field(model.energy_, scene, RESOLUTION).numpy().reshape(-1)
    # the root of a height is rounded to one part in 65,535
    np.testing.assert_allclose(heights(last), expected, atol=2 * last["span"] / STEPS)
    assert torch.allclose(torch.tensor(last["marks"]["points"]),
                          torch.from_numpy(model.cluster_centers_), atol=1e-3)  # fmt: skip
    assert set(fields["methods"]) == {"kmeans", "denoising", "pca"}


def test_it_answers_in_a_browser_without_a_server(page):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (the extra: browser)"
    )
    if browser is None:
        pytest.skip("there is no Chromium on this machine")
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=page.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        tab = chromium.new_page()
        said, asked = [], []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("request", lambda request: asked.append(request.method))
        tab.goto(f"http://127.0.0.1:{server.server_port}/#scene=spiral&left=kmeans")
        tab.wait_for_function("window.thalweg?.all.length && thalweg.all.every(s => s.falling)")
        start, end = tab.evaluate("thalweg.sides.left.falling.energy")
        assert end < start
        assert not tab.is_visible("#python")
        tab.click(".train")
        tab.wait_for_function("thalweg.sides.left.last.step > 1")
        tab.check("input[value=given]")
        tab.wait_for_function("thalweg.sides.left.given?.valleys.length > 0")
        assert set(asked) == {"GET"}
        assert said == []
        chromium.close()
    server.shutdown()
    server.server_close()

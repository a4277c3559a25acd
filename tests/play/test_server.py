"""The server answers this machine's own page, and nobody else."""

import http.client
import json
import threading
import time

import numpy as np
import pytest

from thalweg.play.answers import answer
from thalweg.play.room import Room
from thalweg.play.server import PAGE, PlayServer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def server():
    with PlayServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
    thread.join()


def sent(server, verb, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port)
    connection.request(verb, path, body, headers)
    reply = connection.getresponse()
    content = reply.read()
    connection.close()
    return reply, content


def ask(server, name, refused=False, **asked):
    body = json.dumps({"window": "w", "side": "left", **asked})
    reply, content = sent(server, "POST", f"/{server.token}/ask/{name}", body)
    assert reply.status == 200, content
    if reply.headers["Content-Type"] != "application/octet-stream":
        said = json.loads(content)
        assert refused == ("error" in said), content
        return said
    length = int(np.frombuffer(content[:4], "<u4")[0])
    return json.loads(content[4 : 4 + length]), np.frombuffer(content[4 + length :], "<f4")


@pytest.fixture
def opened(server):
    yield ask(server, "open", scene="two_moons", method="kmeans", knobs={"n_clusters": 5}, seed=1)
    ask(server, "bye")


def test_the_page_and_its_files_are_served_as_they_are(server):
    for file in PAGE.iterdir():
        reply, content = sent(server, "GET", f"/{server.token}/{file.name}")
        assert reply.status == 200
        assert content == file.read_bytes()
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["Cache-Control"] == "no-store"
    reply, content = sent(server, "GET", f"/{server.token}/")
    assert content == (PAGE / "index.html").read_bytes()
    assert "http" not in content.decode().replace("http-equiv", "")


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1", "127.0.0.1:1", ""])
def test_a_foreign_host_is_refused(server, host):
    for verb, path in (("GET", f"/{server.token}/"), ("POST", f"/{server.token}/ask/catalogue")):
        reply, _ = sent(server, verb, path, b"{}" if verb == "POST" else None, Host=host)
        assert reply.status == 403


def test_pages_from_elsewhere_and_guesses_are_refused(server):
    path = f"/{server.token}/ask/catalogue"
    assert sent(server, "POST", path, b"{}", Origin="http://example.org")[0].status == 403
    assert (
        sent(server, "POST", path, b"{}", Origin=f"http://127.0.0.1:{server.server_port}")[0].status
        == 200
    )
    for token in ("", "x" * 22, server.token[:-1]):
        assert sent(server, "GET", f"/{token}/")[0].status == 403
        assert sent(server, "POST", f"/{token}/ask/catalogue", b"{}")[0].status == 403
    assert (
        sent(server, "GET", f"/{server.token}/", Host=f"localhost:{server.server_port}")[0].status
        == 200
    )


def test_what_a_browser_is_given_on_its_command_line_opens_the_page_once():
    with PlayServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        path = made.opening.removeprefix(f"http://127.0.0.1:{made.server_port}")
        assert made.token not in made.opening
        assert sent(made, "GET", path, Host="example.org")[0].status == 403
        reply, content = sent(made, "GET", path)
        assert (reply.status, reply.headers["Location"], content) == (303, made.address, b"")
        assert sent(made, "GET", path)[0].status == 403
        assert sent(made, "GET", "/None/")[0].status == 403
        made.shutdown()
    thread.join()


@pytest.mark.parametrize(
    "path", ["../server.py", "%2e%2e/server.py", "page.js/..", "nothing.js", "run.py"]
)
def test_no_other_file_is_served(server, path):
    assert sent(server, "GET", f"/{server.token}/{path}")[0].status == 404


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"[1]", "object of JSON"), (b"{", "Expecting"), (b"\xff", "utf-8")],
)  # fmt: skip
def test_what_is_no_question_is_told_so(server, body, words):
    reply, content = sent(server, "POST", f"/{server.token}/ask/fall", body)
    assert reply.status == 400
    assert words in json.loads(content)["error"]


def test_too_long_a_question_is_not_read(server):
    reply, _ = sent(
        server, "POST", f"/{server.token}/ask/fall", b"", **{"Content-Length": "99999999"}
    )
    assert reply.status == 413


@pytest.mark.parametrize(
    ("name", "asked", "words"),
    [("magic", {}, "is no question"),
     ("open", {"scene": "moons"}, "expected one of two_moons"),
     ("open", {"scene": "spiral", "method": "magic"}, "expected one of maximum_likelihood"),
     ("open", {"scene": "spiral", "method": "kmeans", "side": "middle"}, "left or right"),
     ("open", {"scene": "drawn", "method": "kmeans", "points": [[0, 0]]}, "from 3 to"),
     ("open", {"scene": "spiral", "method": "kmeans", "seed": -1}, "seed: -1; expected"),
     ("frame", {"resolution": 5000}, "from 8 to 256"),
     ("frame", {"beta": 0}, "beta: 0"),
     ("frame", {"z": -1}, "z: -1"),
     ("open", {"scene": "spiral", "method": "kmeans", "knobs": [1]}, "names and numbers"),
     ("open", {"scene": "drawn", "method": "kmeans", "points": [[1], [1, 2]]}, "pairs of numbers"),
     ("fall", {"point": [1]}, "two numbers"),
     ("fall", {"point": [1, "a"]}, "expected a number"),
     ("fall", {"point": [1, 1e9]}, "expected a number"),
     ("chains", {"kind": "running"}, "expected one of walk"),
     ("chains", {"kind": "walk", "steps": 10_000}, "from 1 to 100"),
     ("table", {"text": 3}, "expected a text"),
     ("table", {"text": "a;b\nx;1\ny;2\nx;2\n"}, "two columns of numbers")],
)  # fmt: skip
def test_each_question_says_what_it_expects(server, opened, name, asked, words):
    assert words in ask(server, name, True, **asked)["error"]


def test_a_picture_and_what_goes_along(server, opened):
    words, values = ask(server, "frame", resolution=32, regions=True)
    assert values.shape == (32 * 32,)
    assert np.isfinite(values).all()
    assert set(words["regions"]) == set(range(5))
    assert len(words["marks"]["points"]) == 5
    assert words["codes"] == 5
    # nothing newer: words alone, and not before some time
    begun = time.monotonic()
    again, nothing = ask(server, "frame", after=words["version"])
    assert len(nothing) == 0
    assert 0.3 < time.monotonic() - begun < 5
    assert not again["training"]
    ask(server, "train", on=True)
    later, values = ask(server, "frame", after=words["version"])
    assert later["version"] > words["version"]
    assert len(values)


def test_questions_are_answered(server, opened):
    fall = ask(server, "fall", point=[0.2, 0.9], settled=True)
    assert fall["energy"][1] < fall["energy"][0]
    assert len(fall["closest"]) == 2
    given = ask(server, "given", point=[0.2, 0.9])
    assert given["valleys"][0]["energy"] <= given["valleys"][-1]["energy"]
    assert len(ask(server, "kick", count=3)["paths"]) == 3
    assert len(ask(server, "kick", count=1, point=[0, 0])["data"]) == 1
    moved = ask(server, "chains", kind="hmc", start=True, count=7, steps=2)
    assert np.shape(moved["trail"]) == (3, 7, 2)
    on = ask(server, "chains", kind="hmc", steps=1)
    assert on["trail"][0] == moved["trail"][-1]
    assert "KMeans(" in ask(server, "python", point=[0, 0])["script"]
    assert ask(server, "table", text="a;b\n1;2\n1;\n4;5\n5;7\n")["columns"]["b"][1] is None


def test_closing_a_window_ends_its_work(server):
    ask(server, "open", scene="spiral", method="denoising")
    ask(server, "train", on=True)
    (stage,) = server.room.stages
    ask(server, "bye")
    stage.join()
    assert server.room.stages == []
    assert "opened again" in ask(server, "frame", True)["error"]


def test_a_window_that_gives_no_sign_is_closed():
    room = Room(unseen=1.0)
    scene = {"scene": "spiral", "method": "kmeans", "side": "left"}
    answer(room, "open", {"window": "a", **scene})
    (stage,) = room.stages
    time.sleep(1.1)
    answer(room, "open", {"window": "b", **scene})
    room.sweep()
    stage.join()
    assert len(room.stages) == 1
    room.close_all()
    assert room.stages == []


def test_a_side_is_closed_and_what_comes_late_is_dropped():
    room = Room()
    scene = {"window": "a", "scene": "spiral", "method": "pca"}
    answer(room, "open", {"side": "left", "number": 3, **scene})
    answer(room, "open", {"side": "right", "number": 4, **scene})
    assert len(room.stages) == 2
    answer(room, "bye", {"window": "a", "side": "right"})
    assert len(room.stages) == 1
    with pytest.raises(ValueError, match="something else was opened"):
        answer(room, "open", {"side": "left", "number": 2, **scene})
    pairs = {**scene, "method": "conditional", "side": "left", "number": 5}
    answer(room, "open", pairs)
    for name in ("kick", "chains"):
        with pytest.raises(ValueError, match="says nothing of x"):
            answer(room, name, {"window": "a", "side": "left", "kind": "walk"})
    room.close_all()


def test_windows_are_apart_and_not_without_end():
    room = Room()
    scene = {"scene": "spiral", "method": "pca", "side": "left"}
    for number in range(16):
        answer(room, "open", {"window": str(number), **scene})
    assert len(room.stages) == 16
    with pytest.raises(ValueError, match="16 windows are open"):
        answer(room, "open", {"window": "more", **scene})
    # the same window again takes the place of its own
    answer(room, "open", {"window": "3", **scene})
    assert len(room.stages) == 16
    room.close_all()

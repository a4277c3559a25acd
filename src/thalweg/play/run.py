"""``thalweg play``: the server, and a browser that looks at it."""

from __future__ import annotations

import sys
import warnings
import webbrowser

import torch

from thalweg.core import InputError
from thalweg.play.methods import METHODS
from thalweg.play.plane import fall, field
from thalweg.play.scenes import toy_scene
from thalweg.play.server import PlayServer
from thalweg.training import Run


def play(browser: bool = True, port: int = 0) -> None:
    """Serve the playground until the keyboard interrupts; its address is printed.

    Parameters
    ----------
    browser : bool, default True
        Whether to open it in one.
    port : int, default 0
        Of this machine; 0 for any that is free.

    Notes
    -----
    For a process of its own: torch is left one thread, and warnings are not shown.

    Raises
    ------
    InputError
        If the port is taken.
    """
    # what is paused has not converged, and whoever looks sees it
    warnings.simplefilter("ignore")
    # a second one would wait for work where the browser has some
    torch.set_num_threads(1)
    sys.stderr.write("play: getting ready, in some seconds\n")
    warm_up()
    try:
        made = PlayServer(port)
    except OSError as error:
        raise InputError(
            f"play: port {port} cannot be had ({error.strerror}); expected a free one, or 0"
        ) from error
    with made as server:
        sys.stdout.write(f"{server.address}\n")
        sys.stdout.flush()
        if browser:
            webbrowser.open(server.opening)
        try:
            server.serve_forever(poll_interval=0.2)
        except KeyboardInterrupt:
            sys.stderr.write("play: closed\n")


def warm_up() -> None:
    """Import and compile what the first picture needs, before anybody waits for it."""
    scene = toy_scene("two_moons")
    for word in ("kmeans", "noise_contrastive"):
        method = METHODS[word]
        model = method.make({}, 0, **({"max_iter": 1} if method.rounds else {}))
        if method.rounds:
            model.fit(scene.rows)
        else:
            model.fit(scene.rows, run=Run(watch=lambda history, energy: True))
        field(model.energy_, scene, 16)
        fall(model.energy_, (0.0, 0.0))

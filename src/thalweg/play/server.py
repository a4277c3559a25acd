"""The page's server: on this machine alone, for those who know its address."""

from __future__ import annotations

import json
import secrets
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from thalweg.core import InputError
from thalweg.play.answers import Frame, answer
from thalweg.play.room import Room

PAGE = Path(__file__).with_name("page")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
LARGEST = 16 << 20
"""Bytes of a question"""
DOOR = "/door"
"""No name of a file: the address that leads to the page once was asked for"""


class PlayServer(ThreadingHTTPServer):
    """Serves the page and answers its questions, on the loopback address.

    Parameters
    ----------
    port : int
        0 for any that is free.
    room : Room, optional
    """

    daemon_threads = True

    def __init__(self, port: int = 0, room: Room | None = None) -> None:
        self.token = secrets.token_urlsafe(16)
        self.door: str | None = secrets.token_urlsafe(16)
        self._entering = threading.Lock()
        self.room = Room() if room is None else room
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    @property
    def opening(self) -> str:
        """An address that leads to the page once.

        For the command line of a browser, which other users of the machine may read.
        """
        return f"http://127.0.0.1:{self.server_port}/{self.door}/"

    @property
    def hosts(self) -> set[str]:
        return {f"{name}:{self.server_port}" for name in ("127.0.0.1", "localhost")}

    def opened(self, token: str) -> bool:
        """Whether this is the address that leads to the page once, for the first time."""
        with self._entering:
            door = self.door
            if door is None or not secrets.compare_digest(token.encode(), door.encode()):
                return False
            self.door = None
            return True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Windows are closed while they wait; all else is a mistake, and is said."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def service_actions(self) -> None:
        self.room.sweep()

    def server_close(self) -> None:
        super().server_close()
        self.room.close_all()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: PlayServer
    protocol_version = "HTTP/1.1"
    timeout = 300  # seconds without a request, after which a connection is closed
    # an answer is written in two parts: the second must not wait for word of the first
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = self._allowed()
        if path is None:
            return
        if path == DOOR:
            self._send(HTTPStatus.SEE_OTHER, b"", "text/plain", {"Location": self.server.address})
            return
        name = path or "index.html"
        file = PAGE / name
        # names of files, no paths
        if name not in {each.name for each in PAGE.iterdir()} or file.suffix not in TYPES:
            self._refuse(HTTPStatus.NOT_FOUND, f"there is no {name!r:.80}")
            return
        self._send(HTTPStatus.OK, file.read_bytes(), TYPES[file.suffix])

    def do_POST(self) -> None:
        # read first: what is left unread would be the next request of the connection
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LARGEST:
            self.close_connection = True
            self._refuse(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {LARGEST >> 20} MB"
            )
            return
        body = self.rfile.read(int(length))
        path = self._allowed()
        if path is None:
            return
        try:
            asked = json.loads(body or b"{}")
            if not isinstance(asked, dict):
                raise InputError("expected an object of JSON")
        except (InputError, json.JSONDecodeError, UnicodeDecodeError) as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        try:
            found = answer(self.server.room, path.removeprefix("ask/"), asked)
        except InputError as error:
            # an answer too: the page shows it where it was asked, the console has no part in it
            self._refuse(HTTPStatus.OK, str(error))
            return
        except Exception as error:
            self._refuse(HTTPStatus.OK, f"a mistake of thalweg: {error!r}")
            raise
        if isinstance(found, Frame):
            self._send(HTTPStatus.OK, packed(found), "application/octet-stream")
        else:
            self._send(HTTPStatus.OK, json.dumps(found).encode(), "application/json")

    def _allowed(self) -> str | None:
        """The path below the token; None, and an answer that says no, for whoever may not ask."""
        if self.headers.get("Host") not in self.server.hosts:
            # a page from elsewhere whose name was made to mean this machine
            self._refuse(HTTPStatus.FORBIDDEN, "expected to be asked by this machine's address")
            return None
        origin = self.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            self._refuse(HTTPStatus.FORBIDDEN, "expected to be asked by its own page")
            return None
        _, token, *rest = f"{urlsplit(self.path).path}/".split("/", 2)
        if self.command == "GET" and self.server.opened(token):
            return DOOR
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "expected the address that was printed")
            return None
        return rest[0].rstrip("/") if rest else ""

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(status, json.dumps({"error": why}).encode(), "application/json")

    def _send(
        self, status: HTTPStatus, body: bytes, kind: str, more: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in {**HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            # the window was closed meanwhile
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a terminal that says of each request that it came helps nobody."""


def packed(frame: Frame) -> bytes:
    """The length of the words (4 bytes, little-endian), the words as JSON, filled up with spaces to
    a multiple of 4, and the numbers as they are in memory."""
    words = json.dumps(frame.words, allow_nan=False).encode()
    words += b" " * (-len(words) % 4)
    values = b"" if frame.values is None else frame.values.astype("<f4").tobytes()
    return np.uint32(len(words)).astype("<u4").tobytes() + words + values

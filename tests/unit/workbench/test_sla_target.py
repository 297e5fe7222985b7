"""A server under load that asks for an API key."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from servekit.errors import NotReadyError
from workbench.sla.settings import Server
from workbench.sla.target import identify

if TYPE_CHECKING:
    from collections.abc import Iterator


class Guarded(BaseHTTPRequestHandler):
    """Says who it is to those who have the key."""

    def do_GET(self) -> None:
        known = self.headers.get_all("x-api-key") == ["s3cret"]
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b'{"name": "guarded"}')

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    with HTTPServer(("127.0.0.1", 0), Guarded) as listening:
        thread = Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{listening.server_address[1]}"
        yield Server(url=url, start="it", identity={"name": "guarded"}, key="GUARD_API_KEY")
        listening.shutdown()
        thread.join()


def test_the_key_is_sent_and_one_that_is_missing_or_wrong_is_said(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARD_API_KEY", "s3cret")
    assert identify(server) == {"name": "guarded"}
    for key in ("another", ""):
        monkeypatch.setenv("GUARD_API_KEY", key)
        with pytest.raises(NotReadyError) as refused:
            identify(server)
        remedy = "asks for an API key: give it one that it knows with GUARD_API_KEY=…"
        assert str(refused.value) == f"{server.url}/v2: {remedy}"

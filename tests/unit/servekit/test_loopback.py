"""A proxy in the environment is not for servers on this machine."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.request import proxy_bypass

import pytest

from servekit.loopback import client, direct
from workbench.conformance.target import Target
from workbench.drift.terminal import main as drift

if TYPE_CHECKING:
    from collections.abc import Iterator

DEAD = "http://127.0.0.1:9"


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "3")
        self.end_headers()
        self.wfile.write(b"\n\n\n")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server nearby, in an environment whose proxies are dead."""
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, DEAD)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answer)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_client_goes_to_its_server_itself(url: str) -> None:
    with client(base_url=url) as http:
        assert http.get("/").text == "\n\n\n"


def test_conformance_goes_to_its_server_itself(url: str) -> None:
    with Target(url, "iris") as target:
        assert target.get("/v2").status_code == 200


def test_drift_goes_to_its_server_itself(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert drift([f"{url}/metrics"]) == 2
    assert "no serving_drift_* gauges" in capsys.readouterr().out


@pytest.mark.parametrize("named", [{}, {"no_proxy": "a.example, b.example"}, {"NO_PROXY": "a.example,127.0.0.1"}])
def test_libraries_and_children_are_told_to_use_no_proxy_for_this_machine(
    named: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"http_proxy": DEAD, **named}
    told = direct(given)
    assert told["no_proxy"] == told["NO_PROXY"]
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, told[name])
    assert proxy_bypass("127.0.0.1:8100")
    assert ("a.example" in told["no_proxy"]) is bool(named)

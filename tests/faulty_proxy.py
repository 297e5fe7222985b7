"""A reverse proxy with a planted defect, in front of a real server: what a bad hop does to requests and answers."""

from __future__ import annotations

from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Asked", "Replied", "as_dead", "faulty", "forgets_the_trace", "in_its_own_words"]

_HOPS = {"connection", "content-length", "date", "server", "transfer-encoding"}
_CLAIM = 1 << 23
"""A body that is announced to be larger is not waited for: the server behind is to refuse it by its head."""


class Asked(NamedTuple):
    """A request as the client sent it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Replied(NamedTuple):
    """An answer as the server gave it."""

    status: int
    headers: dict[str, str]
    body: bytes


def _as_asked(asked: Asked) -> Asked:
    return asked


def _as_replied(_: Asked, replied: Replied) -> Replied:
    return replied


class _Hop(BaseHTTPRequestHandler):
    """Passes one connection's requests on to the server behind, and its answers back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Proxy

    def _pass(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        claimed = length >= _CLAIM
        body = b"" if claimed else self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = self.server.ask(Asked(self.command, self.path, headers, body))
        replied = self.server.reply(asked, self._from_behind(asked, length if claimed else len(asked.body)))
        self.close_connection = claimed
        self.send_response(replied.status)
        for name, value in replied.headers.items():
            if name not in _HOPS:
                self.send_header(name, value)
        self.send_header("content-length", str(len(replied.body)))
        self.end_headers()
        self.wfile.write(replied.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _pass  # noqa: N815 - http.server's names

    def _from_behind(self, asked: Asked, length: int) -> Replied:
        sent = {name: value for name, value in asked.headers.items() if name not in _HOPS}
        sent["content-length"] = str(length)
        with closing(HTTPConnection(self.server.host, self.server.port, timeout=30)) as server:
            server.request(asked.method, asked.path, asked.body, sent)
            answer = server.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Replied(answer.status, headers, answer.read())

    def log_message(self, *_: object) -> None:
        """Says nothing: a test looks at answers."""


class _Proxy(ThreadingHTTPServer):
    """Listens on a free port, in front of the server at an address."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, url: str, ask: Callable[[Asked], Asked], reply: Callable[[Asked, Replied], Replied]) -> None:
        super().__init__(("127.0.0.1", 0), _Hop)
        where = urlsplit(url)
        self.host, self.port = where.hostname or "", where.port
        self.ask, self.reply = ask, reply

    def handle_error(self, *_: object) -> None:
        """Clients may go away: some tests are about that."""


@contextmanager
def faulty(
    url: str,
    *,
    ask: Callable[[Asked], Asked] = _as_asked,
    reply: Callable[[Asked, Replied], Replied] = _as_replied,
) -> Iterator[str]:
    """The address of a proxy that passes everything on, changed by these two functions."""
    with _Proxy(url, ask, reply) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def as_dead(asked: Asked, replied: Replied) -> Replied:
    """Says that the server is not alive, by the path that the Open Inference Protocol has for that."""
    return replied._replace(status=404) if asked.path == "/v2/health/live" else replied


def in_its_own_words(asked: Asked, replied: Replied) -> Replied:
    """Refuses an empty body in the words of a server in front, which are no JSON."""
    plain = b"<html><h1>400 Bad Request</h1></html>"
    return replied._replace(body=plain) if replied.status == 400 and asked.body == b"" else replied


def forgets_the_trace(asked: Asked) -> Asked:
    """Drops the header by which a trace goes on."""
    return asked._replace(headers={key: value for key, value in asked.headers.items() if key != "traceparent"})

"""Requests whose line or headers are unusual or wrong; each is complete, and most are to be answered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from workbench.fuzz.surface import Case, write

if TYPE_CHECKING:
    from random import Random

    from workbench.fuzz.surface import Surface

__all__ = ["headers", "line"]

_LONG_PATH: Final = 400
_LONG_HEADERS: Final = 4000
_CHANGING: Final = frozenset({
    "connection", "upgrade", "expect", "te", "host", "content-length", "transfer-encoding", "http2-settings",
})  # fmt: skip
_METHODS: Final = (
    "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "get", "Post", "PROPFIND",
    "M-SEARCH",
    "X", "A" * 300, "G\x00T", "", "PRI", "POST\t", "\u00c9",
)  # fmt: skip
_KNOWN: Final = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"})
_PARTS: Final = (
    "%00", "%0d%0aX-Injected:%20yes", "%", "%zz", "%2e%2e%2f", "/..", "//", "\\", ";a=b", "?", "?a=%ff&a", "#x", "é",
    "%c0%ae",
    "%F0%9F%98%80", "/" + "a" * 9000, "a" * 300, "*", "{x}", "/v2/models", "/versions/1\n", "%20", "\x7f", "/metrics",
    "\x01", "/./", "?" + "a=1&" * 900,
)  # fmt: skip
_VERSIONS: Final = (
    "HTTP/1.0", "HTTP/0.9", "HTTP/2.0", "HTTP/1.2", "HTTP/11", "http/1.1", "", "HTTP/1.1 x", "HTTP/", "HTTQ/1.1",
)  # fmt: skip
_VALUES: Final = (
    "", " ", "0", "-1", "1", "1.5", "1e9", "nan", "inf", "9" * 40, "a" * 7000, "a" * 70_000, "1\n", "a\x00b", "a\rb",
    "a\nb: c", "a\r\n b", "\x01", "\x7f",
    "\udcff\udcfe", "\u00e9", "\U0001f600", "..", ",", ";", '"', "a,b", "'", "null", "true", "[]", "default",
    "chunked", "gzip", "*/*;q=2", "0x10",
    "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-00", "99-zz", "websocket", "h2c",
    "100-continue", "close, keep-alive",
)  # fmt: skip
_NAMES: Final = (
    "content-type", "accept", "accept-encoding", "accept-charset", "connection", "upgrade", "expect", "host",
    "traceparent", "tracestate",
    "x-request-id", "x-forwarded-for", "x-forwarded-proto", "forwarded", "te", "trailer", "range", "if-none-match",
    "cookie", "authorization",
    "x-http-method-override", "content-encoding", "content-language", "date", "keep-alive", "proxy-connection",
    "http2-settings", "via", "x-envoy-retry-on",
    "x-envoy-upstream-rq-timeout-ms", "baggage", "b3", "user-agent", "", "x y", "x\x00y", "x:", "a" * 300, "\u00e9",
)  # fmt: skip


def line(draw: Random, surface: Surface, nonce: str) -> Case:
    """Another method, path or version."""
    endpoint = draw.choice(surface.endpoints)
    method, path, version = endpoint.method, endpoint.path, "HTTP/1.1"
    match draw.randrange(4):
        case 0:
            method = draw.choice(_METHODS)
        case 1:
            path = _path(draw, path)
        case 2:
            version = draw.choice(_VERSIONS)
        case _:
            method, path = draw.choice(_METHODS), _path(draw, path)
    if not draw.randrange(3):
        path += f"?n={nonce}"
    body = draw.choice(endpoint.bodies) if endpoint.bodies else b""
    whole = write(method, path, [*endpoint.headers.items(), ("x-request-id", nonce)], body)
    whole = whole.replace(b" HTTP/1.1\r\n", f" {version}\r\n".encode(), 1)
    sound = (
        method in _KNOWN and version == "HTTP/1.1" and path.isascii() and path.isprintable() and len(path) < _LONG_PATH
    )
    return Case("request line", [whole], endpoint.path, answered=sound and " " not in path, head=method == "HEAD")


def headers(draw: Random, surface: Surface, nonce: str) -> Case:
    """A valid body under headers that are wrong, twice there, too long or too many."""
    endpoint = draw.choice(surface.endpoints)
    sent = [*endpoint.headers.items(), ("x-request-id", nonce)]
    match draw.randrange(10):
        case 0:
            sent += [(f"x-{number}", "a" * draw.choice((1, 60))) for number in range(draw.choice((50, 90, 120, 2000)))]
        case 1:
            sent.pop(draw.randrange(len(sent)))
        case 2:
            name = draw.choice(sent)[0]
            sent.append((name, draw.choice(_VALUES)))
        case _:
            names = (*_NAMES, *surface.headers, *surface.headers)
            sent += [(draw.choice(names), draw.choice(_VALUES)) for _ in range(draw.choice((1, 1, 1, 2, 4)))]
    body = draw.choice(endpoint.bodies) if endpoint.bodies else b""
    whole = write(endpoint.method, endpoint.path, sent, body)
    most = 1 + (
        b"\n\r\n" in whole.partition(b"\r\n\r\n")[0]
    )  # who takes a line feed for a line's end, as one may, sees two
    return Case("headers", [whole], endpoint.path, answered=_sound(sent), most=most)


def _path(draw: Random, path: str) -> str:
    match draw.randrange(6):
        case 0:
            return draw.choice(
                ("*", "", "http://other.example" + path, "other.example:80", "//" + path, path[1:] or "x")
            )
        case 1:
            return quote(path, safe="")
        case 2:
            at = draw.randint(1, len(path))
            return path[:at] + draw.choice(_PARTS) + path[at:]
    parts = path.split("/")
    parts[draw.randint(1, len(parts) - 1)] = draw.choice(_PARTS)
    return "/".join(parts)


def _sound(sent: list[tuple[str, str]]) -> bool:
    """Whether these are headers at all, and none that ends or changes the connection."""
    plain = all(name.replace("-", "a").isalnum() and name.isascii() for name, _ in sent)
    clean = all(value.isascii() and (value.isprintable() or not value) for _, value in sent)
    short = sum(len(value) for _, value in sent) < _LONG_HEADERS
    return plain and clean and short and not _CHANGING & {name for name, _ in sent}

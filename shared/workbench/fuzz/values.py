"""Bodies made wrong: JSON whose meaning is, bytes, encodings."""

from __future__ import annotations

import gzip
import json
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from random import Random

__all__ = ["encoded", "wrong_bytes", "wrong_json"]

_NASTY: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 0.0, -0.0, 1e-320, 1e308, 3e38, 10**400, 2**31, 2**32, 2**63, 2**64, -(2**63) - 1,
    float("nan"), float("inf"), -float("inf"), "", " ", "a", "0", "1", "1\n", "NaN", "\x00", "a\r\nX-Injected: yes",
    "\ud800", "\U0001f600", "é" * 300, "\u202e", "../../etc/passwd", "%00", "{}", "x" * 5000, [], {}, [[]], [None],
    {"": None},
    [1, "a", None], {"a": {"a": {}}}, list(range(300)), [[[[[[[[1]]]]]]]],
)  # fmt: skip
_RUNS: Final = (
    b"", b"\x00", b"\xff", b"\xff\xff\xff\xff", b"-", b"9" * 30, b'"', b"[", b"}", b",", b"NaN", b"1e999", b"\\ud800",
    b"\xef\xbb\xbf",
    b"\\u0000", b"/**/", b"'", b"\r\n\r\n", b"-0", b"0x10", b"01", b"1.", b".5", b"+1", b"\\x", b"Infinity",
)  # fmt: skip
_DEEP: Final = (b"[", b'{"a":', b'[{"a":')
_ENCODINGS: Final = ("gzip", "deflate", "br", "zstd", "identity", "gzip, gzip", "GZIP", "x-gzip", "", "gzip\x0b")
_LONG: Final = 50
_BOMB: Final = 64 * 1024 * 1024


def wrong_json(draw: Random, body: bytes) -> bytes:
    """A valid document in which one to three nodes are another type, out of range, missing or twice there."""
    try:
        document = json.loads(body)
    except ValueError:
        return wrong_bytes(draw, body)
    for _ in range(draw.randint(1, 3)):
        document = _changed(draw, document)
    return json.dumps(document, ensure_ascii=bool(draw.randrange(2))).encode("utf-8", "surrogatepass")


def wrong_bytes(draw: Random, body: bytes) -> bytes:
    """A valid body cut short, with runs of bytes replaced, nested without end, or no body of this kind at all."""
    match draw.randrange(8):
        case 0:
            return body[: draw.randint(0, len(body))]
        case 1:
            return draw.choice(_DEEP) * draw.choice((50, 1000, 100_000)) + body
        case 2:
            return draw.randbytes(draw.choice((0, 1, 3, 40, 3000)))
        case 3:
            return body.decode("utf-8", "replace").encode(draw.choice(("utf-16", "utf-32", "utf-8-sig")))
        case 4:
            return body + draw.choice((b"{}", b"\x00", b" " * 70_000, body, b"\n"))
    for _ in range(draw.randint(1, 3)):
        at = draw.randint(0, len(body))
        body = body[:at] + draw.choice((*_RUNS, draw.randbytes(4))) + body[at + draw.randint(0, 8) :]
    return body


def encoded(draw: Random, body: bytes) -> tuple[str, bytes]:
    """A content encoding, and a body that has it, or says so, or is a thousand times larger than it looks."""
    name = draw.choice(_ENCODINGS)
    packed = zlib.compress(body) if name == "deflate" else gzip.compress(body, mtime=0)
    match draw.randrange(6):
        case 0:
            packed = _bomb()
        case 1:
            packed = body
        case 2:
            packed = packed[: draw.randint(0, len(packed))]
        case 3:
            packed = wrong_bytes(draw, packed)
        case 4:
            packed = gzip.compress(packed, mtime=0)
    return name, packed


def _changed(draw: Random, node: Any) -> Any:
    """The same document with one node changed, chosen by a walk from the root."""
    if not node or not isinstance(node, dict | list) or not draw.randrange(7):
        return draw.choice(_NASTY)
    return _in_object(draw, node) if isinstance(node, dict) else _in_list(draw, node)


def _in_object(draw: Random, node: dict[str, Any]) -> dict[str, Any]:
    key = draw.choice(list(node))
    match draw.randrange(6):
        case 0:
            return {name: value for name, value in node.items() if name != key}
        case 1:
            return {**node, draw.choice(("", "x", key.upper(), "\x00", key + " ")): draw.choice(_NASTY)}
    return {**node, key: _changed(draw, node[key])}


def _in_list(draw: Random, node: list[Any]) -> list[Any]:
    at = draw.randrange(len(node))
    match draw.randrange(6):
        case 0:
            return node[:at] + node[at + 1 :]
        case 1 if len(node) < _LONG:
            return node * draw.choice((2, 300))
    return [*node[:at], _changed(draw, node[at]), *node[at + 1 :]]


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(_BOMB), mtime=0)

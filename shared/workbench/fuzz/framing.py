"""Where a request ends: lengths that contradict each other, chunks, pipelines, and clients that are slow or leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from workbench.fuzz.surface import Case, Then, write

if TYPE_CHECKING:
    from random import Random

    from workbench.fuzz.surface import Operation, Surface

__all__ = ["ambiguous", "chunked", "lengths", "pipelined", "slow"]

_CHUNKS: Final = 60
_CODINGS: Final = (
    "transfer-encoding: chunked", "transfer-encoding : chunked", "transfer-encoding: xchunked",
    "Transfer-Encoding:\tchunked",
    "transfer-encoding: chunked, identity", "transfer-encoding: identity, chunked", "transfer-encoding:\r\n chunked",
    "transfer-encoding: chunked\r\ntransfer-encoding: x",
    "transfer-encoding: \x0bchunked", "x: y\ntransfer-encoding: chunked", "transfer-encoding: gzip, chunked",
    "transfer_encoding: chunked", "transfer-encoding: CHUNKED",
)  # fmt: skip
_SIZES: Final = (
    b"-1", b"ffffffffffffffff", b"10000000000000000", b"0x5", b"5 ", b" 5", b"+5", b"g", b"", b"5;" + b"a" * 20_000,
    b"7fffffff", b"05", b'5;a="b\x00"',
)  # fmt: skip
_LENGTHS: Final = (
    "-1", "+5", "0x5", "5, 5", "5,6", "", "abc", "1e3", " 5 5", "99999999999999999999999", "1000000000000", "\u0665",
    "5;", "0005", "1.0",
)  # fmt: skip


def ambiguous(draw: Random, surface: Surface, nonce: str) -> Case:
    """Two ways to read one connection: whichever is taken, what is left over is no second request."""
    endpoint = draw.choice([each for each in surface.endpoints if each.bodies])
    hidden = write("GET", f"{surface.ready}?n={nonce}", [("x-request-id", nonce)], length=False)
    body = draw.choice(endpoint.bodies)
    lines = [
        f"POST {endpoint.path} HTTP/1.1",
        "host: fuzz",
        *(f"{name}: {value}" for name, value in endpoint.headers.items()),
    ]
    if draw.randrange(2):
        packed = b"0\r\n\r\n" + hidden
        lines += draw.sample([draw.choice(_CODINGS), f"content-length: {len(packed)}"], 2)
        whole = "\r\n".join([*lines, "", ""]).encode("latin-1") + packed
    else:
        lines += draw.sample([f"content-length: {len(body)}", f"content-length: {len(body + hidden)}"], 2)
        whole = "\r\n".join([*lines, "", ""]).encode("latin-1") + body + hidden
    return Case("ambiguous length", [whole], endpoint.path, answered=False)


def chunked(draw: Random, surface: Surface, nonce: str) -> Case:
    """A body in chunks: sound ones of any size, with extensions and trailers, and unsound ones."""
    endpoint = draw.choice([each for each in surface.endpoints if each.bodies])
    body = draw.choice(endpoint.bodies)
    head = write(
        "POST",
        endpoint.path,
        [*endpoint.headers.items(), ("x-request-id", nonce), ("transfer-encoding", "chunked")],
        length=False,
    )
    parts, at = [], 0
    while at < len(body):
        size = draw.choice((1, 7, 64, 4096))
        parts.append(_chunk(body[at : at + size], draw.choice((b"", b"", b";a=b", b';a="b"'))))
        at += size
        if len(parts) > _CHUNKS:
            parts.append(_chunk(body[at:], b""))
            break
    end = draw.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nx-trailer: a\r\n\r\n", b"000\r\n\r\n"))
    if draw.randrange(2):
        return Case("chunks", [head, *parts, end], endpoint.path)
    at = draw.randrange(len(parts))
    broken = draw.choice(_SIZES) + b"\r\n" + body[:5] + b"\r\n"
    parts[at] = draw.choice((broken, parts[at].replace(b"\r\n", b"\n")))
    return Case("broken chunks", [head, *parts, end], endpoint.path, answered=False, most=2)


def lengths(draw: Random, surface: Surface, nonce: str) -> Case:
    """A length that is none, or another than the body's."""
    endpoint = draw.choice(surface.endpoints)
    body = draw.choice(endpoint.bodies) if endpoint.bodies else b""
    value = draw.choice((*_LENGTHS, str(len(body) + 7), str(max(0, len(body) - 7)), f"{len(body)}, {len(body)}"))
    sent = [*endpoint.headers.items(), ("x-request-id", nonce), ("content-length", value)]
    return Case(
        "wrong length",
        [write(endpoint.method, endpoint.path, sent, body, length=False)],
        endpoint.path,
        answered=False,
        most=2,
    )


def pipelined(draw: Random, surface: Surface, nonce: str) -> Case:
    """Two to five right requests at once: as many right answers in their order."""
    requests = [surface.right(draw, nonce) for _ in range(draw.randint(2, 5))]
    whole = [write(each.method, each.path, list(each.headers.items()), each.body) for each in requests]
    pieces = [b"".join(whole)] if draw.randrange(2) else whole
    return Case("pipelined", pieces, requests[0].path, most=len(requests), right=requests)


def slow(draw: Random, surface: Surface, nonce: str) -> Case:
    """A client that drips, leaves in the middle, sends more than anybody takes, or says half and waits."""
    endpoint = draw.choice([each for each in surface.endpoints if each.bodies])
    body = draw.choice(endpoint.bodies)
    whole = write(endpoint.method, endpoint.path, [*endpoint.headers.items(), ("x-request-id", nonce)], body)
    at = draw.randrange(1, len(whole))
    match draw.choices(range(4), (40, 45, 10, 5))[0]:
        case 0:
            cuts = sorted(draw.sample(range(1, len(whole)), min(8, len(whole) - 1)))
            pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
            return Case("drip", pieces, endpoint.path, pause_s=draw.choice((0.0, 0.01, 0.05)))
        case 1:
            return Case("leaves", [whole[:at]], endpoint.path, answered=False, then=Then.LEAVE)
        case 2:
            return Case("oversize", [_huge(endpoint, nonce)], endpoint.path, answered=False)
    return Case("half and waits", [whole[:at]], endpoint.path, answered=False, then=Then.STAY)


def _huge(endpoint: Operation, nonce: str) -> bytes:
    sent = [*endpoint.headers.items(), ("x-request-id", nonce)]
    return write(endpoint.method, endpoint.path, sent, b" " * (12 * 1024 * 1024))


def _chunk(part: bytes, extension: bytes) -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(part), extension, part)

"""The inputs by number: equal seeds and numbers give equal inputs."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING, Final

from workbench.fuzz import framing, heads
from workbench.fuzz.surface import Case, write
from workbench.fuzz.values import encoded, wrong_bytes, wrong_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.fuzz.surface import Surface

__all__ = ["NONCE", "make_case", "nonce"]

NONCE: Final = re.compile(rb"fz[0-9]{8}z")


def nonce(number: int) -> str:
    """The unique mark of a request."""
    return f"fz{number:08d}z"


def make_case(surface: Surface, seed: int, number: int) -> Case:
    """The input with this number."""
    draw = Random(f"{seed}/{number}")  # noqa: S311 - the same inputs for the same seed
    make: Callable[[Random, Surface, str], Case] = draw.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    return make(draw, surface, nonce(number))


def _json(draw: Random, surface: Surface, mark: str) -> Case:
    return _posted(draw, surface, mark, "JSON", wrong_json)


def _bytes(draw: Random, surface: Surface, mark: str) -> Case:
    return _posted(draw, surface, mark, "bytes", wrong_bytes)


def _posted(draw: Random, surface: Surface, mark: str, kind: str, wrong: Callable[[Random, bytes], bytes]) -> Case:
    endpoint = draw.choice([each for each in surface.endpoints if each.bodies])
    body = wrong(draw, draw.choice(endpoint.bodies))
    sent = [*endpoint.headers.items(), ("x-request-id", mark)]
    return Case(kind, [write(endpoint.method, endpoint.path, sent, body)], endpoint.path)


def _encoded(draw: Random, surface: Surface, mark: str) -> Case:
    endpoint = draw.choice([each for each in surface.endpoints if each.bodies])
    name, body = encoded(draw, draw.choice(endpoint.bodies))
    sent = [*endpoint.headers.items(), ("x-request-id", mark), ("content-encoding", name)]
    return Case(
        "encoding", [write(endpoint.method, endpoint.path, sent, body)], endpoint.path, answered=name.isprintable()
    )


_WEIGHTS: Final = {
    _json: 32, _bytes: 16, _encoded: 4, heads.line: 10, heads.headers: 12, framing.ambiguous: 6, framing.chunked: 6,
    framing.lengths: 4, framing.pipelined: 4, framing.slow: 6,
}  # fmt: skip

"""The surface of a level that is fuzzed, and the cases made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from random import Random

    from workbench.sla import Request

__all__ = ["Case", "Operation", "Surface", "Then", "answered_right", "write"]


class Operation(NamedTuple):
    """An operation of the level's API.

    Attributes:
        path: the request's path.
        bodies: valid bodies, which are mutated.
        method: the HTTP method.
        headers: the headers of every request.
    """

    path: str
    bodies: Sequence[bytes] = ()
    method: str = "POST"
    headers: Mapping[str, str] = {"content-type": "application/json"}


@dataclass(frozen=True)
class Surface:
    """A level as its callers see it.

    Attributes:
        level: its number.
        urls: addresses that take requests; right requests go to the first, the wrong ones to any.
        endpoints: what is asked for.
        right: a request whose answer is known; it carries the nonce where the answer repeats one.
        check: what is wrong with the body of a 200 to such a request, in one sentence.
        ready: path that says whether the level answers.
        headers: names of headers that the level reads.
        stated: 5xx that the level may answer, each with its reason, by the beginning of the path.
        turned_away: whether an answer to a right request says to come again (overload), and so is no wrong one.
        home: the run folder, whose processes are watched; None: none are.
        deadline_s: an exchange that lasts longer hangs.
        rest_s: what a client of right requests rests between two.
    """

    level: int
    urls: Sequence[str]
    endpoints: Sequence[Operation]
    right: Callable[[Random, str], Request]
    check: Callable[[Request, bytes], str | None]
    ready: str = "/readyz"
    headers: Sequence[str] = ()
    stated: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    turned_away: Callable[[int, Mapping[bytes, bytes]], bool] = lambda status, _: status in {429, 503}
    home: Path | None = None
    deadline_s: float = 25.0
    rest_s: float = 0.02

    def reason(self, path: str, status: int) -> str | None:
        """The reason why a path may answer with a 5xx, or None when it may not."""
        found = (
            reasons[status] for prefix, reasons in self.stated.items() if path.startswith(prefix) if status in reasons
        )
        return next(found, None)


class Then(Enum):
    """The client's action after it has sent everything."""

    READ = "reads the answer"
    LEAVE = "closes the connection"
    STAY = "waits, however long"


class Case(NamedTuple):
    """One input.

    Attributes:
        kind: its class, for the table.
        pieces: what is sent, one after the other.
        path: whose stated 5xx apply.
        answered: whether it is a whole HTTP request, which is to be answered; else a closed connection will do.
        most: how many answers there may be.
        pause_s: between two pieces.
        head: whether it asks by HEAD, whose answer has no body.
        then: what the client does next.
        right: requests among the pieces whose answers are known, in order.
    """

    kind: str
    pieces: Sequence[bytes]
    path: str = ""
    answered: bool = True
    most: int = 1
    pause_s: float = 0.0
    head: bool = False
    then: Then = Then.READ
    right: Sequence[Request] = ()


def write(
    method: str, path: str, headers: Sequence[tuple[str, str]], body: bytes = b"", *, length: bool = True
) -> bytes:
    """The bytes of a request, in Latin-1 or, where that fails, UTF-8."""
    lines = [f"{method} {path} HTTP/1.1", "host: fuzz", *(f"{name}: {value}" for name, value in headers)]
    if length:
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + body


def answered_right(surface: Surface, request: Request, nonce: str, body: bytes) -> str | None:
    """The fault in the body of a 200 to a valid request, in one sentence, or None."""
    try:
        problem = surface.check(request, body)
    except Exception as error:  # noqa: BLE001 - whatever a check cannot read is no right answer
        return f"cannot be read: {error!r}"
    if problem is None and nonce.encode() in request.body and nonce.encode() not in body:
        return f"does not repeat {nonce}"
    return problem

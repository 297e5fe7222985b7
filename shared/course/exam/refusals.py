"""The part of an exam that asks wrongly: every wrong request is refused with its status, and a reason in JSON."""

from __future__ import annotations

from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from course.exam.examined import demand

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from course.exam.examined import Examined

__all__ = ["Refusal", "refuse_all"]

_JSON: Final[Mapping[str, str]] = {"content-type": "application/json"}
_LEAKS: Final = (b"Traceback", b"site-packages", b'.py", line')
_SHOWN: Final = 3


_PATIENCE_S: Final = 10.0


class Refusal(NamedTuple):
    """A wrong request: what is wrong with it, and the status that says so.

    ``claims`` is a length that the head announces instead of the body's, none of which is sent: who is to be refused
    for it must be refused at once.
    """

    wrong: str
    status: int
    path: str
    body: bytes = b""
    method: str = "POST"
    headers: Mapping[str, str] = _JSON
    claims: int = 0


def refuse_all(examined: Examined, refusals: Sequence[Refusal], reason: Callable[[Any], object]) -> str:
    """Sends every wrong request.

    Args:
        examined: the level.
        refusals: what to send, and which status is right.
        reason: finds the reason in an answer's decoded JSON; may raise what a wrong form makes it raise.

    Raises:
        ShortfallError: one is answered with another status, without a reason, or with the server's own source.
    """
    problems = [problem for each in refusals if (problem := _problem(examined, each, reason))]
    shown = "; ".join(problems[:_SHOWN])
    demand(not problems, f"{len(problems)} of {len(refusals)} wrong requests: {shown}")
    return f"{len(refusals)} wrong requests, each refused with its status and a reason"


def _problem(examined: Examined, refusal: Refusal, reason: Callable[[Any], object]) -> str:
    try:
        status, body = _ask(examined, refusal)
    except (OSError, HTTPException) as error:
        return f"{refusal.wrong}: no answer ({type(error).__name__}), expected {refusal.status}"
    if status != refusal.status:
        return f"{refusal.wrong}: {status}, expected {refusal.status}"
    if any(leak in body for leak in _LEAKS):
        return f"{refusal.wrong}: the answer shows the server's source"
    try:
        text = reason(msgspec.json.decode(body))
    except (msgspec.DecodeError, KeyError, TypeError, IndexError):
        text = None
    return "" if isinstance(text, str) and text else f"{refusal.wrong}: {status} without a reason in JSON"


def _ask(examined: Examined, refusal: Refusal) -> tuple[int, bytes]:
    where = urlsplit(examined.url)
    kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
    with closing(kind(where.hostname or "", where.port, timeout=_PATIENCE_S)) as connection:
        headers = {**examined.headers, **refusal.headers, "content-length": str(refusal.claims or len(refusal.body))}
        connection.request(refusal.method, refusal.path, b"" if refusal.claims else refusal.body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

"""The judge: which outcomes are faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from workbench.fuzz.cases import NONCE, nonce
from workbench.fuzz.surface import answered_right

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.fuzz.exchange import CaseOutcome, HttpAnswer
    from workbench.fuzz.surface import Case, Surface

__all__ = ["AnswerFault", "find_fault", "foreign"]

_OK: Final = 200
_SERVER_ERROR: Final = 500
_SHOWN: Final = 300


class AnswerFault(NamedTuple):
    """A fault in an answer: its kind and the details."""

    what: str
    detail: str


def find_fault(surface: Surface, case: Case, number: int, outcome: CaseOutcome) -> AnswerFault | None:
    """The first fault in the outcome of a case, or None."""
    if outcome.problem:
        return AnswerFault(outcome.problem, outcome.detail)
    return next(_faults(surface, case, nonce(number), outcome.answers), None)


def foreign(answer: HttpAnswer, own: str) -> AnswerFault | None:
    """Whether an answer carries the mark of another request."""
    whole = b"\n".join([*answer.headers.values(), answer.body])
    others = {found.decode() for found in NONCE.findall(whole)} - {own}
    return AnswerFault("another's answer", f"{sorted(others)[:3]} in {_shown(answer)}") if others else None


def _faults(surface: Surface, case: Case, own: str, answers: list[HttpAnswer]) -> Iterator[AnswerFault]:
    if case.answered and not answers:
        yield AnswerFault("no answer", "the connection was closed")
    if len(answers) > case.most:
        yield AnswerFault(
            "too many answers", f"{len(answers)} to at most {case.most}: {[each.status for each in answers]}"
        )
    for answer in answers:
        yield from _faults_of(surface, case, own, answer)
    for request, answer in zip(case.right, answers, strict=False):
        if surface.turned_away(answer.status, answer.headers):
            continue
        problem = answered_right(surface, request, own, answer.body) if answer.status == _OK else "expected 200"
        if problem:
            yield AnswerFault("wrong answer", f"{problem}: {_shown(answer)}")


def _faults_of(surface: Surface, case: Case, own: str, answer: HttpAnswer) -> Iterator[AnswerFault]:
    if answer.status >= _SERVER_ERROR and surface.reason(case.path, answer.status) is None:
        yield AnswerFault(f"status {answer.status}", _shown(answer))
    if b"Traceback (most recent" in answer.body:
        yield AnswerFault("traceback", _shown(answer))
    if b"x-injected" in answer.headers:
        yield AnswerFault("header injected", _shown(answer))
    yield from filter(None, (foreign(answer, own), _not_json(answer)))


def _not_json(answer: HttpAnswer) -> AnswerFault | None:
    kind = answer.headers.get(b"content-type", b"").partition(b";")[0]
    if kind != b"application/json" or not answer.body or b"content-encoding" in answer.headers:
        return None
    try:
        msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return AnswerFault("not JSON", f"{error}: {_shown(answer)}")
    return None


def _shown(answer: HttpAnswer) -> str:
    return f"{answer.status} {answer.body[:_SHOWN]!r}"

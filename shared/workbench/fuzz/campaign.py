"""The campaign: all inputs of a run, several at once, and valid requests beside them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

from workbench.fuzz.cases import make_case, nonce
from workbench.fuzz.exchange import FuzzConnection, NotHttpError, exchange
from workbench.fuzz.judge import AnswerFault, find_fault, foreign
from workbench.fuzz.surface import Case, Surface, answered_right, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from workbench.fuzz.exchange import HttpAnswer
    from workbench.sla import Request

__all__ = ["Campaign", "FoundFault", "Tally", "play"]

_AT_ONCE: Final = 32
_RIGHT_AT_ONCE: Final = 4
_FIRST_RIGHT: Final = 90_000_000
_ENOUGH: Final = 20
_TRIES: Final = 40
_AGAIN_S: Final = 0.05
_OK: Final = 200
_REPORT_EVERY: Final = 2000
_AFTER: Final = 0.3


class FoundFault(NamedTuple):
    """A fault and its input; the number of a valid request is that of its nonce."""

    number: int
    kind: str
    fault: AnswerFault
    url: str
    sent: bytes


@dataclass
class Tally:
    """The counts and faults of a run so far.

    Attributes:
        inputs: wrong requests, by kind.
        statuses: answers by status; 0: connections closed without one.
        right: right requests answered rightly.
        again: how often one of them was told to come again.
        found: faults, lost and wrongly answered right requests among them.
    """

    inputs: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    right: int = 0
    again: int = 0
    found: list[FoundFault] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def lost(self) -> int:
        """The number of valid requests without their right answer."""
        return sum(each.number >= _FIRST_RIGHT for each in self.found)


async def play(
    surface: Surface, case: Case, url: str, number: int, after: Request | None = None
) -> tuple[list[int], AnswerFault | None]:
    """The statuses of a case and its fault, if any; a valid request follows it where the connection stays open."""
    try:
        connection = await FuzzConnection.to(url)
    except OSError as error:
        return [], AnswerFault("refused", str(error))
    try:
        outcome = await exchange(connection, case, surface.deadline_s)
        fault = find_fault(surface, case, number, outcome)
        open_ = outcome.answers and not any(each.closes for each in outcome.answers)
        if fault is None and after is not None and open_ and case.answered:
            fault = await _follow(surface, connection, after, number)
        return [each.status for each in outcome.answers], fault
    finally:
        connection.close()


async def _follow(surface: Surface, connection: FuzzConnection, request: Request, number: int) -> AnswerFault | None:
    """The fault in the answer to a valid request behind a case, or None; a closed connection is no fault."""
    following = Case("after", [_bytes(request)], request.path, answered=False, right=[request])
    outcome = await exchange(connection, following, surface.deadline_s)
    fault = find_fault(surface, following, number, outcome)
    return None if fault is None else AnswerFault(f"{fault.what} behind it", fault.detail)


class Campaign:
    """A fuzzing run against a level.

    Args:
        surface: the level.
        seed: of all inputs.
        say: takes a line of progress.
    """

    def __init__(self, surface: Surface, seed: int, say: Callable[[str], object] = lambda _: None) -> None:
        self._surface = surface
        self.seed = seed
        self._say = say
        self._numbers = count(_FIRST_RIGHT)
        self.tally = Tally()

    async def run(self, numbers: Iterable[int]) -> Tally:
        """The tally after all inputs with these numbers, or after enough faults."""
        began, over = monotonic(), asyncio.Event()
        todo = iter(numbers)
        right = [asyncio.create_task(self._right(over, number)) for number in range(_RIGHT_AT_ONCE)]
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_AT_ONCE):
                    group.create_task(self._wrong(todo))
        finally:
            over.set()
            await asyncio.gather(*right)
        self.tally.seconds = round(monotonic() - began, 1)
        return self.tally

    async def _wrong(self, todo: Iterable[int]) -> None:
        for number in todo:
            case, url, after = self.case(number)
            statuses, fault = await play(self._surface, case, url, number, after)
            self.tally.inputs[case.kind] += 1
            self.tally.statuses.setdefault(case.kind, Counter()).update(statuses or [0])
            if fault:
                self._note(FoundFault(number, case.kind, fault, url, b"".join(case.pieces)))
            if self.tally.inputs.total() % _REPORT_EVERY == 0:
                self._say(f"{self.tally.inputs.total():,} inputs, {self.tally.right:,} right requests answered rightly")
            if len(self.tally.found) >= _ENOUGH:
                return

    def case(self, number: int) -> tuple[Case, str, Request | None]:
        """The input with a number, its address, and the request behind it."""
        draw = Random(f"{self.seed}/{number}/door")  # noqa: S311 - the same for the same seed
        after = self._surface.right(draw, nonce(number)) if draw.random() < _AFTER else None
        return make_case(self._surface, self.seed, number), draw.choice(self._surface.urls), after

    def _note(self, found: FoundFault) -> None:
        self.tally.found.append(found)
        self._say(f"input {found.number} ({found.kind}): {found.fault.what}: {found.fault.detail[:200]}")

    async def _right(self, over: asyncio.Event, client: int) -> None:
        """Sends valid requests over one connection until the run is over."""
        draw = Random(f"{self.seed}/right/{client}")  # noqa: S311 - likewise
        line = _Line(self._surface)
        while not over.is_set():
            number = next(self._numbers)
            request = self._surface.right(draw, nonce(number))
            fault = await self._asked(line, request, nonce(number))
            if fault:
                self._note(FoundFault(number, "right request", fault, self._surface.urls[0], _bytes(request)))
            else:
                self.tally.right += 1
            await asyncio.sleep(self._surface.rest_s)
        line.close()

    async def _asked(self, line: _Line, request: Request, mark: str) -> AnswerFault | None:
        for _ in range(_TRIES):
            try:
                async with asyncio.timeout(self._surface.deadline_s):
                    answer = await line.ask(_bytes(request))
            except (OSError, NotHttpError) as error:
                return AnswerFault("lost", repr(error))
            if not self._surface.turned_away(answer.status, answer.headers):
                return self._judged(answer, request, mark)
            self.tally.again += 1
            await asyncio.sleep(_AGAIN_S)
        return AnswerFault("lost", f"turned away {_TRIES} times, last with {answer.status} {answer.body[:200]!r}")

    def _judged(self, answer: HttpAnswer, request: Request, mark: str) -> AnswerFault | None:
        if answer.status != _OK:
            return AnswerFault(f"status {answer.status}", repr(answer.body[:200]))
        problem = answered_right(self._surface, request, mark, answer.body)
        return foreign(answer, mark) or (AnswerFault("wrong answer", problem) if problem else None)


class _Line:
    """A connection that is opened again when it is closed; a request is sent a second time only over a new one."""

    def __init__(self, surface: Surface) -> None:
        self._url = surface.urls[0]
        self._connection: FuzzConnection | None = None

    async def ask(self, whole: bytes) -> HttpAnswer:
        used, self._connection = self._connection, None
        for connection in (used, None):
            if connection is None:
                connection = await FuzzConnection.to(self._url)  # noqa: PLW2901 - there is none yet
            elif connection.reader.at_eof():
                continue
            connection.writer.write(whole)
            answer = await connection.answer()
            if answer is not None:
                self._connection = None if answer.closes else connection
                return answer
            connection.close()
            if connection is not used:
                break
        raise ConnectionResetError("closed without an answer")

    def close(self) -> None:
        if self._connection:
            self._connection.close()


def _bytes(request: Request) -> bytes:
    return write(request.method, request.path, list(request.headers.items()), request.body)

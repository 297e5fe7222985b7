"""The walk of a request through a graph, in the order of Seldon's executor.

For each unit: its input is transformed (or predicted), the children are asked — all, or the one that it routes to —,
their answers are combined, and the result is transformed. Feedback takes the same way, children first, along the routes
that the answer says were taken.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from graph_router.domain.failure import StepError
from graph_router.domain.graph import Call
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from graph_router.domain.graph import Predictor, Unit

__all__ = ["Caller", "Walk"]

_ALL = -1
_NONE = -2

M = TypeVar("M")


class Caller(Protocol[M]):
    """Calls one unit over the wire; ``M`` is a message in any form."""

    async def call(self, unit: Unit, call: Call, message: M) -> M:
        """The unit's answer to a message.

        Raises:
            StepError: the unit gave no answer, or an error.
        """
        ...

    async def aggregate(self, unit: Unit, messages: Sequence[M]) -> M:
        """The unit's answer to several messages."""
        ...

    def route_of(self, message: M) -> int:
        """The number of the child that a router's answer names."""
        ...


@dataclass
class Walk(Generic[M]):
    """The walk of one request.

    Attributes:
        caller: the wire, with this request's headers and deadline.
        stepped: called with the unit and the call after each answer.
        random: the source of RANDOM_ABTEST's draws.
        routing: child taken by each unit; -1 for all of them, -2 for none.
    """

    caller: Caller[M]
    stepped: Callable[[Unit, Call], None] = lambda _unit, _call: None
    random: Random = field(default_factory=Random)
    routing: dict[str, int] = field(default_factory=dict)

    async def predict(self, predictor: Predictor, message: M) -> M:
        """The graph's answer to a message.

        Raises:
            StepError: a unit gave no answer, or an error.
        """
        return await self._predict(predictor.graph, message)

    async def feedback(self, predictor: Predictor, message: M, routing: Mapping[str, int]) -> M:
        """The graph's answer to feedback, which goes to the units that the request passed.

        Args:
            predictor: the predictor that answered.
            message: the feedback.
            routing: the child that each unit sent the request to.

        Raises:
            StepError: a unit gave no answer, or an error.
            InvalidValueError: the routing names a child that does not exist.
        """
        return await self._feedback(predictor.graph, message, routing)

    async def _predict(self, unit: Unit, message: M) -> M:
        for call in (Call.TRANSFORM_INPUT, Call.PREDICT):  # a MODEL with the method TRANSFORM_INPUT is asked only that
            if call in unit.calls:
                self.routing[unit.name] = _ALL
                message = await self._call(unit, call, message)
                break
        message = await self._children(unit, message)
        if Call.TRANSFORM_OUTPUT in unit.calls:
            message = await self._call(unit, Call.TRANSFORM_OUTPUT, message)
        return message

    async def _children(self, unit: Unit, message: M) -> M:
        if not unit.children:
            return message
        route = await self._route(unit, message)
        self.routing[unit.name] = route
        if route == _NONE:
            return message
        chosen = unit.children if route == _ALL else (self._child(unit, route),)
        answers = await _together([self._predict(child, message) for child in chosen])
        if Call.AGGREGATE not in unit.calls:
            return answers[0]
        answer = await self.caller.aggregate(unit, answers)
        self.stepped(unit, Call.AGGREGATE)
        return answer

    async def _route(self, unit: Unit, message: M) -> int:
        if Call.ROUTE in unit.calls:
            return self.caller.route_of(await self._call(unit, Call.ROUTE, message))
        if unit.split is not None:
            return 0 if self.random.random() < unit.split else 1
        return _ALL

    async def _feedback(self, unit: Unit, message: M, routing: Mapping[str, int]) -> M:
        answer = message
        if unit.children:
            route = routing.get(unit.name, _ALL)
            if route >= len(unit.children):
                expectation = f"expected 0 to {len(unit.children) - 1}, -1 or -2"
                raise InvalidValueError(f"response.meta.routing.{unit.name}", route, expectation)
            chosen = unit.children if route < 0 else (unit.children[route],)
            answer = (await _together([self._feedback(child, message, routing) for child in chosen]))[0]
        return await self._call(unit, Call.FEEDBACK, message) if Call.FEEDBACK in unit.calls else answer

    async def _call(self, unit: Unit, call: Call, message: M) -> M:
        answer = await self.caller.call(unit, call, message)
        self.stepped(unit, call)
        return answer

    @staticmethod
    def _child(unit: Unit, route: int) -> Unit:
        if not 0 <= route < len(unit.children):
            raise StepError.bad_answer(unit.name, f"route {route}: expected 0 to {len(unit.children) - 1}, -1 or -2")
        return unit.children[route]


async def _together(walks: Sequence[Coroutine[Any, Any, M]]) -> list[M]:
    """The answers in order; raises the first error once all walks have ended, so that none runs on unwatched."""
    if len(walks) == 1:
        return [await walks[0]]
    answers = await asyncio.gather(*walks, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return [answer for answer in answers if not isinstance(answer, BaseException)]

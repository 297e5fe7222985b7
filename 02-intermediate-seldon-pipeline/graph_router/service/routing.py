"""Routing of a request: the choice of a predictor, the walk through its graph, and copies to shadows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

from graph_router.domain.failure import StepError
from graph_router.service.traffic import Traffic
from graph_router.service.walk import Walk
from servekit.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from graph_router.domain.graph import Call, Deployment, Predictor, Unit
    from graph_router.service.walk import Caller

__all__ = ["Answer", "Routing"]

M = TypeVar("M")
Headers = list[tuple[bytes, bytes]]


class Answer(NamedTuple, Generic[M]):
    """The answer of a predictor, and the child that each of its units sent the request to."""

    message: M
    routing: Mapping[str, int]


class _Connect(Protocol[M]):
    def __call__(self, predictor: Predictor, headers: Headers) -> Caller[M]: ...


class Routing(Generic[M]):
    """Sends each request to one predictor of a deployment, and copies of it to the shadows.

    Args:
        deployment: the predictors and shadows.
        connect: makes the caller of one predictor's units for one request.
        mirrored: called with the outcome of each copy: ``answered``, ``failed`` or ``dropped``.
        most_copies: the most copies in flight at once; a slow shadow must not grow a queue here.
        random: the source of the draws.
    """

    def __init__(
        self,
        deployment: Deployment,
        connect: _Connect[M],
        mirrored: Callable[[Predictor, str], None] = lambda _predictor, _result: None,
        *,
        most_copies: int = 32,
        random: Random | None = None,
    ) -> None:
        self._traffic = Traffic(deployment, random)
        self._named = {predictor.name: predictor for predictor in deployment.live}
        self._connect = connect
        self._mirrored = mirrored
        self._most_copies = most_copies
        self._copies: set[asyncio.Task[None]] = set()

    def choose(self, wanted: str | None = None) -> Predictor:
        """The predictor of that name, else the next one by the weights.

        Raises:
            KeyError: no live predictor has that name.
        """
        return self._traffic.predictor() if wanted is None else self._named[wanted]

    async def predict(
        self, predictor: Predictor, message: M, headers: Headers, stepped: Callable[[Unit, Call], None]
    ) -> Answer[M]:
        """The predictor's answer; shadows get their copies meanwhile.

        Raises:
            StepError: a unit gave no answer, or an error.
        """
        for shadow in self._traffic.shadows():
            self._mirror(shadow, message, headers)
        walk = Walk(self._connect(predictor, headers), stepped)
        return Answer(await walk.predict(predictor, message), walk.routing)

    async def feedback(self, predictor: Predictor, message: M, headers: Headers, routing: Mapping[str, int]) -> M:
        """The answer to feedback, which is passed on along the routes that its request took.

        Raises:
            StepError: a unit gave no answer, or an error.
        """
        return await Walk(self._connect(predictor, headers)).feedback(predictor, message, routing)

    @property
    def copies(self) -> int:
        """How many copies are in flight."""
        return len(self._copies)

    async def close(self) -> None:
        """Cancels the copies that are still in flight."""
        for copy in self._copies:
            copy.cancel()
        await asyncio.gather(*self._copies, return_exceptions=True)

    def _mirror(self, shadow: Predictor, message: M, headers: Headers) -> None:
        if len(self._copies) >= self._most_copies:
            self._mirrored(shadow, "dropped")
            return
        copy = asyncio.ensure_future(self._copy(shadow, message, headers))
        self._copies.add(copy)
        copy.add_done_callback(self._copies.discard)

    async def _copy(self, shadow: Predictor, message: M, headers: Headers) -> None:
        try:
            await Walk(self._connect(shadow, headers)).predict(shadow, message)
        except (StepError, ServingError):  # of the step, or of the message, which this graph cannot take
            self._mirrored(shadow, "failed")
        else:
            self._mirrored(shadow, "answered")

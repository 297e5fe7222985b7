"""What a gateway does in the background: it warms up, watches the feature store, and adjusts its limit."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from servekit.errors import NotReadyError
from shop.gateway.adapters.inference import FRAUD, PERSONALISATION, RANKING, ModelCalls, personalisation_shards
from shop.gateway.domain.admission import TICK_S
from shop.gateway.domain.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.gateway.adapters.inference import Signature
    from shop.gateway.domain.admission import AdaptiveLimit
    from shop.gateway.service.collaborators import Collaborators

__all__ = ["Readiness", "Upkeep"]

_log = logging.getLogger("shop.gateway")
_WATCH_TICKS = 10
_BUDGET_S = 2.0
_PROBE_S = 0.5
_NO_TRACE = "00-00000000000000000000000000000001-0000000000000001-00"


class Readiness:
    """Whether requests should come here: once every model has answered a warm-up prediction, until the process drains.

    A model that is lost later does not change that: degraded answers are better than none, and all gateways would be
    unready at once. But it is named, within a second or two.

    Attributes:
        draining: set once the process has been told to stop; it is then no longer ready, but still answers.
        missing: what has not answered yet.
        models: those that answers need, and whether their server has each of them ready.
        conditions: what else an answer depends on; each raises NotReadyError while it does not hold.
    """

    def __init__(self) -> None:
        self.draining = False
        self.missing = "models not asked yet"
        self.models: dict[str, bool] = {}
        self.conditions: list[Callable[[], None]] = []

    def check(self) -> None:
        """Raises `NotReadyError` with the reason."""
        if self.draining:
            raise NotReadyError("server", "draining", "call another replica")
        if self.missing:
            raise NotReadyError("server", "starting", self.missing)
        for check in self.conditions:
            check()


class Upkeep:
    """The background work of one process.

    Args:
        collaborators: what the use cases work with.
        calls: the models, whichever version the server chooses: that a version exists is for the edge to know.
        limit: moved every 0.1 s.
        ready: told when the warm-up is done.

    Attributes:
        watched: called about once a second.
    """

    def __init__(self, collaborators: Collaborators, calls: ModelCalls, limit: AdaptiveLimit, ready: Readiness) -> None:
        self._collaborators = collaborators
        self._calls = calls
        self._limit = limit
        self._ready = ready
        self._tasks: list[asyncio.Task[None]] = []
        self.watched: list[Callable[[], None]] = []

    def start(self) -> None:
        """Starts the two tasks; called on the running loop."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._tick()), loop.create_task(self._warm_up())]

    async def stop(self) -> None:
        """Cancels the tasks and waits until they have ended."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tick(self) -> None:
        ticks = 0
        while True:
            due = monotonic() + TICK_S
            await asyncio.sleep(TICK_S)
            self._limit.adjust(monotonic() - due)
            self._collaborators.metrics.limit(self._limit.limit)
            ticks += 1
            if ticks % _WATCH_TICKS == 0:
                for look in self.watched:
                    look()
                with suppress(UnavailableError):
                    await self._watch()
                with suppress(UnavailableError):
                    await self._learn_versions()
                await self._watch_models()

    async def _watch(self) -> None:
        collaborators = self._collaborators
        popular = await collaborators.lookup.popular(collaborators.settings.deadline_s)
        collaborators.popular.learn(popular)

    async def _watch_models(self) -> None:
        models = [signature.model for signature in self._signatures()]
        ready = await asyncio.gather(*(self._calls.ready(model, _PROBE_S) for model in models))
        self._ready.models = dict(zip(models, ready, strict=True))

    async def _learn_versions(self) -> None:
        """Asks the model server for its versions when a request named an unknown one: it may be new, or made up."""
        if self._calls.versions.strange:
            self._calls.versions.strange = False
            for signature in self._signatures():
                await self._calls.learn(signature.model, _BUDGET_S)

    async def _warm_up(self) -> None:
        while self._ready.missing:
            try:
                await self._watch()
                for signature in self._signatures():
                    rows = np.zeros((1, signature.width), np.float32)
                    await self._calls.infer(signature, "", rows, _NO_TRACE, _BUDGET_S)
            except UnavailableError as error:
                self._ready.missing = str(error)
                await asyncio.sleep(TICK_S)
            else:
                self._ready.models = {signature.model: True for signature in self._signatures()}
                self._ready.missing = ""
                _log.info("warm: every model has answered")

    def _signatures(self) -> list[Signature]:
        """Of every model that answers need."""
        shards = personalisation_shards(self._collaborators.settings.shards)
        return [RANKING, FRAUD, *(shards or [PERSONALISATION])]

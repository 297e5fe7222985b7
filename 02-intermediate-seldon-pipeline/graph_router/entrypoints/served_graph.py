"""A deployment in service, and how another one takes its place while requests go on.

SIGUSR1 asks for the deployment that then lies in the file. Requests that have begun go on through the old graph; those
that begin later take the new one. When the last answer of the old graph is given, its connections are closed, and the
metrics say that it is gone: then nobody calls its steps any more. A file that cannot be served changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from graph_router.adapters.deployment_yaml import load_deployment
from graph_router.domain.graph import GraphError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from graph_router.adapters.seldon_message import Message
    from graph_router.adapters.step_calls import Steps
    from graph_router.domain.graph import Deployment, Predictor
    from graph_router.service.routing import Routing
    from servekit.telemetry import Telemetry

__all__ = ["REPLACE", "GraphReplacer", "ServedGraph", "digests"]

REPLACE = signal.SIGUSR1
"""Has the router serve what now lies in the deployment's file."""

_POLL_S = 0.02
_log = logging.getLogger("recommender.router")


def digests(deployment: Deployment) -> set[tuple[str, str]]:
    """Version and sha256 of each live predictor's graph, as ``serving_model_info`` has them; ports are part of it."""
    return {(predictor.version, _digest(predictor)) for predictor in deployment.live}


@dataclass(eq=False)
class ServedGraph:
    """What serves a deployment.

    Attributes:
        deployment: the predictors.
        routing: sends requests to them.
        steps: the connections to their units.
        running: requests that it has not answered yet.
    """

    deployment: Deployment
    routing: Routing[Message]
    steps: Steps
    running: int = 0

    async def drained(self) -> None:
        """Returns when no request is on its way through it, and no copy of one."""
        while self.running or self.routing.copies:  # noqa: ASYNC110 - seldom waited for, and no request pays for it
            await asyncio.sleep(_POLL_S)

    async def close(self) -> None:
        """Cancels the copies that are still in flight, and closes every connection."""
        await self.routing.close()
        await self.steps.close()


class GraphReplacer:
    """Replaces the graph in service.

    Args:
        source: the file with the deployment.
        current: gives the graph in service.
        replace: opens a deployment, has it serve what comes from now on, and returns the graph that it replaced.
        telemetry: is told which graphs are served.
    """

    def __init__(
        self,
        source: Path,
        current: Callable[[], ServedGraph],
        replace: Callable[[Deployment], ServedGraph],
        telemetry: Telemetry,
    ) -> None:
        self._source, self._current, self._replace, self._telemetry = source, current, replace, telemetry
        self._one_at_a_time = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        """Replaces on the signal from now on; to be called on the event loop of the main thread."""
        asyncio.get_running_loop().add_signal_handler(REPLACE, self._begin)

    async def run(self) -> None:
        """Puts the file's deployment in service, or leaves the old one there and logs why."""
        async with self._one_at_a_time:
            try:
                deployment = await asyncio.to_thread(load_deployment, self._source)
                _check_name(deployment, self._current().deployment)
            except GraphError as error:
                _log.error("the graph is not replaced: %s", error)
                return
            old = self._replace(deployment)
            await old.drained()
            await old.close()
            for version, sha256 in digests(old.deployment) - digests(deployment):
                self._telemetry.metrics.gone(deployment.name, version, sha256)
            _log.info("the graph is replaced: %s", ", ".join(each.name for each in deployment.predictors))

    def _begin(self) -> None:
        task = asyncio.ensure_future(self.run())
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _check_name(new: Deployment, old: Deployment) -> None:
    if new.name != old.name:
        raise GraphError(f"deployment {new.name}: expected {old.name}, whose metrics this process has: restart it")


def _digest(predictor: Predictor) -> str:
    return hashlib.sha256(msgspec.json.encode(predictor.graph, order="deterministic")).hexdigest()

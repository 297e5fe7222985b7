"""uvicorn, configured as every level uses it, and stopped without losing a request."""

from __future__ import annotations

import gc
import os
import signal
import time
from typing import TYPE_CHECKING, Any, Protocol

import uvicorn

from servekit.http_deadline import DeadlineProtocol

if TYPE_CHECKING:
    import socket
    from types import FrameType

__all__ = ["Drainable", "DrainingServer"]


class Drainable(Protocol):
    """The part of a server that answers readiness probes; not ready once ``draining`` is set."""

    draining: bool


class DrainingServer(uvicorn.Server):
    """uvicorn, stopped in the order that a load balancer needs.

    On SIGTERM it stops being ready and closes each keep-alive connection after the answer to its next request, while it
    still answers new requests; after ``drain_s`` it stops listening and lets running requests end. Plain uvicorn closes
    idle connections at once, and a request on its way over one of them is lost.

    Args:
        app: the ASGI application.
        ready: its ``draining`` is set on SIGTERM.
        drain_s: how long new requests are still answered after SIGTERM, while balancers look away.
        drain_timeout_s: how long running requests may take to end after that.
        receive_timeout_s: how long a request's headers may take to arrive, and then its body.
        parent: the process that started this one as one of several; it drains when that has ended. 0: nobody.
    """

    def __init__(  # noqa: PLR0913 - a server's settings, each by its name
        self,
        app: Any,
        ready: Drainable,
        *,
        drain_s: float,
        drain_timeout_s: int,
        receive_timeout_s: float,
        parent: int = 0,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=DeadlineProtocol,
            loop="uvloop",
            ws="none",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            log_config=None,
            backlog=2048,
            timeout_graceful_shutdown=drain_timeout_s,
        )
        super().__init__(config)
        self._ready = ready
        self._drain_s = drain_s
        self._receive_timeout_s = receive_timeout_s
        self._deadline = float("inf")
        self._parent = parent

    def serve_on(self, listener: socket.socket) -> None:
        """Serves until a signal stops it. Start-up garbage is collected once and left alone, for a steadier tail."""
        gc.collect()
        gc.freeze()
        self.run([listener])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the signal handler's signature
        """Starts to drain; a second signal ends the drain at once."""
        if self._ready.draining:
            self._deadline = 0
            self.force_exit = sig == signal.SIGINT
            return
        self._ready.draining = True
        self._deadline = time.monotonic() + self._drain_s
        self.config.encoded_headers.append((b"connection", b"close"))
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]

    async def on_tick(self, counter: int) -> bool:
        """Whether to stop now; called ten times a second."""
        for connection in list(self.server_state.connections):
            if isinstance(connection, DeadlineProtocol):
                connection.check(self._receive_timeout_s)
        orphaned = self._parent and os.getppid() != self._parent  # nobody would stop it any more
        if orphaned and not self._ready.draining:
            self.handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter) or time.monotonic() >= self._deadline

"""What an operator and a cluster ask of the process: is it alive, is it ready, how does it do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shop.gateway.domain.errors import MethodError

if TYPE_CHECKING:
    from servekit.telemetry import Telemetry
    from shop.gateway.service.upkeep import Readiness

__all__ = ["QUIET", "Health"]

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""These leave no line in the log: a probe each second would drown the requests."""

_JSON_TYPE = (b"content-type", b"application/json")
_TEXT_TYPE = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")


class Health:
    """The answers to the paths in `QUIET`. Liveness depends on nothing; readiness is `Readiness`'s.

    Args:
        ready: whether requests should come here.
        watch: has the metrics.
    """

    def __init__(self, ready: Readiness, watch: Telemetry) -> None:
        self._ready = ready
        self._watch = watch

    def answer(self, path: str, method: str) -> tuple[bytes, tuple[bytes, bytes]]:
        """The body and its content type.

        Raises:
            MethodError: it is no GET.
            NotReadyError: ``/readyz`` is asked, and requests should not come here.
        """
        if method != "GET":
            raise MethodError("method", method, "expected GET")
        if path == "/metrics":
            return self._watch.exposition(), _TEXT_TYPE
        if path == "/healthz":
            return msgspec.json.encode({"live": True}), _JSON_TYPE
        self._ready.check()
        return msgspec.json.encode({"ready": True, "models": self._ready.models}), _JSON_TYPE

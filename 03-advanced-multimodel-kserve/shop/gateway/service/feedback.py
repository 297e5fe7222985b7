"""``POST /v1/feedback``: what became of an answer. The caller names the version that gave it, so nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from servekit.errors import InvalidValueError
from shop.gateway.adapters.metrics import OUTCOMES
from shop.gateway.domain.contracts import FeedbackRequest, decoder, read
from shop.gateway.service.request import Outgoing

if TYPE_CHECKING:
    from shop.gateway.adapters.metrics import GatewayMetrics
    from shop.gateway.service.request import Incoming

__all__ = ["Feedback"]

_decoder = decoder(FeedbackRequest)


class Feedback:
    """The use case: counts outcomes by version; these counters are each version's online quality."""

    model = ""

    def __init__(self, metrics: GatewayMetrics) -> None:
        self._metrics = metrics

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Counts one outcome; raises `ServingError` for one that a model's answers do not have."""
        request = read(_decoder, incoming.body)
        outcomes = OUTCOMES[request.model]
        if request.outcome not in outcomes:
            expectation = f"expected one of {', '.join(outcomes)} for {request.model}"
            raise InvalidValueError("outcome", request.outcome, expectation)
        self._metrics.feedback(request.model, request.version, request.outcome)
        return Outgoing(b"{}", request.version)

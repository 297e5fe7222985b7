"""The traffic of ``make sla-3``: recommendations, searches of a hundred candidates, and payments, as the world asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shop.addresses import Addresses
from shop.endpoints import PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.gateway.domain.contracts import PaymentRequest, RecommendationRequest, SearchRequest, decoder
from shop.gateway.settings import GatewaySettings
from shop.load.oracle import Oracle
from shop.load.world_traffic import WorldTraffic

if TYPE_CHECKING:
    from random import Random

    import msgspec

    from workbench.sla import Request

__all__ = ["ShopScenario", "asked"]

_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    SEARCH.path: decoder(SearchRequest),
    RECOMMENDATIONS.path: decoder(RecommendationRequest),
    PAYMENTS.path: decoder(PaymentRequest),
}


class ShopScenario:
    """Kinds ``recommendations``, ``search``, ``payments``.

    Requests were encoded when they were recorded. Answers are checked once the load is over: that computes each again,
    with the version that gave it. A fallback's answer counts as wrong.
    """

    def __init__(self) -> None:
        addresses = Addresses()
        self._traffic = WorldTraffic(addresses, afresh=True)
        self._oracle = Oracle(addresses, GatewaySettings())

    def request(self, kind: str, random: Random) -> Request:
        """The next request of this kind."""
        return self._traffic.request(kind, random)

    def check(self, request: Request, answer: bytes) -> str | None:
        """What is wrong with an answer by ONNX Runtime's own; ``None`` when it is right."""
        return self._oracle.check(asked(request), answer)


def asked(request: Request) -> SearchRequest | RecommendationRequest | PaymentRequest:
    """The decoded body of a request."""
    question: SearchRequest | RecommendationRequest | PaymentRequest = _DECODERS[request.path].decode(request.body)
    return question

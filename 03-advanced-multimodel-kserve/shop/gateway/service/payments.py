"""``POST /v1/payments/score``: may a payment go through? Without a score it is for a person to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shop.features.fraud import Payment, build
from shop.gateway.adapters.inference import FRAUD
from shop.gateway.domain.contracts import Payment as Request
from shop.gateway.domain.contracts import decoder, read
from shop.gateway.domain.errors import UnavailableError
from shop.gateway.service.request import Outgoing

if TYPE_CHECKING:
    from shop.gateway.service.hops import Hops
    from shop.gateway.service.request import Incoming

__all__ = ["Payments", "Scored"]

MODEL = FRAUD.model
_decoder = decoder(Request)
_encode = msgspec.json.Encoder().encode


class Scored(msgspec.Struct, frozen=True):
    """The answer; ``probability`` is null where ``reason`` says what was not available."""

    payment: str
    decision: str
    probability: float | None
    reason: str
    model: str
    version: str


class Payments:
    """The use case. Answers are neither cached nor remembered: a score of a moment ago is not this payment's."""

    model = MODEL

    def __init__(self, hops: Hops) -> None:
        self._hops = hops

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Answers one request; raises `ServingError` for one that cannot be understood."""
        request = read(_decoder, incoming.body)
        probability, degraded, version = None, "", incoming.version
        try:
            probability, version = await self._score(request, incoming)
        except UnavailableError as error:
            degraded = error.reason
            self._hops.metrics.degraded(MODEL, version, degraded)
        decision, reason = self._decide(probability, degraded)
        body = _encode(Scored(request.payment, decision, probability, reason, MODEL, version))
        self._hops.oversight.decided(
            incoming.record, model=MODEL, version=version, request=incoming.body, answer=body, decision=decision
        )
        return Outgoing(body, version, degraded)

    async def _score(self, request: Request, incoming: Incoming) -> tuple[float, str]:
        hops, record = self._hops, incoming.record
        timeout_s = hops.lookup_s(incoming.deadline)
        entities = await hops.lookup.payment(request.user, request.card, request.device, request.ip, timeout_s)
        record.lap("lookup")
        features = build(Payment(request.amount, request.category, request.hour), *entities).reshape(1, -1)
        record.lap("features")
        (probabilities,), version = await hops.infer(FRAUD, incoming.version, features, record, incoming.deadline)
        record.lap("infer")
        probability = float(probabilities[0])
        hops.metrics.score(MODEL, version, probability)
        hops.oversight.seen(MODEL, version, features, probabilities)
        record.version = version
        return round(probability, 6), version

    def _decide(self, probability: float | None, degraded: str) -> tuple[str, str]:
        settings = self._hops.settings
        if probability is None:
            return "review", degraded
        if probability >= settings.decline_at:
            return "decline", "high_risk"
        return ("review", "elevated_risk") if probability >= settings.review_at else ("approve", "low_risk")

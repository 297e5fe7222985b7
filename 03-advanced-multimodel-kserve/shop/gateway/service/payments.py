"""``POST /v1/payments/score``: may a payment go through? Without a score it is for a person to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from shop.features.fraud import Payment, build
from shop.gateway.adapters.inference import FRAUD
from shop.gateway.domain.contracts import PaymentRequest, decoder, read
from shop.gateway.domain.errors import UnavailableError
from shop.gateway.service.request import Outgoing

if TYPE_CHECKING:
    from shop.gateway.service.collaborators import Collaborators
    from shop.gateway.service.request import Incoming

__all__ = ["PaymentDecision", "PaymentScoring"]

_decoder = decoder(PaymentRequest)
_encode = msgspec.json.Encoder().encode


class PaymentDecision(msgspec.Struct, frozen=True):
    """The answer; ``probability`` is null where ``reason`` says what was not available."""

    payment: str
    decision: str
    probability: float | None
    reason: str
    model: str
    version: str


class PaymentScoring:
    """The use case. Answers are neither cached nor remembered: a score of a moment ago is not this payment's."""

    model = FRAUD.model

    def __init__(self, collaborators: Collaborators) -> None:
        self._collaborators = collaborators

    async def __call__(self, incoming: Incoming) -> Outgoing:
        """Answers one request; raises `ServingError` for one that cannot be understood."""
        request = read(_decoder, incoming.body)
        probability, degraded, version = None, "", incoming.version
        try:
            probability, version = await self._score(request, incoming)
        except UnavailableError as error:
            degraded = error.reason
            self._collaborators.metrics.degraded(self.model, version, degraded)
        decision, reason = self._decide(probability, degraded)
        body = _encode(PaymentDecision(request.payment, decision, probability, reason, self.model, version))
        self._collaborators.monitor.audit_decision(
            incoming.record, model=self.model, version=version, request=incoming.body, answer=body, decision=decision
        )
        return Outgoing(body, version, degraded)

    async def _score(self, request: PaymentRequest, incoming: Incoming) -> tuple[float, str]:
        """The probability of fraud, to six decimals, and the version that computed it."""
        collaborators, record = self._collaborators, incoming.record
        timeout_s = collaborators.lookup_s(incoming.deadline)
        entities = await collaborators.lookup.payment(request.user, request.card, request.device, request.ip, timeout_s)
        record.mark("lookup")
        features = build(Payment(request.amount, request.category, request.hour), *entities).reshape(1, -1)
        record.mark("features")
        inferred = await collaborators.infer(FRAUD, incoming.version, features, record, incoming.deadline)
        (probabilities,), version = inferred
        record.mark("infer")
        probability = float(probabilities[0])
        collaborators.metrics.computed(self.model, version, probability, record.started_ns)
        collaborators.monitor.observe(self.model, version, features, probabilities)
        record.version = version
        return round(probability, 6), version

    def _decide(self, probability: float | None, degraded: str) -> tuple[str, str]:
        """The decision and its reason; without a probability, what was not available is the reason."""
        settings = self._collaborators.settings
        if probability is None:
            return "review", degraded
        if probability >= settings.decline_at:
            return "decline", "high_risk"
        return ("review", "elevated_risk") if probability >= settings.review_at else ("approve", "low_risk")

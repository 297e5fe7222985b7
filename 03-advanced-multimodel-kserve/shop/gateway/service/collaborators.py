"""What the use cases work with, wired once for a process, and the share of a request's time that each part may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.gateway.service.request import time_left

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from servekit.telemetry import RequestRecord
    from shop.gateway.adapters.cache import InferenceCache
    from shop.gateway.adapters.feature_lookup import FeatureLookup
    from shop.gateway.adapters.inference import Inferred, ModelCalls, Signature
    from shop.gateway.adapters.metrics import GatewayMetrics
    from shop.gateway.adapters.model_monitor import ModelMonitor
    from shop.gateway.domain.fallback import LastGood, Popular
    from shop.gateway.settings import GatewaySettings

__all__ = ["Collaborators"]


@dataclass(frozen=True, slots=True)
class Collaborators:
    """The gateway's adapters and fallbacks; ``cache`` is ``None`` where answers are not cached."""

    settings: GatewaySettings
    lookup: FeatureLookup
    calls: ModelCalls
    cache: InferenceCache | None
    last_good: LastGood
    popular: Popular
    metrics: GatewayMetrics
    monitor: ModelMonitor

    def lookup_s(self, deadline: float) -> float:
        """Seconds that a look-up of features may take; raises `UnavailableError` when the time is up."""
        return time_left(deadline) * self.settings.lookup_share

    async def infer(
        self, signature: Signature, version: str, rows: NDArray[np.float32], record: RequestRecord, deadline: float
    ) -> Inferred:
        """The model's outputs for ``rows``, within what is left of the request's time.

        Raises:
            UnavailableError: the time is up, or the model did not answer within it.
        """
        budget_s = time_left(deadline, self.settings.reserve_ms / 1e3)
        return await self.calls.infer(signature, version, rows, record.traceparent, budget_s)

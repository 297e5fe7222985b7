"""The shop's endpoints: for each kind of request its path, and the model that answers it. No other code writes them."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "BY_KIND", "BY_MODEL", "CHAT", "ENDPOINTS", "FEEDBACK_PATH", "MODELS", "PAYMENTS", "RECOMMENDATIONS", "SEARCH",
    "SPLIT_PATHS", "Endpoint",
]  # fmt: skip


class Endpoint(NamedTuple):
    """One row of the table.

    Attributes:
        kind: of request, as traffic, the SLA and the plan name it.
        path: where the edge and the gateways take it.
        model: the one that answers it, by its name in Triton.
    """

    kind: str
    path: str
    model: str


SEARCH: Final = Endpoint("search", "/v1/search", "ranking")
PAYMENTS: Final = Endpoint("payments", "/v1/payments/score", "fraud")
RECOMMENDATIONS: Final = Endpoint("recommendations", "/v1/recommendations", "personalisation")
ENDPOINTS: Final = (SEARCH, PAYMENTS, RECOMMENDATIONS)

BY_KIND: Final = {each.kind: each for each in ENDPOINTS}
BY_MODEL: Final = {each.model: each for each in ENDPOINTS}
MODELS: Final = tuple(BY_MODEL)
"""The three models, by their names in Triton."""

CHAT: Final = Endpoint("chat", "/v1/chat/completions", "assistant")
"""Answered by the assistant, where it runs; no model of Triton's."""

SPLIT_PATHS: Final = {each.model: each.path for each in (*ENDPOINTS, CHAT)}
"""Of everything whose requests two versions can share, the path."""

FEEDBACK_PATH: Final = "/v1/feedback"
"""Where callers report what became of an answer; no model is asked."""

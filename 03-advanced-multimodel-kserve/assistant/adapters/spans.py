"""A span for each answer, with the attributes that OpenTelemetry names for generative AI; neither prompt nor answer."""

from __future__ import annotations

import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Protocol

from servekit.telemetry import RequestRecord
from servekit.telemetry.traces import span_log

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from assistant.domain.contracts import ChatRequest
    from servekit.telemetry import TelemetrySettings

__all__ = ["ChatSpans", "Told"]

_log = logging.getLogger("assistant")


class Told(Protocol):
    """What is told of an answer: its own words, its tokens, and how it ended."""

    about: dict[str, Any]
    prompt_tokens: int
    answer_tokens: int
    tokens: int
    end: str


class ChatSpans:
    """Writes spans named ``chat MODEL``, children of the request's, and one line of log for each.

    Args:
        settings: where spans go, and which are kept.
    """

    def __init__(self, settings: TelemetrySettings) -> None:
        self._spans = span_log("assistant", settings)

    def write(self, record: RequestRecord, request: ChatRequest, answer: Told, *, failed: bool) -> None:
        """Tells of an answer that has ended."""
        took_ns = perf_counter_ns() - record.started_ns
        _log.info(
            "chat %s: %d tokens in, %d out, %.0f ms, weights %s, trace %032x",
            *(answer.end, answer.prompt_tokens, answer.tokens, took_ns / 1e6),
            *(answer.about["system_fingerprint"], record.trace_id),
        )
        if self._spans is None or not (record.sampled or failed):
            return
        about: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "shop",
            "gen_ai.request.model": request.model,
            "gen_ai.response.model": request.model,
            "gen_ai.response.id": answer.about["id"],
            "gen_ai.request.max_tokens": answer.answer_tokens,
            "gen_ai.usage.input_tokens": answer.prompt_tokens,
            "gen_ai.usage.output_tokens": answer.tokens,
            "gen_ai.response.finish_reasons": [answer.end],
        }
        if request.temperature is not None:
            about["gen_ai.request.temperature"] = request.temperature
        child = RequestRecord(record.traceparent.encode(), 1.0)
        child.started_ns, child.started_unix_ns = record.started_ns, record.started_unix_ns
        self._spans.write(child, f"chat {request.model}", about, took_ns, failed=failed)

    def shutdown(self) -> None:
        """Writes what is buffered."""
        if self._spans is not None:
            self._spans.shutdown()

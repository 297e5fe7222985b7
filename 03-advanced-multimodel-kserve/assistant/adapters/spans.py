"""A span for each answer, with the attributes that OpenTelemetry names for generative AI; neither prompt nor answer."""

from __future__ import annotations

import logging
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.trace import SpanKind

from assistant.adapters.metrics import PROVIDER
from servekit.telemetry import RequestRecord
from servekit.telemetry.traces import span_log

if TYPE_CHECKING:
    from opentelemetry.util.types import AttributeValue

    from assistant.domain.contracts import ChatRequest
    from servekit.telemetry import TelemetrySettings

__all__ = ["ChatSpans", "Told"]

_log = logging.getLogger("assistant")


class Told(Protocol):
    """What is told of an answer.

    Attributes:
        about: its id, and the weights' fingerprint.
        prompt_tokens: of its prompt.
        counted: whether the engine counted them; else they are estimated.
        answer_tokens: the most it may have.
        tokens: that it has.
        first_s: seconds to the first of them; None where none came.
        end: how it ended.
    """

    about: dict[str, Any]
    prompt_tokens: int
    counted: bool
    answer_tokens: int
    tokens: int
    first_s: float | None
    end: str


class ChatSpans:
    """Writes spans named ``chat MODEL``, children of the request's, and one line of log for each.

    Args:
        settings: where spans go, and which are kept.
    """

    def __init__(self, settings: TelemetrySettings) -> None:
        self._spans = span_log("assistant", settings)

    def write(self, record: RequestRecord, request: ChatRequest, answer: Told, error: str) -> None:
        """Tells of an answer that has ended; ``error`` says of which kind its failure was, and is empty without one."""
        took_ns = perf_counter_ns() - record.started_ns
        _log.info(
            "chat %s: %d tokens in, %d out, %.0f ms, weights %s, trace %032x",
            *(answer.end, answer.prompt_tokens, answer.tokens, took_ns / 1e6),
            *(answer.about["system_fingerprint"], record.trace_id),
        )
        if self._spans is None or not (record.sampled or error):
            return
        about = {name: value for name, value in _attributes(request, answer, error).items() if value is not None}
        child = RequestRecord(record.traceparent.encode(), 1.0)
        child.started_ns, child.started_unix_ns = record.started_ns, record.started_unix_ns
        # the engine is another process, so this is a client's span
        self._spans.write(child, f"chat {request.model}", about, took_ns, failed=bool(error), kind=SpanKind.CLIENT)

    def shutdown(self) -> None:
        """Writes what is buffered."""
        if self._spans is not None:
            self._spans.shutdown()


def _attributes(request: ChatRequest, answer: Told, error: str) -> dict[str, AttributeValue | None]:
    """OpenTelemetry's names; stop strings have one too, but are the shopper's own words."""
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDER,
        "gen_ai.request.model": request.model,
        "gen_ai.request.max_tokens": answer.answer_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.top_p": request.top_p,
        "gen_ai.request.seed": request.seed,
        "gen_ai.request.stream": True if request.stream else None,
        "gen_ai.response.model": request.model,
        "gen_ai.response.id": answer.about["id"],
        "gen_ai.response.finish_reasons": [answer.end] if answer.end in {"stop", "length"} else None,
        "gen_ai.response.time_to_first_chunk": answer.first_s if request.stream else None,
        "gen_ai.usage.input_tokens": answer.prompt_tokens if answer.counted else None,
        "gen_ai.usage.output_tokens": answer.tokens,
        "error.type": error or None,
    }

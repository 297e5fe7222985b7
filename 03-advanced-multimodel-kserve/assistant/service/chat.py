"""One question from its request to the last piece of its answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from http import HTTPStatus
from time import monotonic, perf_counter_ns, time
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias

from assistant.domain.admission import estimated_tokens
from assistant.domain.contracts import TokenUsage
from assistant.domain.errors import (
    ClientGoneError,
    EngineFailedError,
    LateTokenError,
    ParameterError,
    PromptTooLongError,
    UnknownChatModelError,
)
from assistant.domain.prompt import make_turns
from assistant.domain.wire import Accepted, Finished, Generate, Refused
from servekit.errors import ServingError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from assistant.adapters.engine import Generation, Link
    from assistant.adapters.facts import ItemFacts
    from assistant.adapters.metrics import ChatMetrics
    from assistant.domain.admission import TokenAdmission, TokenBudgets, TokenPlace
    from assistant.domain.contracts import ChatRequest
    from assistant.domain.wire import Turn
    from assistant.settings import AssistantSettings
    from servekit.telemetry import RequestRecord

__all__ = ["Answer", "Chat", "Ended", "Nothing", "Piece", "Words"]


class Words(NamedTuple):
    """A piece of the answer."""

    text: str


class Nothing(NamedTuple):
    """Nothing has come for a while; the caller should hear that the answer is still worked on."""


class Ended(NamedTuple):
    """The answer is complete, for this reason (``stop`` or ``length``)."""

    reason: str


Piece: TypeAlias = Words | Nothing | Ended


@dataclass(frozen=True)
class Chat:
    """The use case and what it works with."""

    model: str
    settings: AssistantSettings
    link: Link
    facts: ItemFacts
    admission: TokenAdmission
    budgets: TokenBudgets
    metrics: ChatMetrics

    async def begin(self, request: ChatRequest, key: str, record: RequestRecord) -> Answer:
        """Lets a request in and has the engine begin; the answer must be entered as a context, which ends it.

        Raises:
            ServingError: the request cannot be answered, or not now.
        """
        self._check(request)
        named = (request.metadata or {}).get("item")
        turns = make_turns(request.messages, await self.facts.find(named) if named is not None else None)
        record.mark("facts")
        return Answer(self, request, turns, key, record)

    def _check(self, request: ChatRequest) -> None:
        if request.model != self.model:
            raise UnknownChatModelError("model", request.model, f"not served here, expected {self.model}")
        if (request.limit or 1) > self.settings.max_tokens:
            raise ParameterError("max_tokens", request.limit, f"expected at most {self.settings.max_tokens}")
        if request.stream_options is not None and not request.stream:
            raise ParameterError("stream_options", None, "expected only together with stream")
        size = estimated_tokens([each.text for each in request.messages])
        if size > 2 * self.settings.max_prompt_tokens:  # the estimate is rough; the engine's count decides
            raise PromptTooLongError("messages", f"of about {size} tokens", self._longest())

    def _longest(self) -> str:
        return f"expected at most {self.settings.max_prompt_tokens} tokens, the shop's own part included"


class Answer:
    """An answer under way: `pieces` has it; leaving the context gives back what it holds, whatever happened.

    Attributes:
        about: what each part of the answer says of itself: id, time, model, fingerprint.
        prompt_tokens: as the engine counted them.
        counted: whether it was the engine that counted them; else they are estimated.
        tokens: that have come.
        first_s: seconds from the request to the first of them; None where none came.
        end: how it ended.
    """

    def __init__(self, chat: Chat, request: ChatRequest, turns: list[Turn], key: str, record: RequestRecord) -> None:
        self._chat = chat
        self._settings = chat.settings
        self._request = request
        self._turns = turns
        self._key = key
        self._record = record
        self._place: TokenPlace | None = None
        self._generation: Generation | None = None
        self._began = self._last = monotonic() - _since_read(record)
        self.first_s: float | None = None
        self.counted = False
        self.prompt_tokens = estimated_tokens([turn.content for turn in turns])
        self.answer_tokens = request.limit or min(chat.settings.default_tokens, chat.settings.max_tokens)
        self.tokens = 0
        self.end = "failed"
        hello = chat.link.hello
        self.about: dict[str, Any] = {
            "id": f"chatcmpl-{record.trace_id:032x}",
            "created": int(time()),
            "model": chat.model,
            "system_fingerprint": hello.sha256[:12] if hello else "",
        }

    def __enter__(self) -> Self:
        chat, cost = self._chat, self.prompt_tokens + self.answer_tokens
        chat.budgets.take(self._key, cost)
        self._reserved = cost
        try:
            self._place = chat.admission.enter(self.prompt_tokens, self.answer_tokens)
            self._generation = chat.link.generate(self._wanted())
        except BaseException:
            self._give_back()
            raise
        self._record.mark("admission")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.end = self._end_of(error)
        if self._generation is not None:
            self._generation.close()
        self._give_back()
        metrics, took = self._chat.metrics, monotonic() - self._began
        metrics.ended(self.end)
        metrics.duration.observe(took)
        self._record.mark("decode")
        if self.first_s is not None and self.tokens > 1:
            metrics.per_token.observe((self._last - self._began - self.first_s) / (self.tokens - 1))

    @property
    def usage(self) -> TokenUsage:
        """The tokens so far."""
        return TokenUsage(self.prompt_tokens, self.tokens)

    async def pieces(self) -> AsyncIterator[Piece]:
        """The answer in pieces of whole characters; ends after `Ended`.

        Raises:
            ServingError: the engine refuses, is lost, or lets the caller wait too long.
        """
        assert self._generation is not None  # noqa: S101 - within the context there is one
        settings = self._settings
        while True:
            event = await self._generation.next(settings.heartbeat_s)
            if event is None:
                self._check_time()
                yield Nothing()
            elif isinstance(event, Refused):
                raise self._refusal(event)
            elif isinstance(event, Accepted):
                self._counted(event.prompt_tokens)
            elif isinstance(event, Finished):
                self.end = event.reason
                yield Ended(event.reason)
                return
            else:
                self._came(event.tokens)
                if event.text:
                    yield Words(event.text)

    def _wanted(self) -> Generate:
        request = self._request
        temperature = 0.0 if request.temperature is None else request.temperature
        seed = request.seed if request.seed is not None else int.from_bytes(os.urandom(4))
        top_p = request.top_p or 1.0
        return Generate(0, self._turns, self.answer_tokens, temperature, top_p, seed, request.stops)

    def _counted(self, prompt_tokens: int) -> None:
        if self._place is not None:
            self._chat.admission.counted(self._place, prompt_tokens)
        self.prompt_tokens, self.counted = prompt_tokens, True
        if prompt_tokens > self._settings.max_prompt_tokens:
            expected = f"expected at most {self._settings.max_prompt_tokens} tokens, the shop's own part included"
            raise PromptTooLongError("messages", f"of {prompt_tokens} tokens", expected)

    def _came(self, tokens: int) -> None:
        self._last = monotonic()
        self.tokens += tokens
        self._chat.metrics.tokens(0 if self.first_s is not None else self.prompt_tokens, tokens)
        if self.first_s is None and self._place is not None:
            self.first_s = self._last - self._began
            self._chat.admission.begun(self._place)
            self._chat.metrics.first_token.observe(self.first_s)
            self._record.mark("prefill")

    def _check_time(self) -> None:
        waited, settings = monotonic() - self._last, self._settings
        if self.first_s is None and waited > settings.first_token_s:
            raise LateTokenError("engine", None, f"no first token within {settings.first_token_s:g} s, try again", 2.0)
        if self.first_s is not None and waited > settings.stall_s:
            raise EngineFailedError("engine", None, f"no further token within {settings.stall_s:g} s")

    def _end_of(self, error: BaseException) -> str:
        """What an error makes of the answer: who left is no failure, and neither is a refusal."""
        if isinstance(error, ClientGoneError) or not isinstance(error, Exception):
            return "cancelled"
        if isinstance(error, ServingError) and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return "refused"
        return "failed" if self.first_s is None else "broken"

    def _refusal(self, event: Refused) -> Exception:
        if event.code == "context_length_exceeded":
            return PromptTooLongError("messages", None, event.problem)
        return EngineFailedError("engine", None, event.problem)

    def _give_back(self) -> None:
        if self._place is not None:
            self._chat.admission.leave(self._place)
            self._place = None
        used = self.prompt_tokens + self.tokens if self._generation is not None else 0
        self._chat.budgets.give_back(self._key, self._reserved - used)


def _since_read(record: RequestRecord) -> float:
    """Seconds since the request had been read: facts are looked up meanwhile, and the caller waits for that as well."""
    read_ns = record.marks[0][1] if record.marks else record.started_ns
    return (perf_counter_ns() - read_ns) / 1e9

"""The stream of a chat completion, as a server with OpenAI's API sends it, in the engine's events."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, TypeAlias

import msgspec

from assistant.domain.wire import Accepted, Finished, Refused, Said

__all__ = ["AnswerStream", "StreamEvent"]

StreamEvent: TypeAlias = Accepted | Said | Finished | Refused
_DATA: Final = b"data:"
_LAST: Final = b"[DONE]"
_LATER: Final = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Failure(msgspec.Struct):
    message: str = ""


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: _Failure | None = None


class AnswerStream:
    """Reads a stream line by line. Tokens are counted as the server tells; until it does, a piece counts as one.

    Args:
        number: of the request, in each event.

    Attributes:
        ended: the last event has come.
    """

    def __init__(self, number: int) -> None:
        self.ended = False
        self._number = number
        self._tokens = 0
        self._accepted = False
        self._reason: str | None = None

    def read(self, line: bytes) -> list[StreamEvent]:
        """The events of a line; none for what is no data, such as a comment.

        Raises:
            ValueError: the data are not what the API sends, or the stream ends without a reason.
        """
        if not line.startswith(_DATA):
            return []
        data = line.removeprefix(_DATA).strip()
        if data == _LAST:
            return [self._finish()]
        chunk = msgspec.json.decode(data, type=_Chunk)
        if chunk.error is not None:
            self.ended = True
            return [Refused(self._number, "engine_failed", chunk.error.message)]
        return self._pieces(chunk)

    def refusal(self, status: int, body: bytes) -> Refused:
        """The event for an answer that is no stream.

        Raises:
            ConnectionRefusedError: nobody is there to answer at the moment.
        """
        if status in _LATER:
            raise ConnectionRefusedError(f"status {status}")
        try:
            problem = (msgspec.json.decode(body, type=_Chunk).error or _Failure()).message
        except msgspec.DecodeError:
            problem = ""
        long = status == HTTPStatus.BAD_REQUEST and "context" in problem
        return Refused(
            self._number, "context_length_exceeded" if long else "engine_failed", problem or f"status {status}"
        )

    def _finish(self) -> Finished:
        if self._reason is None:
            raise ValueError("stream ended without a finish_reason")
        self.ended = True
        return Finished(self._number, "length" if self._reason == "length" else "stop")

    def _pieces(self, chunk: _Chunk) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if chunk.usage is not None and not self._accepted:
            self._accepted = True
            events.append(Accepted(self._number, chunk.usage.prompt_tokens))
        text = "".join(choice.delta.content or "" for choice in chunk.choices)
        told = chunk.usage.completion_tokens if chunk.usage is not None else self._tokens + bool(text)
        new = max(0, told - self._tokens)
        self._tokens += new
        if text or new:
            events.append(Said(self._number, text, new))
        for choice in chunk.choices:
            self._reason = choice.finish_reason or self._reason
        return events

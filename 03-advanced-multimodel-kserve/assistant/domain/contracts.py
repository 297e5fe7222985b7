"""The requests and answers of ``POST /v1/chat/completions``, as far as OpenAI's API is kept here."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from assistant.domain.errors import ParameterError
from servekit.errors import MalformedError

__all__ = ["ChatMessage", "ChatRequest", "StreamOptions", "TokenUsage", "chunk", "completion", "read_chat"]

_MOST_TURNS = 32


class _Known(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter that is not known here is an error: ignored, it would seem to have had an effect."""


class TextPart(_Known, frozen=True):
    """A part of a message; only text is taken."""

    type: Literal["text"]
    text: str


class ChatMessage(_Known, frozen=True):
    """One message. The system's message is the shop's, so callers have the roles of user and assistant."""

    role: Literal["user", "assistant"]
    content: str | list[TextPart]
    name: str | None = None

    @property
    def text(self) -> str:
        """The content as one text."""
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)


class StreamOptions(_Known, frozen=True):
    """With ``include_usage`` the stream's last chunk has the numbers of tokens."""

    include_usage: bool = False
    include_obfuscation: bool = False


_Count = Annotated[int, Meta(ge=1, le=4096)]


class ChatRequest(_Known, frozen=True):
    """The body of a request; ``metadata`` may name the item that the question is about, ``{"item": "7"}``."""

    model: Annotated[str, Meta(min_length=1, max_length=128)]
    messages: Annotated[list[ChatMessage], Meta(min_length=1, max_length=_MOST_TURNS)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(gt=0, le=1)] | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = None
    stop: str | Annotated[list[str], Meta(max_length=4)] | None = None
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    user: Annotated[str, Meta(max_length=128)] | None = None
    metadata: Annotated[dict[str, str], Meta(max_length=16)] | None = None

    @property
    def limit(self) -> int | None:
        """How many tokens the answer may have, if the request says so."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> list[str]:
        """The strings before which the answer ends."""
        return [self.stop] if isinstance(self.stop, str) else list(self.stop or [])


_decoder = msgspec.json.Decoder(ChatRequest)
_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
_STOP_CHARACTERS = 64
_SHOWN = 80


def read_chat(body: bytes) -> ChatRequest:
    """The request in a body.

    Raises:
        MalformedError: it is not JSON, or not UTF-8.
        ParameterError: a parameter is missing, unknown, or has a value that it may not have.
    """
    try:
        body.decode()
        request = _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _named(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedError("body", None, f"not JSON in UTF-8: {error}") from None
    except RecursionError:
        raise MalformedError("body", None, "JSON nested too deeply") from None
    if not request.messages[-1].text.strip() or request.messages[-1].role != "user":
        raise ParameterError("messages", None, "expected the last one to be the user's, with a text")
    if any(not 1 <= len(each) <= _STOP_CHARACTERS for each in request.stops):
        raise ParameterError("stop", None, f"expected strings of 1 to {_STOP_CHARACTERS} characters")
    return request


def _named(problem: str) -> ParameterError:
    """Msgspec's ``Expected `int` >= 1 - at `$.n``` as an error of the parameter ``n``; no value is repeated."""
    text, _, path = problem.partition(" - at `")
    at = path.rstrip("`").removeprefix("$").removeprefix(".")
    field = _FIELD.fullmatch(text)
    if field:
        name = f"{at}.{field[1]}" if at else field[1]
        known = "missing" if "missing" in text else "not a parameter that is known here"
        return ParameterError(name[:_SHOWN], None, known)
    return ParameterError(at or "body", None, (text[0].lower() + text[1:]).replace("`", ""))


class TokenUsage(msgspec.Struct, frozen=True):
    """The tokens of a request."""

    prompt_tokens: int
    completion_tokens: int

    def shown(self) -> dict[str, int]:
        """As the API has it."""
        both = self.prompt_tokens + self.completion_tokens
        return {"prompt_tokens": self.prompt_tokens, "completion_tokens": self.completion_tokens, "total_tokens": both}


class _Delta(msgspec.Struct, omit_defaults=True):
    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


def completion(about: dict[str, Any], text: str, reason: str, usage: TokenUsage) -> bytes:
    """A whole answer; ``about`` has its id, time, model and fingerprint."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": None,
        "finish_reason": reason,
    }
    return msgspec.json.encode({**about, "object": "chat.completion", "choices": [choice], "usage": usage.shown()})


def chunk(
    about: dict[str, Any],
    text: str | None = None,
    reason: str | None = None,
    *,
    first: bool = False,
    usage: TokenUsage | None = None,
) -> bytes:
    """One chunk of a stream: a text, the reason of the end, or, without a choice, the tokens."""
    delta = _Delta("assistant" if first else UNSET, UNSET if text is None else text)
    choices = [] if usage is not None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
    body: dict[str, Any] = {**about, "object": "chat.completion.chunk", "choices": choices}
    if usage is not None:
        body["usage"] = usage.shown()
    return msgspec.json.encode(body)

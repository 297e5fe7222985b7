"""The assistant's own errors, in the words of OpenAI's API: a status, a code, and the parameter that is wrong."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil

import msgspec

from servekit.errors import ServingError

__all__ = [
    "BudgetError", "BusyError", "ClientGoneError", "EngineFailedError", "EngineLostError", "LateTokenError",
    "ParameterError", "PromptTooLongError", "UnknownChatModelError", "WrongMethodError", "as_error", "render",
]  # fmt: skip


class ClientGoneError(Exception):
    """The caller has left, or has read nothing for too long: nobody is there to be answered."""


class ParameterError(ServingError):
    """A parameter of the request has a value that cannot be used; ``thing`` is its name."""

    status = HTTPStatus.BAD_REQUEST
    code = "invalid_value"


class PromptTooLongError(ParameterError):
    """The prompt and its answer have no room in the model's context."""

    code = "context_length_exceeded"


class UnknownChatModelError(ParameterError):
    """The model of the request is not the one that is served."""

    status = HTTPStatus.NOT_FOUND
    code = "model_not_found"


class WrongMethodError(ServingError):
    """The path takes another method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class _LaterError(ServingError):
    """The request is refused now; ``retry_s`` is when it may be let in."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, thing: str, value: object, expectation: str, retry_s: float) -> None:
        super().__init__(thing, value, expectation)
        self.headers = ((b"retry-after", b"%d" % max(1, ceil(min(retry_s, 3600)))),)


class BusyError(_LaterError):
    """The engine has too many tokens under way to begin with this request's in time."""

    code = "overloaded"


class BudgetError(_LaterError):
    """The key has used up its tokens."""

    code = "rate_limit_exceeded"


class LateTokenError(_LaterError):
    """The first token did not come in time."""

    code = "first_token_deadline"


class EngineLostError(ServingError):
    """The engine is not there, or ended over this request."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "engine_unavailable"
    headers = ((b"retry-after", b"5"),)

    def __init__(self) -> None:
        super().__init__("engine", None, "not there: it is being started anew, try again")


class EngineFailedError(ServingError):
    """The engine gave up this answer, or gives no more tokens."""

    status = HTTPStatus.BAD_GATEWAY
    code = "engine_failed"


_KINDS = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
}
_SERVER_ERROR = 500


class _ErrorBody(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str | None


def as_error(error: Exception) -> ServingError:
    """The error as callers see it: what is none of ours says nothing of its reason, which is in the log."""
    return (
        error if isinstance(error, ServingError) else ServingError("server", None, "failed to answer; the log says why")
    )


def render(error: ServingError) -> bytes:
    """The body of an error in OpenAI's form, ``{"error": {message, type, param, code}}``."""
    server = error.status >= _SERVER_ERROR
    kind = _KINDS.get(error.status, "server_error" if server else "invalid_request_error")
    param = error.thing if isinstance(error, ParameterError) else None
    return msgspec.json.encode({"error": _ErrorBody(str(error), kind, param, getattr(error, "code", None))})

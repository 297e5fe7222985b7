"""Errors that own their status code.

Every server of the project raises these and renders them in one place, as
``{"error": "<thing> <value>: <expectation>"}``. A new kind of failure is a new class here, never a status code in a
handler.
"""

from __future__ import annotations

from http import HTTPStatus

__all__ = [
    "DeadlineError",
    "HeadersTooLargeError",
    "InvalidValueError",
    "LateRequestError",
    "MalformedError",
    "MediaTypeError",
    "NotReadyError",
    "ServingError",
    "ShedError",
    "TooLargeError",
    "UnknownModelError",
]

_SHOWN = 80


class ServingError(Exception):
    """The error for a request that cannot be answered.

    Args:
        thing: the part that is wrong, by the caller's name for it, e.g. ``flowers[3].petal_width_cm``.
        value: its value, shortened to 80 characters; ``None`` when the value is absent or must not be shown.
        expectation: the value that was expected, or the remedy.
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    grpc_code = "INTERNAL"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """What else the answer says over HTTP."""

    def __init__(self, thing: str, value: object, expectation: str) -> None:
        self.thing = thing
        self.value = value
        self.expectation = expectation
        super().__init__(thing, value, expectation)

    def __str__(self) -> str:
        subject = self.thing if self.value is None else f"{self.thing} {_shorten(self.value)}"
        return f"{subject}: {self.expectation}"


class MalformedError(ServingError):
    """The bytes are not what their content type says."""

    status = HTTPStatus.BAD_REQUEST
    grpc_code = "INVALID_ARGUMENT"


class UnknownModelError(ServingError):
    """The model, or that version of it, does not exist."""

    status = HTTPStatus.NOT_FOUND
    grpc_code = "NOT_FOUND"


class TooLargeError(ServingError):
    """The body is over the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    grpc_code = "RESOURCE_EXHAUSTED"


class LateRequestError(ServingError):
    """The request did not arrive in time; its rest is not read, so the connection ends."""

    status = HTTPStatus.REQUEST_TIMEOUT
    grpc_code = "DEADLINE_EXCEEDED"
    headers = ((b"connection", b"close"),)


class HeadersTooLargeError(ServingError):
    """A header, or all of them together, are over the limit."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    grpc_code = "RESOURCE_EXHAUSTED"


class MediaTypeError(ServingError):
    """The endpoint does not read this content type."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    grpc_code = "INVALID_ARGUMENT"


class InvalidValueError(ServingError):
    """The request is well-formed, but the model does not take a value, a shape or a name in it."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    grpc_code = "INVALID_ARGUMENT"


class ShedError(ServingError):
    """The request was turned away to protect those already accepted."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    grpc_code = "RESOURCE_EXHAUSTED"
    headers = ((b"retry-after", b"1"),)


class NotReadyError(ServingError):
    """The server is starting, draining, or lacks something it needs."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    grpc_code = "UNAVAILABLE"


class DeadlineError(ServingError):
    """The answer did not come in time."""

    status = HTTPStatus.GATEWAY_TIMEOUT
    grpc_code = "DEADLINE_EXCEEDED"


def _shorten(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"

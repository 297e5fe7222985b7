"""The gateway's own errors, besides those that every server has."""

from __future__ import annotations

from http import HTTPStatus

from servekit.errors import ServingError

__all__ = ["MethodError", "PathError", "UnauthorizedError", "UnavailableError"]


class PathError(ServingError):
    """There is no endpoint at this path."""

    status = HTTPStatus.NOT_FOUND


class MethodError(ServingError):
    """The path exists, but takes another method."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class UnauthorizedError(ServingError):
    """An API key is required, and the request has none that is known."""

    status = HTTPStatus.UNAUTHORIZED
    headers = ((b"www-authenticate", b"ApiKey"),)


class UnavailableError(Exception):
    """A hop did not answer, or not in time: the request gets a degraded answer, never an error.

    Args:
        reason: ``features_unavailable``, ``model_unavailable`` or ``deadline``.
        detail: for the log.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(f"{reason}: {detail}")

"""The failure of a step, as the client is told of it.

As in `servekit.errors`, an error owns the HTTP status of its answer: the status that a step itself gave is passed on.
"""

from __future__ import annotations

from http import HTTPStatus

__all__ = ["StepError"]


class StepError(Exception):
    """A step that gave no answer, or an error.

    Args:
        step: the unit's name.
        status: the HTTP status of the whole answer.
        reason: one word in capitals for programs.
        info: what happened, for people.
        body: the step's own JSON answer, passed on as it is; None where it gave none.
    """

    def __init__(self, step: str, status: int, reason: str, info: str, body: bytes | None = None) -> None:
        super().__init__(step, status, reason, info)
        self.step = step
        self.status = int(status)
        self.reason = reason
        self.info = info
        self.body = body

    def __str__(self) -> str:
        return f"step {self.step}: {self.info}"

    @classmethod
    def unavailable(cls, step: str, address: object, why: str) -> StepError:
        """The error for a step that refuses connections, or whose connection broke."""
        return cls(step, HTTPStatus.SERVICE_UNAVAILABLE, "STEP_UNAVAILABLE", f"{address}: {why}: try again")

    @classmethod
    def slow(cls, step: str, timeout_s: float) -> StepError:
        """The error for a step that did not answer in time."""
        info = f"no answer within {timeout_s * 1e3:g} ms"
        return cls(step, HTTPStatus.GATEWAY_TIMEOUT, "STEP_TIMEOUT", info)

    @classmethod
    def bad_answer(cls, step: str, info: str) -> StepError:
        """The error for an answer that breaks Seldon's contract."""
        return cls(step, HTTPStatus.BAD_GATEWAY, "STEP_BAD_ANSWER", info)

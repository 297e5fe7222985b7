"""How a step fails, as the client is told."""

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
        """Nobody listens there, or the connection broke."""
        return cls(step, HTTPStatus.SERVICE_UNAVAILABLE, "STEP_UNAVAILABLE", f"{address}: {why}: try again")

    @classmethod
    def slow(cls, step: str, timeout_s: float) -> StepError:
        """No answer in time."""
        info = f"no answer within {timeout_s * 1e3:g} ms"
        return cls(step, HTTPStatus.GATEWAY_TIMEOUT, "STEP_TIMEOUT", info)

    @classmethod
    def bad_answer(cls, step: str, info: str) -> StepError:
        """An answer that is not in the contract."""
        return cls(step, HTTPStatus.BAD_GATEWAY, "STEP_BAD_ANSWER", info)

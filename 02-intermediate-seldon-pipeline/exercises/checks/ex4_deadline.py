"""What exercise 4 must do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from course.exercises import CheckFailedError, expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path


def ask(answer: Path, call: Any, limit_s: float = 5) -> tuple[int, str]:
    found: tuple[int, str] = asyncio.run(load(answer).ask("model", call, limit_s))
    return found


def check_an_answer_is_passed_on(answer: Path) -> None:
    async def scores() -> str:
        return "0.9 0.1"

    expect_equal("what the client gets", ask(answer, scores), (200, "0.9 0.1"))


def check_a_refusal_keeps_its_status_and_gets_a_name(answer: Path) -> None:
    module = load(answer)

    async def refuse() -> str:
        raise module.Refused(422, "k 0: expected an integer from 1 to 100")

    found = asyncio.run(module.ask("model", refuse, 5))
    expect_equal("what the client gets", found, (422, "step model: k 0: expected an integer from 1 to 100"))


def check_a_step_that_is_gone_is_503(answer: Path) -> None:
    async def gone() -> str:
        raise ConnectionRefusedError("connection refused")

    expect_equal("what the client gets", ask(answer, gone), (503, "step model: connection refused: try again"))


def check_a_step_that_hangs_is_504_and_is_cancelled(answer: Path) -> None:
    ended: list[str] = []

    async def hang() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return "late"

    found = ask(answer, hang, 0.15)
    expect_equal("what the client gets", found, (504, "step model: no answer within 150 ms"))
    expect_equal("how the call ended", ended, ["cancelled"])


def check_a_bug_stays_a_bug(answer: Path) -> None:
    async def broken() -> str:
        raise ZeroDivisionError("division by zero")

    try:
        found = ask(answer, broken)
    except ZeroDivisionError:
        return
    raise CheckFailedError(f"a ZeroDivisionError became the answer {found}: expected it to be raised")


def check_a_caller_who_goes_away_is_not_answered(answer: Path) -> None:
    async def cancelled() -> bool:
        task: asyncio.Task[Any] = asyncio.ensure_future(load(answer).ask("model", lambda: asyncio.sleep(10), 5))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    expect(asyncio.run(cancelled()), "cancelled from outside it answered: expected it to be cancelled")

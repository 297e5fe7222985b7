"""What exercise 4 must do."""

from __future__ import annotations

import asyncio
from random import Random
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


def check_other_steps_and_words_are_passed_on(answer: Path) -> None:
    module, random = load(answer), Random()  # noqa: S311 - examples
    for _ in range(20):
        name, word, status = f"step-{random.randint(1, 999)}", str(random.random()), random.randint(400, 599)

        async def scores(word: str = word) -> str:
            return word

        async def refuse(status: int = status, word: str = word) -> str:
            raise module.Refused(status, word)

        async def gone(word: str = word) -> str:
            raise OSError(word)

        for call, expected in (
            (scores, (200, word)),
            (refuse, (status, f"step {name}: {word}")),
            (gone, (503, f"step {name}: {word}: try again")),
        ):
            expect_equal("what the client gets", asyncio.run(module.ask(name, call, 5)), expected)


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

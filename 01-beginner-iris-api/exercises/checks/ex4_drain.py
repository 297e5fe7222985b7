"""What exercise 4 must do: the server is started for real, loaded, and told to stop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from course.exercises import expect, expect_equal
from exercises.checks.balancer import LOST, PATIENCE_S, Balancer, get, served

if TYPE_CHECKING:
    from pathlib import Path

LONG_S = 10.0
"""A drain that no check waits for: however late one of them looks on a busy machine, it lasts."""


def check_it_serves(answer: Path) -> None:
    async def scenario() -> None:
        async with served(answer, drain_s=0) as (_, port):
            expect_equal("the status of /readyz", await get(port, "/readyz"), 200)
            expect_equal("the status of /wait/10", await get(port, "/wait/10"), 200)

    asyncio.run(scenario())


def check_a_draining_server_is_not_ready_but_still_answers(answer: Path) -> None:
    async def scenario() -> None:
        async with served(answer, drain_s=LONG_S) as (process, port):
            process.terminate()
            await asyncio.sleep(0.5)
            expect_equal("/readyz half a second after SIGTERM (0 is no answer)", await get(port, "/readyz"), 503)
            expect_equal("a new request half a second after SIGTERM (0 is no answer)", await get(port, "/wait/10"), 200)

    asyncio.run(scenario())


def check_a_running_request_is_finished_however_long_it_takes(answer: Path) -> None:
    async def scenario() -> None:
        async with served(answer, drain_s=0.1) as (process, port):
            running = asyncio.create_task(get(port, "/wait/900"))
            await asyncio.sleep(0.3)
            process.terminate()
            expect_equal("a request that was running at SIGTERM (0 is no answer)", await running, 200)

    asyncio.run(scenario())


def check_no_request_is_lost_under_load(answer: Path) -> None:
    async def scenario() -> None:
        async with served(answer, drain_s=LONG_S) as (process, port):
            balancer = Balancer(port)
            callers = [asyncio.create_task(balancer.call()) for _ in range(8)]
            watching = asyncio.create_task(balancer.watch())
            await asyncio.sleep(0.4)
            process.terminate()
            await asyncio.gather(watching, *callers)
            lost = balancer.statuses.count(LOST)
            expect(lost == 0, f"requests lost {lost} of {len(balancer.statuses)}: expected none")

    asyncio.run(scenario())


def check_it_ends_with_status_0_and_no_longer_listens(answer: Path) -> None:
    async def scenario() -> None:
        async with served(answer, drain_s=0.2) as (process, port):
            process.terminate()
            try:
                status = await asyncio.wait_for(process.wait(), PATIENCE_S)
            except TimeoutError:
                expect(holds=False, message=f"still there {PATIENCE_S:g} s after SIGTERM: expected it to end")
            expect_equal("the exit status", status, 0)
            expect_equal("the status of a request after that (0 is no answer)", await get(port, "/wait/10"), LOST)

    asyncio.run(scenario())

"""What stands around the server of exercise 4: who starts it, who calls it, and who watches whether it is ready."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from course.exercises import expect
from workbench.bench import free_ports

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

__all__ = ["LOST", "PATIENCE_S", "Balancer", "get", "served"]

PATIENCE_S = 10.0
LOST = 0
"""In place of a status: the connection was refused or broken."""


class Balancer:
    """Sends requests as long as the server said that it is ready when it was last asked, every 50 ms."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ready = True
        self.statuses: list[int] = []

    async def watch(self) -> None:
        """Looks at the readiness until it is gone."""
        while await get(self.port, "/readyz") == 200:  # noqa: ASYNC110, PLR2004 - a balancer has nothing but polling
            await asyncio.sleep(0.05)
        self.ready = False

    async def call(self) -> None:
        """One caller, a request after the other."""
        while self.ready:
            self.statuses.append(await get(self.port, "/wait/20"))


@asynccontextmanager
async def served(answer: Path, drain_s: float) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The learner's server on a free port, once it is ready; killed at the end if it is still there."""
    (port,) = free_ports(1)
    words = (sys.executable, str(answer), str(port), str(drain_s))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
    try:
        await until_ready(process, port)
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_ready(process: asyncio.subprocess.Process, port: int) -> None:
    """Waits until GET /readyz answers 200; the check fails when the server ends or takes too long."""
    for _ in range(int(PATIENCE_S / 0.05)):
        if await get(port, "/readyz") == 200:  # noqa: PLR2004
            return
        expect(process.returncode is None, f"the server ended by itself, exit status {process.returncode}")
        await asyncio.sleep(0.05)
    expect(holds=False, message=f"/readyz was not 200 within {PATIENCE_S:g} s")


async def get(port: int, path: str) -> int:
    """The status of a GET on a connection of its own; `LOST` when no answer came."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return LOST
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: exercise\r\n\r\n".encode())
        words = (await asyncio.wait_for(reader.readline(), PATIENCE_S)).split()
        return int(words[1]) if len(words) > 1 else LOST
    except (OSError, TimeoutError):
        return LOST
    finally:
        writer.close()

"""Runs what somebody asked for on a page, and writes into an audit log that they did."""

from __future__ import annotations

import asyncio
import getpass
import os
import shlex
import signal
from typing import TYPE_CHECKING
from uuid import uuid4

from servekit.audit import AuditLog, AuditSettings
from workbench.stack import Process, Stack, TcpReady, control, run_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Actor"]

_WRITER = "console"


class Actor:
    """Acts for the person at the page.

    Args:
        root: the repository, in which commands run.
        audit: the folder of the audit log.
    """

    def __init__(self, root: Path, audit: Path) -> None:
        self._root, self._audit = root, audit

    async def run(self, words: Sequence[str], say: Callable[[str], None]) -> int:
        """Runs a command and says its lines as they come; returns its status.

        Raises:
            AuditError: the audit log cannot be written; then nothing is run.
            OSError: there is no such program.
        """
        self.note(shlex.join(words))
        process = await asyncio.create_subprocess_exec(
            *words, cwd=self._root, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env={**os.environ, "NO_COLOR": "1"}, start_new_session=True,
        )  # fmt: skip
        assert process.stdout  # noqa: S101 - it is a pipe
        async for line in process.stdout:
            say(line.decode(errors="replace").rstrip("\n"))
        return await process.wait()

    def kill(self, level: int, process: str) -> None:
        """Kills a process of a level; its supervisor starts it again.

        Raises:
            AuditError: the audit log cannot be written; then nothing is killed.
            StackError: the level's supervisor does not answer.
            LookupError: the process does not run.
        """
        pid = control.ask(Stack(level, [], run_folder(level)))[process].pid
        if pid is None:
            raise LookupError(f"process {process} of level {level}: does not run")
        self.note(f"kill -9 {pid} ({process} of level {level})")
        os.kill(pid, signal.SIGKILL)

    def switch(self, level: int, process: str) -> str:
        """Stops a process that runs and starts one that was stopped; returns which of the two it did.

        Raises:
            AuditError: the audit log cannot be written; then nothing is done.
            StackError: the level's supervisor does not answer, or refuses.
        """
        stack = Stack(level, [], run_folder(level))
        named = Process(process, ["-"], TcpReady(1))  # a supervisor knows it by its name
        runs = control.ask(stack)[process].pid is not None
        done = "stopped" if runs else "started"
        self.note(f"{process} of level {level} is {done}")
        (control.halt if runs else control.launch)(stack, named)
        return done

    def note(self, what: str) -> None:
        """Writes into the audit log that somebody does this.

        Raises:
            AuditError: it cannot be written.
        """
        self._audit.mkdir(parents=True, exist_ok=True)
        log = AuditLog(AuditSettings(dir=self._audit), _WRITER)
        try:
            said = log.digest(what.encode())
            log.record(
                request_id=uuid4().hex, model="console", version="1", input_digest=said, output_digest=said,
                decision=f"{what} (by {getpass.getuser()})", latency_s=0.0,
            )  # fmt: skip
        finally:
            log.close()

"""A process that a fault starts and a trainee may find and end: it never outlives whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Background"]

_ENDS_WITHIN_S = 5.0


class Background:
    """A Python script in the background, its process id in a file.

    Args:
        script: it must end when its standard input does, or on SIGTERM.
        pid_file: where its id is written.
        arguments: of the script.
    """

    def __init__(self, script: Path, pid_file: Path, *arguments: str) -> None:
        self._script, self._pid_file, self._arguments = script, pid_file, arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the script, and writes its process id down."""
        command = [sys.executable, str(self._script), *self._arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE)
        self._pid_file.write_text(f"{self._process.pid}\n")

    @property
    def runs(self) -> bool:
        """Whether it runs, whoever started it."""
        return self._found() is not None

    def kill(self) -> None:
        """What ``kill $(cat FILE)`` does, whoever started it; returns when it has ended."""
        found = self._found()
        if found is None:
            return
        with suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGTERM)
        deadline = time.monotonic() + _ENDS_WITHIN_S
        while self.runs and time.monotonic() < deadline:
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends it for good, and removes the file."""
        if self._process is not None:
            if self._process.stdin:
                self._process.stdin.close()
            try:
                self._process.wait(_ENDS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._pid_file.unlink(missing_ok=True)

    def _found(self) -> psutil.Process | None:
        """The process, unless it has ended or another one has its id by now."""
        try:
            process = psutil.Process(int(self._pid_file.read_text()))
            alive = process.status() != psutil.STATUS_ZOMBIE and str(self._script) in process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return process if alive else None

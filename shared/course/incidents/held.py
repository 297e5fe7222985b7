"""A planted fault, as the drill that asked for it sees it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["IncidentError", "PlantedFault"]

_RESTORED_WITHIN_S = 90.0


class IncidentError(Exception):
    """A fault could not be planted, or a level could not be restored; the text says why."""


class PlantedFault:
    """A context in which the fault is planted; the level is healthy again after it.

    Args:
        incident: the incident's id.
        level: the level it breaks.

    Raises:
        IncidentError: on entering, the fault cannot be planted; on leaving, the level was not restored.
    """

    def __init__(self, incident: str, level: int) -> None:
        self._incident = incident
        self._remedy = f"make down-{level} train-{level} up-{level} repairs the level"

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "course.incidents.holder", self._incident],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            self._read("planted")
        except BaseException:
            with suppress(IncidentError):
                self._leave()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._leave()

    def ask(self, what: str) -> list[str]:
        """The lines of ``symptoms``, ``evidence`` or ``breach`` at this moment; none after ``fix``, the reference fix.

        Raises:
            IncidentError: the holder is gone, or could not do it.
        """
        if self._process.stdin is None:
            raise IncidentError(f"incident {self._incident}: its process has no input")
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{what}\n")
            self._process.stdin.flush()
        return self._read(what)

    def _leave(self) -> None:
        try:
            self._finish()
        finally:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe:
                    with suppress(OSError):
                        pipe.close()

    def _finish(self) -> None:
        try:
            output, _ = self._process.communicate(timeout=_RESTORED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise IncidentError(
                f"incident {self._incident}: not restored in {_RESTORED_WITHIN_S:g} s: {self._remedy}"
            ) from None
        replies = [json.loads(line) for line in output.splitlines()]
        if {"restored": []} not in replies:
            reason = next((reply["error"] for reply in replies if "error" in reply), "its process is gone")
            raise IncidentError(f"incident {self._incident}: {reason}: {self._remedy}")

    def _read(self, key: str) -> list[str]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        reply: dict[str, Any] = json.loads(line) if line else {"error": "its process is gone"}
        if key not in reply:
            raise IncidentError(f"incident {self._incident}: {reply.get('error', reply)}")
        lines: list[str] = reply[key]
        return lines

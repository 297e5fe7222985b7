"""The fault of ``deaf-ears``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from interview.incidents.assistant_fault import AssistantFault
from interview.incidents.background import Background

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_ARCHIVE = Path(__file__).with_name("answer_archive.py")
_CONNECTIONS = Path("/proc/net/tcp")
_ESTABLISHED = "01"


class _DeafEars(AssistantFault):
    def __init__(self) -> None:
        super().__init__()
        self._archive = Background(_ARCHIVE, self.level.stack_home / "answer_archive.pid")

    def spoil(self) -> None:
        self._archive.start()

    def signs(self) -> list[str]:
        running, waiting = self.gauge("sequences_running"), self.gauge("sequences_waiting")
        reserved, room = self.gauge("reserved_tokens"), self.gauge("kv_capacity_tokens")
        refused = self.gauge("refused_total", reason="overloaded")
        return [
            f"{running:.0f} sequences run, {waiting:.0f} wait; {reserved:,.0f} of {room:,.0f} tokens are reserved",
            f"the assistant has refused {refused:.0f} questions, reason overloaded",
            f"it computes {self.work().tokens:.0f} tokens a second",
        ]

    def evidence(self) -> list[str]:
        unread = self._unread()
        runs = "runs" if self._archive.runs else "has ended"
        return [
            f"{len(unread)} connections to the edge hold {sum(unread):,} bytes that their reader has not read",
            f"answer_archive.py {runs}",
        ]

    def fix(self) -> None:
        self._archive.kill()

    def clean(self) -> None:
        self._archive.stop()

    def _unread(self) -> list[int]:
        """The bytes that wait in each connection of a caller to the edge (what ``ss`` shows as Recv-Q)."""
        edge, found = f":{self.level.addresses.port:04X}", []
        lines = _CONNECTIONS.read_text("ascii").splitlines()[1:] if _CONNECTIONS.exists() else []
        for line in lines:
            _, _, remote, state, queues, *_ = line.split()
            unread = int(queues.partition(":")[2], 16)
            if remote.endswith(edge) and state == _ESTABLISHED and unread:
                found.append(unread)
        return found


def fault() -> Fault:
    """The fault, not planted yet."""
    return _DeafEars()

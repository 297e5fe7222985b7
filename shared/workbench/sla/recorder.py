"""What one load process measured, and how the processes of a distributed run bring it together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict

import msgspec

from servekit.whole_file import write_whole
from workbench.sla.samples import pack_sample

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.load import Request
    from workbench.sla.scenario import Scenario

__all__ = ["Checked", "Measured", "Recorder", "read_measured"]

_KEPT: Final = 2000
_SHOWN: Final = 5


class Checked(msgspec.Struct):
    """Answers compared with the oracle; ``examples`` says what was wrong with the first few."""

    checked: int = 0
    wrong: int = 0
    examples: list[str] = []

    def add(self, other: Checked) -> None:
        """Take another process's count in."""
        self.checked += other.checked
        self.wrong += other.wrong
        self.examples = [*self.examples, *other.examples][:_SHOWN]


class Measured(msgspec.Struct):
    """What a run leaves beside its samples."""

    streams_done: int = 0
    answers: Checked = msgspec.field(default_factory=Checked)


class _Report(TypedDict):
    samples: bytes
    measured: bytes


class Recorder:
    """Collects samples and answers; a worker ships them with its reports, every other process writes them to files.

    Files in ``folder``: ``samples.bin`` (grows while the run goes on) and ``measured.json`` (written at its end).
    """

    def __init__(self, folder: Path) -> None:
        self._samples = folder / "samples.bin"
        self._measured = folder / "measured.json"
        self._pending = bytearray()
        self._answers: list[tuple[str, Request, bytes]] = []
        self.total = Measured()
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Forget everything: a new test begins."""
        self._pending.clear()
        self._answers.clear()
        self.total = Measured()
        self._samples.write_bytes(b"")
        self._measured.unlink(missing_ok=True)

    def record(self, times_s: tuple[float, float, float], size: int, kind: int, outcome: int) -> None:
        """Add one request: its intended start, latency and lag, then the rest of a sample's fields."""
        self._pending += pack_sample(*times_s, size, kind, outcome)

    def keep(self, kind: str, request: Request, answer: bytes) -> None:
        """Keep an answer to be checked after the run; at most 2,000 are."""
        if len(self._answers) < _KEPT:
            self._answers.append((kind, request, answer))

    def check(self, scenario: Scenario) -> None:
        """Compare the kept answers with the oracle: after the load, so that the checking cannot delay it."""
        for kind, request, answer in self._answers:
            wrong = _wrong(scenario, request, answer)
            self.total.answers.add(Checked(1, int(wrong is not None), [f"{kind}: {wrong}"] if wrong else []))
        self._answers.clear()

    def flush(self) -> None:
        """Append what is pending to the samples file."""
        if self._pending:
            with self._samples.open("ab") as file:
                file.write(self._pending)
            self._pending.clear()

    def save(self) -> None:
        """Write the rest and the totals."""
        self.flush()
        write_whole(self._measured, msgspec.json.encode(self.total))

    def ship(self, report: dict[str, Any]) -> None:
        """Put what is new into a worker's report to the master."""
        report["sla"] = _Report(samples=bytes(self._pending), measured=msgspec.json.encode(self.total))
        self._pending.clear()
        self.total = Measured()

    def receive(self, report: dict[str, Any]) -> None:
        """Take a worker's report in."""
        if sla := report.get("sla"):
            self._pending += sla["samples"]
            measured = msgspec.json.decode(sla["measured"], type=Measured)
            self.total.streams_done += measured.streams_done
            self.total.answers.add(measured.answers)


def read_measured(folder: Path) -> Measured | None:
    """What a finished run left in ``folder``; ``None`` when it never finished."""
    try:
        return msgspec.json.decode((folder / "measured.json").read_bytes(), type=Measured)
    except FileNotFoundError:
        return None


def _wrong(scenario: Scenario, request: Request, answer: bytes) -> str | None:
    try:
        return scenario.check(request, answer)
    except Exception as problem:  # noqa: BLE001 - an answer that the check cannot even read is a wrong answer
        return f"{type(problem).__name__}: {problem}"

"""Runs a release: its steps one after the other, each once; goes on where an earlier run was stopped or killed."""

from __future__ import annotations

import fcntl
import shutil
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from release.journal import Entry, inputs_digest, read_entry, write_entry
from release.step import Place, Step, StepError
from servekit.artefact_folder import ArtefactError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Flow", "Outcome", "alone"]


_TROUBLES: tuple[type[Exception], ...] = (ArtefactError, OSError)


class Outcome(NamedTuple):
    """How a release ended: ``promoted``, or what the step is called that ended it; with every step that was done."""

    ending: str
    entries: dict[str, Entry]


class Flow(NamedTuple):
    """A release of one model.

    Attributes:
        steps: in an order in which each comes after those that it needs.
        parameters: typed, and encodable as JSON: they are part of every step's inputs.
        home: the folder of this release.
        say: prints a line of progress.
    """

    steps: Sequence[Step]
    parameters: Any
    home: Path
    say: Callable[[str], None] = print

    def run(self) -> Outcome:
        """Every step that is not done yet, until one does not pass.

        Raises:
            StepError: a step could not do its work.
        """
        entries: dict[str, Entry] = {}
        for step in self.steps:
            entry = self._done(step, entries) or self._do(step, entries)
            entries[step.name] = entry
            if entry.verdict.result != "passed":
                return Outcome(step.ending if entry.verdict.result == "failed" else "undecided", entries)
        return Outcome("promoted", entries)

    def run_one(self, name: str) -> Entry:
        """One step, for an engine that calls each by itself; the steps before it must be done.

        Raises:
            StepError: there is no such step, one before it is not done or did not pass, or it could not do its work.
        """
        entries: dict[str, Entry] = {}
        for step in self.steps:
            if step.name == name:
                return self._done(step, entries) or self._do(step, entries)
            entry = read_entry(self.home, step, inputs_digest(step, self.parameters, entries))
            if entry is None or entry.verdict.result != "passed":
                how = "not done" if entry is None else entry.verdict.result
                raise StepError(f"step {name}: {step.name} comes before it and is {how}: run that first")
            entries[step.name] = entry
        known = ", ".join(step.name for step in self.steps)
        raise StepError(f"step {name}: expected one of {known}")

    def so_far(self) -> Outcome:
        """How far it came, by what is remembered: for an engine that calls each step by itself."""
        entries: dict[str, Entry] = {}
        for step in self.steps:
            entry = read_entry(self.home, step, inputs_digest(step, self.parameters, entries))
            if entry is None:
                return Outcome("undecided", entries)
            entries[step.name] = entry
            if entry.verdict.result != "passed":
                return Outcome(step.ending if entry.verdict.result == "failed" else "undecided", entries)
        return Outcome("promoted", entries)

    def _done(self, step: Step, entries: dict[str, Entry]) -> Entry | None:
        entry = read_entry(self.home, step, inputs_digest(step, self.parameters, entries))
        if entry is None or entry.verdict.result == "undecided":
            return None
        self.say(f"{step.name:9s} {entry.verdict.summary} (done before)")
        return entry

    def _do(self, step: Step, entries: dict[str, Entry]) -> Entry:
        own = self.home / step.name
        try:
            (self.home / f"{step.name}.json").unlink(missing_ok=True)
            shutil.rmtree(own, ignore_errors=True)  # what a step left that was killed
            own.mkdir(parents=True)
        except OSError as error:
            raise StepError(f"{own}: {error.strerror}: free some space, then release again") from None
        needed = {name: self.home / name for name in step.needs}
        figures = {name: entries[name].verdict.figures for name in step.needs}
        inputs, began = inputs_digest(step, self.parameters, entries), time.monotonic()
        place = Place(own, self.parameters, needed, figures, lambda line: self.say(f"{'':9s} {line}"))
        try:
            verdict = step.work(place)
        except _TROUBLES + step.troubles as error:
            raise StepError(f"step {step.name}: {error}") from None
        entry = write_entry(self.home, step, inputs, verdict, time.monotonic() - began)
        self.say(f"{step.name:9s} {verdict.summary} ({entry.seconds:.1f} s)")
        return entry


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps a second release of the same level away meanwhile; the kernel ends that with the process.

    Raises:
        StepError: one is running.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StepError(f"{folder}: another release of this level is running: wait for it, or stop it") from None
        yield

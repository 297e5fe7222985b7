"""What is remembered of a release: for each step its inputs and outputs by digest, and its verdict."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from release.step import Step, StepError, Verdict
from servekit.json_file import write_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Entry", "digests", "inputs_digest", "read_entry", "write_entry"]


class Entry(msgspec.Struct, frozen=True):
    """A step that came to its end.

    Attributes:
        step: its name.
        inputs: the digest of the parameters and of the outputs of the steps that it needs.
        outputs: the sha256 of each file that it left, by its path in the step's folder.
        verdict: how it ended.
        seconds: how long it took.
        ended: when, in UTC.
    """

    step: str
    inputs: str
    outputs: dict[str, str]
    verdict: Verdict
    seconds: float
    ended: str


def read_entry(home: Path, step: Step, inputs: str) -> Entry | None:
    """What is remembered of a step that was done with these inputs, if its outputs are still those."""
    path = home / f"{step.name}.json"
    try:
        entry = msgspec.json.decode(path.read_bytes(), type=Entry)
    except (OSError, msgspec.MsgspecError):  # never done, or written by another version
        return None
    if entry.inputs != inputs or entry.outputs != digests(home / step.name):
        return None
    return entry


def write_entry(home: Path, step: Step, inputs: str, verdict: Verdict, seconds: float) -> Entry:
    """Remembers a step that ended just now.

    Raises:
        StepError: the disk is full or the folder cannot be written.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = Entry(step.name, inputs, digests(home / step.name), verdict, round(seconds, 1), now)
    try:
        write_json(home / f"{step.name}.json", entry)
    except OSError as error:
        raise StepError(f"{home / step.name}.json: {error.strerror}: free some space, then release again") from None
    return entry


def inputs_digest(step: Step, parameters: Any, entries: Mapping[str, Entry]) -> str:
    """One digest of all that a step reads."""
    whole = hashlib.sha256(f"{step.name}\n".encode() + msgspec.json.encode(parameters, order="sorted"))
    for name in step.needs:
        needed = entries[name]
        whole.update(msgspec.json.encode([name, needed.outputs, needed.verdict], order="sorted"))
    return whole.hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """The sha256 of each file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

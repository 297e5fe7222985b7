"""A learner's state: hints taken, exercises passed, in the one file ``.learn/state.json``.

Copied to another machine it carries on there; the work itself lies beside it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from course.exercises.work import WORK
from servekit.json_file import write_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["STATE", "Record", "StateError", "note", "read_record", "read_records"]

STATE = WORK / "state.json"


class StateError(Exception):
    """The learner's state cannot be read; it is left as it is."""


class Record(msgspec.Struct, frozen=True):
    """What is known of one exercise; a moment is ISO 8601 with its zone, empty where it has not come.

    Attributes:
        hints: how many of the three were taken.
        passed: when all checks passed for the first time.
        peeked: when the solution was shown before that.
    """

    hints: int = 0
    passed: str = ""
    peeked: str = ""


class _State(msgspec.Struct, frozen=True):
    exercises: dict[str, Record]


def read_records() -> dict[str, Record]:
    """The record of each exercise that has one, by its name, e.g. ``1.3``.

    Raises:
        StateError: the file is there but cannot be read.
    """
    try:
        return msgspec.json.decode(STATE.read_bytes(), type=_State).exercises
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise StateError(
            f"{STATE}: {error}: expected the state that make learn writes; move it away to begin"
        ) from None


def read_record(name: str) -> Record:
    """The record of an exercise; raises as `read_records` does."""
    return read_records().get(name, Record())


def note(name: str, change: Callable[[Record, str], Record]) -> Record:
    """Changes an exercise's record, writes it, and returns it.

    Args:
        name: of the exercise.
        change: gets the record and the present moment.
    """
    records = read_records()
    before = records.get(name, Record())
    after = change(before, datetime.now().astimezone().isoformat(timespec="seconds"))
    if after != before:
        write_json(STATE, _State({**records, name: after}))
    return after

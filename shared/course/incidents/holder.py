"""The process that holds a fault: ``python -m course.incidents.holder ID``.

It plants the fault, waits until it shows, answers ``symptoms`` and ``evidence`` (one word a line in, one JSON object a
line out), and restores the level when its input ends. Its input also ends when whoever started it dies, however that
happens: a level is never left broken.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from course.incidents.fault import Fault

__all__ = ["hold", "main"]

_SHOWS_WITHIN_S = 40.0
_POLL_S = 0.2


def main(incident: str) -> None:
    """Holds the fault of the incident until standard input ends, or SIGTERM comes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a fault's libraries print is not a reply
    sys.path.insert(0, str(ROOT))
    fault: Fault = importlib.import_module(f"interview.incidents.{incident.replace('-', '_')}").fault()
    hold(fault, sys.stdin, replies)


def hold(fault: Fault, questions: Iterable[str], replies: TextIO) -> None:
    """Plants, answers, restores; every reply is a JSON object with one key."""
    obstacle = fault.obstacle()
    if obstacle:
        _reply(replies, "error", obstacle)
        return
    try:
        fault.plant()
        _reply(replies, "symptoms", _await_symptoms(fault))
        for question in questions:
            _reply(
                replies, question.strip(), {"symptoms": fault.symptoms, "evidence": fault.evidence}[question.strip()]()
            )
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the level is restored, and the reason told
        _reply(replies, "error", f"{type(error).__name__}: {error}")
    finally:
        _restore(fault, replies)


def _restore(fault: Fault, replies: TextIO) -> None:
    try:
        fault.restore()
    except Exception as error:  # noqa: BLE001 - told to whoever asked; there is nobody else to handle it
        _reply(replies, "error", f"not restored: {type(error).__name__}: {error}")
    else:
        _reply(replies, "restored", [])


def _await_symptoms(fault: Fault) -> list[str]:
    deadline = time.monotonic() + _SHOWS_WITHIN_S
    while time.monotonic() < deadline:
        found = fault.symptoms()
        if found:
            return found
        time.sleep(_POLL_S)
    raise TimeoutError(f"the fault does not show within {_SHOWS_WITHIN_S:g} s")


def _reply(replies: TextIO, key: str, value: object) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps({key: value}), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

"""The process that holds a fault: ``python -m course.incidents.holder ID``.

It starts the level's users, plants the fault, answers ``symptoms``, ``evidence``, ``breach`` and ``fix`` (one word a
line in, one JSON object a line out), and restores the level when its input ends. Its input also ends when whoever
started it dies, however that happens: a level is never left broken.
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
    from collections.abc import Callable, Iterable

    from course.incidents.fault import Fault

__all__ = ["hold", "load_fault", "main"]

_WARM_UP_S = 5.0
_WELL_WITHIN_S = 60.0
_POLL_S = 0.2


def main(incident: str) -> None:
    """Holds the fault of the incident until standard input ends, or SIGTERM comes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a fault's libraries print is not a reply
    hold(load_fault(incident), sys.stdin, replies)


def load_fault(incident: str) -> Fault:
    """The fault of an incident, not planted yet.

    Raises:
        ModuleNotFoundError: there is no such incident.
    """
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    fault: Fault = importlib.import_module(f"interview.incidents.{incident.replace('-', '_')}").fault()
    return fault


def hold(fault: Fault, questions: Iterable[str], replies: TextIO, warm_up_s: float = _WARM_UP_S) -> None:
    """Plants, answers, restores; every reply is a JSON object with one key."""
    obstacle = fault.obstacle()
    if obstacle:
        _reply(replies, "error", obstacle)
        return
    try:
        fault.caller.start()
        _await_well(fault, warm_up_s)
        fault.plant()
        _reply(replies, "planted", [])
        for question in questions:
            _reply(replies, question.strip(), _answer(fault, question.strip()))
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the level is restored, and the reason told
        _reply(replies, "error", f"{type(error).__name__}: {error}")
    finally:
        _restore(fault, replies)


def _answer(fault: Fault, question: str) -> list[str]:
    if question == "fix":
        fault.fix()
        return []
    answers: dict[str, Callable[[], list[str]]] = {
        "symptoms": fault.symptoms,
        "evidence": fault.evidence,
        "breach": lambda: [breach] if (breach := fault.breach()) else [],
    }
    return answers[question]()


def _restore(fault: Fault, replies: TextIO) -> None:
    try:
        fault.caller.stop()
        fault.restore()
    except Exception as error:  # noqa: BLE001 - told to whoever asked; there is nobody else to handle it
        _reply(replies, "error", f"not restored: {type(error).__name__}: {error}")
    else:
        _reply(replies, "restored", [])


def _await_well(fault: Fault, warm_up_s: float) -> None:
    """The level must keep what it promises before it is broken: else nobody could say what the fault did."""
    time.sleep(warm_up_s)
    deadline = time.monotonic() + _WELL_WITHIN_S
    while (breach := fault.breach()) is not None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the level is not well before anything is broken: {breach}")
        time.sleep(_POLL_S)


def _reply(replies: TextIO, key: str, value: object) -> None:
    with suppress(BrokenPipeError):
        print(json.dumps({key: value}), file=replies, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

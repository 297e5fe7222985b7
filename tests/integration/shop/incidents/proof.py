"""What every fault of level 3 must do on the running level, whichever of its parts it breaks."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from course.incidents.holder import load_fault
from course.incidents.story import read_stories
from course.incidents.watch import AlertWatch, level_targets
from tests.incident_trainee import FOLDER
from tests.patience import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from course.incidents import Fault

__all__ = ["prove_fault"]

CALLS, HELD_S = 8, 1.0
JUDGED_S = 2.0
"""The objective is judged over so many seconds here, not over five: what was repaired shows as much sooner."""


def prove_fault(incident: str, seen: str, speed: float) -> None:
    """Checks that the alert fires, time heals nothing, the fix does, and all is as it was.

    Args:
        incident: its id.
        seen: what its evidence says.
        speed: by what the rule's windows and waits are divided.
    """
    alert, fault = read_stories(FOLDER)[incident].alert, load_fault(incident)
    until(lambda: fault.obstacle() is None, lambda: f"cannot be planted: {fault.obstacle()}")
    fault.caller.objective = replace(fault.caller.objective, window_s=JUDGED_S)
    fault.caller.start()
    try:
        with AlertWatch([alert], level_targets(3), speed) as watch:
            until(lambda: fault.caller.summary().requests > CALLS, "asked by its users")
            until(lambda: fault.breach() is None, lambda: f"not well before it is broken: {fault.breach()}")
            assert watch.firing == []
            fault.plant()
            until(lambda: watch.firing, lambda: f"{alert} does not fire: {fault.symptoms()}, {watch.problems}")
        assert all(fault.symptoms())
        assert seen in " ".join(fault.evidence())
        until(lambda: fault.breach() is not None, "broken as long as nobody mends it")
        load_fault(incident).fix()  # it knows nothing of what was planted
        until(well_for(HELD_S, fault), lambda: f"{incident}: not repaired: {fault.breach()}")
    finally:
        fault.caller.stop()
        fault.restore()
    assert load_fault(incident).obstacle() is None


def well_for(seconds: float, fault: Fault) -> Callable[[], bool]:
    """Says, as often as it is asked, whether the objective has held for so long by now."""
    last_breach = time.monotonic()

    def is_well() -> bool:
        nonlocal last_breach
        if fault.breach() is not None:
            last_breach = time.monotonic()
        return time.monotonic() - last_breach > seconds

    return is_well

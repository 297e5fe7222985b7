"""The fault of ``heavy-parcels``."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from course.incidents import Caller, Objective
from interview.incidents.background import Background
from interview.incidents.level_1 import Level1

if TYPE_CHECKING:
    from course.incidents import Fault

__all__ = ["fault"]

_IMPORT = Path(__file__).with_name("bulk_import.py")
_COUNT = re.compile(r'^serving_request_duration_seconds_(count|sum)\{.*endpoint="([^"]+)".*\} (\S+)$', re.MULTILINE)
_LOOK_S = 2.0


class _HeavyParcels:
    def __init__(self) -> None:
        self._level = Level1()
        self._import = Background(_IMPORT, self._level.stack.home / "bulk_import.pid")
        self._planted = False
        self.caller = Caller(lambda: self._level.ask().status_code, objective=Objective(within_s=0.05))

    def obstacle(self) -> str | None:
        return self._level.obstacle()

    def plant(self) -> None:
        self._planted = True
        self._import.start()

    def symptoms(self) -> list[str]:
        return [f"the callers of the last 10 s say: {self.caller.summary()}", *self._by_endpoint()]

    def evidence(self) -> list[str]:
        runs = "runs" if self._import.runs else "has ended"
        return [*self._by_endpoint(), f"bulk_import.py {runs}"]

    def breach(self) -> str | None:
        return self.caller.breach()

    def fix(self) -> None:
        self._import.kill()

    def restore(self) -> None:
        if not self._planted:
            return
        self._import.stop()
        self._level.heal()

    def _by_endpoint(self) -> list[str]:
        """The requests of the next seconds, and their mean duration."""
        before = self._counted()
        time.sleep(_LOOK_S)
        lines = []
        for endpoint, (count, seconds) in self._counted().items():
            then = before.get(endpoint, (0.0, 0.0))
            if calls := count - then[0]:
                lines.append(
                    f"{endpoint}: {calls:.0f} calls in {_LOOK_S:g} s, {(seconds - then[1]) / calls:.3f} s each"
                )
        return lines

    def _counted(self) -> dict[str, tuple[float, float]]:
        """For each endpoint of the model: how many requests have ended, and the seconds that they took together."""
        found: dict[str, dict[str, float]] = {}
        for what, endpoint, value in _COUNT.findall(self._level.http.get("/metrics").text):
            if "predict" in endpoint:
                of = found.setdefault(endpoint, {"count": 0.0, "sum": 0.0})
                of[what] += float(value)
        return {endpoint: (of["count"], of["sum"]) for endpoint, of in found.items()}


def fault() -> Fault:
    """The fault, not planted yet."""
    return _HeavyParcels()

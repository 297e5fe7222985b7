"""The drift monitor of one model version: cheap to feed, judged only when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from servekit.drift.distance import counts, ks, psi
from servekit.drift.power import SHIFTS, flagged_after, smallest_shift
from servekit.drift.reference import ROWS_PER_BIN, Column, ReferenceProfile
from servekit.drift.threshold import AlarmPolicy
from servekit.drift.window import SlidingWindow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["TIMES_LONGER", "ColumnDrift", "DriftAlarm", "DriftMonitor", "DriftReport"]

TIMES_LONGER = 10
"""The long window's rows, in short windows."""


@dataclass(frozen=True, slots=True)
class DriftAlarm:
    """One column that drifted, by one statistic: ``value`` is above ``threshold``."""

    feature: str
    statistic: Literal["psi", "ks"]
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class ColumnDrift:
    """One column's distances from the reference, each with the threshold of this window."""

    feature: str
    psi: float
    psi_threshold: float
    ks: float
    ks_threshold: float

    @property
    def alarms(self) -> tuple[DriftAlarm, ...]:
        """The statistics above their thresholds."""
        both = (
            DriftAlarm(self.feature, "psi", self.psi, self.psi_threshold),
            DriftAlarm(self.feature, "ks", self.ks, self.ks_threshold),
        )
        return tuple(alarm for alarm in both if alarm.value > alarm.threshold)


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One look at the window ``short`` or ``long``; no ``columns`` while fewer than ``required`` rows are in it.

    What the window can see is in ``smallest_shift``, in standard deviations, for the rows that it has now, and in
    ``flagged_after``, the rows that a shift takes, by its size, once it is full (see ``servekit.drift.power``).
    """

    window: str
    rows: int
    required: int
    columns: tuple[ColumnDrift, ...] = ()
    smallest_shift: float = inf
    flagged_after: Mapping[float, float] = field(default_factory=dict)

    @property
    def alarms(self) -> tuple[DriftAlarm, ...]:
        """Every statistic of every column that is above its threshold."""
        return tuple(alarm for column in self.columns for alarm in column.alarms)


@dataclass(slots=True)
class _Look:
    """The latest look at the last ``size`` rows of each worker, and how many rows had been served by then."""

    size: int
    report: DriftReport
    at: int = 0

    def is_due(self, rows: int, total: int, looks: int) -> bool:
        stride = max(1, rows // looks)
        return rows < self.report.required or not self.report.columns or total - self.at >= stride


class DriftMonitor:
    """Compares the last rows served with the reference profile: a short window of them and a long one.

    The short window sees a large shift soon. The long one sees a smaller shift, late: it has less noise, as far as the
    reference has little itself. Both are the end of one ring, so the second costs a request nothing.

    Args:
        profile: the reference of this model version.
        window: rows in the short window; the long one has ten times as many, and the ring takes 4 bytes for each value
            of those. A window is looked at once half of it is filled.
        policy: how sure an alarm must be.
        directory: where the worker processes of one server share their windows, each with a ring file of its own; the
            report then covers all live workers. ``None`` for a server of one process.

    Raises ValueError for a window that leaves a bin fewer than 25 expected rows at the first look.
    """

    def __init__(
        self,
        profile: ReferenceProfile,
        window: int = 500,
        policy: AlarmPolicy | None = None,
        directory: Path | None = None,
    ) -> None:
        bins = max(len(column.counts) for column in profile.columns)
        if window < 2 * ROWS_PER_BIN * bins:
            raise ValueError(f"window {window} rows: expected at least {2 * ROWS_PER_BIN * bins} for {bins} bins")
        self.profile = profile
        self._policy = policy or AlarmPolicy()
        self._width = [column.kind for column in profile.columns].count("feature")
        scores = len(profile.columns) - self._width
        sizes = {"short": window, "long": TIMES_LONGER * window}
        self._looks = [_Look(size, DriftReport(name, 0, size // 2)) for name, size in sizes.items()]
        name = f"drift-{profile.model}-{profile.version}"
        self._window = SlidingWindow(max(sizes.values()), self._width, scores, directory, name)
        self._lock = Lock()

    def observe(self, features: NDArray[Any], scores: NDArray[Any]) -> None:
        """Adds ``features`` [n, F] and their ``scores`` [n, S] to the windows, as a copy; computes nothing."""
        if features.shape[1] != self._width:
            raise ValueError(
                f"features of shape {list(features.shape)}: expected [n, {self._width}], as in the profile"
            )
        self._window.append(features, scores)

    def reports(self) -> tuple[DriftReport, ...]:
        """The latest look at each window, the short one first.

        A new look is taken only once enough rows are fresh, for the false-alarm guarantee counts looks.
        """
        with self._lock:
            workers, total = self._window.snapshot()
            return tuple(self._look(look, workers, total) for look in self._looks)

    def alarms(self) -> tuple[DriftAlarm, ...]:
        """The alarms of the latest look at both windows."""
        return tuple(alarm for report in self.reports() for alarm in report.alarms)

    def _look(self, look: _Look, workers: list[NDArray[np.float32]], total: int) -> DriftReport:
        rows = sum(min(len(ring), look.size) for ring in workers)
        if look.is_due(rows, total, self._policy.looks):
            exponent = self._policy.exponent(len(self.profile.columns), len(workers), len(self._looks))
            power = self._power(look.size * len(workers), exponent)
            report = DriftReport(look.report.window, rows, look.report.required, flagged_after=power)
            if rows >= report.required:
                report = self._judged(report, [ring[-look.size :] for ring in workers], exponent)
            look.at, look.report = total, report
        return look.report

    def _judged(self, report: DriftReport, workers: list[NDArray[np.float32]], exponent: float) -> DriftReport:
        ordered, m = np.sort(np.concatenate(workers), axis=0), self.profile.rows
        columns = (self._column(each, ordered[:, i], exponent) for i, each in enumerate(self.profile.columns))
        smallest = smallest_shift(m, report.rows, self._policy.ks(m, report.rows, exponent))
        return replace(report, columns=tuple(columns), smallest_shift=smallest)

    def _power(self, rows: int, exponent: float) -> dict[float, float]:
        m, looks = self.profile.rows, self._policy.looks
        threshold = self._policy.ks(m, rows, exponent)
        return {shift: flagged_after(shift, m, rows, threshold, looks) for shift in SHIFTS}

    def _column(self, column: Column, ordered: NDArray[np.float32], exponent: float) -> ColumnDrift:
        m, n = self.profile.rows, len(ordered)
        return ColumnDrift(
            column.name,
            psi(column.counts, counts(column, ordered)),
            self._policy.psi(len(column.counts), m, n, exponent),
            ks(column, ordered),
            self._policy.ks(m, n, exponent),
        )

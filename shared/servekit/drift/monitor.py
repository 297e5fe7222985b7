"""The drift monitor of one model version: cheap to feed, judged only when somebody looks."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from servekit.drift.distance import ks, psi
from servekit.drift.reference import ROWS_PER_BIN, Column, ReferenceProfile
from servekit.drift.threshold import AlarmPolicy
from servekit.drift.window import Window

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Alarm", "ColumnDrift", "DriftMonitor", "DriftReport"]


@dataclass(frozen=True, slots=True)
class Alarm:
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
    def alarms(self) -> tuple[Alarm, ...]:
        """The statistics above their thresholds."""
        both = (
            Alarm(self.feature, "psi", self.psi, self.psi_threshold),
            Alarm(self.feature, "ks", self.ks, self.ks_threshold),
        )
        return tuple(alarm for alarm in both if alarm.value > alarm.threshold)


@dataclass(frozen=True, slots=True)
class DriftReport:
    """One look at the window: ``columns`` is empty while fewer than ``required`` rows are in it."""

    rows: int
    required: int
    columns: tuple[ColumnDrift, ...]

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """Every statistic of every column that is above its threshold."""
        return tuple(alarm for column in self.columns for alarm in column.alarms)


class DriftMonitor:
    """Compares the last ``window`` rows served with the reference profile.

    Args:
        profile: the reference of this model version.
        window: rows in the sliding window. A look is taken once half of it is filled.
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
            raise ValueError(f"window {window} rows: at least {2 * ROWS_PER_BIN * bins} are needed for {bins} bins")
        self.profile = profile
        self._policy = policy or AlarmPolicy()
        self._size, self._required = window, window // 2
        self._width = [column.kind for column in profile.columns].count("feature")
        scores = len(profile.columns) - self._width
        self._window = Window(window, self._width, scores, directory, f"drift-{profile.model}-{profile.version}")
        self._lock = Lock()
        self._looked_at = 0
        self._report = DriftReport(0, self._required, ())

    def observe(self, features: NDArray[Any], scores: NDArray[Any]) -> None:
        """Remember ``features`` [n, F] and their ``scores`` [n, S]: a copy, nothing is computed."""
        if features.shape[1] != self._width:
            raise ValueError(
                f"features of shape {list(features.shape)}: expected [n, {self._width}], as in the profile"
            )
        self._window.append(features, scores)

    def report(self) -> DriftReport:
        """The latest look; a new one only once enough rows are fresh, for the false-alarm guarantee counts looks."""
        with self._lock:
            rows, total, workers = self._window.snapshot()
            stride = max(1, len(rows) // self._policy.looks)
            if len(rows) < self._required or not self._report.columns or total - self._looked_at >= stride:
                self._looked_at = total
                self._report = DriftReport(len(rows), self._required, self._judge(rows, workers))
            return self._report

    def alarms(self) -> tuple[Alarm, ...]:
        """What drifted, at the latest look."""
        return self.report().alarms

    def _judge(self, rows: NDArray[np.float32], workers: int) -> tuple[ColumnDrift, ...]:
        if len(rows) < self._required:
            return ()
        ordered = np.sort(rows, axis=0)
        exponent = self._policy.exponent(len(self.profile.columns), workers)
        return tuple(
            self._column(column, ordered[:, index], exponent) for index, column in enumerate(self.profile.columns)
        )

    def _column(self, column: Column, ordered: NDArray[np.float32], exponent: float) -> ColumnDrift:
        m, n = self.profile.rows, len(ordered)
        return ColumnDrift(
            column.name,
            psi(column, ordered),
            self._policy.psi(len(column.counts), m, n, exponent),
            ks(column, ordered),
            self._policy.ks(m, n, exponent),
        )

"""The monitors' reports as Prometheus gauges, computed when scraped.

| gauge | labels | value |
|---|---|---|
| ``serving_drift_psi`` | model, version, window, feature | population stability index of the window |
| ``serving_drift_ks`` | model, version, window, feature | Kolmogorov-Smirnov distance of the window |
| ``serving_drift_threshold`` | model, version, window, feature, statistic | above it the statistic is an alarm |
| ``serving_drift_alarm`` | model, version, window, feature | 1 while either statistic is above its threshold |
| ``serving_drift_window_rows`` | model, version, window | rows in the window |
| ``serving_drift_window_required_rows`` | model, version, window | rows from which on the window is judged |
| ``serving_drift_smallest_shift`` | model, version, window | standard deviations that its rows show by now |
| ``serving_drift_flagged_after_rows`` | model, version, window, shift | rows that a shift takes; +Inf: unreliable |
| ``serving_drift_reference_rows`` | model, version | rows behind the reference profile |

The window is ``short`` or ``long``. The feature label also carries the scores' names; all label values come from the
profile, none from a request.

Several worker processes: prometheus_client's multiprocess files carry no custom collectors, so register this one,
in every worker, on the registry that answers the scrape (beside ``MultiProcessCollector``, if that is used), and
give the monitors a ``directory``: whichever worker answers then reports the window of all. Without a directory each
worker reports its own share of the traffic, a valid sample too, and the gauges jump between workers from scrape to
scrape.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from servekit.drift.monitor import ColumnDrift, DriftMonitor, DriftReport

__all__ = ["DriftCollector"]

_WINDOW = ("model", "version", "window")
_FEATURE = (*_WINDOW, "feature")


class DriftCollector(Collector):
    """Exports the report of each monitor that there is by then; hand it to ``CollectorRegistry.register``."""

    def __init__(self, monitors: Iterable[DriftMonitor]) -> None:
        self._monitors = monitors

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The gauges without values, so that registering them computes nothing."""
        return _families().values()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """The gauges of every monitor's latest look."""
        families = _families()
        for monitor in list(self._monitors):
            version = (monitor.profile.model, monitor.profile.version)
            families["reference_rows"].add_metric(version, monitor.profile.rows)
            for report in monitor.reports():
                _add_window(families, (*version, report.window), report)
        return families.values()


def _add_window(families: dict[str, GaugeMetricFamily], labels: tuple[str, ...], report: DriftReport) -> None:
    families["window_rows"].add_metric(labels, report.rows)
    families["window_required_rows"].add_metric(labels, report.required)
    for shift, rows in report.flagged_after.items():
        families["flagged_after_rows"].add_metric((*labels, f"{shift:g}"), rows)
    if report.columns:
        families["smallest_shift"].add_metric(labels, report.smallest_shift)
    for column in report.columns:
        _add(families, (*labels, column.feature), column)


def _add(families: dict[str, GaugeMetricFamily], labels: tuple[str, ...], column: ColumnDrift) -> None:
    families["psi"].add_metric(labels, column.psi)
    families["ks"].add_metric(labels, column.ks)
    families["threshold"].add_metric((*labels, "psi"), column.psi_threshold)
    families["threshold"].add_metric((*labels, "ks"), column.ks_threshold)
    families["alarm"].add_metric(labels, float(bool(column.alarms)))


def _families() -> dict[str, GaugeMetricFamily]:
    def gauge(name: str, documentation: str, labels: Sequence[str] = _FEATURE) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"serving_drift_{name}", documentation, labels=labels)

    return {
        "psi": gauge("psi", "Population stability index of the window against the reference"),
        "ks": gauge("ks", "Kolmogorov-Smirnov distance of the window from the reference"),
        "threshold": gauge("threshold", "Above this the statistic is an alarm", (*_FEATURE, "statistic")),
        "alarm": gauge("alarm", "1 while a statistic of the feature is above its threshold"),
        "window_rows": gauge("window_rows", "Rows in the sliding window", _WINDOW),
        "window_required_rows": gauge("window_required_rows", "Rows from which on the window is judged", _WINDOW),
        "smallest_shift": gauge("smallest_shift", "Standard deviations that the window shows, 9 in 10", _WINDOW),
        "flagged_after_rows": gauge("flagged_after_rows", "Rows a shift takes, 9 in 10", (*_WINDOW, "shift")),
        "reference_rows": gauge("reference_rows", "Rows behind the reference profile", _WINDOW[:2]),
    }

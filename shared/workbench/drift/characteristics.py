"""The error rates of drift's verdict: the real monitor on rows whose distribution is known.

A false alarm is so rare, less than one in 100 days of a row a second, that simulating it would take hours. So its bound
is also held where it can be seen: set to 10 % in 500 rows, where the promise is as good. What was counted is in the
docstring of ``servekit.drift.threshold``.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import yaml

from servekit.drift.monitor import TIMES_LONGER, DriftMonitor
from servekit.drift.power import flagged_after
from servekit.drift.reference import ReferenceProfile
from servekit.drift.threshold import AlarmPolicy
from workbench.verdicts import Row
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["AlertRule", "characteristics", "false_alarms", "flagged", "scrapes"]

_RUNS: Final = 50
_COLUMNS: Final = 7  # level 1: four features and three scores share the bound
_SHORT, _LONG = 500, 500 * TIMES_LONGER
_STEP: Final = 50
_LOOSE: Final = 0.1
_SCRAPE_S: Final = 15.0
_RULES: Final = ROOT / "infra" / "prometheus" / "rules" / "models.yaml"
_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}
_WORLDS: Final = ((150, 0.3), (150, 0.5), (150, 1.0), (20_000, 0.3), (20_000, 0.5), (20_000, 1.0))


class AlertRule(NamedTuple):
    """The rule of the alert FeatureDrift: an alarm within ``within_s`` seconds, at every evaluation for ``for_s``."""

    within_s: float
    for_s: float

    @classmethod
    @cache
    def read(cls) -> AlertRule:
        """The constants of the rule that Prometheus loads."""
        groups = yaml.safe_load(_RULES.read_text(encoding="utf-8"))["groups"]
        (rule,) = (each for group in groups for each in group["rules"] if each.get("alert") == "FeatureDrift")
        within = re.search(r"max_over_time\(serving_drift_alarm\[(\w+)\]\)", rule["expr"])
        return cls(_seconds(within[1]) if within else 0.0, _seconds(rule.get("for", "0s")))

    def fires(self, alarms: Sequence[bool], every_s: float) -> bool:
        """Whether the alert fires, with a scrape and an evaluation every so many seconds."""
        latest, since = -np.inf, None
        for at, alarm in enumerate(alarms):
            now = at * every_s
            latest = now if alarm else latest
            since = None if now - latest > self.within_s else now if since is None else since
            if since is not None and now - since >= self.for_s:
                return True
        return False


def characteristics(seed: int) -> Iterator[Row]:
    """The rows of ``make verdicts``: false alarms, shifts that are flagged, and whether the alert fires for them."""
    for alpha in (_LOOSE, AlarmPolicy().alpha):
        truth = f"no shift, {'as served' if alpha < _LOOSE else 'a looser bound'}"
        yield Row("drift", truth, "alarm in 500 rows", false_alarms(seed, alpha, 3 * _RUNS), 3 * _RUNS, at_most=alpha)
    for reference, shift in _WORLDS:
        rows = _promised(reference, shift)
        truth = f"shift by {shift:g} sd, reference of {reference:,} rows"
        says = f"flagged within {min(rows, _LONG):,.0f} rows"
        times = sum(flagged(seed, reference, shift, min(rows, _LONG), _RUNS))
        yield Row("drift", truth, says, times, _RUNS, at_least=0.9 if rows < np.inf else 0.0)
    yield from _alerts(seed)


def false_alarms(seed: int, alpha: float, runs: int) -> int:
    """In how many of the ``runs`` stretches of 500 rows like the reference, each with one of its own, is an alarm."""
    count = 0
    for run in range(runs):
        rng = np.random.default_rng([seed, run])
        monitor = _monitor(rng.normal(size=(150, _COLUMNS)), alpha)
        _serve(monitor, rng.normal(size=(_LONG, _COLUMNS)))
        monitor.reports()
        steps = (rng.normal(size=(_STEP, _COLUMNS)) for _ in range(_SHORT // _STEP))
        count += any(_alarms_after(monitor, rows) for rows in steps)
    return count


def flagged(seed: int, reference: int, shift: float, within: float, runs: int) -> list[bool]:
    """Whether a shift, in standard deviations, is flagged within so many rows after full windows without it."""
    found = []
    for run in range(runs):
        rng = np.random.default_rng([seed, reference, round(100 * shift), run])
        monitor = _shifted_column(rng, reference)
        _serve(monitor, rng.normal(size=(_LONG, 1)))
        monitor.reports()
        step = _STEP if within <= _SHORT else _SHORT // 2
        steps = (rng.normal(shift, size=(step, 1)) for _ in range(int(within) // step))
        found.append(any(_alarms_after(monitor, rows) for rows in steps))
    return found


def scrapes(rng: np.random.Generator, reference: int, shift: float, count: int) -> list[bool]:
    """What the alarm gauge is at each scrape of a server that answers 500 rows between any two of them."""
    monitor = _shifted_column(rng, reference)
    return [_alarms_after(monitor, rng.normal(shift, size=(_SHORT, 1))) for _ in range(count)]


def _alerts(seed: int) -> Iterator[Row]:
    count, runs = int(1800 / _SCRAPE_S), _RUNS // 3
    for reference, shift, at_least, at_most in ((20_000, 0.0, 0, 0.01), (20_000, 0.3, 0.95, 1), (150, 1.0, 0.95, 1)):
        rngs = (np.random.default_rng([seed, reference, round(100 * shift), run, count]) for run in range(runs))
        fired = sum(AlertRule.read().fires(scrapes(rng, reference, shift, count), _SCRAPE_S) for rng in rngs)
        truth = f"{f'shift by {shift:g} sd' if shift else 'no shift'}, reference of {reference:,} rows, 33 rows/s"
        yield Row("alert FeatureDrift", truth, "fires within 30 min", fired, runs, at_least=at_least, at_most=at_most)


def _promised(reference: int, shift: float) -> float:
    """After how many rows ``make drift-N`` says that the shift is flagged, by the quicker window."""
    policy = AlarmPolicy()
    exponent = policy.exponent(_COLUMNS, windows=2)
    return min(
        flagged_after(shift, reference, rows, policy.ks(reference, rows, exponent), policy.looks)
        for rows in (_SHORT, _LONG)
    )


def _shifted_column(rng: np.random.Generator, reference: int) -> DriftMonitor:
    """The monitor of the one column that shifts, with the thresholds that it has among those of level 1."""
    return _monitor(rng.normal(size=(reference, 1)), AlarmPolicy().alpha * 2 / _COLUMNS)


def _monitor(reference: NDArray[Any], alpha: float) -> DriftMonitor:
    """All columns but the last are features; a lone one is both, and counts as two."""
    names = [f"x{index}" for index in range(max(1, reference.shape[1] - 1))]
    features, scores = reference[:, : len(names)], reference[:, -1]
    profile = ReferenceProfile.of(features, scores, model="simulated", version="1", feature_names=names)
    return DriftMonitor(profile, _SHORT, AlarmPolicy(alpha=alpha))


def _serve(monitor: DriftMonitor, rows: NDArray[Any]) -> None:
    monitor.observe(rows[:, : max(1, rows.shape[1] - 1)], rows[:, -1:])


def _alarms_after(monitor: DriftMonitor, rows: NDArray[Any]) -> bool:
    _serve(monitor, rows)
    return bool(monitor.alarms())


def _seconds(text: str) -> float:
    return float(text[:-1]) * _SECONDS[text[-1]]

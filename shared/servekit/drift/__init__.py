"""Drift: does the traffic still look like the data the model was trained on?

Training writes a small reference profile; serving hands every answered batch to a monitor; a scrape computes PSI
and KS.

    # training
    ReferenceProfile.of(X, probabilities, model="iris", version="1", feature_names=…, score_names=…).save(path)
    # server start
    monitor = DriftMonitor(ReferenceProfile.load(path))
    registry.register(DriftCollector([monitor]))
    # each answered request
    monitor.observe(features, scores)

The false-alarm guarantee and its derivation are in ``servekit.drift.threshold``, what a window can see in
``servekit.drift.power``; ``python -m workbench.drift URL`` prints the verdict of a running server and both.

What drift is here: a change in the distribution of *rows served*, column by column. A client that sends one row five
hundred times, or the data set sorted by class, does change that distribution, and is flagged. A change in how columns
depend on each other while each keeps its own distribution is seen only as far as it moves the scores.
"""

from __future__ import annotations

from servekit.drift.collector import DriftCollector
from servekit.drift.monitor import ColumnDrift, DriftAlarm, DriftMonitor, DriftReport
from servekit.drift.reference import Column, ProfileError, ReferenceProfile
from servekit.drift.threshold import AlarmPolicy

__all__ = [
    "AlarmPolicy",
    "Column",
    "ColumnDrift",
    "DriftAlarm",
    "DriftCollector",
    "DriftMonitor",
    "DriftReport",
    "ProfileError",
    "ReferenceProfile",
]

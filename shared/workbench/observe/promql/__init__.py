"""PromQL without Prometheus: the expressions of dashboards and alert rules, evaluated on samples in memory.

The same text is read by Prometheus, by Grafana and here; a test holds each expression of the repository against a real
Prometheus. So a panel means the same wherever somebody looks at it.
"""

from __future__ import annotations

from workbench.observe.promql.evaluate import Evaluator
from workbench.observe.promql.rules import Alert, Recording, Rules, read_rules
from workbench.observe.promql.series import Frame, Grid, Labels, QueryError, Samples, Source

__all__ = [
    "Alert",
    "Evaluator",
    "Frame",
    "Grid",
    "Labels",
    "QueryError",
    "Recording",
    "Rules",
    "Samples",
    "Source",
    "read_rules",
]

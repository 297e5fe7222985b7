"""Looks at what a running level leaves behind: traces as waterfalls, logs as tables, metrics in dashboards.

| command | what it does |
|---|---|
| ``python -m workbench.observe trace 1`` | draws a trace of level 1 in the terminal |
| ``python -m workbench.observe query 1 "select …"`` | queries its logs and spans with SQL |
| ``python -m workbench.observe up`` | starts Prometheus, and with Docker Grafana, Jaeger and ELK |
| ``python -m workbench.observe generate`` | writes the dashboards and the cluster's rules from their sources |
"""

from __future__ import annotations

from workbench.observe.errors import ObserveError

__all__ = ["ObserveError"]

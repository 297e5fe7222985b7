"""Open-loop load tests with a verdict: `workbench.load` sends, within Locust; latency counts from the intended start.

``python -m workbench.sla run PATH/sla.toml`` judges a level against its SLA, ``capacity`` finds the highest rate that
still meets it, ``locust`` opens the same load in Locust's own interface. A level supplies an ``sla.toml`` and a
`Scenario`; nothing else here needs to know the level. Importing this package never imports Locust, whose import
patches the standard library: the load runs in a process of its own.
"""

from __future__ import annotations

from workbench.load import Request
from workbench.sla.scenario import Scenario, Zipf
from workbench.sla.settings import Sla, load_sla

__all__ = ["Request", "Scenario", "Sla", "Zipf", "load_sla"]

"""Grafana dashboards as code: one across all levels, one for each, and one for the assistant.

``make dashboards`` writes their JSON.
"""

from __future__ import annotations

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from workbench.observe.dashboards.assistant import assistant
from workbench.observe.dashboards.level_1 import level_1
from workbench.observe.dashboards.level_2 import level_2
from workbench.observe.dashboards.level_3 import level_3
from workbench.observe.dashboards.overview import overview

__all__ = ["DASHBOARDS", "render"]

DASHBOARDS = {
    "serving-overview": overview,
    "level-1": level_1,
    "level-2": level_2,
    "level-3": level_3,
    "assistant": assistant,
}
"""What builds each dashboard, by the name of its file and its uid in Grafana."""


def render() -> dict[str, str]:
    """Each dashboard's JSON by name, the same for the same code."""
    return {
        name: json.dumps(build(name), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, build in DASHBOARDS.items()
    }

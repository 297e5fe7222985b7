"""Which tests share a worker, and which begin: what is expensive is built once, and nothing long is left to the end."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it ships no types

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from xdist.remote import Producer  # type: ignore[import-untyped]

__all__ = ["LONGEST", "TOGETHER", "Groups", "longest_first", "shuffle"]

_LESSONS = "tests/course/test_readmes.py::test_the_lesson_prints_what_it_says"
_PACKAGES = "tests/integration/shop/"
"""Each folder in it has its own running processes."""

TOGETHER = {
    # a fixture that costs seconds: a running pipeline, three components, a server
    "tests/integration/recommender/pipeline": "pipeline",
    "tests/integration/recommender/components": "components",
    "tests/integration/recommender": "letters",
    "tests/integration/observability": "observability",
    "tests/integration/registry": "registry",
    "tests/integration/servekit/oip/test_conformance_of_iris.py": "iris-server",
    "tests/integration/iris_api/test_predict.py": "iris-server",
    "tests/integration/iris_api/test_oip_grpc.py": "iris-server",
    "tests/integration/iris_api/test_telemetry.py": "iris-server",
    "tests/integration/iris_api/test_client.py": "iris-server",
    "tests/integration/iris_api/test_lessons.py": "iris-server",
    "tests/integration/iris_api/test_listeners.py": "iris-server",
    # an import that takes more than a second: scikit-learn
    "tests/unit/iris_api/test_training.py": "scikit-learn",
    "tests/unit/iris_api/test_oracle.py": "scikit-learn",
    "tests/unit/servekit/test_drift_monitor.py": "scikit-learn",
    "tests/unit/servekit/test_drift_reference.py": "scikit-learn",
    # overlays and the chart are rendered once, and the schemas of custom resources read, which takes seconds
    "tests/manifests": "manifests",
    "tests/unit/workbench/test_cluster.py": "manifests",
}
"""Folders and files whose tests run in one worker; the most specific counts. Any other file is a group of its own."""

LONGEST = (
    "tests/integration/recommender/pipeline",
    "tests/integration/shop/canary",
    "tests/integration/shop/serving",
    "tests/manifests",
    "tests/unit/workbench/test_cluster.py",
    "tests/course",
    "tests/integration/shop/gateway",
    "tests/sla",
    "tests/integration/shop/optimize",
    "tests/integration/iris_api/test_incidents.py",
    "tests/unit/recommender/test_components_alone.py",
    "tests/unit/planner/test_plan.py",
    "tests/integration/iris_api/test_workers.py",
    "tests/unit/workbench/test_fuzz.py",
    "tests/unit/workbench/test_observe_latency.py",
    "tests/unit/planner",
    "tests/integration/recommender/components",
    "tests/integration/shop",
    "tests/integration",
    "tests/e2e",
)
"""Who begins: what takes longest, and what computes between what waits; the rest follows in any order."""


class Groups(LoadScopeScheduling):  # type: ignore[misc]
    """A worker takes a group of tests, runs it, and takes the next.

    That is ``--dist loadgroup`` without its marks, which pytest-xdist 3.8 writes where pytest 9.2 does not read them.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # the order is `longest_first`

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def longest_first(items: list[pytest.Item]) -> None:
    """Sorts the tests of a run."""
    items.sort(key=lambda item: _rank(item.nodeid))


def shuffle(items: list[pytest.Item], seed: int) -> None:
    """Orders the tests of a run by chance: the groups, the files of a group, and the tests of a file.

    Each of these stays together, for it shares what costs seconds to start.
    """
    draw = Random(seed)
    order: dict[str, float] = {}
    for item in sorted(items, key=lambda item: item.nodeid):
        for part in (_group(item.nodeid), _file(item.nodeid), item.nodeid):
            order.setdefault(part, draw.random())
    items.sort(key=lambda item: [order[part] for part in (_group(item.nodeid), _file(item.nodeid), item.nodeid)])


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def _group(nodeid: str) -> str:
    if nodeid.startswith(_LESSONS):
        return nodeid.partition("[")[2].strip("]")
    if nodeid.startswith(_PACKAGES):
        return "/".join(nodeid.split("/")[:4])
    found = _prefixes(nodeid, list(TOGETHER))
    return TOGETHER[max(found, key=len)] if found else _file(nodeid)


def _rank(nodeid: str) -> int:
    found = _prefixes(nodeid, LONGEST)
    return LONGEST.index(found[0]) if found else len(LONGEST)


def _prefixes(nodeid: str, prefixes: Sequence[str]) -> list[str]:
    return [prefix for prefix in prefixes if nodeid.startswith(prefix)]

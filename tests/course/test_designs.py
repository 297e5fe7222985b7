"""The tasks of ``make design``: each reference does well, and each with something planted loses for that."""

from __future__ import annotations

from typing import Any

import pytest

from course.design import read_designs
from tests.unit.planner.day.days import FOLDER, TASKS, needs, points, reference, verdict

PLANTED: list[tuple[str, str, dict[str, Any], float, set[str]]] = [
    ("undersized", "news-feed", {"servers.replicas": 2, "autoscaling.metric": "none"}, 45, {"answered, all day"}),
    ("undersized", "iris-everywhere", {"autoscaling.metric": "none", "servers.replicas": 1, "zones": 1}, 40,
     {"answered, all day"}),
    ("one zone", "shop-at-scale", {"zones": 1}, 86, {"the loss of a zone"}),
    ("one zone", "bids-in-ten-ms", {"zones": 1}, 86, {"the loss of a zone"}),
    ("one region", "payments-in-two-regions", {"regions": 1}, 86, {"the loss of a region"}),
    ("one region", "shop-at-scale", {"regions": 1}, 60, {"on time, all day"}),
    ("no cache", "news-feed", {"cache.nodes": 0, "cache.gib": 0}, 90, {"the bill"}),
    ("no cache, no more servers", "news-feed", {"cache.nodes": 0, "cache.gib": 0, "autoscaling.max_replicas": 6}, 75,
     {"answered, all day", "the spike"}),
    ("stale answers", "flash-sale", {"cache.lifetime_s": 600}, 80, {"on time, all day"}),
    ("no canary", "flash-sale", {"canary.steps": []}, 88, {"the bad release"}),
    ("no canary", "payments-in-two-regions", {"canary.steps": []}, 88, {"the bad release"}),
    ("a canary that proves nothing", "credit-decisions", {"canary.steps": [1.0], "canary.minutes": 1}, 86,
     {"the bad release"}),
    ("autoscaling too slow", "flash-sale", {"autoscaling.target": 0.8}, 91, {"the spike"}),
    ("autoscaling too slow", "bids-in-ten-ms", {"autoscaling.target": 0.85}, 90, {"the loss of a zone"}),
    ("overspending", "shop-at-scale", {"servers.replicas": 60, "autoscaling.max_replicas": 90}, 80, {"the bill"}),
    ("overspending", "credit-decisions", {"servers.replicas": 15}, 76, {"the bill"}),
    ("too many queues", "bids-in-ten-ms",
     {"servers.cores": 1, "servers.replicas": 40, "autoscaling.max_replicas": 200, "autoscaling.target": 0.75}, 70,
     {"on time, all day"}),
    ("a batch that is waited for", "bids-in-ten-ms", {"batch.size": 64, "batch.delay_ms": 20}, 50,
     {"on time, all day"}),
]  # fmt: skip


def test_there_are_six_tasks_or_more_and_each_has_all_its_files() -> None:
    assert len(TASKS) >= 6
    assert sorted(read_designs()) == TASKS
    assert sorted(path.stem for path in (FOLDER / "references").glob("*.toml")) == TASKS
    for task in TASKS:
        assert needs(task).budget_per_day > 0
        assert reference(task).zones >= 1


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("task", TASKS)
def test_every_reference_scores_above_ninety_on_any_day(task: str, seed: int) -> None:
    found = verdict(task, seed=seed)
    assert found.score > 90, [each for each in found.criteria if each.points < each.of]
    assert found.dollars < needs(task).budget_per_day


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "changes", "mark", "loses"),
    [row[1:] for row in PLANTED],
    ids=[f"{row[0]}-{row[1]}" for row in PLANTED],
)
def test_a_bad_design_scores_below_its_mark_and_loses_the_right_part(
    task: str, changes: dict[str, Any], mark: float, loses: set[str]
) -> None:
    found = verdict(task, changes)
    assert found.score < mark
    kept = points(found)
    assert all(kept[name] < 0.8 for name in loses), kept
    assert found.reference_score - found.score >= 8

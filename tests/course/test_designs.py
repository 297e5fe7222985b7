"""The tasks of ``make design``: each reference does well, and each with something planted loses for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from course.design import read_designs
from tests.unit.planner.day.days import FOLDER, TASKS, needs, points, reference, verdict
from tests.unit.planner.token_day.token_days import TOKEN_TASKS, token_needs, token_reference, token_verdict

if TYPE_CHECKING:
    from planner.day.points import DesignVerdict

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
    ("no budget of a key", "shop-assistant", {"budget.by": "none"}, 91, {"the abused key"}),
    ("a budget that counts requests", "shop-assistant", {"budget.by": "requests", "budget.per_minute": 300}, 91,
     {"the abused key"}),
    ("a budget below honest use", "shop-assistant", {"budget.per_minute": 30_000}, 60, {"answered, all day", "lunch"}),
    ("scaling on a core that is always busy", "shop-assistant",
     {"autoscaling.metric": "cpu", "autoscaling.target": 0.9}, 80, {"lunch", "the loss of a machine"}),
    ("scaling on CPU long before it is needed", "shop-assistant",
     {"autoscaling.metric": "cpu", "autoscaling.target": 0.6}, 80, {"the bill"}),
    ("an endless queue", "shop-assistant", {"admission.by": "none", "admission.deadline_s": 0}, 92, {"lunch"}),
    ("no prefixes", "shop-assistant", {"engine.prefix_cache": False}, 60, {"the bill", "lunch"}),
    ("a small KV cache", "shop-assistant", {"engine.blocks": 64}, 60, {"on time, all day", "the bill"}),
    ("no quality set", "shop-assistant", {"canary.questions": 0}, 88, {"the bad model"}),
    ("one large machine", "shop-assistant", {"servers.instance": "m7i.4xlarge", "autoscaling.target": 1000}, 90,
     {"the loss of a machine"}),
    ("a batch that is waited for", "bids-in-ten-ms", {"batch.size": 64, "batch.delay_ms": 20}, 50,
     {"on time, all day"}),
]  # fmt: skip


def test_there_are_eight_tasks_or_more_and_each_has_all_its_files() -> None:
    assert len(TASKS) + len(TOKEN_TASKS) >= 8
    both = sorted([*TASKS, *TOKEN_TASKS])
    assert sorted(read_designs()) == both
    assert sorted(path.stem for path in (FOLDER / "references").glob("*.toml")) == both
    for task in TASKS:
        assert needs(task).budget_per_day > 0
        assert reference(task).zones >= 1
    for task in TOKEN_TASKS:
        assert token_needs(task).budget_per_day > 0
        assert token_reference(task).servers.replicas >= 1


def judged(task: str, changes: dict[str, Any] | None = None, seed: int = 1) -> DesignVerdict:
    return (token_verdict if task in TOKEN_TASKS else verdict)(task, changes, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize("task", [*TASKS, *TOKEN_TASKS])
def test_every_reference_scores_above_ninety_on_any_day(task: str, seed: int) -> None:
    found = judged(task, seed=seed)
    assert found.score > 90, [each for each in found.criteria if each.points < each.of]
    assert found.dollars < (token_needs if task in TOKEN_TASKS else needs)(task).budget_per_day


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "changes", "mark", "loses"),
    [row[1:] for row in PLANTED],
    ids=[f"{row[0]}-{row[1]}" for row in PLANTED],
)
def test_a_bad_design_scores_below_its_mark_and_loses_the_right_part(
    task: str, changes: dict[str, Any], mark: float, loses: set[str]
) -> None:
    found = judged(task, changes)
    assert found.score < mark
    kept = points(found)
    assert all(kept[name] < 0.8 for name in loses), kept
    assert found.reference_score - found.score >= 8

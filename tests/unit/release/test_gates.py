"""The gates of a first release, which has no champion to be held against."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from iris_api.training.evaluation import Quality
from release import films, iris, shop
from release.step import Place, Result

CHAMPION = Quality(right=30, rows=30, log_loss=0.13)
BASELINE = {"baseline": {"ndcg_at_10": 0.3, "auc": 0.5}}


@pytest.mark.parametrize(
    ("quality", "result"),
    [
        ({"ndcg_at_10": 0.4, "auc": 0.9}, "passed"),
        ({"ndcg_at_10": 0.3, "auc": 0.9}, "failed"),
        ({"ndcg_at_10": float("nan"), "auc": 0.9}, "failed"),
    ],
)
def test_level_3s_first_version_is_better_than_its_baseline(quality: dict[str, float], result: Result) -> None:
    verdict = shop._first(quality, BASELINE)
    assert verdict.result == result
    assert verdict.figures["passed"] == (result == "passed")
    if result == "failed":
        assert verdict.summary.endswith("expected above the baseline's 0.3000")


@pytest.mark.parametrize(
    ("challenger", "champion", "said"),
    [
        (0.15, None, "good enough to be the first"),
        (0.11, None, "ndcg_at_10 0.1100, expected at least 0.1200"),
        (0.15, 0.154, "not worse than the champion"),
        (0.14, 0.153, "ndcg_at_10 0.1400, expected at least 0.1480"),
        (float("nan"), 0.153, "ndcg_at_10 nan, expected at least 0.1480"),
    ],
)
def test_level_2s_gate_allows_little(challenger: float, champion: float | None, said: str) -> None:
    found = {"challenger": {"ndcg_at_10": challenger, "recall_at_20": 0.27}}
    if champion is not None:
        found["champion"] = {"ndcg_at_10": champion, "recall_at_20": 0.27}
    verdict = films._gate(Place(Path(), None, {}, {"evaluate": found}))
    assert verdict.summary == said
    assert (verdict.result == "passed") == verdict.figures["passed"]


@pytest.mark.parametrize(
    ("right", "loss", "champion", "result"),
    [
        (30, 0.13, None, "passed"),
        (26, 0.13, None, "failed"),
        (30, 0.31, None, "failed"),
        (29, 0.18, CHAMPION, "passed"),
        (28, 0.13, CHAMPION, "failed"),
        (30, 0.19, CHAMPION, "failed"),
        (30, float("nan"), CHAMPION, "failed"),
    ],
)
def test_level_1s_gate_allows_a_flower_and_little_loss(
    right: int, loss: float, champion: Quality | None, result: Result
) -> None:
    found = {"challenger": Quality(right, 30, loss)} | ({"champion": champion} if champion else {})
    verdict = iris._gate(Place(Path(), None, {}, {"evaluate": msgspec.to_builtins(found)}))
    assert verdict.result == result
    assert verdict.figures["passed"] == (result == "passed")

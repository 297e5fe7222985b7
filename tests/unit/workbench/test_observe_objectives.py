from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from workbench.observe.objectives import Objective, objective, objectives, rules

if TYPE_CHECKING:
    from pathlib import Path


def promise(root: Path, level: int, p99_ms: float) -> None:
    folder = root / f"0{level}-a-level"
    folder.mkdir()
    (folder / "sla.toml").write_text(f"level = {level}\n[thresholds]\np99_ms = {p99_ms}\n")


def test_each_level_has_the_objective_that_its_sla_promises() -> None:
    assert objectives()[:2] == [Objective("1", 0.05), Objective("2", 0.1)]
    assert objective("2").latency == "100 ms"


def test_a_new_level_joins_with_its_sla(tmp_path: Path) -> None:
    promise(tmp_path, 7, 25)
    (group, _) = yaml.safe_load(rules(tmp_path))["groups"]
    series = {rule["record"]: (rule["expr"], rule["labels"]) for rule in group["rules"]}
    assert series["level:serving_latency:objective_seconds"] == ("vector(0.025)", {"level": "7"})
    assert series["level_le:serving_latency:objective"] == ("vector(1)", {"level": "7", "le": "0.025"})
    assert series["level:serving_errors:budget"] == ("vector(0.001)", {"level": "7"})


def test_a_level_without_an_sla_has_no_objective(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"level 3: no 03-\*/sla\.toml in "):
        objective("3", tmp_path)


def test_a_promise_that_no_bucket_can_count_is_refused(tmp_path: Path) -> None:
    promise(tmp_path, 1, 60)
    with pytest.raises(ValueError, match=r"p99_ms 60: expected the bound of a bucket, one of 0\.5, 1, .*, 2500"):
        rules(tmp_path)

"""The real engine beside the planner's scheduler, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from assistant.commands import calibrate
from planner.tokens.calibration import TokenCalibration
from planner.tokens.measure import COUNTS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def test_the_planners_scheduler_and_formula_are_the_engines(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_MODEL", str(weights))
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    shorter = ["--rounds", "1", "--long-prompt", "128", "--answer", "16", "--seconds", "3", "--tries", "1"]
    # whether the prediction is near depends on who else uses this machine: only the document is looked at
    assert calibrate.main(shorter) in {0, 1}
    found = msgspec.json.decode((tmp_path / "assistant-calibration.json").read_bytes(), type=TokenCalibration)
    assert found.agreed == 1
    assert found.preemptions > 3
    assert found.model.kv_bytes_per_token(found.kv) == found.kv_bytes_per_token
    assert {(each.sequences, each.prompt) for each in found.points} == {(n, p) for n in COUNTS for p in (32, 128)}
    assert found.cost.base_us > 0  # what batching is good for
    assert [run.rate_rps for run in found.held_out] == [1.0, 1.6]

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.artefact import ModelCard
from shop.commands.training_report import print_report
from shop.models.training_steps import TrainedModel

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_measure_says_what_it_is_known_from_and_how_far_off_it_may_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = ModelCard("fraud", "1", "made up", "FP32", [], [], {}, "none", "2026-11-28T00:00:00+00:00", {})
    rows = {
        "amount": {"auc": 0.7},
        "student": {"auc": 0.9762, "recall_at_1pct_fpr": 0.848, "calibration_error": 0.0015},
    }
    margins = {"student": {"auc": 0.0061, "recall_at_1pct_fpr": 0.029}}
    print_report([TrainedModel(card, 1_000_000, rows, margins, "678 frauds")], tmp_path)
    heading, amount, student, _ = capsys.readouterr().out.splitlines()
    assert heading.split("  ")[0] == "fraud, 678 frauds"
    assert amount.split() == ["amount", "0.7000", "–", "–"]
    assert " ".join(student.split()) == "student 0.976 ± 0.006 0.848 ± 0.029 0.0015"

"""What ``make train-3`` prints: how good each model is, and where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from shop.models.training_steps import TrainedModel

__all__ = ["print_report"]

_HEADINGS = {
    "ndcg_at_10": "NDCG@10",
    "auc": "AUC",
    "average_precision": "avg. precision",
    "recall_at_1pct_fpr": "recall@1%FPR",
    "calibration_error": "calibration error",
    "recall_at_100": "recall@100",
    "coverage_at_100": "coverage@100",
}


def print_report(trained: list[TrainedModel], run_dir: Path) -> None:
    """A table for each model, and a line for each artefact; what stands behind ± holds with 95 %."""
    for each in trained:
        names = list(next(reversed(each.rows.values())))
        title = f"{each.card.name}, {each.judged}"
        print(f"{title:28s}" + "".join(f"{_HEADINGS[name]:>20s}" for name in names))
        for label, metrics in each.rows.items():
            margins = each.margins.get(label, {})
            print(f"  {label:26s}" + "".join(_cell(metrics.get(name), margins.get(name)) for name in names))
    for each in trained:
        folder = run_dir / "models" / each.card.name / each.card.version
        print(f"artefact  {folder}  {each.size / 1e6:.1f} MB  sha256 {each.card.sha256[:16]}…")


def _cell(value: float | None, margin: float | None) -> str:
    if value is None:
        return f"{'–':>20s}"
    return f"{value:20.4f}" if margin is None else f"{f'{value:.3f} ± {margin:.3f}':>20s}"

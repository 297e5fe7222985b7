"""``make train-1`` fits and evaluates the model, exports it, writes the artefact, and registers it.

``make train-1 ARGS="--c 0.1"`` trains another one.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from iris_api.adapters.artefact import artefact_in
from iris_api.settings import IrisSettings
from iris_api.training.artefact import write_model
from iris_api.training.fit import INVERSE_REGULARISATION
from servekit.shares import share_text
from servekit.signing import SIGNATURE
from workbench.arguments import positive
from workbench.registry import record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from iris_api.adapters.artefact import ModelCard
    from iris_api.training.fit import TrainingReport

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Trains into the folder of the settings; the registry costs a training nothing but a line."""
    parser = argparse.ArgumentParser(prog="python -m iris_api.commands.train", description="Train and register iris.")
    parser.add_argument(
        "--c",
        type=positive,
        default=INVERSE_REGULARISATION,
        help="inverse strength of the regularisation (%(default)g)",
    )
    c, folder = parser.parse_args(argv).c, IrisSettings().model_dir
    _print(*write_model(folder, c), folder)
    record([artefact_in(folder)], print)


def _print(card: ModelCard, report: TrainingReport, folder: Path) -> None:
    print(f"trained        iris {card.version}: {report.train_rows} flowers to fit, {report.test_rows} held out")
    folds = share_text(round(report.cross_validated_accuracy * report.train_rows), report.train_rows)
    held_out = share_text(round(report.test_accuracy * report.test_rows), report.test_rows)
    print(f"accuracy       {folds} cross-validated, {held_out} held out")
    print(f"baseline       {report.baseline_accuracy:.3f} (always the most frequent class)")
    print(f"sha256         {card.sha256}")
    print(f"artefact       {folder}")
    signed = (folder / SIGNATURE).exists()
    print(f"signature      {SIGNATURE if signed else 'none: make model-keys says how to sign and how to require it'}")


if __name__ == "__main__":
    main()

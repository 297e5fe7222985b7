"""``make train-1`` fits and evaluates the model, exports it, writes the artefact, and registers it.

``make train-1 ARGS="--c 0.1"`` trains another one.
"""

from __future__ import annotations

import argparse
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from iris_api.adapters.artefact import ModelCard, artefact_in, write_artefact
from iris_api.domain.flower import CLASS_NAMES, FEATURES
from iris_api.settings import IrisSettings
from iris_api.training.fit import INVERSE_REGULARISATION, TrainingReport, out_of_fold, parameters, train
from iris_api.training.golden import Golden, write_golden
from iris_api.training.iris_data import data_sha256, iris_rows
from iris_api.training.onnx_export import INPUTS, LIBRARIES, OUTPUTS, export_onnx
from servekit.drift import ReferenceProfile
from servekit.shares import share_text
from servekit.signing import SIGNATURE
from workbench.arguments import positive
from workbench.registry import record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["main", "write_model"]


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
    write_model(folder, c)
    record([artefact_in(folder)], print)


def write_model(folder: Path, c: float = INVERSE_REGULARISATION) -> None:
    """Writes the artefact, ``golden.json`` (scikit-learn's own answers, the oracle) and ``drift.json``."""
    features, labels = iris_rows()
    pipeline, report = train(features, labels, c)
    onnx = export_onnx(pipeline)
    card = ModelCard(
        name="iris",
        version="1",
        sha256=hashlib.sha256(onnx).hexdigest(),
        inputs=INPUTS,
        outputs=OUTPUTS,
        training_data_sha256=data_sha256(features, labels),
        metrics=msgspec.to_builtins(report),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        libraries=LIBRARIES,
        parameters=parameters(c),
    )
    write_artefact(folder, onnx, card)
    profile = ReferenceProfile.of(
        features,
        out_of_fold(features, labels, c),
        model=card.name,
        version=card.version,
        feature_names=FEATURES,
        score_names=[f"probability_{name}" for name in CLASS_NAMES],
    )
    profile.save(folder / "drift.json")
    write_golden(folder, Golden(features, pipeline.predict(features), pipeline.predict_proba(features)))
    _print(report, card, folder)


def _print(report: TrainingReport, card: ModelCard, folder: Path) -> None:
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

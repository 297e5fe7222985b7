"""``make train-1`` fits and evaluates the model, exports it, and writes the artefact."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from iris_api.adapters.artefact import ModelCard, write_artefact
from iris_api.domain.flower import CLASS_NAMES, FEATURES
from iris_api.settings import IrisSettings
from iris_api.training.fit import TrainingReport, out_of_fold, train
from iris_api.training.golden import Golden, write_golden
from iris_api.training.iris_data import data_sha256, iris_rows
from iris_api.training.onnx_export import INPUTS, LIBRARIES, OUTPUTS, export_onnx
from servekit.drift import ReferenceProfile
from servekit.shares import share_text
from servekit.signing import SIGNATURE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["main"]


def main(folder: Path | None = None) -> None:
    """Writes the artefact, ``golden.json`` (scikit-learn's own answers, the oracle) and ``drift.json``."""
    folder = folder or IrisSettings().model_dir
    features, labels = iris_rows()
    pipeline, report = train(features, labels)
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
    )
    write_artefact(folder, onnx, card)
    profile = ReferenceProfile.of(
        features,
        out_of_fold(features, labels),
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

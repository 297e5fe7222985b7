"""Trains the model and writes its artefact: the graph with its card, the oracle, and the profile for drift."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from iris_api.adapters.artefact import ModelCard, write_artefact
from iris_api.domain.flower import CLASS_NAMES, FEATURES
from iris_api.training.fit import INVERSE_REGULARISATION, TrainingReport, out_of_fold, parameters, train
from iris_api.training.golden import Golden, write_golden
from iris_api.training.iris_data import data_sha256, iris_rows
from iris_api.training.onnx_export import INPUTS, LIBRARIES, OUTPUTS, export_onnx
from servekit.drift import ReferenceProfile

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_model"]


def write_model(folder: Path, c: float = INVERSE_REGULARISATION) -> tuple[ModelCard, TrainingReport]:
    """Writes the artefact, ``golden.json`` (scikit-learn's own answers, the oracle) and ``drift.json``.

    Args:
        folder: where to; what is there is replaced.
        c: inverse strength of the regularisation.
    """
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
    return card, report

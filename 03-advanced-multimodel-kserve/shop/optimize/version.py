"""What the gate let through, written as version 2 of its model; what it refused is not there to be served."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from shop.artefact import CHECK, Artefact, ModelCard, write_artefact
from shop.features.watched import PROFILE
from shop.optimize.forms import tensorrt_exports
from shop.optimize.latency import run_of, session

if TYPE_CHECKING:
    from pathlib import Path

    from shop.optimize.attempt import Outcome
    from shop.optimize.exam import Exam
    from shop.optimize.gate import Verdict

__all__ = ["BASELINE", "OPTIMISED", "write_version"]

BASELINE, OPTIMISED = "1", "2"
"""The version that training writes, and the one made of it."""

_CHECK_ROWS = 32


def write_version(models_dir: Path, exam: Exam, outcome: Outcome, *, force: bool = False) -> ModelCard | None:
    """Writes version 2 and returns its card; None, and no version 2 is left, where the candidate was refused.

    ``force`` writes it all the same; its card says that it was refused, and why.

    Raises:
        ArtefactError: version 1 is missing or damaged.
    """
    baseline = Artefact.of(models_dir, exam.model, BASELINE)
    folder = models_dir / exam.model / OPTIMISED
    if not (outcome.verdict.passed or force):
        shutil.rmtree(folder, ignore_errors=True)
        return None
    content = baseline.onnx()
    # the same requests come, and scores that the gate holds close to the baseline's: the same reference for drift
    reference = {PROFILE: baseline.part(PROFILE)} if PROFILE in baseline.card().files else {}
    parts = {**tensorrt_exports(exam.model, content, exam.calibration), CHECK: _check(content, exam), **reference}
    return write_artefact(folder, outcome.candidate.content, _card(baseline.card(), outcome.verdict), parts)


def _card(baseline: ModelCard, verdict: Verdict) -> ModelCard:
    quality: dict[str, Any] = {name: round(loss.after, 4) for name, loss in verdict.losses.items()}
    return replace(
        baseline,
        version=OPTIMISED,
        algorithm=f"{baseline.algorithm}, INT8 {verdict.form}",
        precision="INT8",
        metrics={**quality, "made_of": baseline.metrics, "gate": asdict(verdict)},
        parameters={"form": verdict.form, "made_of": baseline.sha256},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        libraries={name: version(name) for name in ("numpy", "onnx", "onnxruntime")},
    )


def _check(content: bytes, exam: Exam) -> bytes:
    model, rows = session(content), exam.rows(_CHECK_ROWS)
    names = [each.name for each in model.get_outputs()]
    outputs = {
        name: np.asarray(values).reshape(-1).tolist() for name, values in zip(names, run_of(model, rows)(), strict=True)
    }
    return json.dumps({"rows": rows.tolist(), "outputs": outputs}, separators=(",", ":")).encode()

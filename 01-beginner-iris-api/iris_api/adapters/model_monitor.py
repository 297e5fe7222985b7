"""Monitoring of the model in service: each answer goes into the drift window and into the audit log."""

from __future__ import annotations

import os
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from iris_api.domain.flower import CLASS_NAMES
from servekit.audit import Audited, AuditLog, AuditSettings, refused
from servekit.drift import DriftMonitor, ReferenceProfile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from iris_api.adapters.onnx_model import OnnxModel
    from servekit.telemetry import RequestRecord

__all__ = ["ModelMonitor", "open_drift", "open_model_monitor"]


class ModelMonitor(Audited):
    """Drift and audit of one model version; either may be absent."""

    def __init__(self, model: OnnxModel, drift: DriftMonitor | None = None, audit: AuditLog | None = None) -> None:
        self.model = model
        self.drifts: list[DriftMonitor] = []
        super().__init__(audit)
        self.replace(model, drift)

    @property
    def drift(self) -> DriftMonitor | None:
        """The drift monitor of the model in service, if it has one."""
        return self.drifts[0] if self.drifts else None

    def replace(self, model: OnnxModel, drift: DriftMonitor | None) -> None:
        """Goes on with another model of the same name and version; its drift window begins empty."""
        self.model = model
        self.drifts[:] = [drift] if drift else []

    def observe(
        self, record: RequestRecord, rows: NDArray[Any], labels: NDArray[Any], probabilities: NDArray[Any]
    ) -> None:
        """Adds an answer to the drift window and the audit log, before it is sent.

        Raises:
            NotReadyError: the audit log can no longer be written, and no answer is sent that is not in it.
        """
        for drift in self.drifts:
            drift.observe(rows, probabilities)
        if self._audit is None:
            return
        with refused():
            self._audit.record(
                request_id=f"{record.trace_id:032x}",
                model=self.model.name,
                version=self.model.version,
                input_digest=self._audit.digest(rows),
                output_digest=self._audit.digest(probabilities),
                decision=CLASS_NAMES[labels[0]] if len(labels) == 1 else f"{len(labels)} rows",
                latency_s=(perf_counter_ns() - record.started_ns) / 1e9,
            )


def open_model_monitor(model: OnnxModel, model_dir: Path) -> ModelMonitor:
    """A monitor with drift where the artefact has a reference profile, and audit where ``AUDIT_DIR`` is set.

    Raises:
        ProfileError: the profile is damaged.
        AuditError: the audit log cannot be continued.
    """
    return ModelMonitor(model, open_drift(model_dir), AuditLog(AuditSettings()) if "AUDIT_DIR" in os.environ else None)


def open_drift(model_dir: Path) -> DriftMonitor | None:
    """The drift monitor of an artefact with a reference profile.

    Raises:
        ProfileError: the profile is damaged.
    """
    profile = model_dir / "drift.json"
    if not profile.exists():
        return None
    # several workers write their metrics to one folder: their drift windows are merged there too
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return DriftMonitor(ReferenceProfile.load(profile), directory=Path(shared) if shared else None)

"""What is kept of every answer: its rows in the drift window, and its line in the audit log."""

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

__all__ = ["Oversight", "open_oversight"]


class Oversight(Audited):
    """Drift and audit of one model version; either may be absent."""

    def __init__(self, model: OnnxModel, monitor: DriftMonitor | None = None, audit: AuditLog | None = None) -> None:
        self.model = model
        self.monitor = monitor
        super().__init__(audit)

    def note(
        self, record: RequestRecord, rows: NDArray[Any], labels: NDArray[Any], probabilities: NDArray[Any]
    ) -> None:
        """Takes note of an answer before it leaves.

        Raises:
            NotReadyError: the audit log cannot be written any more; what cannot be audited is not answered.
        """
        if self.monitor is not None:
            self.monitor.observe(rows, probabilities)
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


def open_oversight(model: OnnxModel, model_dir: Path) -> Oversight:
    """Drift where the artefact has a reference profile, audit where ``AUDIT_DIR`` says; shared among workers.

    Raises:
        ProfileError: the profile is damaged.
        AuditError: the audit log cannot be continued.
    """
    profile = model_dir / "drift.json"
    # several workers have a folder for their metrics: their drift windows meet there too
    shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    monitor = None
    if profile.exists():
        monitor = DriftMonitor(ReferenceProfile.load(profile), directory=Path(shared) if shared else None)
    return Oversight(model, monitor, AuditLog(AuditSettings()) if "AUDIT_DIR" in os.environ else None)

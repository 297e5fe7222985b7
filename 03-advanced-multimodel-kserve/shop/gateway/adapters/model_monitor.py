"""Monitoring of the models in service: answers go into the drift windows, and each payment into the audit log."""

from __future__ import annotations

import logging
import os
from time import perf_counter_ns
from typing import TYPE_CHECKING

from servekit.audit import Audited, AuditLog, AuditSettings, refused
from servekit.drift import DriftMonitor, ProfileError, ReferenceProfile

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from servekit.telemetry import RequestRecord

__all__ = ["ModelMonitor", "open_model_monitor"]

_log = logging.getLogger("shop.gateway")
_PROFILE = "drift.json"


class ModelMonitor(Audited):
    """Drift of each model version that has a reference profile; audit, where it is kept."""

    def __init__(self, drift: dict[tuple[str, str], DriftMonitor], audit: AuditLog | None = None) -> None:
        self.drift = drift
        super().__init__(audit)

    def observe(self, model: str, version: str, rows: NDArray[np.float32], scores: NDArray[np.generic]) -> None:
        """Adds rows that a model was given, and its scores, to the drift window of its version."""
        drift = self.drift.get((model, version))
        if drift is not None:
            drift.observe(rows, scores.reshape(-1, 1))

    def audit_decision(  # noqa: PLR0913 - the members of the line
        self, record: RequestRecord, *, model: str, version: str, request: bytes, answer: bytes, decision: str
    ) -> None:
        """Adds a decision to the audit log, before it is sent.

        Raises:
            NotReadyError: the audit log can no longer be written, and no decision is sent that is not in it.
        """
        audit = self._audit
        if audit is None:
            return
        with refused():
            audit.record(
                request_id=f"{record.trace_id:032x}",
                model=model,
                version=version,
                input_digest=audit.digest(request),
                output_digest=audit.digest(answer),
                decision=decision,
                latency_s=(perf_counter_ns() - record.started_ns) / 1e9,
            )


def open_model_monitor(models_dir: Path) -> ModelMonitor:
    """A monitor with drift where artefacts have a reference profile, and audit where ``AUDIT_DIR`` is set.

    Raises:
        AuditError: the audit log cannot be continued.
    """
    drift = {}
    for path in sorted(models_dir.glob(f"*/*/{_PROFILE}")):
        try:
            drift[path.parts[-3], path.parts[-2]] = DriftMonitor(ReferenceProfile.load(path))
        except (ProfileError, ValueError) as error:
            _log.warning("drift of %s %s is not watched: %s", path.parts[-3], path.parts[-2], error)
    return ModelMonitor(drift, AuditLog(AuditSettings()) if "AUDIT_DIR" in os.environ else None)

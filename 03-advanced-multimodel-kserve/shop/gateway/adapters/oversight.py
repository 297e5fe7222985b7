"""What is kept of answers: rows for the drift monitors, and a line in the audit log for each payment."""

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

__all__ = ["Oversight", "open_oversight"]

_log = logging.getLogger("shop.gateway")
_PROFILE = "drift.json"


class Oversight(Audited):
    """Drift of each model version that has a reference profile; audit, where it is kept."""

    def __init__(self, monitors: dict[tuple[str, str], DriftMonitor], audit: AuditLog | None = None) -> None:
        self.monitors = monitors
        super().__init__(audit)

    def seen(self, model: str, version: str, rows: NDArray[np.float32], scores: NDArray[np.generic]) -> None:
        """Remembers rows that a model was given, and what it said."""
        monitor = self.monitors.get((model, version))
        if monitor is not None:
            monitor.observe(rows, scores.reshape(-1, 1))

    def decided(  # noqa: PLR0913 - the members of the line
        self, record: RequestRecord, *, model: str, version: str, request: bytes, answer: bytes, decision: str
    ) -> None:
        """Writes a decision down.

        Raises:
            NotReadyError: the audit log cannot be written any more; what cannot be audited is not answered.
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


def open_oversight(models_dir: Path) -> Oversight:
    """Drift where an artefact has a reference profile, audit where ``AUDIT_DIR`` says.

    Raises:
        AuditError: the audit log cannot be continued.
    """
    monitors = {}
    for path in sorted(models_dir.glob(f"*/*/{_PROFILE}")):
        try:
            monitors[path.parts[-3], path.parts[-2]] = DriftMonitor(ReferenceProfile.load(path))
        except (ProfileError, ValueError) as error:
            _log.warning("drift of %s %s is not watched: %s", path.parts[-3], path.parts[-2], error)
    return Oversight(monitors, AuditLog(AuditSettings()) if "AUDIT_DIR" in os.environ else None)

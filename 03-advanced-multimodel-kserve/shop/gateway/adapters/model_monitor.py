"""Monitoring of the models in service: answers go into the drift windows, and each payment into the audit log."""

from __future__ import annotations

import logging
import os
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING

import msgspec

from servekit.audit import Audited, AuditLog, AuditSettings, refused
from servekit.drift import DriftMonitor, ProfileError, ReferenceProfile
from shop.features.watched import PROFILE, WATCHED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from servekit.telemetry import RequestRecord

__all__ = ["ModelMonitor", "open_model_monitor"]

_log = logging.getLogger("shop.gateway")
_WINDOW = 250
"""Rows of the short window. Half of it is enough for a verdict, and the load of one `make sla-3` has more payments."""
_COLUMNS = {model: list(columns.values()) for model, columns in WATCHED.items()}


class ModelMonitor(Audited):
    """Drift of each model version that has a reference profile; audit, where it is kept.

    Args:
        drift: the windows that there are from the start, by model and version.
        audit: the log.
        opened: gives the window of a version that answers for the first time, such as one that was just promoted.
    """

    def __init__(
        self,
        drift: dict[tuple[str, str], DriftMonitor],
        audit: AuditLog | None = None,
        opened: Callable[[str, str], DriftMonitor | None] = lambda *_: None,
    ) -> None:
        self.drift = drift
        self._opened = opened
        self._without: set[tuple[str, str]] = set()
        super().__init__(audit)

    def observe(self, model: str, version: str, rows: NDArray[np.float32], scores: NDArray[np.generic]) -> None:
        """Adds rows that a model was given, in the columns that are watched, and its scores to its version's window."""
        drift = self.drift.get((model, version))
        if drift is None and (model, version) not in self._without:
            drift = self._open(model, version)
        if drift is not None:
            drift.observe(rows[:, _COLUMNS[model]], scores.reshape(-1, 1))

    def _open(self, model: str, version: str) -> DriftMonitor | None:
        drift = self._opened(model, version)
        if drift is None:
            self._without.add((model, version))
        else:
            self.drift[model, version] = drift
        return drift

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


def open_model_monitor(models_dir: Path, shared: Path | None = None) -> ModelMonitor:
    """A monitor with drift where artefacts have a reference profile, and audit where ``AUDIT_DIR`` is set.

    Args:
        models_dir: where the artefacts are.
        shared: where the gateways of this machine share their drift windows, so that each tells of all of them.

    Raises:
        AuditError: the audit log cannot be continued.
    """
    opened = partial(_opened, models_dir, shared)
    found = {key: opened(*key) for key in sorted(path.parts[-3:-1] for path in models_dir.glob(f"*/*/{PROFILE}"))}
    drift = {(model, version): window for (model, version), window in found.items() if window}
    return ModelMonitor(drift, AuditLog(AuditSettings()) if "AUDIT_DIR" in os.environ else None, opened)


def _opened(models_dir: Path, shared: Path | None, model: str, version: str) -> DriftMonitor | None:
    """The window of a version; None where it has no reference that can be used."""
    path = models_dir / model / version / PROFILE
    if not path.exists():
        return None
    try:
        return DriftMonitor(_profile(path, model, version), _WINDOW, directory=shared)
    except (ProfileError, ValueError, OSError) as error:
        _log.warning("drift of %s %s is not watched: %s", model, version, error)
        return None


def _profile(path: Path, model: str, version: str) -> ReferenceProfile:
    """The reference of a version, by the number of its folder, which is what clients and metrics call it."""
    profile = ReferenceProfile.load(path)
    names = [column.name for column in profile.columns if column.kind == "feature"]
    if names != list(WATCHED.get(model, ())):
        raise ProfileError(f"reference profile {path}: of other columns than are watched: train again")
    return msgspec.structs.replace(profile, model=model, version=version)

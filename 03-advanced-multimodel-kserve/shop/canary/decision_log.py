"""The audit trail: every shift of traffic, by hand or by a rollout, with the evidence that it was decided on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import msgspec

from servekit.audit import AuditError, AuditLog, AuditSettings
from shop.canary.errors import CanaryError

if TYPE_CHECKING:
    from pathlib import Path

    from shop.canary.rollout import Step
    from shop.canary.subject import GateResult

__all__ = ["DecisionLog"]

_WRITER = "canary"


class DecisionLog:
    """Writes decisions to the hash-chained log, and beside it the evidence whose digests the log holds.

    While a log is open no other command may shift traffic: the log has one writer, enforced by the kernel.

    Args:
        run_dir: the level's; the log is ``audit/canary.*.jsonl`` in it, the evidence ``canary/<id>.jsonl``.
        model: whose traffic it is about.

    Raises:
        CanaryError: another command is shifting traffic, or the log cannot be written.
    """

    def __init__(self, run_dir: Path, model: str) -> None:
        self.id = uuid4().hex
        self._model = model
        self._evidence = run_dir / "canary" / f"{self.id}.jsonl"
        try:
            self._log = AuditLog(AuditSettings(dir=run_dir / "audit"), _WRITER)
        except (AuditError, OSError) as error:
            raise CanaryError(f"canary of {model}: {error}") from None

    def record_manual(self, version: str, before: int, after: int) -> None:
        """Records a weight that a person set."""
        self._record(version, b"", f"{before}% -> {after}% by hand", 0.0)

    def record_step(self, version: str, step: Step) -> None:
        """Records what a rollout decided at a step."""
        evidence = self._keep(asdict(step))
        self._record(version, evidence, f"{step.weight}% {step.verdict}: {step.reason}", step.elapsed_s)

    def record_gate(self, version: str, gate: GateResult) -> None:
        """Records whether a candidate may have traffic at all."""
        verdict = "passed" if gate.passed else "stopped"
        self._record(version, self._keep(gate._asdict()), f"gate {verdict}: {gate.reason}", gate.elapsed_s)

    def _keep(self, found: object) -> bytes:
        """Writes evidence beside the log; returns what its digest is of."""
        evidence = msgspec.json.encode(found)
        self._evidence.parent.mkdir(parents=True, exist_ok=True)
        with self._evidence.open("ab") as file:
            file.write(evidence + b"\n")
        return evidence

    def close(self) -> None:
        """Flushes the log and releases it; raises CanaryError when decisions could not be written."""
        try:
            self._log.close()
        except AuditError as error:
            raise CanaryError(f"canary of {self._model}: {error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _record(self, version: str, evidence: bytes, decision: str, seconds: float) -> None:
        self._log.record(
            request_id=self.id,
            model=self._model,
            version=version,
            input_digest=self._log.digest(evidence),
            output_digest=self._log.digest(decision.encode()),
            decision=decision,
            latency_s=seconds,
        )

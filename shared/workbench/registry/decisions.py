"""What was decided about versions, by whom and why: hash-chained lines, each beside the figures that it rests on."""

from __future__ import annotations

import getpass
import os
import socket
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec

from servekit.audit import AuditError, AuditLog, AuditSettings
from workbench.registry.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.registry.settings import RegistrySettings

__all__ = ["note"]

_WRITER = "registry"


def note(settings: RegistrySettings, model: str, version: str, decision: str, figures: Mapping[str, Any]) -> str:
    """Writes a line of the audit log in ``.run/registry/audit``, and its evidence beside it; returns the line's id.

    Args:
        settings: of the registry.
        model: whose versions it is about.
        version: the version decided about; its number, or what it is called where it has none.
        decision: what was decided and why, in one line.
        figures: what it rests on; the log has their digest.

    Raises:
        RegistryError: another command is writing, or the log cannot be written.
    """
    identity, audit = uuid4().hex, settings.artefacts / "audit"
    evidence = msgspec.json.encode({"by": _who(), "decision": decision, "figures": dict(figures)})
    try:
        log = AuditLog(AuditSettings(dir=audit), _WRITER)
        try:
            path = settings.artefacts / "decisions" / f"{identity}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(evidence + b"\n")
            log.record(
                request_id=identity,
                model=model,
                version=version,
                input_digest=log.digest(evidence),
                output_digest=log.digest(decision.encode()),
                decision=f"{decision} (by {_who()})",
                latency_s=0.0,
            )
        finally:
            log.close()
    except (AuditError, OSError) as error:
        raise RegistryError(f"audit log {audit}: {error}") from None
    return identity


def _who() -> str:
    """The account and the machine; in continuous integration, RELEASE_BY says who asked for it."""
    if given := os.environ.get("RELEASE_BY"):
        return given
    try:
        account = getpass.getuser()
    except (KeyError, OSError):  # a container's account has a number, and often no name
        account = f"uid {os.getuid()}"
    return f"{account}@{socket.gethostname()}"

"""Where the evidence lies that the rules look at."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from workbench.registry import RegisteredModel

__all__ = ["Site", "read_evidence", "stale"]


@dataclass(frozen=True)
class Site:
    """A checkout, and what was done in it.

    Attributes:
        models: that are registered, by name.
        run: the folder of results.
        artefacts: the registry's folder, which has the log of its decisions.
        environments: the folders of the Python environments that are there.
        root: the checkout.
        audit_key: of the HMAC seals in the audit logs, where they have some.
        now: the moment that ages are counted to.
    """

    models: Mapping[str, RegisteredModel]
    run: Path = Path(".run")
    artefacts: Path = Path(".run/registry")
    environments: Sequence[Path] = ()
    root: Path = ROOT
    audit_key: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


def read_evidence(path: Path) -> dict[str, Any] | None:
    """A result that a command wrote; None where there is none, or it is no JSON object."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def stale(moment: datetime, site: Site, most: timedelta) -> str:
    """How old something is, where that is too old; empty where it is not."""
    age = site.now - moment
    return f"{age.days} days old, at most {most.days} are allowed" if age > most else ""

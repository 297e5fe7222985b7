"""Level 2's deployments with time for each step on a busy machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from recommender.commands.operator import find_deployment
from workbench.manifests import build
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["OVERLAYS", "patient_base", "write_patient"]

OVERLAYS = ROOT / "02-intermediate-seldon-pipeline/deploy/overlays"


def patient_base(folder: Path) -> dict[str, str]:
    """Settings with which the level runs its base as a file in that folder, and waits for steps and inventory."""
    document = find_deployment([each.body for each in build(OVERLAYS.parent / "base")])
    path = write_patient(document, folder / "patient.yaml", 60_000)
    return {"RECOMMENDER_DEPLOYMENT": str(path), "RECOMMENDER_INVENTORY_TIMEOUT_S": "10"}


def write_patient(document: dict[str, Any], path: Path, step_ms: int) -> Path:
    """Writes a deployment each of whose steps has so long for an answer."""
    document["spec"]["annotations"] |= dict.fromkeys(("seldon.io/rest-timeout", "seldon.io/grpc-timeout"), str(step_ms))
    path.write_text(yaml.safe_dump(document))
    return path

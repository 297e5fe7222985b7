"""Small artefacts, and registries of their own for tests: one database is migrated in a run, and copied for each."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import TYPE_CHECKING, Any

from servekit.artefact_folder import MODEL, ArtefactFolder
from servekit.audit import verify
from tests.once import once
from workbench.registry import RegistrySettings
from workbench.registry.opening import open_store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

__all__ = ["decisions", "new_artefact", "new_registry"]


def new_artefact(folder: Path, graph: bytes = b"graph", name: str = "iris", **card: Any) -> ArtefactFolder:
    """An artefact as every training writes it; the graph is no ONNX that a runtime would load."""
    artefact = ArtefactFolder(folder, "make train-1", "IRIS_MODEL_DIR")
    content: dict[str, Any] = {
        "name": name,
        "version": "1",
        "sha256": hashlib.sha256(graph).hexdigest(),
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [],
        "training_data_sha256": "da" * 32,
        "metrics": {"accuracy": 0.95},
        "created": "2026-11-29T00:00:00+00:00",
        "libraries": {"numpy": "2"},
    }
    artefact.write({MODEL: graph}, json.dumps({**content, **card}).encode())
    return artefact


def new_registry(factory: pytest.TempPathFactory, folder: Path) -> RegistrySettings:
    """An empty registry in that folder."""

    def migrate(empty: Path) -> None:
        open_store(RegistrySettings(tracking_uri=f"sqlite:///{empty / 'mlflow.db'}"))

    database = folder / "mlflow.db"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(once(factory, "registry", migrate) / "mlflow.db", database)
    return RegistrySettings(tracking_uri=f"sqlite:///{database}", artefacts=folder / "registry")


def decisions(registry: RegistrySettings) -> list[str]:
    """What the audit log says was decided, if it is whole."""
    audit = registry.artefacts / "audit"
    if not audit.exists():
        return []
    assert verify(audit).problems == []
    lines = [
        json.loads(line) for path in sorted(audit.glob("registry.*.jsonl")) for line in path.read_text().splitlines()
    ]
    return [line["decision"] for line in lines if line["kind"] == "prediction"]

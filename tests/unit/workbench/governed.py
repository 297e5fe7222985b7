"""A checkout of one level with one model that keeps every rule, small enough to break in one place."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from servekit.audit import AuditLog, AuditSettings
from tests.artefacts import new_artefact
from workbench.governance import Rulebook, Site, judge
from workbench.registry import CHAMPION, ModelVersion, RegisteredModel
from workbench.registry.artefact import checked_card, digest
from workbench.registry.lineage import of_card
from workbench.registry.version import folder_source

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["NOW", "REPORT", "TEXT", "Governed", "governed"]

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
REPORT: dict[str, Any] = {
    "accuracy": 0.95,
    "baseline": {"accuracy": 0.5},
    "margins": {"accuracy": 0.02},
    "slices": {"species": {"setosa": {"rows": 40, "accuracy": 1.0, "margin": 0.09}}},
}
TEXT = """
model = "iris"
owner = "botany"
intended_use = "To tell irises apart."
out_of_scope = "Roses."
limits = "It knows three species."
ethics = "Nobody is affected."
baseline = "the most frequent species"

[data]
description = "150 flowers."
source = "Fisher, 1936"
licence = "public domain"

[[measures]]
name = "accuracy"
means = "share told right"
baseline = "baseline.accuracy"
"""
_RULES: dict[str, Any] = {
    "clean_commit": True,
    "owners": {"botany": "botany@example.com"},
    "ages": {"sla": 7, "drift": 7, "gate": 90},
    "licences": {"denied": {"SSPL-1.0": "asks for too much"}, "allowed": {"images.store": "runs beside it"}},
    "levels": {"1": {"models": ["iris"], "keys": "IRIS_MODEL_DIR"}},
}
_VERSIONS = """
[images.iris-api]
version = "0.1.0"
own_mb = 290
licence = "Apache-2.0"

[images.store]
reference = "store:1"
licence = "SSPL-1.0"
"""
_LINEAGE = {"git_commit": "c0ffee" * 6, "lock_sha256": "10c4", "trained_by": "make train-1"}


@dataclass
class Governed:
    """The checkout, what is registered, and what it is held to."""

    site: Site
    rules: Rulebook

    @property
    def champion(self) -> ModelVersion:
        found = self.site.models["iris"].alias(CHAMPION)
        assert found
        return found

    def tag(self, **tags: str | None) -> None:
        """Registers the champion with other tags; None takes one away."""
        merged = {**self.champion.tags, **tags}
        self.register(tags={name: value for name, value in merged.items() if value is not None})

    def register(self, **changes: Any) -> None:
        version = msgspec.structs.replace(self.champion, **changes)
        self.site = replace(self.site, models={"iris": RegisteredModel.of("iris", {CHAMPION: 1}, [version])})

    def write(self, path: str, document: Any) -> None:
        """A result below ``.run``."""
        file = self.site.run / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document))

    def broken(self) -> list[tuple[str, str, str]]:
        """Rule, evidence and remedy of each that fails."""
        found = judge(self.site, self.rules)
        return [(each.rule, each.said.detail, each.said.remedy) for each in found if each.said.result == "failed"]


def governed(folder: Path) -> Governed:
    root, run = folder / "checkout", folder / "run"
    level = root / "01-iris"
    (level / "docker").mkdir(parents=True)
    (level / "docker" / "iris-api.Dockerfile").write_text("FROM python\n")
    (level / "model_card.toml").write_text(TEXT)
    (root / "versions.toml").write_text(_VERSIONS)
    package = folder / "main" / "lib" / "python3.11" / "site-packages" / "msgspec-1.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Name: msgspec\nVersion: 1\nLicense-Expression: BSD-3-Clause\n")
    site = Site({"iris": _model(folder / "artefact")}, run, run / "registry", [folder / "main"], root, now=NOW)
    found = Governed(site, msgspec.convert(_RULES, Rulebook))
    recently = (NOW - timedelta(days=1)).isoformat()
    found.write("sla/1.json", {"verdict": "met", "date": recently})
    found.write("drift/1.json", {"verdict": "quiet", "date": recently})
    found.write("images/iris-api.cdx.json", bill(200))
    for name in ("1", "registry"):
        _log(run / name / "audit")
    return found


def bill(own_mb: float) -> dict[str, Any]:
    """A bill of materials with one part."""
    properties = [{"name": "image:own_mb", "value": str(own_mb)}]
    parts = [{"name": "msgspec"}]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "metadata": {"properties": properties},
        "components": parts,
    }


def _model(folder: Path) -> RegisteredModel:
    artefact = new_artefact(folder, metrics={**REPORT, "gate": {"passed": True, "reasons": []}})
    tags = {**of_card(checked_card(artefact)), **_LINEAGE, "artefact_sha256": digest(folder)}
    created = int((NOW - timedelta(days=2)).timestamp() * 1000)
    version = ModelVersion("iris", 1, folder_source(folder), created, tags)
    return RegisteredModel.of("iris", {CHAMPION: 1}, [version])


def _log(folder: Path) -> None:
    log = AuditLog(AuditSettings(dir=folder), "writer")
    log.record(
        request_id="1",
        model="iris",
        version="1",
        input_digest=log.digest(b"in"),
        output_digest=log.digest(b"out"),
        decision="setosa",
        latency_s=0.0,
    )
    log.close()

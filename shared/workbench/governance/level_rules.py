"""The rules for what a level ships and for how it runs."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from servekit.audit.errors import AuditError
from servekit.audit.verify import verify
from workbench.governance.evidence import read_evidence, stale
from workbench.governance.verdict import failed, met, not_applicable
from workbench.images.build import OWN_MB
from workbench.images.recipe import recipes
from workbench.registry import CHAMPION
from workbench.versions import load_versions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.governance.evidence import Site
    from workbench.governance.rulebook import Rulebook
    from workbench.governance.verdict import Said
    from workbench.registry import RegisteredModel

__all__ = ["IMAGE_RULES", "LEVEL_RULES", "Level", "decisions", "images_of"]


class Level(NamedTuple):
    """A level with what it is held to."""

    number: int
    site: Site
    rules: Rulebook


def images_of(level: Level) -> list[str]:
    """The images that it ships, by name."""
    return [recipe.name for recipe in recipes(level.number, level.site.root)]


def _bill(level: Level, image: str) -> dict[str, Any] | None:
    return read_evidence(level.site.run / "images" / f"{image}.cdx.json")


def _sbom(level: Level, image: str) -> Said:
    """There is a bill of materials that names what is in the image."""
    bill, make = _bill(level, image), f"make image-{level.number} (needs Docker)"
    if bill is None:
        return failed("no bill of materials", make)
    parts = len(bill.get("components", []))
    if bill.get("bomFormat") != "CycloneDX" or not parts:
        return failed(f"the bill of materials names {parts} parts, and is in {bill.get('bomFormat')}", make)
    return met(f"CycloneDX {bill.get('specVersion')}, {parts} parts")


def _size(level: Level, image: str) -> Said:
    """The image is no larger than ``versions.toml`` allows."""
    bill, make = _bill(level, image), f"make image-{level.number} (needs Docker)"
    if bill is None:
        return not_applicable("the rule sbom fails: that document has the image's size")
    properties = bill.get("metadata", {}).get("properties", [])
    size = next((float(each["value"]) for each in properties if each.get("name") == OWN_MB), None)
    most = load_versions(level.site.root / "versions.toml")["images"][image]["own_mb"]
    if size is None:
        return failed(f"its bill of materials has no {OWN_MB}", make)
    if size > most:
        return failed(f"{size:.0f} MB without its base, at most {most} are allowed", "leave something out")
    return met(f"{size:.0f} of {most} MB")


def _sla(level: Level) -> Said:
    """The promise was kept, measured not too long ago."""
    make = f"make up-{level.number} sla-{level.number}"
    found = read_evidence(level.site.run / "sla" / f"{level.number}.json")
    return _result(level, found, "met", "sla", make)


def _drift(level: Level) -> Said:
    """What is asked looks like what was learned from, by a verdict that is not too old."""
    make = f"make up-{level.number} sla-{level.number} drift-{level.number}"
    found = read_evidence(level.site.run / "drift" / f"{level.number}.json")
    return _result(level, found, "quiet", "drift", make)


def _result(level: Level, found: dict[str, Any] | None, wanted: str, what: str, make: str) -> Said:
    """Whether a result has the verdict that is wanted, and is new enough."""
    if found is None:
        return failed("nothing was measured", make)
    verdict = str(found.get("verdict"))
    moment = _moment(str(found.get("date")))
    if moment is None:
        return failed(f"date {found.get('date')}: not a moment", make)
    if verdict != wanted:
        return failed(f"{verdict} on {moment:%Y-%m-%d}, expected {wanted}", make)
    if old := stale(moment, level.site, level.rules.ages.of(what)):
        return failed(f"{verdict}, {old}", make)
    return met(f"{verdict} on {moment:%Y-%m-%d}")


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _audit(level: Level) -> Said:
    """Every line of its audit log is there and unchanged, now."""
    make = f"make up-{level.number} client-{level.number}"
    return _chain(level.site.run / str(level.number) / "audit", level.site, make)


def decisions(site: Site) -> Said:
    """So is every line of the registry's own log."""
    folder = site.artefacts / "audit"
    if not folder.exists() and not any(map(_was_promoted, site.models.values())):
        return not_applicable("no version was promoted yet: each champion is its model's first version")
    return _chain(folder, site, "restore the log from its copy; a promotion without its line is void")


def _was_promoted(model: RegisteredModel) -> bool:
    """Whether somebody decided that the champion is the champion; a training's first version becomes it by itself."""
    number = model.aliases.get(CHAMPION)
    first = model.versions.get(1)
    return number is not None and (number > 1 or first is None or "gate" in first.tags)


def _chain(folder: Path, site: Site, begin: str) -> Said:
    try:
        report = verify(folder, site.audit_key)
    except AuditError as error:
        return failed(str(error), begin)
    if report.problems:
        return failed(
            str(report.problems[0]), f"find out who changed it: python -m workbench.audit verify {_shown(folder)}"
        )
    lines = sum(file.lines for writer in report.writers for file in writer.files)
    return met(f"{lines:,} lines, none changed") if lines else failed("the log has no line", begin)


def _shown(folder: Path) -> str:
    return os.path.relpath(folder)


IMAGE_RULES: Final[dict[str, Callable[[Level, str], Said]]] = {"sbom": _sbom, "image size": _size}
"""The rules for an image, by name."""

LEVEL_RULES: Final[dict[str, Callable[[Level], Said]]] = {"sla": _sla, "drift": _drift, "audit": _audit}
"""The rules for how a level runs, by name."""

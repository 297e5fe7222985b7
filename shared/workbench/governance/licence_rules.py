"""The rules for the licences of everything that is used."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from workbench.governance.verdict import failed, met
from workbench.licences import held, installed, refused
from workbench.versions import load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.governance.evidence import Site
    from workbench.governance.rulebook import LicenceRules, Rulebook
    from workbench.governance.verdict import Said

__all__ = ["components", "packages"]

_SHOWN = 5


def components(site: Site, rules: Rulebook) -> Said:
    """Every part that ``versions.toml`` names has a licence, and none that is denied unless it is allowed by name."""
    stated = dict(_components(load_versions(site.root / "versions.toml")))
    wrong = [fault for name, licence in stated.items() if (fault := _fault(name, licence, rules.licences))]
    if wrong:
        return failed(_told(wrong), "replace it, or give a reason in policy.toml: [licences.allowed]")
    return met(f"{len(stated)} parts of versions.toml")


def packages(site: Site, rules: Rulebook) -> Said:
    """Every installed Python package has an accepted licence; see `workbench.licences`."""
    found = held(installed(site.environments))
    if not found:
        return failed("no package is installed", "make setup")
    wrong = [
        f"{each.name} {each.version}: {each.licence}"
        for each in found
        if refused(each.licence) or _denied(each.licence, rules.licences)
    ]
    if wrong:
        return failed(_told(wrong), "make licences")
    return met(f"{len(found)} packages in {len({each.environment for each in found})} environments")


def _components(tables: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Each table that pins something, with its licence; empty where it states none."""
    for name, table in tables.items():
        if not isinstance(table, dict):
            continue
        if {"version", "reference"} & table.keys():
            yield f"{path}{name}", str(table.get("licence", ""))
        else:
            yield from _components(table, f"{path}{name}.")


def _fault(name: str, licence: str, rules: LicenceRules) -> str:
    if not licence:
        return f"{name}: no licence stated"
    found = _denied(licence, rules)
    return f"{name}: {found}: {rules.denied[found]}" if found and name not in rules.allowed else ""


def _denied(licence: str, rules: LicenceRules) -> str:
    """The first denied licence that a text names; empty where there is none."""
    return next((each for each in rules.denied if re.search(rf"(?<![\w.-]){re.escape(each)}(?![\w.-])", licence)), "")


def _told(wrong: list[str]) -> str:
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return "; ".join(wrong[:_SHOWN]) + more

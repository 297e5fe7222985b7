"""What a level needs in its cluster beforehand: charts, and files of the level's ``deploy/cluster``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.versions import Cluster

__all__ = ["chart_commands", "charts_of", "install_commands"]


def charts_of(level: Cluster, root: Path = ROOT, *, optional: bool = True) -> list[str]:
    """Returns the tables of ``[charts]`` that a level needs, in an order that works.

    Args:
        level: whose cluster.
        root: the repository.
        optional: those too that only some values of the level's own chart ask for.
    """
    tables = load_versions(root / "versions.toml")["charts"].items()
    return [name for name, table in tables if table["level"] == level.level and (optional or "for" not in table)]


def install_commands(level: Cluster, context: str, root: Path = ROOT, *, optional: bool = True) -> list[list[str]]:
    """Returns the commands that install all of it from the repository's root; a second run changes nothing."""
    tables = load_versions(root / "versions.toml")["charts"]
    folder = next(iter(sorted(root.glob(f"{level.level:02d}-*/deploy/cluster"))), root)
    place = folder.relative_to(root)
    charts = [_helm(context, name, tables[name], place) for name in charts_of(level, root, optional=optional)]
    files = [["kubectl", "--context", context, "apply", "-f", str(place / file.name)] for file in _manifests(folder)]
    return charts + files


def chart_commands(level: Cluster, context: str, root: Path = ROOT, *, optional: bool = True) -> list[str]:
    """Returns the same commands as text for a shell."""
    return [shlex.join(command) for command in install_commands(level, context, root, optional=optional)]


def _helm(context: str, name: str, chart: dict[str, Any], folder: Path) -> list[str]:
    words = ["helm", "upgrade", "--install", name, chart["chart"], "--version", chart["version"]]
    words += ["--kube-context", context, "--namespace", chart["namespace"], "--create-namespace", "--wait"]
    words += [
        word
        for option, key in (("--repo", "repository"), ("--set", "set"))
        if key in chart
        for word in (option, chart[key])
    ]
    if "values" in chart:
        words += ["--values", str(folder / chart["values"])]
    return words


def _manifests(folder: Path) -> list[Path]:
    """The files there that are objects, not a chart's values."""
    if folder.name != "cluster":
        return []
    return [file for file in sorted(folder.glob("*.yaml")) if "\nkind: " in file.read_text(encoding="utf-8")]

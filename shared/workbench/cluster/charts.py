"""What a level needs in its cluster beforehand: charts, and files of the level's ``deploy/cluster``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.versions import Cluster

__all__ = ["chart_commands", "charts_of", "install_commands", "template_commands"]


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
    folder = _folder(level, root)
    installing = ["--kube-context", context, "--create-namespace", "--wait"]
    charts = [
        ["helm", "upgrade", "--install", *chart, *installing]
        for chart in _charts(level, root, folder, optional=optional)
    ]
    files = [
        ["kubectl", "--context", context, "apply", "-f", str(file.relative_to(root))] for file in _manifests(folder)
    ]
    return charts + files


def template_commands(level: Cluster, root: Path = ROOT) -> dict[str, list[str]]:
    """Returns, by chart, the command that prints what ``install_commands`` would install of it, without a cluster."""
    charts = _charts(level, root, _folder(level, root), optional=False)
    return {chart[0]: ["helm", "template", *chart] for chart in charts}


def chart_commands(level: Cluster, context: str, root: Path = ROOT, *, optional: bool = True) -> list[str]:
    """Returns the same commands as text for a shell."""
    return [shlex.join(command) for command in install_commands(level, context, root, optional=optional)]


def _folder(level: Cluster, root: Path) -> Path:
    """The level's ``deploy/cluster``; the repository where it has none."""
    return next(iter(sorted(root.glob(f"{level.level:02d}-*/deploy/cluster"))), root)


def _charts(level: Cluster, root: Path, folder: Path, *, optional: bool) -> Iterator[list[str]]:
    """Of each chart its release's name, its own, and the options that every command of Helm's on it needs."""
    tables = load_versions(root / "versions.toml")["charts"]
    for name in charts_of(level, root, optional=optional):
        chart = tables[name]
        words = [name, chart["chart"], "--version", chart["version"], "--namespace", chart["namespace"]]
        for option, key in (("--repo", "repository"), ("--set", "set")):
            words += [option, chart[key]] if key in chart else []
        if "values" in chart:
            words += ["--values", str(folder.relative_to(root) / chart["values"])]
        yield words


def _manifests(folder: Path) -> list[Path]:
    """The files there that are objects, not a chart's values."""
    if folder.name != "cluster":
        return []
    return [file for file in sorted(folder.glob("*.yaml")) if "\nkind: " in file.read_text(encoding="utf-8")]

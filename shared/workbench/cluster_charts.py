"""The commands that install what a level needs in its cluster before it can be deployed there.

They are printed, not run: what a cluster gets for all its users is its owner's decision.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from workbench.versions import ROOT, load_versions

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.versions import Cluster

__all__ = ["chart_commands"]


def chart_commands(level: Cluster, root: Path = ROOT, *, optional: bool = True) -> list[str]:
    """The commands, in an order that works, to be run in the repository's root.

    Args:
        level: whose cluster; only level 3 needs charts.
        root: the repository.
        optional: those too that only some values of the level's own chart ask for.
    """
    folder = _folder(level, root)
    if folder is None:
        return []
    charts = load_versions(root / "versions.toml")["charts"].items()
    commands = [
        _helm(level, name, chart, folder.relative_to(root)) for name, chart in charts if optional or "for" not in chart
    ]
    files = [f"kubectl --context {level.profile} apply -f {file.relative_to(root)}" for file in _manifests(folder)]
    return commands + files


def _helm(level: Cluster, name: str, chart: dict[str, Any], folder: Path) -> str:
    words = ["helm", "upgrade", "--install", name, chart["chart"], "--version", chart["version"]]
    words += ["--kube-context", level.profile, "--namespace", chart["namespace"], "--create-namespace", "--wait"]
    words += [
        word
        for option, key in (("--repo", "repository"), ("--set", "set"))
        if key in chart
        for word in (option, chart[key])
    ]
    if "values" in chart:
        words += ["--values", str(folder / chart["values"])]
    return shlex.join(words)


def _folder(level: Cluster, root: Path) -> Path | None:
    return next(iter(sorted(root.glob(f"{level.level:02d}-*/deploy/cluster"))), None)


def _manifests(folder: Path) -> list[Path]:
    """The files there that are objects, not a chart's values."""
    return [file for file in sorted(folder.glob("*.yaml")) if "\nkind: " in file.read_text(encoding="utf-8")]

"""The pinned versions of ``versions.toml``: the one place manifests, scripts and tables take them from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Cluster", "Release", "cluster", "crd_releases", "load_versions"]

ROOT = Path(__file__).resolve().parents[2]  # the checkout


@dataclass(frozen=True)
class Cluster:
    """The Kubernetes of one level.

    Args:
        level: 1, 2 or 3.
        profile: the minikube profile the level has to itself.
        version: what that profile runs, e.g. ``1.36.4``.
        also: further minor versions the level's manifests are checked against, e.g. ``1.35``.
    """

    level: int
    profile: str
    version: str
    also: tuple[str, ...]

    @property
    def minors(self) -> tuple[str, ...]:
        """Every minor version the level supports, its own first."""
        return (".".join(self.version.split(".")[:2]), *self.also)


@dataclass(frozen=True)
class Release:
    """An upstream release that carries custom resource definitions.

    Args:
        name: its table in ``versions.toml``.
        version: e.g. ``0.21.0``.
        url: where the YAML file lies.
        groups: the API groups to keep of it.
        kinds: kinds that must be among them.
        sha256: of the whole file, where it is pinned.
    """

    name: str
    version: str
    url: str
    groups: tuple[str, ...]
    kinds: tuple[str, ...]
    sha256: str | None = None


def load_versions(path: Path = ROOT / "versions.toml") -> dict[str, Any]:
    """The tables of ``versions.toml``."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def cluster(level: int, path: Path = ROOT / "versions.toml") -> Cluster:
    """The Kubernetes of a level; ``LookupError`` when ``versions.toml`` has no ``[kubernetes.level-N]``."""
    tables = load_versions(path)["kubernetes"]
    if f"level-{level}" not in tables:
        raise LookupError(f"level {level}: {path.name} has no [kubernetes.level-{level}], only {', '.join(tables)}")
    table = tables[f"level-{level}"]
    return Cluster(level, table["profile"], table["version"], tuple(table["also"]))


def crd_releases(path: Path = ROOT / "versions.toml") -> list[Release]:
    """The releases ``make crds`` fetches, in the order of the file."""
    return [
        Release(
            name,
            table["version"],
            table["url"].format(version=table["version"]),
            tuple(table["groups"]),
            tuple(table["kinds"]),
            table.get("sha256"),
        )
        for name, table in load_versions(path)["crds"].items()
    ]

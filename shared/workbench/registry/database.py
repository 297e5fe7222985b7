"""Reads an SQLite registry without MLflow, whose import and start take seconds: a level that starts has no time for it.

Only what is asked at a start and shown in a table is read: names, aliases, versions and tags. Everything is written by
MLflow itself. A test holds these answers against MLflow's own client; see ``adr-read-without-mlflow.md``.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from typing import TYPE_CHECKING, Any

from workbench.registry.errors import RegistryError
from workbench.registry.version import ModelVersion, RegisteredModel

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_database"]

_MODELS = "select name from registered_models where workspace = 'default' order by name"
_ALIASES = "select name, alias, version from registered_model_aliases where workspace = 'default'"
_VERSIONS = (
    "select name, version, source, creation_time from model_versions "
    "where workspace = 'default' and current_stage != 'Deleted_Internal'"
)
_TAGS = "select name, version, key, value from model_version_tags where workspace = 'default'"


def read_database(path: Path, timeout_s: float) -> dict[str, RegisteredModel]:
    """Every registered model by name; none where there is no database yet.

    Raises:
        RegistryError: the file is no registry, is damaged, or is locked for longer than that.
    """
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=timeout_s)) as database:
            return _models(database)
    except sqlite3.Error as error:
        raise RegistryError(
            f"registry {path}: {error}: expected MLflow's database: move the file away and register anew, "
            "or set MLFLOW_TRACKING_URI"
        ) from None


def _models(database: sqlite3.Connection) -> dict[str, RegisteredModel]:
    database.execute("begin")  # one state of it, whatever is being written
    aliases: dict[str, dict[str, int]] = defaultdict(dict)
    for name, alias, version in database.execute(_ALIASES):
        aliases[name][alias] = int(version)
    tags: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    for name, version, key, value in database.execute(_TAGS):
        tags[name, int(version)][key] = value
    versions: dict[str, list[ModelVersion]] = defaultdict(list)
    for name, version, source, created in database.execute(_VERSIONS):
        versions[name].append(_version(name, int(version), source, created, tags))
    return {
        name: RegisteredModel.of(name, aliases[name], versions[name])
        for (name,) in database.execute(_MODELS).fetchall()
    }


def _version(name: str, number: int, source: str | None, created: int, tags: Any) -> ModelVersion:
    return ModelVersion(name, number, source or "", created, tags[name, number])

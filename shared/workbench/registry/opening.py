"""How a registry is reached: read at once where it is a file here, by MLflow's client else; written by MLflow alone."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workbench.registry.database import read_database
from workbench.registry.errors import RegistryError, UnknownVersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench.registry.settings import RegistrySettings
    from workbench.registry.store import Store
    from workbench.registry.version import RegisteredModel

__all__ = ["find_model", "open_store", "read_models", "writing"]


def read_models(settings: RegistrySettings) -> dict[str, RegisteredModel]:
    """Every registered model by name; none where nothing was registered yet.

    Raises:
        RegistryError: the registry does not answer.
    """
    if settings.off:
        return {}
    if settings.database is not None:
        return read_database(settings.database, settings.timeout_s)
    return open_store(settings).models()


def find_model(models: dict[str, RegisteredModel], name: str) -> RegisteredModel:
    """One of them.

    Raises:
        UnknownVersionError: there is none of that name.
    """
    if name not in models:
        known = ", ".join(models) or "none yet"
        raise UnknownVersionError(f"model {name}: expected a registered one ({known}): make registry shows them")
    return models[name]


def open_store(settings: RegistrySettings, say: Callable[[str], None] = lambda _: None) -> Store:
    """MLflow's store; an SQLite database is made where there is none, which takes seconds and is said.

    Raises:
        RegistryError: it does not answer, or its folder cannot be written.
    """
    if settings.off:
        raise RegistryError("registry off: expected one: unset MLFLOW_TRACKING_URI")
    _prepare(settings.timeout_s)
    if settings.database is not None:
        if not settings.database.exists():
            say(f"registry       makes {settings.database} (MLflow's database; once, some seconds)")
        try:
            settings.database.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RegistryError(f"registry {settings.database}: {error.strerror}: set MLFLOW_TRACKING_URI") from None
    from workbench.registry.store import Store  # noqa: PLC0415 - two seconds, for those who write

    return Store(settings.tracking_uri)


@contextmanager
def writing(settings: RegistrySettings) -> Iterator[None]:
    """Keeps other commands of this machine from writing, and from making the database, meanwhile.

    Raises:
        RegistryError: the folder cannot be written.
    """
    with _opened(settings.artefacts / "lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RegistryError(f"registry {path.parent}: {error.strerror}: set REGISTRY_ARTEFACTS") from None
    try:
        yield file
    finally:
        os.close(file)


def _prepare(timeout_s: float) -> None:
    """What MLflow reads from the environment as it is imported: it sends no usage data and loads no pickle."""
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", str(max(1, round(timeout_s))))
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")

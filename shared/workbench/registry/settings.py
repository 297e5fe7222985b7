"""Where the registry is, and where the artefacts lie that its versions name."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["RegistrySettings"]

_SQLITE = "sqlite:///"


class RegistrySettings(BaseSettings):
    """The registry of every level's models, read from the environment."""

    model_config = SettingsConfigDict(validate_by_name=True, env_ignore_empty=True)

    tracking_uri: str = Field(
        f"{_SQLITE}.run/mlflow.db",
        validation_alias="MLFLOW_TRACKING_URI",
        description="MLflow's store: a database without a server, http://HOST:PORT of a server, or off for none.",
    )
    artefacts: Path = Field(
        Path(".run/registry"),
        validation_alias="REGISTRY_ARTEFACTS",
        description="Folder with a copy of each registered artefact; shared where several machines register.",
    )
    timeout_s: float = Field(
        5.0, gt=0, validation_alias="REGISTRY_TIMEOUT_S", description="How long a server may take for an answer."
    )

    @property
    def off(self) -> bool:
        """Whether there is no registry: nothing is registered, and levels serve what was trained last."""
        return self.tracking_uri == "off"

    @property
    def database(self) -> Path | None:
        """The file of an SQLite store; None where the registry is a server or another database."""
        uri = self.tracking_uri
        return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None

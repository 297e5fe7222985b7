"""The settings of level 2's own processes, from their environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from servekit.valkey_users import Login, read_login

__all__ = ["InventorySettings", "PipelineSettings", "TrainingSettings"]

_LEVEL = Path(__file__).parents[1]
_LOGINS = Path(".run/2/valkey/logins")


class PipelineSettings(BaseSettings):
    """What `make up-2` starts: the deployment, and where each of its processes listens."""

    model_config = SettingsConfigDict(env_prefix="RECOMMENDER_")

    deployment: Path = Field(
        _LEVEL / "deploy" / "base", description="Overlay (folder) or file with the SeldonDeployment to run."
    )
    port: int = Field(8200, ge=1, le=65535, description="HTTP port of the router.")
    valkey_port: int = Field(8240, ge=1, le=65535, description="Port of the inventory.")
    preprocessor_port: int = Field(8210, ge=1, le=65533, description="HTTP port; gRPC and metrics are the next two.")
    model_port: int = Field(8220, ge=1, le=65533, description="HTTP port; gRPC and metrics are the next two.")
    second_model_port: int = Field(8225, ge=1, le=65533, description="Of a canary's or shadow's model.")
    postprocessor_port: int = Field(8230, ge=1, le=65533, description="HTTP port; gRPC and metrics are the next two.")
    models_dir: Path = Field(
        Path(".run/2/models/recommender"), description="What the containers have as /models/recommender."
    )
    logins_dir: Path = Field(_LOGINS, description="The inventory's users and their passwords.")


class TrainingSettings(BaseSettings):
    """Where training takes its data from and where it leaves the models."""

    model_config = SettingsConfigDict(env_prefix="RECOMMENDER_", validate_by_name=True)

    models_dir: Path = Field(
        Path(".run/2/models/recommender"), description="Folder with one artefact for each version, 1 and 2."
    )
    movielens_dir: Path = Field(
        Path(".cache/movielens"),
        validation_alias="MOVIELENS_DIR",
        description="Folder with ml-100k.inter and ml-100k.item; they are fetched when it is left at its default.",
    )


class InventorySettings(BaseSettings):
    """Where the inventory is."""

    model_config = SettingsConfigDict(env_prefix="RECOMMENDER_")

    valkey_host: str = Field("127.0.0.1", description="Host of Valkey or Redis.")
    valkey_port: int = Field(8240, ge=1, le=65535, description="Its port.")
    models_dir: Path = Field(
        Path(".run/2/models/recommender"), description="Folder with the artefacts; 1 has the titles."
    )
    logins_dir: Path = Field(_LOGINS, description="The passwords of its users; without one it is asked for nothing.")

    @property
    def url(self) -> str:
        """The address as the components take it."""
        return f"redis://{self.valkey_host}:{self.valkey_port}"

    @property
    def login(self) -> Login | None:
        """Of who keeps the stock."""
        return read_login(self.logins_dir, "inventory", "keeper")

"""The settings of level 2's own processes and commands, read from their environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from servekit.valkey_users import Login, read_login

__all__ = ["RecommenderSettings"]

_LEVEL = Path(__file__).parents[1]


class RecommenderSettings(BaseSettings):
    """The deployment that `make up-2` starts, the address of each process, and where data and models lie.

    The components are not configured here: Seldon's wrapper makes them, in an environment without pydantic-settings,
    and the SeldonDeployment sets the variables that they read.
    """

    model_config = SettingsConfigDict(env_prefix="RECOMMENDER_", validate_by_name=True)

    deployment: Path = Field(
        _LEVEL / "deploy" / "base", description="Overlay (folder) or file with the SeldonDeployment to run."
    )
    port: int = Field(8200, ge=1, le=65535, description="HTTP port of the router.")
    valkey_host: str = Field("127.0.0.1", description="Host of the inventory that commands ask.")
    valkey_port: int = Field(8240, ge=1, le=65535, description="Port of the inventory, Valkey or Redis.")
    preprocessor_port: int = Field(8210, ge=1, le=65533, description="HTTP port; gRPC and metrics are the next two.")
    model_port: int = Field(8220, ge=1, le=65533, description="HTTP port; gRPC and metrics are the next two.")
    second_model_port: int = Field(8225, ge=1, le=65533, description="HTTP port of a canary's or shadow's model.")
    postprocessor_port: int = Field(8230, ge=1, le=65533, description="HTTP port; gRPC and metrics are the next two.")
    models_dir: Path = Field(
        Path(".run/2/models/recommender"),
        description="Folder with one artefact for each version, 1 and 2; containers have it as /models/recommender.",
    )
    champion_dir: Path | None = Field(
        None,
        description="Folder with what containers have as /models/recommender/1; unless set, what training left there.",
    )
    spare_port: int = Field(
        8250, ge=1, le=65527, description="First of nine ports of the steps that a promotion starts beside the others."
    )
    logins_dir: Path = Field(
        Path(".run/2/valkey/logins"),
        description="Folder with the passwords of the inventory's users; commands send none where it is missing.",
    )
    movielens_dir: Path = Field(
        Path(".cache/movielens"),
        validation_alias="MOVIELENS_DIR",
        description="Folder with ml-100k.inter and ml-100k.item; they are fetched when it is left at its default.",
    )

    @property
    def stable_dir(self) -> Path:
        """The artefact of the predictor that serves most of the traffic."""
        return self.champion_dir or self.models_dir / "1"

    @property
    def served_dirs(self) -> tuple[Path, Path]:
        """The artefacts of both predictors that a deployment may have, the stable one's first."""
        return self.stable_dir, self.models_dir / "2"

    @property
    def inventory_url(self) -> str:
        """The inventory's address, as the components and commands take it."""
        return f"redis://{self.valkey_host}:{self.valkey_port}"

    @property
    def inventory_login(self) -> Login | None:
        """User and password of the commands that change the stock; None without a file of them."""
        return read_login(self.logins_dir, "inventory", "keeper")

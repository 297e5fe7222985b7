"""How Triton, the edge and the stores are run, from the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["StoreSettings", "TritonSettings"]


class TritonSettings(BaseSettings):
    """The settings of the embedded runtime's Triton."""

    model_config = SettingsConfigDict(env_prefix="SHOP_TRITON_", populate_by_name=True)

    environment: Path = Field(
        Path(".venvs/triton"), description="The Python environment with Triton's binary and what its models import."
    )
    http_threads: int = Field(2, ge=1, description="Threads that read and write HTTP.")
    exit_timeout_s: int = Field(5, ge=0, description="How long requests may take to end after SIGTERM.")
    shards: int = Field(
        0,
        ge=0,
        le=64,
        validation_alias=AliasChoices("shards", "SHOP_SHARDS"),
        description="Slices of the catalogue, each a model besides the whole one; the gateways' own variable.",
    )
    log_info: bool = Field(False, description="Log each model's loading, too.")


class StoreSettings(BaseSettings):
    """The address of the feature store and the size of the cache."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")

    features_host: str = Field("127.0.0.1", description="Host of the feature store, for the feature loader.")
    cache_memory: str = Field("256mb", pattern=r"^[1-9][0-9]*(mb|gb)$", description="Most that the cache holds.")

"""Where each process of the level listens, and where its files are: known to all of them, decided in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["Addresses"]


class Addresses(BaseSettings):
    """The level's ports on 127.0.0.1 and its run folder."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")

    run_dir: Path = Field(Path(".run/3"), description="Models, features, generated configuration, state.")
    port: int = Field(8300, ge=1, le=65535, description="The edge: Envoy's public listener.")
    envoy_admin_port: int = Field(8301, ge=1, le=65535, description="Envoy's admin interface.")
    gateway_port: int = Field(8310, ge=1, le=65534, description="The first gateway; further ones follow.")
    gateways: int = Field(2, ge=1, le=8, description="Gateway processes.")
    triton_http_port: int = Field(8320, ge=1, le=65535, description="Triton over HTTP.")
    triton_grpc_port: int = Field(8321, ge=1, le=65535, description="Triton over gRPC: loads and unloads models.")
    triton_metrics_port: int = Field(8322, ge=1, le=65535, description="Triton's Prometheus metrics.")
    features_port: int = Field(8340, ge=1, le=65535, description="Valkey as the feature store.")
    cache_port: int = Field(8341, ge=1, le=65535, description="Valkey as the inference cache.")
    extras: Literal["", "assistant"] = Field("", description="What runs beside the three models: make up-3 WITH=…")
    assistant_port: int = Field(8350, ge=1, le=65535, description="The assistant, where it runs.")
    assistant_2_port: int = Field(8351, ge=1, le=65535, description="Its second version, where there is one.")

    @property
    def models_dir(self) -> Path:
        """One folder for each model, with one for each version."""
        return self.run_dir / "models"

    @property
    def features_dir(self) -> Path:
        """What training leaves for the feature store."""
        return self.run_dir / "features"

    @property
    def canary_state(self) -> Path:
        """Which versions share each model's traffic, and how."""
        return self.run_dir / "canary.json"

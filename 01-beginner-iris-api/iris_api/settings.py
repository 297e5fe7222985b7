"""The settings of the service, read from its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["IrisSettings"]


class IrisSettings(BaseSettings):
    """Serve the iris model. Each option is also an environment variable, IRIS_PORT for --port."""

    model_config = SettingsConfigDict(env_prefix="IRIS_")

    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: int = Field(8100, ge=0, le=65535, description="HTTP port.")
    grpc_port: int = Field(8101, ge=0, le=65535, description="gRPC port.")
    workers: int = Field(1, ge=1, description="Processes sharing both ports; one for each core is plenty.")
    worker_of: int = Field(0, ge=0, description="The process that started this one of several workers; it sets this.")
    model_dir: Path = Field(Path(".run/1/models/iris/1"), description="Folder with model.onnx and model.json.")
    run_dir: Path = Field(Path(".run/1"), description="Folder for what several workers share: their metrics.")
    max_body_bytes: int = Field(10 * 1024 * 1024, ge=1024, description="Largest request body, over any protocol.")
    receive_timeout_s: float = Field(
        10, gt=0, description="How long the headers of a request may take to arrive, and then its body."
    )
    drain_s: float = Field(
        0.5, ge=0, description="After SIGTERM, how long new requests are still answered while balancers look away."
    )
    drain_timeout_s: int = Field(10, ge=1, description="After that, how long running requests may take to end.")

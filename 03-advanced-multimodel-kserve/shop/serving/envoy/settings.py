"""The edge's settings, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shop.limits import MAX_BODY_BYTES, MAX_TENSOR_BYTES

__all__ = ["EdgeSettings"]


class EdgeSettings(BaseSettings):
    """The limits of the edge: rates, sizes and times."""

    model_config = SettingsConfigDict(env_prefix="SHOP_EDGE_", populate_by_name=True)

    host: str = Field("127.0.0.1", description="Address of the public listener; the admin interface is local, always.")
    max_body_bytes: int = Field(MAX_BODY_BYTES, ge=1024, description="Largest body of a request to /v1.")
    max_tensor_bytes: int = Field(MAX_TENSOR_BYTES, ge=1024, description="Largest body of a request to /v2.")
    timeout_s: float = Field(1, gt=0, description="For /v1: far beyond the gateways' own deadline, should one hang.")
    tensor_timeout_s: float = Field(10, gt=0, description="For /v2.")
    rate: int = Field(0, ge=0, description="Requests a second that are let in, whoever sends them; 0: any number.")
    concurrency: int = Field(40, ge=1, description="Requests at once that are let in, at most.")
    concurrency_min: int = Field(16, ge=1, description="Requests at once that are let in, at least.")
    slow_ms: float = Field(6, gt=0, description="A median answer slower than this lowers what is let in at once.")
    connections: int = Field(1024, ge=1, description="Client connections at once.")
    log_share: float = Field(0.1, ge=0, le=100, description="Per cent of the requests to log; errors are, always.")

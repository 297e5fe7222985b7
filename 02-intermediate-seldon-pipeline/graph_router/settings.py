"""The settings of the router, read from its command line and its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["RouterSettings"]


class RouterSettings(BaseSettings):
    """Route requests through an inference graph. Each option is also a variable, RECOMMENDER_PORT for --port."""

    model_config = SettingsConfigDict(env_prefix="RECOMMENDER_", populate_by_name=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8200, ge=0, le=65535, description="HTTP port.")
    graph: Path = Field(
        Path(".run/2/seldondeployment.yaml"),
        description="The SeldonDeployment to serve, with an endpoint for each unit.",
    )
    max_body_bytes: int = Field(1024 * 1024, ge=1024, description="Largest request body.")
    receive_timeout_s: float = Field(
        10, gt=0, description="How long the headers of a request may take to arrive, and then its body."
    )
    max_shadow_requests: int = Field(
        32, ge=1, description="Copies on their way to shadows at once; further ones are dropped and counted."
    )
    inject_routing: bool = Field(
        False,
        validation_alias="SELDON_ENABLE_ROUTING_INJECTION",
        description="Say in meta.routing which child each unit's request went to; the executor's own variable.",
    )
    drain_s: float = Field(
        0.5, ge=0, description="After SIGTERM, how long new requests are still answered while balancers look away."
    )
    drain_timeout_s: int = Field(10, ge=1, description="After that, how long running requests may take to end.")

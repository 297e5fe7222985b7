"""The gateway's settings, from its environment and its command line."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotations
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shop.addresses import Addresses
from shop.limits import MAX_BODY_BYTES, MAX_TENSOR_BYTES

__all__ = ["GatewaySettings"]

_Version = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]


class GatewaySettings(Addresses):
    """Serve search, payments, recommendations. Each option is also a variable, SHOP_DEADLINE_MS for --deadline-ms."""

    model_config = SettingsConfigDict(env_prefix="SHOP_")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    triton_host: str = Field("127.0.0.1", description="Host of Triton, or of what splits traffic in front of it.")
    triton_hosts: dict[str, str] = Field(
        {}, description="Where one address stands for several servers: for each model what requests say in Host."
    )
    features_host: str = Field("127.0.0.1", description="Host of the feature store.")
    cache_host: str = Field("127.0.0.1", description="Host of the inference cache.")

    deadline_ms: float = Field(45, gt=0, le=60_000, description="Time for a request; a caller may ask for less.")
    tensor_deadline_ms: float = Field(10_000, gt=0, description="The same for /v2, where tensors may be large.")
    lookup_share: float = Field(
        0.4, gt=0, lt=1, description="Share of the time left that a look-up of features may take."
    )
    reserve_ms: float = Field(3, ge=0, description="Of the deadline, kept for the answer after the model's.")

    version_choice: Literal["edge", "server"] = Field(
        "edge",
        description="Who chooses a model's version: the edge, by the header x-model-version, or the model server.",
    )
    version: _Version = Field("1", description="The version for a request that names none.")
    model_versions: dict[str, _Version] = Field({}, description="The same for single models, which come before it.")
    release: str = Field("0", description="With version_choice=server: changes whenever versions or weights do.")
    shards: int = Field(0, ge=0, le=64, description="Slices of the catalogue, each a model; 0: one model has it whole.")

    cache: bool = Field(True, description="Keep answers of ranking and personalisation.")
    cache_ttl_s: float = Field(30, gt=0, description="How long an answer is fresh, give or take a tenth.")
    cache_stale_s: float = Field(30, ge=0, description="How long after that it is still given while it is renewed.")
    cache_wait_ms: float = Field(12, ge=0, description="How long to wait for another process that computes the same.")
    cache_budget_ms: float = Field(5, gt=0, description="How long the cache may take; then it is done without.")
    cache_lock_ms: int = Field(200, ge=1, description="After this, one who computes an answer is taken for dead.")
    cache_refreshes: int = Field(4, ge=1, description="Stale answers renewed at once by a process.")
    item_blocks: int = Field(
        32_768, ge=0, description="Items whose features a process keeps, for as long as the store's generation lasts."
    )
    last_good: int = Field(4_096, ge=1, description="Answers a process remembers for when it can compute none.")

    review_at: float = Field(0.2, gt=0, le=1, description="Probability of fraud from which a payment is reviewed.")
    decline_at: float = Field(0.7, gt=0, le=1, description="Probability of fraud from which it is declined.")

    max_body_bytes: int = Field(MAX_BODY_BYTES, ge=1024, description="Largest body of a request to /v1.")
    max_tensor_bytes: int = Field(MAX_TENSOR_BYTES, ge=1024, description="Largest body of a request to /v2.")
    receive_timeout_s: float = Field(
        10, gt=0, description="How long the headers of a request may take to arrive, and then its body."
    )
    api_keys: SecretStr = Field(SecretStr(""), description="name:key,name:key…; empty: no key is asked for.")
    api_keys_file: Path | None = Field(
        None, description="A file with such pairs, one a line; what changes in it counts within a second or two."
    )
    key_rate: float = Field(0, ge=0, description="Requests a second for each key, of all gateways; 0: any number.")
    key_burst: float = Field(50, ge=1, description="Requests a key may send at once.")
    limit: int = Field(32, ge=1, description="Requests at once in a process, to begin with.")
    limit_min: int = Field(4, ge=1, description="The limit is never lower.")
    limit_max: int = Field(256, ge=1, description="The limit is never higher.")
    target_ms: float = Field(25, gt=0, description="Slower answers than this lower the limit.")

    drift_dir: Path | None = Field(
        None, description="Where the gateways of a machine share what they watch for drift; unset: each has its own."
    )

    drain_s: float = Field(
        0.5, ge=0, description="After SIGTERM, how long new requests are still answered while balancers look away."
    )
    drain_timeout_s: int = Field(10, ge=1, description="After that, how long running requests may take to end.")

    @property
    def deadline_s(self) -> float:
        """``deadline_ms`` in seconds."""
        return self.deadline_ms / 1e3

    def version_of(self, model: str) -> str:
        """The version of a model for a request that names none."""
        return self.model_versions.get(model, self.version)

    @property
    def tensor_deadline_s(self) -> float:
        """``tensor_deadline_ms`` in seconds."""
        return self.tensor_deadline_ms / 1e3

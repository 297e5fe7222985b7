"""The assistant's settings, from its environment and its command line."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["AssistantSettings", "socket_path"]


class AssistantSettings(BaseSettings):
    """Answer questions about items. Each option is also a variable, ASSISTANT_MAX_TOKENS for --max-tokens."""

    model_config = SettingsConfigDict(env_prefix="ASSISTANT_")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    model: str = Field("", description="A GGUF file with other weights than SmolLM2-135M-Instruct's.")
    upstream: str = Field(
        "",
        pattern=r"^(http://[A-Za-z0-9.-]+:[0-9]{1,5})?$",
        description="http://HOST:PORT of a server with OpenAI's API (vLLM) that runs the model; empty: our own engine.",
    )
    upstream_model: str = Field("", max_length=128, description="Its name of the model, which callers use, too.")
    upstream_host: str = Field("", description="What requests to it say in Host; empty: its address.")
    upstream_revision: str = Field("", description="What names its weights in answers and metrics.")
    version: str = Field("1", description="Its number, where two versions share the traffic (make canary-3).")
    features_host: str = Field("127.0.0.1", description="Host of the feature store.")

    max_body_bytes: int = Field(64 * 1024, ge=1024, description="Largest body of a request.")
    max_prompt_tokens: int = Field(1024, ge=16, description="Tokens of a prompt, the shop's part of it included.")
    max_tokens: int = Field(256, ge=1, le=4096, description="Tokens of an answer, whatever a request asks for.")
    default_tokens: int = Field(96, ge=1, le=4096, description="The same for a request that asks for no number.")
    room_tokens: int = Field(8192, ge=256, description="Tokens of prompts and answers under way, at most.")
    key_tokens: float = Field(20_000, ge=0, description="Tokens a minute for each API key; 0: any number.")

    first_token_s: float = Field(5, gt=0, description="A request whose first token would come later is refused.")
    prefill_rate: float = Field(150, gt=0, description="Tokens of prompts a second that are expected at the start.")
    heartbeat_s: float = Field(1.5, gt=0, description="A stream in which nothing came for so long gets a comment.")
    stall_s: float = Field(10, gt=0, description="An answer of which no further token came for so long is given up.")
    unread_s: float = Field(10, gt=0, description="A client who reads nothing for so long is given up.")
    lookup_s: float = Field(0.5, gt=0, description="How long the look-up of facts may take.")

    receive_timeout_s: float = Field(10, gt=0, description="How long headers may take to arrive, and then the body.")
    api_keys: SecretStr = Field(
        SecretStr(""),
        validation_alias="SHOP_API_KEYS",
        description="name:key,…: the shop's own; empty: none is asked for.",
    )
    drain_s: float = Field(0.5, ge=0, description="After SIGTERM, how long new requests are still answered.")
    drain_timeout_s: int = Field(10, ge=1, description="After that, how long answers under way may take to end.")


def socket_path(run_dir: Path, version: str = "1") -> Path:
    """Where a version's engine listens; written from here, because a socket's path has room for about 100 bytes."""
    path = run_dir.resolve() / "assistant" / ("engine.sock" if version == "1" else f"engine-{version}.sock")
    return Path(min(str(path), os.path.relpath(path), key=len))

"""The engine's settings, from its environment."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["BLOCK_TOKENS", "EngineSettings"]

BLOCK_TOKENS = 32
"""Tokens of a block of the paged KV cache, on a CPU (OpenVINO's fixed size)."""


class EngineSettings(BaseSettings):
    """How the model is run; each field is a variable, ``ASSISTANT_THREADS`` for ``threads``."""

    model_config = SettingsConfigDict(env_prefix="ASSISTANT_")

    model: str = Field("", description="A GGUF file with other weights than SmolLM2-135M-Instruct's.")
    engine: Literal["openvino", "llamacpp"] = Field("openvino", description="The library that runs the model.")
    threads: int = Field(1, ge=1, le=64, description="Threads of a step of the model.")
    context: int = Field(2048, ge=64, le=8192, description="Tokens of a prompt and its answer together, at most.")
    kv_tokens: int = Field(8192, ge=256, le=1_048_576, description="Tokens for which the KV cache has room.")
    sequences: int = Field(8, ge=1, le=256, description="Sequences that a step computes together, at most.")
    step_tokens: int = Field(
        64, ge=16, le=4096, description="Tokens of a step, at most: longer prompts are cut into chunks of these."
    )
    prefix_cache: bool = Field(True, description="Keep the KV blocks of prompts, for those that begin the same way.")
    chunked: bool = Field(True, description="Compute chunks of a prompt together with others' answers.")
    stuck_s: float = Field(
        30, gt=0, description="A step that takes longer ends the process, so that it is started anew."
    )

"""How large the simulated world is, from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["WorldSettings"]


class WorldSettings(BaseSettings):
    """The world's size and seed; the same settings give the same world, byte for byte."""

    model_config = SettingsConfigDict(env_prefix="SHOP_WORLD_")

    users: int = Field(50_000, ge=100, description="People who have an account.")
    items: int = Field(20_000, ge=100, description="Items in the catalogue.")
    events: int = Field(1_000_000, ge=2_000, description="Views, searches, clicks, purchases and payments in all.")
    days: int = Field(60, ge=20, description="How long the world is watched.")
    seed: int = Field(7, ge=0, description="Of everything random.")

"""The settings of an audit log, read from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["AuditSettings"]


class AuditSettings(BaseSettings):
    """Settings read from ``AUDIT_*`` variables."""

    model_config = SettingsConfigDict(env_prefix="AUDIT_")

    dir: Path = Field(Path(".run/audit"), description="Where the log files lie.")
    key: SecretStr = Field(
        SecretStr(""),
        description="Secret for HMAC seals and keyed digests, 32 random characters or more. Empty: plain.",
    )
    max_bytes: int = Field(64 * 2**20, ge=1024, description="Size at which the next file is begun.")
    flush_interval_s: float = Field(0.2, gt=0, description="How long a line waits in memory at most; a crash loses it.")
    flush_bytes: int = Field(64 * 2**10, ge=1, description="Lines in memory that are written before their time is up.")
    fsync: Literal["never", "flush", "record"] = Field(
        "flush",
        description="When lines are forced to the disk: never (survives a crash of the process, not of the machine), "
        "after each flush, or before record() returns.",
    )
    backlog_bytes: int = Field(
        16 * 2**20, ge=1, description="Lines in memory, while the disk fails, above which record() raises."
    )

"""The settings of logs and traces, read from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

__all__ = ["TelemetrySettings"]


class TelemetrySettings(BaseSettings):
    """Settings read from ``TELEMETRY_*``; the collector's address has OpenTelemetry's own standard name."""

    model_config = SettingsConfigDict(env_prefix="TELEMETRY_", populate_by_name=True)

    otlp_endpoint: str | None = Field(
        None,
        validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="Base URL of an OTLP/HTTP collector, e.g. http://jaeger:4318. Unset: traces go to trace_file.",
    )
    trace_file: Path | None = Field(None, description="JSON-lines file for spans while no collector is named.")
    trace_ratio: float = Field(
        0.01, ge=0, le=1, description="Share of requests whose trace is kept, besides those a caller marks as sampled."
    )
    slow_ms: float = Field(
        250, gt=0, description="Requests slower than this keep their trace whatever the ratio, and so do failed ones."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Level of the service's own log lines (request events are always kept)."
    )

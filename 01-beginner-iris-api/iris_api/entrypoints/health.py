"""The endpoints for operators and clusters: liveness, readiness and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Response

from iris_api.entrypoints.openapi import problems

if TYPE_CHECKING:
    from iris_api.service.predictor import Predictor
    from servekit.telemetry import Telemetry

__all__ = ["QUIET", "health_router"]

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that leave no line in the log: a probe each second would bury the other requests."""


def health_router(predictor: Predictor, telemetry: Telemetry) -> APIRouter:
    """The router of ``/healthz`` (the process runs), ``/readyz`` (a warm-up prediction succeeds) and ``/metrics``."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", summary="The process runs: restart it when this fails")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz", summary="The model answers: send requests", responses=problems(503))
    async def readyz() -> dict[str, str]:
        predictor.check_ready()
        return {"status": "ready"}

    @router.get(
        "/metrics",
        summary="Prometheus metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        return Response(telemetry.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router

"""What lives as long as the HTTP application does: the gRPC server beside it, and the ear for a new model."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from iris_api.entrypoints.oip_grpc import start_grpc
from iris_api.entrypoints.reload import Reloader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fastapi import FastAPI

    from iris_api.adapters.model_monitor import ModelMonitor
    from iris_api.entrypoints.oip_model import OipModel
    from iris_api.service.predictor import Predictor
    from iris_api.settings import IrisSettings
    from servekit.telemetry import Telemetry

__all__ = ["Served", "lifespan"]


class Served(NamedTuple):
    """The parts of a server that all its protocols share."""

    settings: IrisSettings
    predictor: Predictor
    monitor: ModelMonitor
    tensors: OipModel
    telemetry: Telemetry


@asynccontextmanager
async def lifespan(served: Served, _: FastAPI, *, reloads: bool) -> AsyncIterator[None]:
    """Runs the gRPC server on the application's event loop.

    Args:
        served: the server's parts.
        reloads: whether a signal replaces the model by the one that then lies in its folder.
    """
    settings, predictor, monitor, tensors, telemetry = served
    if reloads:
        Reloader(settings.model_dir, predictor, monitor, telemetry).listen()
    grpc = await start_grpc(tensors, predictor, telemetry, settings)
    yield
    await grpc.stop(settings.drain_timeout_s)
    telemetry.shutdown()

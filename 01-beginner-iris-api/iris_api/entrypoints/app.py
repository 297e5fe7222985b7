"""The composition root: settings in, application out."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response
from starlette.exceptions import HTTPException

from iris_api.adapters.onnx_model import OnnxModel
from iris_api.entrypoints.arrow import arrow_route
from iris_api.entrypoints.direct import JSON, send_error
from iris_api.entrypoints.oip_grpc import start_grpc
from iris_api.entrypoints.oip_model import SERVER, OipModel
from iris_api.entrypoints.oip_rest import infer_route, oip_router
from iris_api.entrypoints.openapi import problems
from iris_api.entrypoints.predict import predict_route
from iris_api.service.predictor import Predictor
from servekit.telemetry import Telemetry, TelemetryMiddleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from iris_api.settings import IrisSettings

__all__ = ["create_app"]

"""The Open Inference Protocol over REST: health, metadata, and inference in JSON or binary tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Response

from iris_api.entrypoints.direct import BINARY, JSON, DirectRoute, Reply, check_media_type, header
from iris_api.entrypoints.oip_model import SERVER, OipModel
from iris_api.entrypoints.openapi import binary, body_operation, json, path_parameters, problems
from servekit.oip.rest import HEADER_LENGTH, WireRequest, WireResponse, decode_request, encode_response
from servekit.telemetry import request_record

if TYPE_CHECKING:
    from iris_api.service.predictor import Predictor

__all__ = ["infer_route", "oip_router"]

_EXAMPLE = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]}


def oip_router(model: OipModel, predictor: Predictor) -> APIRouter:
    """What the protocol asks of a server besides inference."""
    router = APIRouter(tags=["open inference protocol"])

    @router.get("/v2", summary="Which server this is")
    async def server_metadata() -> Response:
        return _json(SERVER)

    @router.get("/v2/health/live", summary="The process runs")
    async def server_live() -> Response:
        return _json({"live": True})

    @router.get("/v2/health/ready", summary="The model answers", responses=problems(503))
    async def server_ready() -> Response:
        predictor.check_ready()
        return _json({"ready": True})

    @router.get("/v2/models/{name}", summary="The model's tensors", responses=problems(404))
    @router.get("/v2/models/{name}/versions/{version}", summary="A version's tensors", responses=problems(404))
    async def model_metadata(name: str, version: str = "") -> Response:
        model.check_known(name, version)
        return _json(model.metadata)

    @router.get("/v2/models/{name}/ready", summary="The model answers", responses=problems(404, 503))
    @router.get("/v2/models/{name}/versions/{version}/ready", summary="It answers", responses=problems(404, 503))
    async def model_ready(name: str, version: str = "") -> Response:
        model.check_known(name, version)
        predictor.check_ready()
        return _json({"name": name, "ready": True})

    return router


def infer_route(path: str, oip: OipModel, max_body_bytes: int) -> DirectRoute:
    """The infer operation at that path, which names the model and perhaps a version."""

    async def infer(scope: Any, body: bytes) -> Reply:
        check_media_type(scope, JSON, BINARY)
        at = scope["path_params"]
        oip.check_known(at["model"], at.get("version", ""))
        record = request_record(scope)
        record.model, record.version = oip.metadata.name, oip.metadata.versions[0]
        length = header(scope, HEADER_LENGTH.encode())
        request = decode_request(body, None if length is None else length.decode("latin-1"))
        record.lap("decode")
        result = await oip.infer(request, record)
        encoded, json_length = encode_response(result, request)
        record.lap("encode")
        if json_length is None:
            return encoded, [(b"content-type", JSON)]
        return encoded, [(b"content-type", BINARY), (HEADER_LENGTH.encode(), b"%d" % json_length)]

    content = json(WireRequest, one_flower=_EXAMPLE) | binary(BINARY)
    answer = json(WireResponse) | binary(BINARY)
    docs = body_operation(content, answer, 400, 404, 413, 415, 422, parameters=path_parameters(path))
    return DirectRoute(path, infer, max_body_bytes, tags=["open inference protocol"], summary="Infer", **docs)


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type=JSON.decode())

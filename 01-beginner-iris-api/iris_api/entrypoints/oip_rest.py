"""The Open Inference Protocol over REST: health, metadata, and inference in JSON or binary tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import APIRouter, Request, Response

from iris_api.entrypoints.direct_route import BINARY, JSON, DirectRoute, Reply
from iris_api.entrypoints.oip_model import SERVER, OipModel
from iris_api.entrypoints.openapi import answers, binary, body_operation, json, path_parameters
from servekit.asgi import check_media_type, header
from servekit.oip.rest import (
    HEADER_LENGTH,
    ModelMetadata,
    ServerMetadata,
    WireRequest,
    WireResponse,
    decode_request,
    encode_response,
)
from servekit.telemetry import request_record

if TYPE_CHECKING:
    from iris_api.service.predictor import Predictor
    from servekit.http_body import BodyReader

__all__ = ["infer_route", "oip_router"]

_EXAMPLE = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]}


def oip_router(model: OipModel, predictor: Predictor) -> APIRouter:
    """The router of the protocol's health and metadata endpoints."""
    router = APIRouter(tags=["open inference protocol"])

    @router.get("/v2", summary="Which server this is", **answers(ServerMetadata))
    async def server_metadata() -> Response:
        return _json(SERVER)

    @router.get("/v2/health/live", summary="The process runs", **answers(dict[str, bool]))
    async def server_live() -> Response:
        return _json({"live": True})

    @router.get("/v2/health/ready", summary="The model answers", **answers(dict[str, bool], 503))
    async def server_ready() -> Response:
        predictor.check_ready()
        return _json({"ready": True})

    async def model_metadata(request: Request) -> Response:
        _check_known(model, request.path_params)
        return _json(model.metadata)

    async def model_ready(request: Request) -> Response:
        _check_known(model, request.path_params)
        predictor.check_ready()
        return _json({"name": model.metadata.name, "ready": True})

    for path in ("/v2/models/{model}", "/v2/models/{model}/versions/{version}"):
        # parameters named in a signature would put FastAPI's own kind of 422 into the document
        extra = {"openapi_extra": {"parameters": path_parameters(path)}}
        docs = answers(ModelMetadata, 404) | extra
        router.get(path, summary="The model's tensors", **docs)(model_metadata)
        docs = answers(dict[str, bool | str], 404, 503) | extra
        router.get(f"{path}/ready", summary="The model answers", **docs)(model_ready)
    return router


def infer_route(path: str, oip: OipModel, bodies: BodyReader) -> DirectRoute:
    """The `DirectRoute` that infers at that path, which names the model and perhaps a version."""

    async def infer(scope: Any, body: bytes) -> Reply:
        check_media_type(header(scope, b"content-type"), JSON, BINARY)
        _check_known(oip, scope["path_params"])
        record = request_record(scope)
        record.model, record.version = oip.metadata.name, oip.metadata.versions[0]
        length = header(scope, HEADER_LENGTH.encode())
        request = decode_request(body, None if length is None else length.decode("latin-1"))
        record.mark("decode")
        result = await oip.infer(request, record)
        encoded, json_length = encode_response(result, request)
        record.mark("encode")
        if json_length is None:
            return encoded, [(b"content-type", JSON)]
        return encoded, [(b"content-type", BINARY), (HEADER_LENGTH.encode(), b"%d" % json_length)]

    content = json(WireRequest, one_flower=_EXAMPLE) | binary(BINARY)
    answer = json(WireResponse) | binary(BINARY)
    docs = body_operation(content, answer, 400, 404, 408, 413, 415, 422, 429, parameters=path_parameters(path))
    return DirectRoute(path, infer, bodies, tags=["open inference protocol"], summary="Infer", **docs)


def _check_known(model: OipModel, at: dict[str, str]) -> None:
    model.check_known(at["model"], at.get("version", ""))


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type=JSON.decode())

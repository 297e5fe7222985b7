"""The Open Inference Protocol over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from iris_api.entrypoints.oip_model import SERVER, OipModel
from servekit.errors import NotReadyError, ServingError
from servekit.oip import inference_pb2 as pb
from servekit.oip import inference_pb2_grpc as rpc
from servekit.oip.rpc import decode_request, encode_response
from servekit.telemetry.rpc import TelemetryInterceptor, call_record

if TYPE_CHECKING:
    from iris_api.service.predictor import Predictor
    from iris_api.settings import IrisSettings
    from servekit.oip.rest import TensorMetadata
    from servekit.telemetry import Telemetry

__all__ = ["start_grpc"]

_Tensor = pb.ModelMetadataResponse.TensorMetadata


class InferenceService(rpc.GRPCInferenceServiceServicer):
    """The protocol's six calls, by the names that the protocol gives them."""

    def __init__(self, model: OipModel, predictor: Predictor) -> None:
        self._model = model
        self._predictor = predictor

    async def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return pb.ServerReadyResponse(ready=self._ready())

    async def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._check_known(request.name, request.version, context)
        return pb.ModelReadyResponse(ready=self._ready())

    async def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return pb.ServerMetadataResponse(name=SERVER.name, version=SERVER.version, extensions=SERVER.extensions)

    async def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        await self._check_known(request.name, request.version, context)
        known = self._model.metadata
        return pb.ModelMetadataResponse(
            name=known.name,
            versions=known.versions,
            platform=known.platform,
            inputs=[_tensor(tensor) for tensor in known.inputs],
            outputs=[_tensor(tensor) for tensor in known.outputs],
        )

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        record = call_record()
        try:
            self._model.check_known(request.model_name, request.model_version)
            record.model, record.version = self._model.metadata.name, self._model.metadata.versions[0]
            inference = decode_request(request)
            record.mark("decode")
            answer = encode_response(await self._model.infer(inference, record), inference)
        except ServingError as error:
            await context.abort(grpc.StatusCode[error.grpc_code], str(error))
        record.mark("encode")
        return answer

    async def _check_known(self, name: str, version: str, context: Any) -> None:
        try:
            self._model.check_known(name, version)
        except ServingError as error:
            await context.abort(grpc.StatusCode[error.grpc_code], str(error))

    def _ready(self) -> bool:
        try:
            self._predictor.check_ready()
        except NotReadyError:
            return False
        return True


def _tensor(tensor: TensorMetadata) -> _Tensor:
    return _Tensor(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)


async def start_grpc(model: OipModel, predictor: Predictor, telemetry: Telemetry, settings: IrisSettings) -> Any:
    """A started server on the settings' gRPC port; RuntimeError when it is taken."""
    options = [
        ("grpc.max_receive_message_length", settings.max_body_bytes),
        # the answer to a request of that size may be larger: refused, it would have been computed and counted in vain
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", int(settings.worker_of > 0)),
    ]
    server = grpc.aio.server(interceptors=[TelemetryInterceptor(telemetry)], options=options)
    rpc.add_GRPCInferenceServiceServicer_to_server(InferenceService(model, predictor), server)  # type: ignore[no-untyped-call]
    service = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    for call in service.methods:
        telemetry.metrics.expect(f"/{service.full_name}/{call.name}")
    name, version = model.metadata.name, model.metadata.versions[0]
    telemetry.metrics.expect(f"/{service.full_name}/ModelInfer", name, version, timed=True)
    server.add_insecure_port(f"{settings.host}:{settings.grpc_port}")
    await server.start()
    return server

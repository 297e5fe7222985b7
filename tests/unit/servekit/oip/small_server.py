"""A small real server of the Open Inference Protocol, with defects to plant: each makes known checks fail."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import grpc
import msgspec
import numpy as np
from msgspec.structs import replace

from servekit.errors import InvalidValueError, ServingError, UnknownModelError
from servekit.oip import inference_pb2 as pb
from servekit.oip import inference_pb2_grpc, rest, rpc
from servekit.oip.rest import ModelMetadata, ServerMetadata, TensorMetadata
from servekit.oip.tensors import Inference, InferenceResult, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

INPUTS = [TensorMetadata("number", "FP32", [-1, 2]), TensorMetadata("word", "BYTES", [-1, 1])]
OUTPUTS = [TensorMetadata("double", "FP32", [-1, 2]), TensorMetadata("length", "INT64", [-1])]
MODEL = ModelMetadata("small", ["1", "2"], "python", INPUTS, OUTPUTS)
SERVER = ServerMetadata("small-server", "0.1", ["binary_tensor_data"])


class Addresses(NamedTuple):
    url: str
    grpc: str


class Model:
    """Doubles a number, measures a word, and misbehaves as told."""

    def __init__(self, defects: frozenset[str]) -> None:
        self.defects = defects
        self.metadata = MODEL
        if "declares another datatype" in defects:
            self.metadata = replace(MODEL, outputs=[TensorMetadata("double", "FP64", [-1, 2]), OUTPUTS[1]])
        if "has null for versions" in defects:
            self.metadata = replace(MODEL, versions=None)

    def check_known(self, name: str, version: str) -> None:
        if name != MODEL.name and "serves any model" not in self.defects:
            raise UnknownModelError("model", name, "unknown")
        if version and version not in MODEL.versions and "serves any version" not in self.defects:
            raise UnknownModelError("version", version, "unknown")

    def infer(self, request: Inference, version: str) -> InferenceResult:
        self._check(request)
        number, word = (tensor.data for tensor in request.inputs)
        if "answers the first row only" in self.defects:
            number, word = number[:1], word[:1]
        double = Tensor("double", "FP32", (number * 2).astype(np.float32))
        length = Tensor("length", "INT64", np.array([len(each) for each in word.ravel()], np.int64))
        known = {"double": double, "length": length}
        wanted = request.outputs if "ignores outputs" not in self.defects else ()
        if unknown := [name for name in wanted if name not in known]:
            raise InvalidValueError("output", unknown[0], "unknown")
        outputs = tuple(known[name] for name in wanted) or (double, length)
        return InferenceResult("small", version or "2", outputs)

    def _check(self, request: Inference) -> None:
        if "takes any input" in self.defects:
            if len(request.inputs) != len(INPUTS) or request.inputs[0].datatype != "FP32":
                raise InvalidValueError("inputs", None, "wrong")
            return
        got = [(tensor.name, tensor.datatype) for tensor in request.inputs]
        if got != [(tensor.name, tensor.datatype) for tensor in INPUTS]:
            raise InvalidValueError("inputs", got, "expected number and word")
        for tensor, declared in zip(request.inputs, INPUTS, strict=True):
            if tensor.data.shape[1:] != tuple(declared.shape[1:]):
                raise InvalidValueError("shape", tensor.data.shape, f"expected {declared.shape}")


class _Handler(BaseHTTPRequestHandler):
    model: Model
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: no waiting for a delayed acknowledgement

    def do_GET(self) -> None:
        path = self.path.strip("/").split("/")
        defects = self.model.defects
        if path == ["v2", "health", "live"] and "is not live" in defects:
            self._send(503, b"")
        elif path[1:2] == ["health"]:
            self._send(200, b'{"live": true, "ready": true}')
        elif path == ["v2"]:
            self._send(200, msgspec.json.encode(SERVER))
        elif self._known(path):
            ready = {"name": "small", "ready": True}
            self._send(200, msgspec.json.encode(ready if path[-1] == "ready" else self.model.metadata))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        path = self.path.strip("/").split("/")
        if not self._known(path):
            return
        try:
            self._infer(body, path[4] if path[3] == "versions" else "")
        except ServingError as error:
            if "blames itself" in self.model.defects:
                self._send(500, msgspec.json.encode({"error": str(error)}))
            else:
                self._refuse(error)

    def _infer(self, body: bytes, version: str) -> None:
        defects = self.model.defects
        length = None if "ignores the header" in defects else self.headers[rest.HEADER_LENGTH]
        request = rest.decode_request(body, length)
        if "refuses nested data" in defects and b"[[" in body:
            raise InvalidValueError("data", None, "nested")
        if "forgets the id" in defects:
            request = replace(request, request_id="")
        answer, json_length = rest.encode_response(self.model.infer(request, version), request)
        if "swaps the bytes" in defects and json_length:
            tail = np.frombuffer(answer[json_length:], "<u4").byteswap().tobytes()
            answer = answer[:json_length] + tail
        self._send(200, answer, json_length)

    def _known(self, path: list[str]) -> bool:
        try:
            self.model.check_known(path[2], path[4] if path[3:4] == ["versions"] else "")
        except ServingError as error:
            self._refuse(error)
            return False
        return True

    def _refuse(self, error: ServingError) -> None:
        body = (
            b"<h1>Error</h1>" if "refuses in HTML" in self.model.defects else msgspec.json.encode({"error": str(error)})
        )
        self._send(int(error.status), body)

    def _send(self, status: int, body: bytes, json_length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json" if json_length is None else "application/octet-stream")
        self.send_header("content-length", str(len(body)))
        if json_length is not None:
            self.send_header(rest.HEADER_LENGTH, str(json_length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: pytest owns the output."""


class _Service(inference_pb2_grpc.GRPCInferenceServiceServicer):
    def __init__(self, model: Model) -> None:
        self._model = model

    def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return pb.ServerLiveResponse(live=True)

    def ServerReady(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return pb.ServerReadyResponse(ready="is not ready over gRPC" not in self._model.defects)

    def ModelReady(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return pb.ModelReadyResponse(ready=True)

    def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        return pb.ServerMetadataResponse(name=SERVER.name, version=SERVER.version, extensions=SERVER.extensions)

    def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._check_known(request.name, request.version, context)
        inputs, outputs = (
            [
                pb.ModelMetadataResponse.TensorMetadata(name=each.name, datatype=each.datatype, shape=each.shape)
                for each in tensors
            ]
            for tensors in (self._model.metadata.inputs, self._model.metadata.outputs)
        )
        return pb.ModelMetadataResponse(name="small", versions=MODEL.versions, inputs=inputs, outputs=outputs)

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._check_known(request.model_name, request.model_version, context)
        try:
            inference = rpc.decode_request(request)
            answer = rpc.encode_response(self._model.infer(inference, request.model_version), inference)
        except ServingError as error:
            context.abort(grpc.StatusCode[error.grpc_code], str(error))
        if "forgets the id over gRPC" in self._model.defects:
            answer.id = ""
        return answer

    def _check_known(self, name: str, version: str, context: Any) -> None:
        try:
            self._model.check_known(name, version)
        except ServingError as error:
            context.abort(grpc.StatusCode[error.grpc_code], str(error))


@contextmanager
def small_server(*defects: str) -> Iterator[Addresses]:
    """A running server with those defects."""
    model = Model(frozenset(defects))
    handler = type("Handler", (_Handler,), {"model": model})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http, ThreadPoolExecutor(2) as pool:
        http.daemon_threads = True
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        server = grpc.server(pool)
        inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(_Service(model), server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield Addresses(f"http://127.0.0.1:{http.server_port}", f"127.0.0.1:{port}")
        finally:
            server.stop(0).wait()
            http.shutdown()

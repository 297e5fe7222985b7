"""The server under test: one connection for each wire, and the model that is asked about."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import msgspec

from servekit.loopback import DIRECT, client
from servekit.oip import inference_pb2 as pb
from servekit.oip import inference_pb2_grpc, rest, rpc
from servekit.oip.tensors import Inference
from workbench.conformance.signature import Signature, synthesise
from workbench.conformance.verdict import NotApplicableError, UnreachableError, expect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from servekit.oip.tensors import InferenceResult

__all__ = ["BINARY_EXTENSION", "Target"]

BINARY_EXTENSION = "binary_tensor_data"
_OK = 200


class Target:
    """A server, a model of it, and how to ask.

    Args:
        base_url: what comes before ``/v2``.
        model: the model's name.
        version: the version to ask for; the last of those the model's metadata lists when empty.
        grpc_address: ``host:port``; the gRPC checks are skipped without one.
        values: by input name, what the elements of a made-up tensor repeat.
        headers: sent with each HTTP request, e.g. the ``Host`` that an ingress routes by.
        timeout_s: for each call.
    """

    def __init__(  # noqa: PLR0913 - the command line's options, one for one
        self,
        base_url: str,
        model: str,
        version: str = "",
        *,
        grpc_address: str | None = None,
        values: Mapping[str, list[Any]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30,
    ) -> None:
        self.model = model
        self.timeout_s = timeout_s
        self._version = version
        self._values = values or {}
        self._base_url = base_url
        self._http = client(base_url=base_url, headers=headers, timeout=timeout_s)
        self._grpc_address = grpc_address
        self._channel = grpc.insecure_channel(grpc_address, [*DIRECT, *rpc.UNLIMITED]) if grpc_address else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()
        if self._channel:
            self._channel.close()

    def reach(self) -> None:
        """Proves that something answers on each address; `UnreachableError` where nothing does."""
        try:
            self._http.get("/v2/health/live")
        except httpx.HTTPError as error:
            raise UnreachableError(f"{self._base_url}: nothing answers HTTP: {error}") from None
        if self._channel:
            try:
                grpc.channel_ready_future(self._channel).result(self.timeout_s)
            except grpc.FutureTimeoutError:
                seconds = f"within {self.timeout_s:g} s"
                raise UnreachableError(f"{self._grpc_address}: nothing answers gRPC {seconds}") from None

    # --- what the model is ---

    @cached_property
    def server(self) -> rest.ServerMetadata:
        """The server's metadata."""
        return msgspec.json.decode(self.get("/v2").content, type=rest.ServerMetadata)

    @cached_property
    def signature(self) -> Signature:
        """The model's metadata, of the version asked about."""
        answer = self._http.get(self.path(version=self._version))
        expect(answer.status_code == _OK, f"GET {answer.url.path} answered {answer.status_code}: expected 200")
        return msgspec.json.decode(answer.content, type=Signature)

    @property
    def version(self) -> str:
        """The version asked about; `NotApplicableError` when the model has none."""
        version = self._version or (self.signature.versions or [""])[-1]
        if not version:
            raise NotApplicableError("the model's metadata lists no versions")
        return version

    def path(self, suffix: str = "", *, model: str | None = None, version: str = "") -> str:
        """A path of the model's."""
        versions = f"/versions/{version}" if version else ""
        return f"/v2/models/{model or self.model}{versions}{suffix}"

    def request(self, rows: int = 1, **fields: Any) -> Inference:
        """A valid request of that many rows; ``fields`` are further ones of `Inference`."""
        return Inference(synthesise(self.signature, rows, self._values), **fields)

    def require_version(self) -> None:
        """Raises `NotApplicableError` unless the model has versions."""
        _ = self.version

    def require_binary(self) -> None:
        """Raises `NotApplicableError` unless the server declares the binary tensor extension."""
        if BINARY_EXTENSION not in self.server.extensions:
            raise NotApplicableError(f"the server does not declare the extension {BINARY_EXTENSION}")

    # --- asking over REST ---

    def get(self, path: str) -> httpx.Response:
        """``GET``; the answer must be 200."""
        answer = self._http.get(path)
        expect(answer.status_code == _OK, f"GET {path} answered {answer.status_code}: expected 200")
        return answer

    def ask(self, path: str, body: bytes | None = None, json_length: int | str | None = None) -> httpx.Response:
        """``GET``, or ``POST`` of a body, whatever the answer; ``json_length`` when binary tensors follow the JSON."""
        if body is None:
            return self._http.get(path)
        headers = {"content-type": "application/json"}
        if json_length is not None:
            headers = {"content-type": "application/octet-stream", rest.HEADER_LENGTH: str(json_length)}
        return self._http.post(path, content=body, headers=headers)

    def post(self, request: Inference, *, binary_inputs: bool = False, version: str = "") -> httpx.Response:
        """An infer call that must succeed."""
        path = self.path("/infer", version=version)
        answer = self.ask(path, *rest.encode_request(request, binary_inputs=binary_inputs))
        status = answer.status_code
        expect(status == _OK, f"POST {path} answered {status} {answer.text[:200]}: expected 200")
        return answer

    def infer(self, request: Inference, *, binary_inputs: bool = False, version: str = "") -> InferenceResult:
        """An infer call that must succeed, and its answer."""
        answer = self.post(request, binary_inputs=binary_inputs, version=version)
        return rest.decode_response(answer.content, answer.headers.get(rest.HEADER_LENGTH))

    # --- asking over gRPC ---

    @cached_property
    def stub(self) -> Any:
        """The service's stub; `NotApplicableError` without a gRPC address."""
        if self._channel is None:
            raise NotApplicableError("no gRPC address was given")
        return inference_pb2_grpc.GRPCInferenceServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def call(self, method: str, message: Any) -> Any:
        """A gRPC call; raises `grpc.RpcError` when it fails."""
        return getattr(self.stub, method)(message, timeout=self.timeout_s)

    def message(self, request: Inference, *, model: str | None = None, version: str = "") -> pb.ModelInferRequest:
        """The request as a message: raw when its ``binary`` is ``None``, typed otherwise."""
        return rpc.encode_request(model or self.model, version, request)

    def call_infer(self, request: Inference, *, version: str = "") -> InferenceResult:
        """An infer call over gRPC that must succeed, and its answer."""
        return rpc.decode_response(self.call("ModelInfer", self.message(request, version=version)))

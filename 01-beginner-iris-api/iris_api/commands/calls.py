"""One function for each way to call the API. Read them to learn how to call it from your own code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import httpx
import msgspec
import numpy as np

from iris_api.adapters.arrow_stream import read_answer, write_rows
from iris_api.domain.flower import as_dict
from servekit.oip import inference_pb2_grpc, rest, rpc
from servekit.oip.tensors import Inference, InferenceResult, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["CALLS", "OVER_HTTP", "ApiClient", "Labelled"]

Labelled = tuple["NDArray[Any]", "NDArray[Any]"]
"""Labels (n,) and probabilities (n, 3)."""


class ApiClient(msgspec.Struct, frozen=True):
    """Connections to a running API."""

    http: httpx.Client
    grpc: grpc.Channel


def one_by_one(api: ApiClient, rows: NDArray[Any]) -> Labelled:
    """Sends JSON, one request for each flower."""
    answers = [api.http.post("/v1/predict", json=as_dict(row)).raise_for_status().json() for row in rows]
    return _predictions([answer["predictions"][0] for answer in answers])


def json_batch(api: ApiClient, rows: NDArray[Any]) -> Labelled:
    """Sends JSON, all flowers in one request."""
    answer = api.http.post("/v1/predict", json=[as_dict(row) for row in rows]).raise_for_status().json()
    return _predictions(answer["predictions"])


def arrow(api: ApiClient, rows: NDArray[Any]) -> Labelled:
    """Sends an Arrow IPC stream and reads one."""
    headers = {"content-type": "application/vnd.apache.arrow.stream"}
    body = write_rows(rows.astype(np.float32))
    return read_answer(api.http.post("/v1/predict/arrow", content=body, headers=headers).raise_for_status().content)


def oip_json(api: ApiClient, rows: NDArray[Any]) -> Labelled:
    """Speaks the Open Inference Protocol in JSON."""
    body = rest.encode_request(_inference(rows))[0]
    headers = {"content-type": "application/json"}
    answer = api.http.post("/v2/models/iris/infer", content=body, headers=headers).raise_for_status()
    return _tensors(rest.decode_response(answer.content))


def oip_binary(api: ApiClient, rows: NDArray[Any]) -> Labelled:
    """Speaks the Open Inference Protocol with binary tensors: JSON for the names, raw bytes for the numbers."""
    body, json_length = rest.encode_request(_inference(rows, binary=None), binary_inputs=True)
    headers = {"content-type": "application/octet-stream", rest.HEADER_LENGTH: str(json_length)}
    answer = api.http.post("/v2/models/iris/versions/1/infer", content=body, headers=headers).raise_for_status()
    return _tensors(rest.decode_response(answer.content, answer.headers[rest.HEADER_LENGTH]))


def oip_grpc(api: ApiClient, rows: NDArray[Any]) -> Labelled:
    """Speaks the Open Inference Protocol over gRPC."""
    stub = inference_pb2_grpc.GRPCInferenceServiceStub(api.grpc)  # type: ignore[no-untyped-call]
    answer = stub.ModelInfer(rpc.encode_request("iris", "1", _inference(rows, binary=None)), timeout=10)
    return _tensors(rpc.decode_response(answer))


CALLS: dict[str, Callable[[ApiClient, NDArray[Any]], Labelled]] = {
    "JSON, one by one": one_by_one,
    "JSON, one batch": json_batch,
    "Arrow stream": arrow,
    "OIP, JSON": oip_json,
    "OIP, binary tensors": oip_binary,
    "OIP, gRPC": oip_grpc,
}
OVER_HTTP = {name: call for name, call in CALLS.items() if call is not oip_grpc}


def _inference(rows: NDArray[Any], binary: frozenset[str] | None = frozenset()) -> Inference:
    return Inference((Tensor("features", "FP32", rows.astype(np.float32)),), binary=binary)


def _predictions(predictions: list[dict[str, Any]]) -> Labelled:
    return np.array([each["label"] for each in predictions]), np.array([each["probabilities"] for each in predictions])


def _tensors(result: InferenceResult) -> Labelled:
    by_name = {tensor.name: tensor.data for tensor in result.outputs}
    return by_name["label"], by_name["probabilities"]

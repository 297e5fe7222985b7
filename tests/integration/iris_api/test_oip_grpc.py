"""The Open Inference Protocol over gRPC, of a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest

from servekit.oip import inference_pb2 as pb
from servekit.oip import inference_pb2_grpc, rpc
from servekit.oip.tensors import Inference, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from iris_api.training.golden import Golden
    from tests.iris_process import IrisServer

Stub = inference_pb2_grpc.GRPCInferenceServiceStub
ROW = np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)
TIMEOUT_S = 60


@pytest.fixture(scope="module")
def stub(iris_server: IrisServer) -> Iterator[Any]:
    with grpc.insecure_channel(f"127.0.0.1:{iris_server.grpc_port}", options=rpc.UNLIMITED) as channel:
        yield Stub(channel)  # type: ignore[no-untyped-call]


def message(rows: Any = ROW, *, raw: bool = True, **tensor: Any) -> pb.ModelInferRequest:
    features = Tensor(**{"name": "features", "datatype": "FP32", "data": rows, **tensor})
    return rpc.encode_request("iris", "1", Inference((features,), binary=None if raw else frozenset()))


def refusal(call: Any, request: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=TIMEOUT_S)
    error: Any = caught.value
    return error.code(), error.details()


@pytest.mark.parametrize("raw", [True, False])
def test_the_flowers_get_scikit_learns_answer(stub: Any, golden: Golden, raw: bool) -> None:  # noqa: FBT001
    answer = stub.ModelInfer(message(golden.features.astype(np.float32), raw=raw), timeout=TIMEOUT_S)
    assert (answer.model_name, answer.model_version, bool(answer.raw_output_contents)) == ("iris", "1", raw)
    label, probabilities = rpc.decode_response(answer).outputs
    assert np.array_equal(label.data, golden.labels)
    assert np.abs(probabilities.data - golden.probabilities).max() < 1e-5


def test_only_the_outputs_asked_for_are_answered(stub: Any) -> None:
    request = message()
    request.outputs.add(name="probabilities")
    answer = stub.ModelInfer(request, timeout=TIMEOUT_S)
    assert [tensor.name for tensor in answer.outputs] == ["probabilities"]
    request.outputs.add(name="species")
    expected = "output species: unknown: the model has label, probabilities"
    assert refusal(stub.ModelInfer, request) == (grpc.StatusCode.INVALID_ARGUMENT, expected)


def test_health_and_metadata_are_answered(stub: Any) -> None:
    assert stub.ServerLive(pb.ServerLiveRequest(), timeout=TIMEOUT_S).live
    assert stub.ServerReady(pb.ServerReadyRequest(), timeout=TIMEOUT_S).ready
    assert stub.ModelReady(pb.ModelReadyRequest(name="iris"), timeout=TIMEOUT_S).ready
    assert stub.ServerMetadata(pb.ServerMetadataRequest(), timeout=TIMEOUT_S).name == "iris-api"
    metadata = stub.ModelMetadata(pb.ModelMetadataRequest(name="iris", version="1"), timeout=TIMEOUT_S)
    assert [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in (*metadata.inputs, *metadata.outputs)] == [
        ("features", "FP32", [-1, 4]),
        ("label", "INT64", [-1]),
        ("probabilities", "FP32", [-1, 3]),
    ]


def test_an_unknown_model_or_version_is_not_found(stub: Any) -> None:
    model = (grpc.StatusCode.NOT_FOUND, "model tulip: unknown: this server has iris")
    version = (grpc.StatusCode.NOT_FOUND, "version 2: unknown: iris has 1")
    request = message()
    request.model_version = "2"
    assert refusal(stub.ModelInfer, request) == version
    request.model_name = "tulip"
    assert refusal(stub.ModelInfer, request) == model
    for call, kind in ((stub.ModelReady, pb.ModelReadyRequest), (stub.ModelMetadata, pb.ModelMetadataRequest)):
        assert refusal(call, kind(name="tulip")) == model
        assert refusal(call, kind(name="iris", version="2")) == version


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    ("tensor", "expected"),
    [
        ({"name": "lengths"}, "input lengths: unknown: expected features"),
        ({"datatype": "FP64", "data": ROW.astype(np.float64)}, "input features datatype FP64: expected FP32"),
        ({"data": ROW[0]}, "input features shape [4]: expected [-1, 4]"),
        ({"data": ROW.T}, "input features shape [4, 1]: expected [-1, 4]"),
        ({"data": ROW[None]}, "input features shape [1, 1, 4]: expected [-1, 4]"),
        ({"data": ROW[:0]}, "features 0 rows: expected at least one flower"),
        ({"data": ROW * np.nan}, "features[0].sepal_length_cm nan: expected a length from 0 to 100 cm"),
        ({"data": -ROW}, "features[0].sepal_length_cm -5.1: expected a length from 0 to 100 cm"),
        (
            {"data": np.vstack([ROW] * 1999 + [ROW * 50])},
            "features[1999].sepal_length_cm 255.0: expected a length from 0 to 100 cm",
        ),
    ],
)
def test_a_tensor_that_the_model_does_not_take_is_refused(
    stub: Any,
    tensor: dict[str, Any],
    expected: str,
    raw: bool,  # noqa: FBT001
) -> None:
    assert refusal(stub.ModelInfer, message(raw=raw, **tensor)) == (grpc.StatusCode.INVALID_ARGUMENT, expected)


def test_contents_that_do_not_fit_the_shape_are_refused(stub: Any) -> None:
    request = message()
    request.inputs[0].shape[0] = 2
    expected = "input features data 16 bytes: expected 32 for shape [2, 4] of FP32"
    assert refusal(stub.ModelInfer, request) == (grpc.StatusCode.INVALID_ARGUMENT, expected)


def test_a_message_over_the_limit_is_refused(stub: Any) -> None:
    code, details = refusal(stub.ModelInfer, message(np.ones((700_000, 4), np.float32)))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in details.lower()


def test_a_large_batch_is_answered(stub: Any, golden: Golden) -> None:
    order = np.arange(100_000) % 150
    answer = stub.ModelInfer(message(golden.features[order].astype(np.float32)), timeout=TIMEOUT_S)
    assert np.array_equal(rpc.decode_response(answer).outputs[0].data, golden.labels[order])


def test_an_answer_may_be_larger_than_any_request(stub: Any) -> None:
    request = message(np.repeat(ROW, 600_000, axis=0))
    answer = stub.ModelInfer(request, timeout=TIMEOUT_S)
    assert request.ByteSize() < 10 * 2**20 < answer.ByteSize()  # the limit of level 1 lies between
    assert len(rpc.decode_response(answer).outputs[0].data) == 600_000


def test_bytes_that_are_no_message_are_refused(iris_server: IrisServer) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{iris_server.grpc_port}") as channel:
        call: Any = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        code, _ = refusal(call, b"\xff" * 20)
        assert code in {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}  # the library's own answer
        call = channel.unary_unary("/inference.GRPCInferenceService/Nope")
        code, _ = refusal(call, b"")
        assert code == grpc.StatusCode.UNIMPLEMENTED

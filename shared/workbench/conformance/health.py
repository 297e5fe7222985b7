"""Health and metadata: what a server says of itself and of its models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from servekit.oip import inference_pb2 as pb
from servekit.oip.tensors import DTYPES
from workbench.conformance.registry import Registry
from workbench.conformance.verdict import Requirement, ViolationError, expect

if TYPE_CHECKING:
    from workbench.conformance.target import Target

__all__ = ["HEALTH"]

HEALTH = Registry()
_check = HEALTH.check


@_check("the server is live", "REST: Server Live")
def server_live(target: Target) -> None:
    target.get("/v2/health/live")


@_check("the server is ready", "REST: Server Ready")
def server_ready(target: Target) -> None:
    target.get("/v2/health/ready")


@_check("the model is ready", "REST: Model Ready")
def model_ready(target: Target) -> None:
    target.get(target.path("/ready"))


@_check("the model's version is ready", "REST: Model Ready")
def version_ready(target: Target) -> None:
    target.get(target.path("/ready", version=target.version))


@_check(
    "liveness is answered with a JSON object that says so", "REST: Server Live Response JSON Object", Requirement.SHOULD
)
def live_object(target: Target) -> None:
    found = _object(target, "/v2/health/live")
    expect(found.get("live") is True, f"GET /v2/health/live answered {found}: expected live to be true")


@_check("readiness is answered with a JSON object that names the model", "REST: Model Ready Response JSON Object", Requirement.SHOULD)  # fmt: skip  # noqa: E501 - one line a check
def ready_object(target: Target) -> None:
    found = _object(target, target.path("/ready"))
    wanted = {"name": target.model, "ready": True}
    expect(wanted.items() <= found.items(), f"GET {target.path('/ready')} answered {found}: expected {wanted}")


@_check("the server says its name, version and extensions", "REST: Server Metadata Response JSON Object")
def server_metadata(target: Target) -> None:
    expect(target.server.name, "the server's name is empty")


@_check("the model says its name and tensors", "REST: Model Metadata Response JSON Object")
def model_metadata(target: Target) -> None:
    found = target.signature
    expect(found.name == target.model, f"the metadata's name is {found.name}: expected {target.model}")
    expect(found.versions is not None, "the metadata's versions are null: expected a list, or no such field")
    for tensor in [*found.inputs, *found.outputs]:
        expect(tensor.datatype in DTYPES, f"tensor {tensor.name} datatype {tensor.datatype}: expected the protocol's")
        expect(min(tensor.shape, default=0) >= -1, f"tensor {tensor.name} shape {tensor.shape}: sizes are -1 or more")


@_check("the model's version has the same tensors", "REST: Model Metadata")
def version_metadata(target: Target) -> None:
    path = target.path(version=target.version)
    found = msgspec.json.decode(target.get(path).content, type=type(target.signature))
    same = (found.inputs, found.outputs) == (target.signature.inputs, target.signature.outputs)
    expect(same, f"GET {path} answered other tensors than the model's own metadata")


@_check("the model names its platform", "REST: Model Metadata Response JSON Object")
def platform(target: Target) -> None:
    expect(target.signature.platform is not None, "the metadata has no platform")


@_check("the server is live over gRPC", "gRPC: Server Live")
def grpc_live(target: Target) -> None:
    expect(target.call("ServerLive", pb.ServerLiveRequest()).live, "ServerLive answered live = false")


@_check("the server is ready over gRPC", "gRPC: Server Ready")
def grpc_ready(target: Target) -> None:
    expect(target.call("ServerReady", pb.ServerReadyRequest()).ready, "ServerReady answered ready = false")


@_check("the model is ready over gRPC", "gRPC: Model Ready")
def grpc_model_ready(target: Target) -> None:
    message = pb.ModelReadyRequest(name=target.model)
    expect(target.call("ModelReady", message).ready, "ModelReady answered ready = false")


@_check("the server's metadata over gRPC is that over REST", "gRPC: Server Metadata")
def grpc_server_metadata(target: Target) -> None:
    found = target.call("ServerMetadata", pb.ServerMetadataRequest())
    wanted = (target.server.name, target.server.version)
    expect(
        (found.name, found.version) == wanted,
        f"ServerMetadata answered {found.name} {found.version}: expected {wanted}",
    )


@_check("the model's metadata over gRPC is that over REST", "gRPC: Model Metadata")
def grpc_model_metadata(target: Target) -> None:
    found = target.call("ModelMetadata", pb.ModelMetadataRequest(name=target.model))
    wanted = target.signature
    for ours, theirs in ((wanted.inputs, found.inputs), (wanted.outputs, found.outputs)):
        over_rest = [(tensor.name, tensor.datatype, tensor.shape) for tensor in ours]
        over_grpc = [(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in theirs]
        expect(over_grpc == over_rest, f"ModelMetadata answered {over_grpc}: expected {over_rest}")


def _object(target: Target, path: str) -> dict[str, Any]:
    answer = target.get(path)
    try:
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise ViolationError(f"GET {path} answered {answer.text[:80]!r}: expected a JSON object") from None

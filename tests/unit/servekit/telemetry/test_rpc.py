from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from servekit.oip import inference_pb2 as pb
from servekit.oip import inference_pb2_grpc
from servekit.telemetry.rpc import TelemetryInterceptor, call_record
from tests.patience import async_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.unit.servekit.telemetry.conftest import MakeWatch, Watch

TRACE = "0af7651916cd43dd8448eb211c80319c"
METHOD = "/inference.GRPCInferenceService/ModelInfer"


class Service(inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers as the requested model's name says."""

    def __init__(self) -> None:
        self.hanging = asyncio.Event()

    async def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        record = call_record()
        record.model, record.version = "iris", "1"
        record.mark("infer")
        if request.model_name == "raise":
            raise RuntimeError("planted")
        if request.model_name == "hang":
            self.hanging.set()
            await asyncio.sleep(60)
        if request.model_name == "set":
            context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
        elif request.model_name != "iris":
            await context.abort(grpc.StatusCode[request.model_name], "planted")
        return pb.ModelInferResponse(model_name="iris")


@asynccontextmanager
async def served(watch: Watch) -> AsyncIterator[tuple[Service, Any]]:
    service = Service()
    server = grpc.aio.server(interceptors=[TelemetryInterceptor(watch.telemetry)])
    inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield service, inference_pb2_grpc.GRPCInferenceServiceStub(channel)  # type: ignore[no-untyped-call]
    await server.stop(5)


async def test_a_call_is_counted_logged_and_traced_like_a_request(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with served(watch) as (_, stub):
        metadata = (("traceparent", f"00-{TRACE}-b7ad6b7169203331-01"),)
        await stub.ModelInfer(pb.ModelInferRequest(model_name="iris"), metadata=metadata)
    (event,), (child, root) = watch.close()
    assert watch.count(endpoint=METHOD, model="iris", version="1", code="200") == watch.count() == 1
    assert (event["http.request.method"], event["http.route"]) == ("gRPC", METHOD)
    assert (event["trace.id"], event["http.response.status_code"]) == (TRACE, 200)
    assert (root["name"], root["parent_span_id"]) == (f"gRPC {METHOD}", "b7ad6b7169203331")
    assert (child["name"], child["parent_span_id"]) == ("infer", root["span_id"])


@pytest.mark.parametrize("traceparent", ["", "hello", f"00-{TRACE}-0000000000000000-01"])
async def test_a_call_without_a_valid_context_starts_a_trace(make_watch: MakeWatch, traceparent: str) -> None:
    watch = make_watch(trace_ratio=1)
    async with served(watch) as (_, stub):
        await stub.ModelInfer(pb.ModelInferRequest(model_name="iris"), metadata=(("traceparent", traceparent),))
    _, spans = watch.close()
    assert spans[-1]["trace_id"] != TRACE
    assert spans[-1]["parent_span_id"] is None


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ARGUMENT", 422),
        ("NOT_FOUND", 404),
        ("UNIMPLEMENTED", 404),
        ("RESOURCE_EXHAUSTED", 429),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 504),
        ("PERMISSION_DENIED", 403),
        ("FAILED_PRECONDITION", 400),
        ("INTERNAL", 500),
        ("DATA_LOSS", 500),
    ],
)
async def test_an_aborted_call_is_counted_under_the_http_status_that_means_the_same(
    make_watch: MakeWatch, code: str, status: int
) -> None:
    watch = make_watch()
    async with served(watch) as (_, stub):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ModelInfer(pb.ModelInferRequest(model_name=code))
    events, spans = watch.close()
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode[code], "planted")
    assert watch.count(endpoint=METHOD, code=str(status)) == watch.count() == 1
    assert [event["http.response.status_code"] for event in events] == [status]
    assert bool(spans) == (status >= 500)


async def test_a_code_set_without_abort_is_counted(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with served(watch) as (_, stub):
        with pytest.raises(grpc.aio.AioRpcError):
            await stub.ModelInfer(pb.ModelInferRequest(model_name="set"))
    assert watch.count(endpoint=METHOD, code="429") == watch.count() == 1


async def test_an_exception_is_a_failure(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with served(watch) as (_, stub):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ModelInfer(pb.ModelInferRequest(model_name="raise"))
    events, spans = watch.close()
    assert caught.value.code() is grpc.StatusCode.UNKNOWN
    assert watch.count(endpoint=METHOD, code="500") == watch.count() == 1
    assert [event["log.level"] for event in events] == ["error"]
    assert [span["status"] for span in spans] == ["unset", "error"]


async def test_a_call_that_is_given_up_is_the_caller_s_doing(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with served(watch) as (service, stub):
        call = stub.ModelInfer(pb.ModelInferRequest(model_name="hang"))
        waiting = asyncio.ensure_future(call)
        await asyncio.wait_for(service.hanging.wait(), 30)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await async_until(watch.count, "heard of by the server")
    assert watch.count(endpoint=METHOD, code="499") == watch.count() == 1
    assert watch.registry.get_sample_value("serving_requests_in_flight", {"level": "7"}) == 0


async def test_a_method_that_no_service_has_is_no_label(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with served(watch) as (_, stub):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ServerLive(pb.ServerLiveRequest())
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert watch.count(code="500") == 0

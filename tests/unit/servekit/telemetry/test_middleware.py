from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from servekit.telemetry import TelemetryMiddleware, request_record

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from tests.unit.servekit.telemetry.conftest import MakeWatch, Watch

TRACE = "0af7651916cd43dd8448eb211c80319c"
SECRETS = ("secret-token", "5.12345", "marie")


async def predict(request: Request) -> PlainTextResponse:
    record = request_record(request.scope)
    await request.body()
    record.mark("decode")
    record.model, record.version = "iris", "1"
    record.mark("infer")
    return PlainTextResponse("setosa", status_code=int(request.query_params.get("status", "200")))


async def fail(_: Request) -> PlainTextResponse:
    raise RuntimeError("planted")


async def break_off(_: Request) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"the first half"
        raise RuntimeError("planted")

    return StreamingResponse(parts())


async def hang(_: Request) -> PlainTextResponse:
    await asyncio.sleep(60)
    return PlainTextResponse("late")


ROUTES = [
    Route("/models/{name}/infer", predict, methods=["POST"]),
    Route("/healthz", predict),
    Route("/fail", fail),
    Route("/break", break_off),
    Route("/hang", hang),
    Mount("/inner", routes=[Route("/models/{name}", predict)]),
]


def client_of(watch: Watch) -> httpx.AsyncClient:
    app = TelemetryMiddleware(Starlette(routes=ROUTES), watch.telemetry)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop")


async def test_a_request_is_measured_under_its_route_s_template(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with client_of(watch) as client:
        for name in ("iris", "secret-name"):
            await client.post(f"/models/{name}/infer")
    exposition = watch.telemetry.exposition().decode()
    assert watch.count(level="7", endpoint="/models/{name}/infer", model="iris", version="1", code="200") == 2
    assert "secret-name" not in exposition
    assert watch.count() == 2


@pytest.mark.parametrize("path", ["/no/such/path", "/models", "/%F0%9F%8C%B8", "/models/a/b/infer"])
async def test_a_path_that_no_route_matches_is_no_label(make_watch: MakeWatch, path: str) -> None:
    watch = make_watch()
    async with client_of(watch) as client:
        assert (await client.get(path)).status_code == 404
    assert watch.count(endpoint="unmatched", model="", code="404") == watch.count() == 1


async def test_a_wrong_method_counts_for_the_route(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with client_of(watch) as client:
        assert (await client.get("/models/iris/infer")).status_code == 405
    assert watch.count(endpoint="/models/{name}/infer", code="405") == watch.count() == 1


async def test_a_method_of_the_caller_s_invention_reaches_no_log(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with client_of(watch) as client:
        await client.request("MARIE", "/healthz")
    events, _ = watch.close()
    assert [event["http.request.method"] for event in events] == ["_OTHER"]


async def test_every_answer_carries_its_trace_id(make_watch: MakeWatch) -> None:
    watch = make_watch()
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}
    async with client_of(watch) as client:
        continued = await client.get("/healthz", headers=headers)
        fresh = await client.get("/no/such/path")
    assert continued.headers["x-trace-id"] == TRACE
    assert re.fullmatch("[0-9a-f]{32}", fresh.headers["x-trace-id"])
    events, _ = watch.close()
    assert [event["trace.id"] for event in events] == [TRACE, fresh.headers["x-trace-id"]]


@pytest.mark.parametrize("path", ["/fail", "/break"])
async def test_an_exception_is_counted_and_logged_as_a_failure_and_keeps_its_trace(
    make_watch: MakeWatch, path: str
) -> None:
    watch = make_watch()
    async with client_of(watch) as client:
        with pytest.raises(RuntimeError, match=r"^planted$"):
            await client.get(path)
    events, spans = watch.close()
    assert watch.count(endpoint=path, code="500") == watch.count() == 1
    assert [(event["log.level"], event["http.response.status_code"]) for event in events] == [("error", 500)]
    assert [(span["name"], span["status"]) for span in spans] == [(f"GET {path}", "error")]


async def test_a_request_that_is_given_up_is_the_caller_s_doing(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with client_of(watch) as client:
        waiting = asyncio.create_task(client.get("/hang"))
        while not watch.registry.get_sample_value("serving_requests_in_flight", {"level": "7"}):  # noqa: ASYNC110 - a gauge
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert watch.count(endpoint="/hang", code="499") == 1
    assert watch.registry.get_sample_value("serving_requests_in_flight", {"level": "7"}) == 0


async def test_the_request_event_is_ecs_and_says_what_operations_need(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with client_of(watch) as client:
        answer = await client.post("/models/iris/infer")
    (event,), _ = watch.close()
    assert event.pop("event.duration") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", event.pop("@timestamp"))
    assert re.fullmatch("[0-9a-f]{16}", event.pop("span.id"))
    assert event == {
        "log.level": "info",
        "message": "POST /models/{name}/infer 200",
        "service.name": "shop",
        "http.request.method": "POST",
        "http.route": "/models/{name}/infer",
        "http.response.status_code": 200,
        "trace.id": answer.headers["x-trace-id"],
        "labels.model": "iris",
        "labels.version": "1",
        "event.dataset": "serving.request",
        "ecs.version": "8.11.0",
    }


async def test_bodies_features_headers_and_paths_reach_neither_log_nor_trace_nor_metric(make_watch: MakeWatch) -> None:
    watch = make_watch(trace_ratio=1)
    headers = {"authorization": "Bearer secret-token", "x-user": "marie"}
    async with client_of(watch) as client:
        body = '{"sepal_length_cm": 5.12345}'
        await client.post("/models/marie/infer?token=secret-token", content=body, headers=headers)
    watch.close()
    text = watch.telemetry.exposition().decode()
    kept = text + (watch.folder / "events").read_text() + (watch.folder / "spans").read_text()
    assert [secret for secret in SECRETS if secret in kept] == []


async def test_quiet_endpoints_are_measured_but_leave_no_event_and_no_trace(make_watch: MakeWatch) -> None:
    watch = make_watch(quiet=frozenset({"/healthz"}), trace_ratio=1)
    async with client_of(watch) as client:
        await client.get("/healthz")
    assert watch.count(endpoint="/healthz") == 1
    assert watch.close() == ([], [])


async def test_a_mounted_application_is_measured_under_its_template(make_watch: MakeWatch) -> None:
    watch = make_watch()
    async with client_of(watch) as client:
        assert (await client.get("/inner/models/secret-name")).status_code == 200
    assert watch.count() == 1
    assert "secret-name" not in watch.telemetry.exposition().decode()


async def test_what_is_not_http_passes_untouched(make_watch: MakeWatch) -> None:
    watch = make_watch()
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope, receive, send))

    await TelemetryMiddleware(app, watch.telemetry)({"type": "lifespan"}, "receive", "send")
    assert seen == [({"type": "lifespan"}, "receive", "send")]
    assert watch.count() == 0

"""A rate needs two samples of a series: what first happens between two scrapes is seen only if the series was there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import pytest
from prometheus_client import CollectorRegistry

from servekit.telemetry import TelemetrySettings
from tests.ports import free_ports
from tests.prometheus_program import needs_prometheus
from tests.rated_series import Selector, rated, samples
from tests.rule_evaluation import evaluate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from servekit.telemetry import TelemetryMiddleware

ROUTER = ("seldon_api_executor_", "seldon_router_")
GATEWAY = tuple(f"serving_{name}_" for name in ("cache_requests", "degraded", "feedback", "shed", "score", "computed"))
EVERYBODY = tuple(f"serving_{name}_" for name in ("requests", "request_duration_seconds", "step_duration_seconds"))
OWNED = {"1": EVERYBODY, "2": EVERYBODY + ROUTER, "3": EVERYBODY + GATEWAY}
OTHERS = {
    "nv_": "Triton's own",
    "envoy_": "Envoy's own",
    "process_": "is there from the start",
    "gen_ai_server_": "the assistant's: tests/unit/assistant holds that they are there",
    "assistant_": "likewise",
    "recommender_": "a component's: Seldon's wrapper shows none before its first event; the rule counts what is new",
}
INFER = {"inputs": [{"name": "features", "datatype": "FP32", "shape": [1, 4], "data": [5.1, 3.5, 1.4, 0.2]}]}
FLOWER = {"sepal_length_cm": 5.1, "sepal_width_cm": 3.5, "petal_length_cm": 1.4, "petal_width_cm": 0.2}


class Server(NamedTuple):
    """A level that has answered nothing yet, and whose model is not there."""

    level: str
    client: httpx.AsyncClient


@pytest.fixture
def iris(model_dir: Path) -> TelemetryMiddleware:
    """Level 1, of a model that fails."""
    from iris_api.adapters.model_monitor import open_model_monitor  # noqa: PLC0415
    from iris_api.adapters.onnx_model import OnnxModel  # noqa: PLC0415 - one level's packages for one level's tests
    from iris_api.bootstrap import create_app  # noqa: PLC0415
    from iris_api.service.predictor import Predictor  # noqa: PLC0415
    from iris_api.settings import IrisSettings  # noqa: PLC0415

    def fail(rows: Any) -> Any:
        raise RuntimeError(f"planted: no model for {len(rows)} rows")

    model = OnnxModel(model_dir)
    vars(model)["run"] = fail
    monitor, settings = open_model_monitor(model, model_dir), IrisSettings(grpc_port=free_ports(1)[0])
    own: dict[str, Any] = {"registry": CollectorRegistry(), "log_descriptor": 2}
    return create_app(settings, TelemetrySettings(), Predictor(model), monitor, **own)


@pytest.fixture
def router() -> TelemetryMiddleware:
    """Level 2's router, of a step and a shadow that nobody runs."""
    from graph_router.adapters.deployment_yaml import read_deployment  # noqa: PLC0415 - as above
    from graph_router.entrypoints.router import build  # noqa: PLC0415
    from graph_router.settings import RouterSettings  # noqa: PLC0415

    ports = dict(zip(("httpPort", "grpcPort"), free_ports(2), strict=True))
    graph = {"name": "model", "type": "MODEL", "endpoint": {"service_host": "127.0.0.1", "type": "REST", **ports}}
    predictors = [{"name": "default", "graph": graph}, {"name": "copy", "graph": graph, "shadow": True, "traffic": 100}]
    document = {"kind": "SeldonDeployment", "metadata": {"name": "test"}, "spec": {"predictors": predictors}}
    app, _ = build(read_deployment(document), RouterSettings(), TelemetrySettings(), registry=CollectorRegistry())
    return app


@pytest.fixture
def gateway(tmp_path: Path) -> Any:
    """Level 3's gateway, alone: no model server, no feature store, no cache."""
    from shop.gateway.bootstrap import build  # noqa: PLC0415 - as above
    from shop.gateway.settings import GatewaySettings  # noqa: PLC0415

    triton, features, cache = free_ports(3)
    settings = GatewaySettings(run_dir=tmp_path, triton_http_port=triton, features_port=features, cache_port=cache)
    return build(settings, TelemetrySettings(), registry=CollectorRegistry()).app


@pytest.fixture(params=[("1", "iris"), ("2", "router"), ("3", "gateway")], ids=["level 1", "level 2", "level 3"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[Server]:
    level, app = request.param
    transport = httpx.ASGITransport(request.getfixturevalue(app), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://server", timeout=30) as client:
        yield Server(level, client)


async def scrape(server: Server) -> str:
    return (await server.client.get("/metrics")).raise_for_status().text


async def test_every_series_that_is_rated_is_there_before_its_first_event(server: Server) -> None:
    shown = samples(await scrape(server))
    wanted = [each for each in rated() if each.name.startswith(OWNED[server.level]) and each.at(server.level)]
    missing = [each for each in wanted if not any(each.matches(name, labels) for name, labels, _ in shown)]
    assert len(wanted) > 8
    assert [each for each in missing if not of_refusals(each)] == []


def of_refusals(selector: Selector) -> bool:
    """Whether it selects 4xx alone: alerts on refusals want many, for minutes, so they need not see the first."""
    return any(label == "code" and how == "=~" and value.startswith("4") for label, how, value in selector.matchers)


def test_every_rated_series_is_exported_by_a_server() -> None:
    known = {prefix for prefixes in OWNED.values() for prefix in prefixes} | set(OTHERS)
    assert [each for each in rated() if not each.name.startswith(tuple(known))] == []


def test_a_selector_matches_as_prometheus_does() -> None:
    selector = Selector("a", (("code", "=~", "5.."), ("endpoint", "!~", "/healthz|.*ready"), ("level", "=", "1")))
    assert selector.matches("a", {"code": "503", "endpoint": "/v1", "level": "1"})
    assert not selector.matches("a", {"code": "5030", "endpoint": "/v1", "level": "1"})
    assert not selector.matches("a", {"code": "503", "endpoint": "/v2/ready", "level": "1"})
    assert not selector.matches("a", {"code": "503", "endpoint": "/v1"})


ASKED: dict[str, list[tuple[str, dict[str, Any], int]]] = {
    "1": [("/v1/predict", FLOWER, 500), ("/v2/models/iris/infer", INFER, 500)],
    "2": [("/api/v1.0/predictions", {"strData": "x"}, 503)],
    "3": [("/v2/models/ranking/infer", INFER, 503), ("/v1/recommendations", {"user": 1, "k": 2}, 200)],
}
TOLD = {
    "1": {
        'level:serving_errors:ratio_rate5m{level="1"}': 1.0,
        'level_model_version:serving_errors:ratio_rate5m{level="1",model="iris",version="1"}': 1.0,
    },
    "2": {
        'level:serving_errors:ratio_rate5m{level="2"}': 1.0,
        'predictor:seldon_request_failures:ratio_rate5m{predictor_name="default"}': 1.0,
        'step:seldon_call_failures:ratio_rate5m{predictor_name="default"}': 1.0,
    },
    "3": {
        'level:serving_errors:ratio_rate5m{level="3"}': 0.5,
        "sum(rate(serving_degraded_total[5m])) / sum(rate(serving_requests_total{model!=''}[5m]))": 1.0,
    },
}


@needs_prometheus
async def test_the_very_first_failures_are_seen(server: Server, tmp_path: Path) -> None:
    """Scraped once, asked, scraped again: what Prometheus makes of these two scrapes is the whole truth."""
    before = await scrape(server)
    for path, body, status in ASKED[server.level]:
        assert (await server.client.post(path, json=body)).status_code == status
    after = await scrape(server)
    for query, expected in TOLD[server.level].items():
        said = evaluate(tmp_path, [before, after], query)
        assert said == expected, query

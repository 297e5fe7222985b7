"""What the assistant's metrics and traces say of an answer, and by which names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics

from assistant.load.promise import read_promise
from tests.patience import async_until
from tests.rated_series import samples
from tests.unit.assistant.chat_caller import ASKED, Call
from workbench.versions import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripted_batch import ScriptedBatch

RULES = ROOT / "infra/prometheus/rules/assistant.yaml"
ATTRIBUTES = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
METRICS = {value for name, value in vars(gen_ai_metrics).items() if name.startswith("GEN_AI_SERVER_")}


async def shown(app: Any) -> dict[tuple[str, str], float]:
    """The samples of ``/metrics``, by name and by the value of their own label."""
    call = Call(app, b"", "/metrics", "GET")
    await call.task
    own = ("type", "end", "reason", "counted")
    return {
        (name, next((labels[label] for label in own if label in labels), "")): value
        for name, labels, value in samples(call.body.decode())
    }


async def span_of(app: Any, folder: Path) -> dict[str, Any]:
    """The only chat span, once everything is written."""
    await app._close()
    spans = [json.loads(line) for line in (folder / "traces.jsonl").read_text().splitlines()]
    chat: dict[str, Any]
    (chat,) = [span for span in spans if span["name"].startswith("chat ")]
    return chat


async def test_a_span_has_opentelemetrys_names_and_the_values_of_its_answer(app: Any, tmp_path: Path) -> None:
    asked = {"stream": True, "temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["secret"]}
    call = Call(app, ASKED | asked, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    await call.task
    chat = await span_of(app, tmp_path)
    about = chat["attributes"]
    assert (chat["name"], chat["kind"], chat["status"]) == ("chat smollm2-135m-instruct", "client", "unset")
    assert chat["trace_id"] == "a" * 32
    assert 0 < about.pop("gen_ai.response.time_to_first_chunk") < 60
    assert about.pop("gen_ai.usage.input_tokens") > 3, "as the engine counted them"
    assert about == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "shop",
        "gen_ai.request.model": "smollm2-135m-instruct",
        "gen_ai.request.max_tokens": 3,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "smollm2-135m-instruct",
        "gen_ai.response.id": f"chatcmpl-{'a' * 32}",
        "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.usage.output_tokens": 3,
    }
    assert set(about) <= ATTRIBUTES


async def test_a_span_of_a_whole_answer_has_only_what_was_asked(app: Any, tmp_path: Path) -> None:
    await Call(app, ASKED).task
    about = (await span_of(app, tmp_path))["attributes"]
    absent = {"request.stream", "request.seed", "request.top_p", "request.temperature", "response.time_to_first_chunk"}
    assert not {f"gen_ai.{name}" for name in absent} & set(about)
    assert "error.type" not in about


@pytest.mark.parametrize("limits", [{"stall_s": 1.0}])
async def test_an_answer_that_breaks_off_has_an_error_and_no_finish_reason(
    app: Any, batch: ScriptedBatch, tmp_path: Path
) -> None:
    batch.hold_after = 3
    call = Call(app, ASKED | {"stream": True, "max_tokens": 200})
    await async_until(lambda: call.body.count(b"token") > 2, "begun")
    await call.task
    found = await shown(app)
    assert found["assistant_answers_total", "broken"] == 1
    assert found["assistant_tokens_total", "output"] == batch.said
    chat = await span_of(app, tmp_path)
    assert (chat["status"], chat["attributes"]["error.type"]) == ("error", "engine_failed")
    assert "gen_ai.response.finish_reasons" not in chat["attributes"]


async def test_a_reader_who_leaves_is_no_error(app: Any, batch: ScriptedBatch, tmp_path: Path) -> None:
    batch.hold_after = 3
    call = Call(app, ASKED | {"max_tokens": 256})
    await async_until(lambda: batch.held, "begun")
    call.leave()
    await call.task
    chat = await span_of(app, tmp_path)
    assert chat["status"] == "unset"
    assert not {"error.type", "gen_ai.response.finish_reasons"} & set(chat["attributes"])


@pytest.mark.parametrize("limits", [{"first_token_s": 0.1}])
async def test_what_was_refused_is_no_failure_and_its_prompt_was_not_computed(app: Any, batch: ScriptedBatch) -> None:
    batch.held = True
    await Call(app, ASKED).task
    found = await shown(app)
    assert found["assistant_answers_total", "refused"] == found["assistant_refused_total", "first_token_deadline"] == 1
    assert found["assistant_answers_total", "failed"] == found["assistant_tokens_total", "input"] == 0
    assert found["assistant_waiting_tokens", ""] == 0


async def test_tokens_are_counted_as_they_come(app: Any, batch: ScriptedBatch) -> None:
    batch.hold_after = 3
    call = Call(app, ASKED | {"max_tokens": 200})
    await async_until(lambda: batch.held, "begun")

    async def counted() -> bool:
        return (await shown(app))["assistant_tokens_total", "output"] == batch.said

    await async_until(counted, "counted")
    found = await shown(app)
    assert found["assistant_tokens_total", "input"] > 3
    assert found["assistant_reserved_tokens", ""] >= 200
    assert found["assistant_prefix_cache_tokens_total", "at_least"] == 64
    batch.held = False
    await call.task
    assert (await shown(app))["assistant_tokens_total", "output"] == 200


async def test_the_metrics_of_a_request_have_opentelemetrys_names_and_labels(app: Any) -> None:
    call = Call(app, b"", "/metrics", "GET")
    await call.task
    about = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "shop"}
    about["gen_ai_request_model"] = "smollm2-135m-instruct"
    found = [(name, labels) for name, labels, _ in samples(call.body.decode()) if name.startswith("gen_ai_")]
    counts = {name.removesuffix("_seconds_count"): labels for name, labels in found if name.endswith("_count")}
    assert set(counts) == {name.replace(".", "_") for name in METRICS}
    assert all(labels == about for labels in counts.values())


def test_the_alerts_and_the_histograms_know_the_promise() -> None:
    promise = read_promise(ROOT / "03-advanced-multimodel-kserve/assistant/sla.toml")
    rules = {rule["alert"]: rule["expr"] for rule in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]}
    for alert, limit_ms in (
        ("FirstTokenSlow", promise.first_token_p99_ms),
        ("TokensSlow", promise.per_token_p99_ms),
    ):
        assert f") > {limit_ms / 1e3:g}\n" in rules[alert].replace(" and sum", "\nand sum"), alert


async def test_a_promise_is_a_bound_of_its_histogram(app: Any) -> None:
    call = Call(app, b"", "/metrics", "GET")
    await call.task
    text, promise = call.body.decode(), read_promise(ROOT / "03-advanced-multimodel-kserve/assistant/sla.toml")
    bounds = {(name, float(labels["le"])) for name, labels, _ in samples(text) if "le" in labels}
    assert ("gen_ai_server_time_to_first_token_seconds_bucket", promise.first_token_p99_ms / 1e3) in bounds
    assert ("gen_ai_server_time_per_output_token_seconds_bucket", promise.per_token_p99_ms / 1e3) in bounds

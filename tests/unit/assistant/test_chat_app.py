"""The application over a scripted engine: what callers get, and what becomes of the engine's work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import async_until
from tests.rated_series import rated, samples
from tests.unit.assistant.chat_caller import ASKED, Call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.scripted_batch import ScriptedBatch


async def test_an_answer_comes_whole_with_its_tokens_counted(app: Any) -> None:
    call = Call(app, ASKED)
    await call.task
    answer = json.loads(call.body)
    assert answer["choices"][0]["message"]["content"] == "token token token "
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3
    assert call.status == 200


async def test_every_series_that_an_alert_rates_is_there_before_the_first_question(app: Any) -> None:
    call = Call(app, b"", "/metrics", "GET")
    await call.task
    shown = samples(call.body.decode())
    own = ("gen_ai_server_", "assistant_")
    wanted = [each for each in rated() if each.name.startswith(own) or ("level", "=", "assistant") in each.matchers]
    assert len(wanted) > 12
    assert [each for each in wanted if not any(each.matches(name, labels) for name, labels, _ in shown)] == []


async def test_a_stream_has_the_role_first_then_texts_the_reason_the_tokens_and_the_end(app: Any) -> None:
    call = Call(app, ASKED | {"stream": True, "stream_options": {"include_usage": True}})
    await call.task
    *chunks, end = call.events
    assert end == "[DONE]"
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [each["choices"][0]["delta"]["content"] for each in chunks[1:4]] == ["token "] * 3
    assert chunks[4]["choices"][0]["finish_reason"] == "length"
    assert chunks[5]["usage"]["completion_tokens"] == 3
    assert call.headers[b"content-type"] == b"text/event-stream; charset=utf-8"


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_frees_its_sequence_and_its_place(
    app: Any, batch: ScriptedBatch, *, stream: bool
) -> None:
    batch.hold_after = 3
    call = Call(app, ASKED | {"max_tokens": 256, "stream": stream})
    await async_until(lambda: batch.held, "begun")
    call.leave()
    await call.task
    await async_until(lambda: batch.cancelled and not batch.busy, "cancelled")
    call = Call(app, b"", "/metrics", "GET")
    await call.task
    assert b"assistant_reserved_tokens 0.0" in call.body
    assert b'assistant_answers_total{end="cancelled"} 1.0' in call.body


@pytest.mark.parametrize("limits", [{"unread_s": 0.1}])
async def test_a_client_that_reads_nothing_is_given_up_and_its_sequence_is_freed(
    app: Any, batch: ScriptedBatch
) -> None:
    batch.hold_after = 3
    call = Call(app, ASKED | {"max_tokens": 256, "stream": True})
    await async_until(lambda: batch.held, "begun")
    call.reads = False
    await call.task
    await async_until(lambda: batch.cancelled and not batch.busy, "cancelled")


async def test_while_nothing_comes_a_stream_has_comments(app: Any, batch: ScriptedBatch) -> None:
    batch.held = True
    call = Call(app, ASKED | {"stream": True})
    await async_until(lambda: call.body.count(b": still working on it\n\n") > 1, "commented")
    batch.held = False
    await call.task
    assert call.events[-1] == "[DONE]"


@pytest.mark.parametrize("limits", [{"first_token_s": 1.0}])  # many heartbeats: the stream has begun by then
@pytest.mark.parametrize("stream", [True, False])
async def test_a_first_token_that_is_late_is_an_error_and_frees_the_engine(
    app: Any, batch: ScriptedBatch, *, stream: bool
) -> None:
    batch.held = True
    call = Call(app, ASKED | {"stream": stream})
    await call.task
    error = call.events[-1]["error"] if stream else call.error
    assert error["code"] == "first_token_deadline"
    assert (call.status, b"retry-after" in call.headers) == ((200, False) if stream else (429, True))
    await async_until(lambda: len(batch.cancelled) == 1, "cancelled")


@pytest.mark.parametrize("limits", [{"stall_s": 1.0}])
async def test_an_engine_that_hangs_in_mid_answer_is_an_error_of_the_stream(app: Any, batch: ScriptedBatch) -> None:
    batch.hold_after = 3
    call = Call(app, ASKED | {"stream": True, "max_tokens": 200})
    await async_until(lambda: call.body.count(b"token") > 2, "begun")
    await call.task
    assert call.events[-1]["error"]["code"] == "engine_failed"
    await async_until(lambda: len(batch.cancelled) == 1, "cancelled")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"model": "gpt-9"}, 404, "model_not_found"),
        ({"max_tokens": 257}, 400, "invalid_value"),
        ({"messages": [{"role": "user", "content": "word " * 2000}]}, 400, "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": "long words " * 450}]}, 400, "context_length_exceeded"),
        ({"messages": [{"role": "user", "content": ""}]}, 400, "invalid_value"),
        ({"metadata": {"item": "seven"}}, 400, "invalid_value"),
        ({"metadata": {"item": "7"}}, 503, None),
        ({"stream_options": {}}, 400, "invalid_value"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_name(
    app: Any, changes: dict[str, Any], status: int, code: str | None
) -> None:
    call = Call(app, ASKED | changes)
    await call.task
    assert (call.status, call.error["code"]) == (status, code), call.body


async def test_a_body_of_a_megabyte_and_bytes_that_are_no_text_are_refused(app: Any) -> None:
    large = Call(app, ASKED | {"messages": [{"role": "user", "content": "x" * 1_000_000}]})
    broken = Call(app, b'{"model": "smollm2-135m-instruct", "messages": [{"role": "user", "content": "\xff\xfe"}]}')
    await large.task
    await broken.task
    assert (large.status, broken.status) == (413, 400)
    assert broken.error["message"].startswith("body: not JSON in UTF-8")


@pytest.mark.parametrize("limits", [{"SHOP_API_KEYS": "app:secret,other:word", "key_tokens": 600}])
async def test_a_key_has_a_budget_of_tokens(app: Any) -> None:
    async def ask(**headers: str) -> Call:
        call = Call(app, ASKED | {"max_tokens": 200}, **headers)
        await call.task
        return call

    assert (await ask()).status == 401
    statuses = [(await ask(authorization="Bearer secret")).status for _ in range(4)]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    refused = await ask(authorization="Bearer secret")
    assert refused.error["code"] == "rate_limit_exceeded"
    assert int(refused.headers[b"retry-after"]) >= 1
    assert (await ask(x_api_key="word")).status == 200


@pytest.mark.parametrize("limits", [{"room_tokens": 400}])
async def test_beyond_the_room_for_tokens_requests_are_told_to_come_later(app: Any, batch: ScriptedBatch) -> None:
    batch.held = True
    calls = [Call(app, ASKED | {"max_tokens": 100}) for _ in range(6)]
    await async_until(lambda: any(call.task.done() for call in calls), "refused")
    refused = next(call for call in calls if call.task.done())
    assert (refused.status, refused.error["code"]) == (429, "overloaded")
    assert int(refused.headers[b"retry-after"]) >= 1
    batch.held = False
    for call in calls:
        await call.task
    assert 200 in {call.status for call in calls}


async def test_neither_question_nor_answer_is_logged_or_traced(
    app: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    call = Call(app, ASKED | {"messages": [{"role": "user", "content": "My secret plan?"}]})
    await call.task
    await app._close()
    traces = (tmp_path / "traces.jsonl").read_text()
    everything = traces + caplog.text + "".join(capfd.readouterr())
    assert "secret plan" not in everything
    assert "token token" not in everything
    assert "3 out" in caplog.text
    spans = [json.loads(line) for line in traces.splitlines()]
    (chat,) = [span for span in spans if span["name"] == "chat smollm2-135m-instruct"]
    assert chat["attributes"]["gen_ai.operation.name"] == "chat"
    assert chat["attributes"]["gen_ai.usage.output_tokens"] == 3


async def test_paths_and_methods_that_there_are_not_are_told(app: Any) -> None:
    for path, method, status in (("/v1/embeddings", "POST", 404), ("/v1/models", "POST", 405), ("/readyz", "GET", 200)):
        call = Call(app, b"", path, method)
        await call.task
        assert call.status == status

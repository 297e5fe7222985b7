"""The real model behind the real API: its answers, its client, and what frees what."""

from __future__ import annotations

import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from servekit.http_ask import ask
from tests.integration.assistant.conftest import PRICES, PYTHON
from tests.integration.assistant.streams import LONG, MODEL, WORDS, idle, metric, post, read_until, stream, text
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from tests.integration.assistant.conftest import Running

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("running", ["openvino", "llamacpp"], indirect=True)]


def test_prices_of_the_shop_are_told(running: Running) -> None:
    for item in (7, 8):
        status, answer = post(running, metadata={"item": str(item)}, temperature=0)
        assert status == 200
        assert f"{PRICES[item]:.2f}" in text(answer), item


def test_a_seller_who_writes_orders_into_a_description_is_not_obeyed(running: Running) -> None:
    _, answer = post(running, metadata={"item": "9"}, temperature=0)
    assert "free" not in text(answer).lower()


def test_an_item_that_the_shop_has_not_is_told(running: Running) -> None:
    status, answer = post(running, metadata={"item": "77"})
    assert (status, answer["error"]["param"]) == (400, "metadata.item")


def test_greedy_answers_are_the_same_alone_and_in_a_batch(running: Running) -> None:
    if b"xllamacpp" in ask(f"{running.url}/metrics", GENEROUS_S).body:
        pytest.skip("llama.cpp's sums depend on the batch")

    def answer(item: int) -> str:
        return text(post(running, metadata={"item": str(item)}, temperature=0, max_tokens=24)[1])

    alone = {item: answer(item) for item in PRICES}
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(answer, [*PRICES, *PRICES]))
    assert together == [*alone.values(), *alone.values()]


def test_a_stop_string_ends_the_answer(running: Running) -> None:
    _, whole = post(running, metadata={"item": "7"}, temperature=0)
    _, ended = post(running, metadata={"item": "7"}, temperature=0, stop=["12"])
    assert text(ended) == text(whole).split("12")[0]
    assert ended["choices"][0]["finish_reason"] == "stop"


def test_a_client_who_leaves_frees_its_slot_long_before_the_answer_would_have_ended(running: Running) -> None:
    def steps() -> float:
        return metric(running, "assistant_engine_steps_total")

    _, whole = post(running, messages=LONG, temperature=0, max_tokens=400)
    assert whole["usage"]["completion_tokens"] == 400, "nobody could tell its end from a cancellation"
    until(lambda: idle(running), "idle")
    before = steps()
    with stream(running) as connection:
        read_until(connection, WORDS)
    until(lambda: steps() > before and idle(running), "free")
    assert steps() - before < 400, "it went on"
    assert metric(running, "assistant_reserved_tokens") == 0


def test_the_counters_are_what_the_answers_say_and_what_comes_again_was_cached(running: Running) -> None:
    def count(what: str) -> float:
        return metric(running, f"assistant_{what}")

    def ask_once() -> tuple[float, float]:
        """Tokens of the prompt, and how many of them the prefix cache spared."""
        into, out = (count(f'tokens_total{{type="{kind}"}}') for kind in ("input", "output"))
        spared = count("prefix_cache_tokens_total")
        _, answer = post(running, messages=[{"role": "user", "content": "Why? " * 150}], temperature=0, max_tokens=6)
        used = answer["usage"]
        assert count('tokens_total{type="input"}') - into == used["prompt_tokens"]
        assert count('tokens_total{type="output"}') - out == used["completion_tokens"]
        cpu_s = count("engine_cpu_seconds_total")
        until(lambda: count("engine_cpu_seconds_total") != cpu_s, "reported anew")
        return used["prompt_tokens"], count("prefix_cache_tokens_total") - spared

    until(lambda: idle(running), "idle")
    first, again = ask_once(), ask_once()
    assert first[0] == again[0] > 300
    assert 0 <= first[1] < again[1] <= again[0]
    assert again[1] > 0.8 * again[0]


def test_the_openai_client_talks_with_it(running: Running) -> None:
    program = f"""
import sys
from openai import BadRequestError, NotFoundError, OpenAI
client = OpenAI(base_url={running.url + "/v1"!r}, api_key="none", max_retries=0)
ask = dict(model={MODEL!r}, metadata={{"item": "8"}}, temperature=0)
ask["messages"] = [{{"role": "user", "content": "What does it cost?"}}]
whole = client.chat.completions.create(**ask)
chunks = list(client.chat.completions.create(**ask, stream=True, stream_options={{"include_usage": True}}))
streamed = "".join(each.choices[0].delta.content or "" for each in chunks if each.choices)
assert whole.choices[0].message.content == streamed, (whole, streamed)
assert "250.00" in streamed, streamed
assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
assert [each.id for each in client.models.list()] == [{MODEL!r}]
for wrong, kind in (({{"model": "gpt-9"}}, NotFoundError), ({{"n": 3}}, BadRequestError)):
    try:
        client.chat.completions.create(**(ask | wrong))
    except kind as error:
        assert error.body["message"], error
    else:
        sys.exit(f"{{wrong}} was taken")
"""
    done = subprocess.run([str(PYTHON), "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr


def test_many_half_open_streams_leave_room_for_an_honest_request(running: Running) -> None:
    host, port = running.url.removeprefix("http://").split(":")
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n"
    head += b"content-length: 900\r\n\r\n{"
    halves = [socket.create_connection((host, int(port)), timeout=GENEROUS_S) for _ in range(200)]
    try:
        for each in halves:
            each.sendall(head)
        assert post(running, GENEROUS_S, max_tokens=4)[0] == 200
    finally:
        for each in halves:
            each.close()


def test_a_client_that_reads_nothing_holds_up_nobody(running: Running) -> None:
    with stream(running):
        assert post(running, max_tokens=4)[0] == 200
    until(lambda: idle(running), "free")


def test_of_the_prompt_and_the_answer_no_word_is_in_the_log(running: Running) -> None:
    _, answer = post(running, messages=[{"role": "user", "content": "Where is the marmalade?"}])
    log = (running.run_dir / "log").read_text()
    assert "marmalade" not in log
    assert text(answer) not in log

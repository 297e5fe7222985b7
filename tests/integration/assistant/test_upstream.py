"""The assistant in front of a server with OpenAI's API, as in a cluster: llama.cpp's own, a real one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from assistant.domain.contracts import ChatMessage
from assistant.domain.prompt import make_turns
from servekit.http_ask import ask
from tests.integration.assistant.conftest import PRICES, PYTHON, Running, is_ready, started
from tests.integration.assistant.streams import CHAT, WORDS, metric, post, read_until, stream, text
from tests.patience import GENEROUS_S, until
from tests.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

NAME = "shop-model"
REVISION = "12fd25f77366fa6b3b4b768ec3050bf629380bac"


class Upstream(Running):
    """The assistant, and where the server behind it listens."""

    @property
    def behind(self) -> str:
        return (self.run_dir / "upstream").read_text()


@pytest.fixture(scope="module")
def upstream(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    run_dir = tmp_path_factory.mktemp("run")
    (server,) = free_ports(1)
    (run_dir / "upstream").write_text(f"http://127.0.0.1:{server}")
    settings = {
        "ASSISTANT_UPSTREAM": f"http://127.0.0.1:{server}",
        "ASSISTANT_UPSTREAM_MODEL": NAME,
        "ASSISTANT_UPSTREAM_REVISION": REVISION,
        "ASSISTANT_MAX_PROMPT_TOKENS": "4096",  # more than the server takes
        "ASSISTANT_MAX_TOKENS": "1000",
    }
    program = Path(__file__).with_name("openai_server.py")
    with started(run_dir, [str(PYTHON), str(program), str(weights), str(server), NAME], settings) as found:
        yield Upstream(*found)


def behind(upstream: Upstream, name: str) -> float:
    """A metric of the server itself."""
    lines = ask(f"{upstream.behind}/metrics", GENEROUS_S).body.decode().splitlines()
    return next(float(each.split()[-1]) for each in lines if each.startswith(f"llamacpp:{name} "))


def test_the_assistant_answers_from_the_facts_as_the_server_would_that_is_asked_the_same(upstream: Upstream) -> None:
    status, answer = post(upstream, model=NAME, metadata={"item": "7"}, max_tokens=24)
    assert status == 200
    assert f"{PRICES[7]:.2f}" in text(answer)
    assert answer["system_fingerprint"] == REVISION[:12]
    asked = [ChatMessage("user", "What is it?")]
    turns = [{"role": turn.role, "content": turn.content} for turn in make_turns(asked, None)]
    body = {"model": NAME, "messages": turns, "temperature": 0, "max_tokens": 12}
    headers = [("content-type", "application/json")]
    direct = ask(f"{upstream.behind}{CHAT}", 120, method="POST", body=json.dumps(body).encode(), headers=headers)
    told: dict[str, Any] = json.loads(direct.body)
    _, ours = post(upstream, model=NAME, messages=[{"role": "user", "content": "What is it?"}], max_tokens=12)
    assert text(ours) == text(told)
    assert ours["usage"] == {key: told["usage"][key] for key in ours["usage"]}


def test_a_stream_comes_in_pieces_and_ends_with_its_tokens(upstream: Upstream) -> None:
    with stream(upstream, model=NAME, max_tokens=16, stream_options={"include_usage": True}) as connection:
        received = read_until(connection, b"[DONE]").decode()
    chunks = [json.loads(each[6:]) for each in received.split("\n") if each.strip().startswith("data: {")]
    pieces = [each["choices"][0]["delta"].get("content") for each in chunks if each["choices"]]
    count = sum(bool(piece) for piece in pieces)
    assert 4 < count <= chunks[-1]["usage"]["completion_tokens"] <= 16


def test_a_stop_string_ends_the_answer_before_it(upstream: Upstream) -> None:
    _, whole = post(upstream, model=NAME, metadata={"item": "7"}, max_tokens=24)
    _, cut = post(upstream, model=NAME, metadata={"item": "7"}, max_tokens=24, stop=["EUR"])
    assert text(cut) == text(whole).partition("EUR")[0]
    assert cut["choices"][0]["finish_reason"] == "stop"


def test_a_client_that_leaves_ends_the_generation_behind(upstream: Upstream) -> None:
    before = behind(upstream, "tokens_predicted_total")
    with stream(upstream, model=NAME) as connection:
        read_until(connection, WORDS)
        assert behind(upstream, "requests_processing") == 1
    until(lambda: behind(upstream, "requests_processing") == 0, "free again")
    assert behind(upstream, "tokens_predicted_total") - before < 600, "it would have been a thousand"
    until(lambda: metric(upstream, "assistant_reserved_tokens") == 0, "nothing reserved")


def test_a_prompt_that_the_server_does_not_take_is_the_callers_error(upstream: Upstream) -> None:
    status, answer = post(upstream, model=NAME, messages=[{"role": "user", "content": "price " * 2300}])
    assert (status, answer["error"]["code"]) == (400, "context_length_exceeded")


def test_what_runs_there_is_told_and_what_is_not_known_is_left_out(upstream: Upstream) -> None:
    def told_when_up() -> str:
        told = ask(f"{upstream.url}/metrics", GENEROUS_S).body.decode()
        return told if "\nassistant_engine_up 1.0\n" in told else ""

    told = until(told_when_up, "up")  # a probe that took too long makes it 0 until the next one
    assert f'assistant_model_info{{engine="llamacpp",sha256="{REVISION}"}} 1.0' in told
    assert "assistant_kv_used_ratio" not in told


def test_a_server_that_ends_ends_its_streams_with_an_error_and_the_next_is_refused(upstream: Upstream) -> None:
    with stream(upstream, model=NAME) as connection:
        read_until(connection, WORDS)
        os.kill(upstream.pids["engine"], 9)
        assert b"engine_unavailable" in read_until(connection, b'"error"')
    until(lambda: not is_ready(upstream.url), "not ready")
    assert post(upstream, model=NAME)[0] == 503
    assert metric(upstream, "assistant_engine_up") == 0
    assert ask(f"{upstream.url}/healthz", GENEROUS_S).status == 200

"""``make up-3 WITH=assistant`` as it is: the whole level under supervision, with the assistant behind its edge."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from threading import Event, Thread
from typing import TYPE_CHECKING

import httpx
import pytest

from assistant.canary.versions import read_versions
from assistant.load.streams import LONG_QUESTION
from assistant.weights import model_name
from shop.addresses import Addresses
from shop.commands.stack import stack
from shop.serving.envoy import Split, read_splits
from tests.patience import until
from tests.ports import free_block, free_ports
from tests.tiny_shop import trained_once
from workbench.stack import main
from workbench.stack.control import ask
from workbench.stack.inspection import members
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from workbench.stack import Stack

pytestmark = pytest.mark.slow

PORTS = (
    "PORT", "ENVOY_ADMIN_PORT", "TRITON_HTTP_PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT", "FEATURES_PORT",
    "CACHE_PORT", "ASSISTANT_PORT",
)  # fmt: skip
QUESTION = {
    "model": model_name(),
    "messages": [{"role": "user", "content": "What does it cost?"}],
    "metadata": {"item": "8"},
    "max_tokens": 8,
}


@pytest.fixture(scope="module")
def level(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    assert weights.exists()
    trained, run_dir = trained_once(tmp_path_factory), tmp_path_factory.mktemp("level") / "run"
    run_dir.mkdir()
    for name in ("models", "world", "features"):
        (run_dir / name).symlink_to(trained / name)
    settings = {f"SHOP_{name}": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    settings |= {"SHOP_RUN_DIR": str(run_dir), "SHOP_GATEWAY_PORT": str(free_block(2)), "SHOP_EXTRAS": "assistant"}
    settings |= {"SHOP_TRITON_ENVIRONMENT": str(ROOT / ".venvs/triton"), "SHOP_DEADLINE_MS": "2000"}
    # the machine may be busy
    settings |= {"ASSISTANT_FIRST_TOKEN_S": "60", "ASSISTANT_LOOKUP_S": "60", "ASSISTANT_STALL_S": "120"}
    settings |= {"SHOP_EDGE_TIMEOUT_S": "60"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        running = stack(renew=True)
        assert main(running, ["up", "--timeout", "240"]) == 0
        yield running
        assert main(stack(renew=False), ["down"]) == 0
        assert members(running.home) == []


@pytest.fixture
def edge(level: Stack) -> Iterator[httpx.Client]:
    assert level
    with httpx.Client(base_url=f"http://127.0.0.1:{Addresses().port}", timeout=120, trust_env=False) as client:
        yield client


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )


def test_the_assistant_answers_at_the_edge_and_the_models_go_on(edge: httpx.Client) -> None:
    assert edge.post("/v1/chat/completions", json=QUESTION).json()["choices"][0]["message"]["content"]
    assert edge.get("/v1/models").json()["data"][0]["id"] == model_name()
    assert edge.post("/v1/recommendations", json={"user": 17, "k": 5}).status_code == 200


def test_the_edge_passes_a_stream_on_piece_by_piece(edge: httpx.Client) -> None:
    long = {"messages": [{"role": "user", "content": LONG_QUESTION}], "max_tokens": 100, "stream": True}
    with edge.stream("POST", "/v1/chat/completions", json=QUESTION | long) as answer:
        pieces = list(answer.iter_raw())
    assert len(pieces) > 2
    assert pieces[-1].endswith(b"data: [DONE]\n\n")


def test_the_client_shows_answers_and_the_promise_is_judged(level: Stack) -> None:
    assert level
    client = command("assistant.commands.client")
    assert client.returncode == 0, client.stderr
    assert "Which colour is it?" in client.stdout
    judged = command("assistant.commands.sla", "--rate", "0.5", "--duration", "4")
    assert judged.returncode in {0, 1}, judged.stderr  # a busy machine may break it
    assert "verdict: " in judged.stdout


def test_an_engine_that_is_killed_is_started_anew_and_the_models_do_not_notice(
    level: Stack, edge: httpx.Client
) -> None:
    pid = ask(level)["assistant-engine"].pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: edge.post("/v1/chat/completions", json=QUESTION).status_code == 503, "refused")
    assert edge.post("/v1/recommendations", json={"user": 17, "k": 5}).status_code == 200
    until(lambda: edge.post("/v1/chat/completions", json=QUESTION).status_code == 200, "back")


def canary(*words: str, **candidate: str) -> subprocess.CompletedProcess[str]:
    changed = {f"ASSISTANT_CANDIDATE_{name}": value for name, value in candidate.items()}
    return subprocess.run(
        [sys.executable, "-m", "shop.commands.canary", "assistant", *words],
        cwd=ROOT, env=os.environ | changed, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip


@pytest.fixture
def callers(level: Stack) -> Iterator[list[int]]:
    """Somebody who asks all the time, and the statuses of the answers."""
    assert level
    over, statuses = Event(), []

    def ask() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{Addresses().port}", timeout=120, trust_env=False) as edge:
            while not over.wait(0.5):
                statuses.append(edge.post("/v1/chat/completions", json=QUESTION | {"max_tokens": 2}).status_code)

    thread = Thread(target=ask)
    thread.start()
    yield statuses
    over.set()
    thread.join()
    assert len(statuses) > 3
    assert set(statuses) == {200}


def decisions() -> str:
    return "".join(path.read_text() for path in sorted((Addresses().run_dir / "audit").glob("canary*.jsonl")))


def damaged(weights: Path, target: Path) -> Path:
    """The same file with a sixth of its numbers erased: it loads, and its answers are no language."""
    shutil.copyfile(weights, target)
    size = target.stat().st_size
    with target.open("r+b") as file:
        file.seek(size // 2)
        file.write(bytes(size // 6))
    return target


def test_a_candidate_that_tells_no_facts_gets_no_traffic(callers: list[int], weights: Path, tmp_path: Path) -> None:
    done = canary("--auto", "--questions", "8", MODEL=str(damaged(weights, tmp_path / "damaged.gguf")))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "gate stopped: version 2 tells " in done.stdout
    assert '"decision":"gate stopped: tells ' in decisions()
    assert list(read_versions(Addresses())) == ["1"]
    assert "assistant" not in read_splits(Addresses().canary_state)
    assert callers


@pytest.mark.alone  # its speed is measured
def test_a_slow_candidate_is_rolled_back(callers: list[int]) -> None:
    words = ("--auto", "--questions", "4", "--traffic", "1", "--steps", "50", "--min-requests", "8")
    # a stall makes stable look slow, too, for a span: the next one comes soon, long before all errors are excluded
    spans = ("--step-seconds", "120", "--error-margin", "0.005")
    done = canary(*words, *spans, PREFIX_CACHE="false", STEP_TOKENS="32")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "rolled back: first token p99 " in done.stdout
    assert read_splits(Addresses().canary_state)["assistant"] == Split("1", "2", 0)
    assert list(read_versions(Addresses())) == ["1"]
    assert callers


@pytest.mark.alone  # its speed is measured
def test_a_good_candidate_is_promoted_and_the_version_before_stands_by(
    callers: list[int], weights: Path, tmp_path: Path
) -> None:
    (tmp_path / "same.gguf").symlink_to(weights)
    words = ("--auto", "--questions", "4", "--traffic", "3", "--steps", "50", "--min-requests", "10")
    done = canary(*words, "--error-margin", "0.3", MODEL=str(tmp_path / "same.gguf"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_splits(Addresses().canary_state)["assistant"] == Split("2", "1", 0)
    answer = httpx.post(f"http://127.0.0.1:{Addresses().port}/v1/chat/completions", json=QUESTION, timeout=120)
    assert answer.json()["model"] == model_name()
    versions = json.loads((Addresses().run_dir / "assistant/versions.json").read_text())
    assert versions == {"1": {}, "2": {"ASSISTANT_MODEL": str(tmp_path / "same.gguf")}}
    assert callers
    assert canary("--weight", "100").returncode == 0, "back to the version before"
    assert json.loads(decisions().splitlines()[-1])["decision"] == "0% -> 100% by hand"

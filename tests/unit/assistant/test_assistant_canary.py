"""What a second version of the assistant is judged by: the gate's sums, and its counters as the judge reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from assistant.adapters.metrics import ChatMetrics
from assistant.canary.counters import parse_chat
from assistant.canary.gate import FactTold, compare, stopped
from assistant.canary.versions import candidate_settings, own_settings, read_versions, write_versions
from assistant.load.quality import questions
from assistant.processes import assistant_processes
from servekit.telemetry.metrics import RequestMetrics
from servekit.telemetry.record import RequestRecord
from shop.addresses import Addresses
from shop.canary.judge import Policy, judge
from shop.canary.reading import Reading, readings
from shop.commands.assistant_canary import AssistantSubject
from workbench.stack import StackError

if TYPE_CHECKING:
    from pathlib import Path

BOTH, LOST, WON, NEITHER = FactTold(True, True), FactTold(True, False), FactTold(False, True), FactTold(False, False)
HABITS = AssistantSubject.habits
POLICY = Policy(error_margin=HABITS.error_margin, rated=HABITS.rated, names=HABITS.names)


def test_the_quality_set_has_fifty_questions_and_none_twice() -> None:
    assert len(set(questions(24))) == len(questions(24)) >= 50


@pytest.mark.parametrize(
    ("told", "passed"),
    [
        ([BOTH] * 46 + [NEITHER] * 6, True),
        ([BOTH] * 42 + [LOST] * 4 + [NEITHER] * 6, True),
        ([BOTH] * 41 + [LOST] * 5 + [NEITHER] * 6, False),
        ([BOTH] * 41 + [LOST] * 5 + [WON] * 5 + [NEITHER], True),
        ([BOTH] * 36 + [NEITHER] * 16, False),
    ],
    ids=["alike", "four fewer", "five fewer", "others", "below the promise"],
)
def test_a_candidate_passes_the_gate_unless_it_tells_too_few_facts(told: list[FactTold], *, passed: bool) -> None:
    found, reason = compare(told, 0.7)
    assert found is passed
    assert f"tells {sum(each.candidate for each in told)} of 52 facts" in reason


def test_how_often_the_gate_stops_a_worse_candidate_is_as_its_text_says() -> None:
    assert [f"{stopped(46, loss):.0%}" for loss in (0, 0.05, 0.1, 0.2, 0.3)] == ["0%", "8%", "49%", "97%", "100%"]


def answered(version: str, first_s: float, *, answers: int = 40, failed: int = 0, refused: int = 0) -> Reading:
    """What a process of this version has counted, through its exposition."""
    registry = CollectorRegistry()
    requests, chat = RequestMetrics("assistant", registry), ChatMetrics("smollm2", registry)
    for status, of in ((200, answers), (502, failed), (429, refused), (400, 7)):
        record = RequestRecord(None, 1.0)
        record.model, record.version = "smollm2", version
        for _ in range(of):
            requests.observe(record, "/v1/chat/completions", status, 1.0)
    requests.observe(RequestRecord(None, 1.0), "/metrics", 200, 0.1)
    for _ in range(answers):
        chat.first_token.observe(first_s)
    for _ in range(refused):
        chat.refused("overloaded")
    chat.refused("rate_limit_exceeded")
    return readings(parse_chat(generate_latest(registry).decode()), "assistant")[version]


def test_answers_are_counted_with_refusals_and_without_what_callers_did_wrong() -> None:
    reading = answered("2", 0.25, failed=3, refused=2)
    assert (reading.answers, reading.errors, reading.degraded) == (45, 3, 2)
    assert reading.latencies.total == 40


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        (answered("2", 2.5), "first token p99 "),
        (answered("2", 0.25, answers=15, failed=25), "errors 62.50%"),
        (answered("2", 0.25, answers=15, refused=25), "refused 62.50%"),
        (answered("2", 0.25), ""),
    ],
    ids=["slow", "failing", "refusing", "as stable"],
)
def test_the_canarys_judge_finds_what_is_worse(candidate: Reading, said: str) -> None:
    found = judge(answered("1", 0.25), candidate, POLICY)
    assert found.reason.startswith(said)
    assert bool(found.worse) is bool(said)


def test_each_version_has_processes_of_its_own_and_the_settings_in_which_it_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSISTANT_KV_TOKENS", "4096")
    monkeypatch.setenv("ASSISTANT_CANDIDATE_MODEL", "new.gguf")
    addresses = Addresses(run_dir=tmp_path, assistant_2_port=9351)
    assert candidate_settings() == {"ASSISTANT_MODEL": "new.gguf"}
    assert own_settings()["ASSISTANT_KV_TOKENS"] == "4096"
    write_versions(addresses, {"2": candidate_settings(), **read_versions(addresses)})
    first, _, engine, gateway = assistant_processes(addresses, {}, check=False)
    assert [first.name, engine.name, gateway.name] == ["assistant-engine", "assistant-2-engine", "assistant-2"]
    assert engine.environment["ASSISTANT_MODEL"] == "new.gguf"
    assert "ASSISTANT_MODEL" not in {*first.environment, *gateway.environment}, "requests ask for the same model"
    assert gateway.ports == {"http": 9351}


def test_versions_that_are_none_are_said(tmp_path: Path) -> None:
    addresses = Addresses(run_dir=tmp_path)
    write_versions(addresses, {"3": {}})
    with pytest.raises(StackError, match=r"versions\.json: "):
        read_versions(addresses)

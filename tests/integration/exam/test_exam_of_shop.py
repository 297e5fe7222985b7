"""Level 3's exam: the reference gets 100 points, and each planted defect loses its own criterion and no other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from course.exam.examined import PATIENCE_S
from shop.addresses import Addresses
from shop.commands.exam.__main__ import EXAM, here
from shop.commands.stack import stack
from shop.gateway.domain.errors import UnauthorizedError
from tests.clones import LEVELS, make_models
from tests.exam_taking import ENVIRONMENT, full_marks, lost, overwrite, running, slow_now_and_then, started
from tests.faulty_proxy import Asked, Replied, as_dead, faulty, forgets_the_trace, in_its_own_words
from tests.once import once
from tests.patience import until
from tests.ports import free_block, free_ports
from workbench.stack import control, down
from workbench.terminal import make_console
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from course.exam import Examined
    from workbench.stack import Process

pytestmark = [pytest.mark.slow, pytest.mark.alone]

QUICK = ("conformance", "correctness", "bad-input", "cache", "gate", "metrics", "traces", "logs", "audit")
"""What takes a second or two, and stops nothing."""

PORTS = (
    "PORT", "ENVOY_ADMIN_PORT", "TRITON_HTTP_PORT", "TRITON_GRPC_PORT", "TRITON_METRICS_PORT", "FEATURES_PORT",
    "CACHE_PORT",
)  # fmt: skip
WITHOUT_LIMITS = {
    "SHOP_LIMIT": "5000", "SHOP_LIMIT_MIN": "5000", "SHOP_LIMIT_MAX": "5000", "SHOP_TARGET_MS": "100000",
    "SHOP_DEADLINE_MS": "10000", "SHOP_EDGE_CONCURRENCY": "5000", "SHOP_EDGE_CONCURRENCY_MIN": "5000",
    "SHOP_EDGE_SLOW_MS": "100000", "SHOP_EDGE_TIMEOUT_S": "10",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A run folder with what training and the gate left, and ports."""

    def make(_: Path) -> None:
        make_models(LEVELS[2])
        if not (ROOT / ".run/3/optimize.json").exists():
            subprocess.run([sys.executable, "-m", "shop.commands.optimize", "--quick"], cwd=ROOT, check=True)

    once(tmp_path_factory, "optimised-shop", make)
    folder = tmp_path_factory.mktemp("exam")
    for name in ("features", "world"):
        (folder / name).symlink_to(ROOT / ".run/3" / name)
    shutil.copytree(ROOT / ".run/3/models", folder / "models")
    shutil.copy(ROOT / ".run/3/optimize.json", folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True):
            patch.setenv(f"SHOP_{name}", str(port))
        patch.setenv("SHOP_GATEWAY_PORT", str(free_block(2)))
        patch.setenv("SHOP_RUN_DIR", str(folder))
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield
        down(stack(renew=False), make_console())


@pytest.fixture
def level(place: None) -> Examined:
    """The level without a defect; it stays up from one test to the next, unless one in between had a defect."""
    del place
    return started(stack(renew=True), here, PATIENCE_S)


def test_the_reference_gets_every_point(
    level: Examined, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert level.url
    full_marks(EXAM, tmp_path, monkeypatch, capsys)
    assert not (Addresses().models_dir / "ranking" / "909").exists()


def test_a_level_that_asks_for_a_key_is_examined_with_one(place: None, monkeypatch: pytest.MonkeyPatch) -> None:
    del place
    monkeypatch.setenv("SHOP_API_KEYS", "exam:s3cret")
    monkeypatch.setenv("SHOP_API_KEY", "s3cret")
    with running(stack(renew=True), here) as examined:
        EXAM.enter(examined)
        loaded = replace(examined, load_s=4.0, load_runs=3)  # in one second, two late answers would lose the SLA
        assert lost(EXAM, loaded, [*QUICK, "sla", "shift", "drain"]) == {}
        with pytest.raises(UnauthorizedError, match=r"asks for an API key: give it one with SHOP_API_KEY=…$"):
            EXAM.enter(replace(examined, headers={}))
        with pytest.raises(UnauthorizedError, match=r"SHOP_API_KEY is not one that it knows$"):
            EXAM.enter(replace(examined, headers={"x-api-key": "another"}))


def in_other_units(asked: Asked, replied: Replied) -> Replied:
    """Gives the scores of a search in other units, as after a change on one side alone."""
    if asked.path != "/v1/search" or replied.status != 200:
        return replied
    document = json.loads(replied.body)
    for item in document["items"]:
        item["score"] = None if item["score"] is None else item["score"] * 100 + 1
    return replied._replace(body=json.dumps(document).encode())


@pytest.mark.parametrize(
    ("criterion", "fault", "seen"),
    [
        ("conformance", {"reply": as_dead}, "MUST failed: ranking: "),
        ("correctness", {"reply": in_other_units}, "of 90 answers are wrong"),
        ("bad-input", {"reply": in_its_own_words}, "1 of 20 wrong requests: no body: 400 without a reason in JSON"),
        ("traces", {"ask": forgets_the_trace}, "the traceparent is lost"),
    ],
)
def test_a_hop_with_a_defect_loses_one_criterion(
    level: Examined, criterion: str, fault: dict[str, Any], seen: str
) -> None:
    with faulty(level.url, **fault) as url:
        found = lost(EXAM, replace(level, url=url), QUICK)
    assert list(found) == [criterion], found
    assert seen in found[criterion]


def test_a_metric_that_is_missing_loses_the_metrics(level: Examined) -> None:
    def without_limit(_: Asked, replied: Replied) -> Replied:
        lines = replied.body.splitlines(keepends=True)
        return replied._replace(body=b"".join(each for each in lines if b"serving_concurrency_limit" not in each))

    first, second = (each.removesuffix("/metrics") for each in level.metrics)
    with faulty(first, reply=without_limit) as one, faulty(second, reply=without_limit) as other:
        found = lost(EXAM, replace(level, metrics=(f"{one}/metrics", f"{other}/metrics")), QUICK)
    assert found == {"metrics": "no metric serving_concurrency_limit"}


def test_a_slow_hop_loses_the_sla(level: Examined) -> None:
    with faulty(level.url, ask=slow_now_and_then(0.2, every=10)) as url:
        found = lost(EXAM, replace(level, url=url), ["sla", "gate", "metrics"])
    assert list(found) == ["sla"], found
    assert "p99_ms" in found["sla"]


def test_a_version_that_is_served_past_the_gate_loses_the_gate(level: Examined) -> None:
    path = Addresses().run_dir / "optimize.json"
    kept = path.read_bytes()
    report = json.loads(kept)
    report["models"]["ranking"]["gate"]["passed"] = False
    path.write_text(json.dumps(report))
    try:
        found = lost(EXAM, level, QUICK)
    finally:
        path.write_bytes(kept)
    assert found == {"gate": "version 2 of ranking is served, and the gate refused it"}


def test_a_line_of_the_audit_log_that_was_changed_loses_the_audit(level: Examined) -> None:
    assert lost(EXAM, level, ["audit"]) == {}
    path = next(each for each in (level.home / "audit").glob("*.000001.jsonl") if b'"latency_s":0' in each.read_bytes())
    at = path.read_bytes().index(b'"latency_s":0') + len('"latency_s":')
    overwrite(path, at, b"9")
    try:
        found = lost(EXAM, level, QUICK)
    finally:
        overwrite(path, at, b"0")
    assert list(found) == ["audit"], found
    assert "not intact" in found["audit"]


def test_traffic_that_goes_around_the_edge_loses_the_shift(level: Examined) -> None:
    around = level.metrics[0].removesuffix("/metrics")
    found = lost(EXAM, replace(level, url=around), ["correctness", "gate", "shift", "logs", "audit"])
    assert list(found) == ["shift"], found
    assert found["shift"].startswith("at 50 % of 80 searches: version 1 80")


def test_a_cache_that_is_away_loses_the_cache(level: Examined) -> None:
    (cache,) = [each for each in level.processes.processes if each.name == "cache"]
    control.halt(level.processes, cache)
    try:
        found = lost(EXAM, level, QUICK)
    finally:
        control.launch(level.processes, cache)
        until(lambda: cache.ready.missing() is None, "the cache is back")
    assert list(found) == ["cache"], found
    assert "rose by 0, expected 5" in found["cache"]


def test_a_canary_that_nobody_judges_loses_the_roll_back(level: Examined) -> None:
    by_hand = ("shop.commands.canary", "ranking", "--weight", "50")
    examined = replace(level, facts={**level.facts, "rollout": by_hand})
    found = lost(EXAM, examined, ["correctness", "shift", "roll-back", "metrics"])
    assert found == {"roll-back": "a version that ranks the worst first has 50 % of the traffic after the roll-out"}


def test_no_limits_no_logs_one_gateway_and_a_model_that_stays_away_each_lose_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    once_alone = ["sh", "-c", 'test -e "$SHOP_RUN_DIR/once" && exit 1; touch "$SHOP_RUN_DIR/once"; exec "$0" "$@"']

    def spoil(process: Process) -> Process:
        if process.name == "triton":
            return replace(process, command=[*once_alone, *process.command], retries=0)
        if process.name.startswith("gateway"):
            return replace(process, command=["sh", "-c", 'exec "$0" "$@" >/dev/null', *process.command])
        return process

    for name, value in {"SHOP_GATEWAYS": "1", **WITHOUT_LIMITS}.items():
        monkeypatch.setenv(name, value)
    whole = stack(renew=True)
    spoiled = replace(whole, processes=[spoil(each) for each in whole.processes])
    with running(spoiled, here, patience_s=4.0, written_s=3.0) as examined:
        asked = ("correctness", "cache", "gate", "overload", "metrics", "traces", "logs", "audit", "drain", "kill")
        found = lost(EXAM, examined, asked)
    assert list(found) == ["overload", "logs", "drain", "kill"], found
    assert "no JSON line with trace.id" in found["logs"]
    assert "while gateway-0 was stopped, callers got" in found["drain"]
    assert "the models are not back" in found["kill"]

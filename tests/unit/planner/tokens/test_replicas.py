from __future__ import annotations

import json
import tomllib
from pathlib import Path

import msgspec
import pytest

from assistant.commands.plan import main
from assistant.engine.settings import BLOCK_TOKENS, EngineSettings
from planner.prices import load_prices
from planner.tokens.calibration import REFERENCE, TokenCalibration, load
from planner.tokens.replica import Replica, TokenPromise
from planner.tokens.replicas import AssistantAsk, AssistantPlan, plan_replicas
from planner.tokens.scheduler import EngineShape
from planner.tokens.step_cost import StepCost
from planner.tokens.traffic import Lengths
from servekit.errors import InvalidValueError
from workbench.versions import ROOT

ROUND = StepCost(base_us=16_000, decode_us=1200, prefill_us=900, decode_context_us=7, prefill_context_us=1)


@pytest.fixture(scope="module")
def calibration() -> TokenCalibration:
    found, _ = load([REFERENCE])
    return msgspec.structs.replace(found, cost=ROUND, shape=EngineShape(256))


def planned(calibration: TokenCalibration, ask: AssistantAsk) -> AssistantPlan:
    return plan_replicas(calibration, Path("a.json"), load_prices(), ask)


@pytest.fixture(scope="module")
def plan(calibration: TokenCalibration) -> AssistantPlan:
    return planned(calibration, AssistantAsk(users=10_000))


@pytest.mark.slow
def test_without_a_zone_the_replicas_left_keep_the_promise_with_headroom(plan: AssistantPlan) -> None:
    fleet, ask = plan.fleet, plan.ask
    assert plan.rate_rps == pytest.approx(10_000 * 2 / 3600, abs=1e-3)
    assert fleet.replicas == fleet.per_zone * 3
    assert (fleet.replicas - fleet.per_zone) * fleet.holds_rps >= plan.rate_rps
    assert (fleet.replicas - fleet.per_zone - 2) * fleet.holds_rps < plan.rate_rps  # a zone's worth less would not do
    assert plan.zone_lost.rate_rps == pytest.approx(plan.all_up.rate_rps * 1.5, abs=0.002)
    for load_ in (plan.all_up, plan.zone_lost):
        assert load_.ttft_p99_ms <= ask.promise.ttft_ms
        assert load_.tpot_p99_ms <= ask.promise.tpot_ms
        assert load_.goodput >= 0.98
    assert plan.all_up.ttft_p99_ms < plan.zone_lost.ttft_p99_ms
    assert fleet.holds_rps < plan.most_rps


def test_memory_and_money_add_up(plan: AssistantPlan, calibration: TokenCalibration) -> None:
    fleet, prices = plan.fleet, load_prices()
    assert fleet.replica_bytes == pytest.approx(calibration.memory_bytes(256 * 32))
    assert fleet.per_hour == pytest.approx(fleet.nodes * prices.node.per_hour + prices.cluster.per_hour, abs=0.01)
    assert fleet.million_answered == pytest.approx(fleet.per_hour / (plan.rate_rps * 3600 * 60) * 1e6, abs=0.01)
    assert fleet.million_all == pytest.approx(fleet.million_answered / 4, abs=0.02)  # 180 + 60 tokens, not 60
    assert fleet.cores <= fleet.nodes * prices.node.vcpus


@pytest.mark.slow
def test_a_small_cache_makes_memory_the_limit_and_a_large_one_compute(
    plan: AssistantPlan, calibration: TokenCalibration
) -> None:
    assert plan.fleet.limited_by == "compute"
    tight = planned(calibration, AssistantAsk(users=10_000, kv_tokens=1280))
    assert tight.fleet.limited_by == "memory"
    assert tight.fleet.replicas > plan.fleet.replicas
    assert tight.most_sequences == 1


def test_batching_is_worth_many_replicas_and_more_cache_none(plan: AssistantPlan) -> None:
    variants = {each.name: each for each in plan.variants}
    assert variants["one sequence after the other"].holds_rps < plan.fleet.holds_rps / 3
    assert variants["the smallest cache that holds one"].replicas > plan.fleet.replicas
    assert variants["four times the cache"].holds_rps == pytest.approx(plan.fleet.holds_rps, rel=0.05)


def test_more_users_need_more_replicas_and_one_zone_needs_no_spare() -> None:
    ask = AssistantAsk(users=100_000)
    assert [ask.replicas(2.0), AssistantAsk(users=100_000, zones=1).replicas(2.0)] == [(14, 42), (28, 28)]
    assert AssistantAsk(users=1).replicas(2.0) == (1, 3)


def test_a_promise_that_nobody_can_keep_is_refused(calibration: TokenCalibration) -> None:
    with pytest.raises(InvalidValueError, match=r"promise 1000 ms, 10 ms: expected more than first token .* no load"):
        planned(calibration, AssistantAsk(users=10, promise=TokenPromise(tpot_ms=10)))
    with pytest.raises(InvalidValueError, match="kv_tokens 640: expected 1280 at least, the longest request"):
        planned(calibration, AssistantAsk(users=10, kv_tokens=650))


def test_the_largest_rate_keeps_the_promise_and_a_larger_one_does_not() -> None:
    replica = Replica(ROUND, EngineShape(256), Lengths(), TokenPromise())
    found = replica.largest_rate(3.0)
    assert replica.keeps(found)
    assert not replica.keeps(found * 1.2)


def test_the_shipped_calibration_is_of_the_engine_as_the_assistant_runs_it() -> None:
    found, _ = load([REFERENCE])
    fields = EngineSettings.model_fields
    assert found.shape.kv_tokens == fields["kv_tokens"].default
    assert found.shape.step_tokens == fields["step_tokens"].default
    assert (found.shape.block_tokens, found.threads) == (BLOCK_TOKENS, fields["threads"].default)


def test_the_plan_keeps_the_assistants_own_promise() -> None:
    file = ROOT / "03-advanced-multimodel-kserve/assistant/sla.toml"
    sla, promise = tomllib.loads(file.read_text(encoding="utf-8")), TokenPromise()
    assert (promise.ttft_ms, promise.tpot_ms) == (sla["first_token_p99_ms"], sla["per_token_p99_ms"])


@pytest.mark.slow
def test_the_command_prints_the_plan_and_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHOP_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--users", "20000"]) == 0
    printed = capsys.readouterr().out
    assert "20,000 users, 11.1 requests/s" in printed
    assert "dollars a million tokens of answers" in printed
    document = json.loads((tmp_path / "assistant-plan.json").read_text())
    assert document["ask"]["users"] == 20_000
    assert document["fleet"]["replicas"] % 3 == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--prompt", "2000"], "prompt 2000.0: expected from 1 to 1024 tokens"),
        (["--headroom", "1"], "headroom 1.0: expected from 0 to below 1"),
        (["--tpot-ms", "1"], "expected more than first token"),
        (["--kv-tokens", "64"], "kv_tokens 64: expected 1280 at least"),
    ],
)
def test_what_cannot_be_planned_is_said_in_a_line(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(arguments) == 2
    assert problem in capsys.readouterr().err

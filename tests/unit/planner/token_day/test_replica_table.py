"""The table of a replica beside what is known without a simulation."""

from __future__ import annotations

from functools import cache

import pytest

from planner.token_day.replica_table import DesignedReplica, ReplicaTable, designed_replica, kept_prefix
from planner.tokens.limits import Exchange, most_rate
from planner.tokens.scheduler import EngineShape
from planner.tokens.simulation import Door
from planner.tokens.step_cost import StepCost, StepWork
from planner.tokens.traffic import Lengths
from tests.unit.planner.token_day.token_days import CALIBRATION, TOKEN_TASKS, token_changed, token_needs

COST = StepCost(base_us=16_000, decode_us=1200, prefill_us=900, decode_context_us=7, prefill_context_us=1)
SHAPE = EngineShape(blocks=64)
LENGTHS = Lengths(prompt=24, answer=5, prompt_cv=0.3, answer_cv=0.3, most_prompt=60, most_answer=12)
(TASK,) = TOKEN_TASKS


@cache
def table(patience_s: float = 1.0) -> ReplicaTable:
    door = Door(sequences=4, patience_s=patience_s)
    return ReplicaTable(DesignedReplica(COST, SHAPE, door, LENGTHS, ttft_s=1.5, tpot_s=0.1))


def test_no_question_is_lost_or_counted_twice_at_any_rate() -> None:
    found = table()
    for rate in [each * part for each in found.rates for part in (0.1, 0.77, 1, 1.3, 9)]:
        state = found.at(rate)
        parts = (state.failed, state.late, state.slow)
        assert all(0 <= each <= 1 for each in parts), (rate, state)
        assert sum(parts) <= 1 + 1e-9, (rate, state)
        assert 0 <= state.cpu <= 1


def test_a_replica_never_answers_more_than_a_full_batch_could() -> None:
    found, bound = table(), most_rate(COST, Exchange(LENGTHS.prompt, LENGTHS.answer), SHAPE.step_tokens)
    answered = [rate * (1 - found.at(rate).failed) for rate in [*found.rates, 50 * bound]]
    assert max(answered) < bound * 1.05, "5 % for requests that happen to be short"
    assert answered[-1] == pytest.approx(answered[-2]), "beyond the table nothing is gained and nothing lost"
    assert found.at(found.rates[-1] / 2).failed > 0.3


def test_with_hardly_any_load_a_core_is_busy_for_the_steps_of_each_answer_alone() -> None:
    found = table()
    prompt, answer = LENGTHS.prompt, LENGTHS.answer
    prefill = COST.seconds(StepWork(1, 0, prompt, 0, prompt * (prompt + 1) // 2))  # type: ignore[arg-type]
    decode = sum(COST.seconds(StepWork(1, 1, 0, int(prompt + n), 0)) for n in range(1, int(answer)))
    assert found.at(found.rates[0]).cpu == pytest.approx(found.rates[0] * (prefill + decode), rel=0.15)
    assert found.at(found.rates[0] / 2).cpu == pytest.approx(found.at(found.rates[0]).cpu / 2)


def test_a_replica_holds_a_rate_at_which_one_in_a_hundred_is_broken() -> None:
    found = table()
    state = found.at(found.holds_rps)
    assert state.failed + state.late + state.slow == pytest.approx(0.01, abs=1e-6)
    assert found.rates[0] < found.holds_rps < found.rates[-1]


def test_prefixes_are_spared_as_far_as_idle_conversations_have_room() -> None:
    needs = token_needs(TASK)
    shoppers = needs.shoppers
    kept = [
        kept_prefix(token_changed(TASK, {"engine.blocks": blocks}), needs, CALIBRATION)
        for blocks in (48, 400, 800, 2048)
    ]
    assert kept == sorted(kept)
    assert kept[0] == shoppers.system, "no block is left: only what all share"
    assert shoppers.system < kept[1] < kept[-1] == shoppers.system + shoppers.history
    off = token_changed(TASK, {"engine.prefix_cache": False})
    assert kept_prefix(off, needs, CALIBRATION) == 0
    whole, spared = (
        designed_replica(token_changed(TASK, {"engine.prefix_cache": on, "engine.blocks": 2048}), needs, CALIBRATION)
        for on in (False, True)
    )
    assert whole.lengths == shoppers.lengths
    assert spared.lengths.prompt == pytest.approx(shoppers.lengths.prompt - kept[-1])
    fit = [each.shape.blocks / (each.lengths.prompt + each.lengths.answer) for each in (whole, spared)]
    assert fit[0] == pytest.approx(fit[1], rel=0.01), "a kept prefix holds its blocks: no more sequences fit"

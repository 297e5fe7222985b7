"""The fit finds costs that are known, and the shipped calibration says how near it is."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import msgspec
import pytest

from planner.tokens.calibration import REFERENCE, compare, fit_measured, load, points
from planner.tokens.fit import MeasuredStep, fit_cost
from planner.tokens.measure import MeasuredEngine, MeasuredRun, MeasuredScenario, Served, TightMemory, decode
from planner.tokens.model import U8
from planner.tokens.scheduler import EngineShape, Scheduler, Sequence
from planner.tokens.simulation import simulate
from planner.tokens.step_cost import StepCost, StepWork
from planner.tokens.table import GOAL
from planner.tokens.traffic import Lengths, open_loop
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = EngineShape(blocks=256)
COST = StepCost(base_us=17_000, decode_us=1200, prefill_us=900, decode_context_us=7, prefill_context_us=1)
JUDGED = {"tokens a second", "first token p99, ms"}


def scenario(sequences: int, prompt: int, random: Random, slow: float = 1.0) -> MeasuredScenario:
    """As the engine would have answered them, its steps up to a tenth longer or shorter."""
    scheduler = Scheduler(SHAPE)
    for _ in range(sequences):
        scheduler.add(Sequence(prompt, 48))
    works = []
    while scheduler.sequences:
        works.append(scheduler.step()[0])
    took = [COST.seconds(work) * random.uniform(0.9, 1.1) * slow for work in works]
    return MeasuredScenario(sequences, prompt, works, took, took, [True] * len(works))


def measured(rounds: int = 3, slow: float = 1.0) -> MeasuredEngine:
    """Rounds of which the first is disturbed."""
    random = Random(1)
    cases = [(count, prompt) for prompt in (32, 512) for count in (1, 2, 4, 8)]
    scenarios = [scenario(*case, random, slow if number == 0 else 1.0) for number in range(rounds) for case in cases]
    return MeasuredEngine("engine 1", 1, 1, TightMemory(3, [True]), scenarios, [])


@pytest.mark.parametrize("slow", [1.0, 3.0])
def test_the_fit_finds_the_cost_though_one_round_of_three_was_disturbed(slow: float) -> None:
    found = fit_measured(measured(slow=slow))
    for work in (StepWork(1, 1, 0, 100, 0), StepWork(8, 8, 0, 4000, 0), StepWork(3, 2, 62, 300, 9000)):
        assert found.seconds(work) == pytest.approx(COST.seconds(work), rel=0.06)
    assert found.base_us == pytest.approx(COST.base_us, rel=0.05)
    assert sum(found.spread) / len(found.spread) == pytest.approx(1, abs=0.02)


def test_what_was_in_no_step_costs_nothing() -> None:
    steps = [MeasuredStep(StepWork(n, n, 0, 0, 0), 0.01 + n * 0.001) for n in (1, 2, 4, 8) for _ in range(20)]
    found = fit_cost(steps)
    assert (found.prefill_us, found.decode_context_us, found.prefill_context_us) == (0, 0, 0)
    assert found.base_us == pytest.approx(10_000, rel=1e-3)
    assert found.decode_us == pytest.approx(1000, rel=1e-2)


def test_too_few_steps_or_one_without_time_are_refused() -> None:
    step = MeasuredStep(StepWork(1, 1, 0, 1, 0), 0.01)
    with pytest.raises(InvalidValueError, match="steps 49: expected 50 at least"):
        fit_cost([step] * 49)
    with pytest.raises(InvalidValueError, match="each of some time"):
        fit_cost([*[step] * 50, step._replace(seconds=0.0)])


def test_the_points_are_the_steps_in_which_all_were_answered() -> None:
    found = {(each.sequences, each.prompt): each for each in points(measured(), COST)}
    assert len(found) == 8
    one, eight = found[1, 32], found[8, 32]
    assert one.decode_ms == pytest.approx(17 + 1.2 + 0.007 * 56, rel=0.05)
    assert eight.fitted_ms == pytest.approx(17 + 8 * 1.2 + 8 * 0.007 * 54, rel=0.02)
    assert eight.tokens_per_s == pytest.approx(8 / eight.decode_ms * 1e3, rel=0.01)
    assert found[4, 512].prefill_ms > 70


@pytest.mark.parametrize("stolen", [0.0, 0.2])
def test_an_engine_that_is_as_the_cost_says_is_predicted_and_a_slower_one_is_not(stolen: float) -> None:
    real = simulate(open_loop(1.2, 60, Lengths(), 1), SHAPE, COST.slower(1 / (1 - stolen)))
    served = [Served(*each.request, each.request.at_s + each.ttft_s, each.ended_s) for each in real.outcomes]
    found = compare(MeasuredRun(1.2, served, stolen), SHAPE, COST)
    assert all(abs(each.simulated_error) < 0.01 for each in found.comparisons)
    assert {each.figure for each in found.comparisons} > JUDGED
    off = {each.figure: each for each in compare(MeasuredRun(1.2, served, stolen), SHAPE, COST.slower(1.4)).comparisons}
    assert off["first token p99, ms"].simulated_error > GOAL


def test_the_shipped_calibration_keeps_the_goal_on_what_was_held_out() -> None:
    found, path = load([REFERENCE])
    assert path == REFERENCE
    assert found.held_out
    for run in found.held_out:
        compared = {each.figure: each.simulated_error for each in run.comparisons}
        assert all(abs(compared[figure]) <= GOAL for figure in JUDGED), (run.rate_rps, compared)
        assert run.requests >= 40
    assert found.agreed > 0.99
    assert all(abs(each.fitted_ms / each.decode_ms - 1) <= GOAL for each in found.points)


def test_the_formula_of_the_cache_is_what_the_engine_says() -> None:
    found, _ = load([REFERENCE])
    assert found.kv == U8
    assert found.model.kv_bytes_per_token(found.kv) == found.kv_bytes_per_token
    more = found.memory_bytes(2000) - found.memory_bytes(1000)
    assert more == pytest.approx(1000 * found.kv_bytes_per_token)


def test_a_document_goes_through_json_and_back() -> None:
    document = measured(rounds=1)
    assert decode(msgspec.json.encode(document)) == document


def test_a_missing_or_foreign_calibration_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "assistant-calibration.json"
    with pytest.raises(InvalidValueError, match="run make calibrate-assistant"):
        load([path])
    path.write_text('{"schema": 2}')
    with pytest.raises(InvalidValueError, match="run make calibrate-assistant, which writes it"):
        load([path])


def test_a_step_drawn_many_times_takes_what_is_expected() -> None:
    cost = msgspec.structs.replace(COST, spread=(0.6, 0.9, 1.1, 1.4))
    work, random = StepWork(2, 2, 0, 100, 0), Random(1)
    drawn = [cost.draw(work, random) for _ in range(2000)]
    assert sum(drawn) / len(drawn) == pytest.approx(cost.seconds(work), rel=0.02)
    assert min(drawn) >= cost.seconds(work) * 0.6
    assert max(drawn) <= cost.seconds(work) * 1.4
    assert replace(SHAPE, blocks=2).kv_tokens == 64

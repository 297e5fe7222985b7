"""The simulation beside what is known without one: by hand, by Little's law, and by the closed forms."""

from __future__ import annotations

from random import Random

import pytest

from planner.tokens.limits import Exchange, most_rate, most_sequences, running, step_s, work_s
from planner.tokens.scheduler import EngineShape
from planner.tokens.simulation import Door, TokenRequest, quantile, simulate
from planner.tokens.step_cost import StepCost, StepWork
from planner.tokens.traffic import Lengths, open_loop
from servekit.errors import InvalidValueError

COST = StepCost(base_us=16_000, decode_us=1200, prefill_us=900, decode_context_us=7, prefill_context_us=1)
SHAPE = EngineShape(blocks=256)
LONG_STEPS = EngineShape(blocks=2048, step_tokens=4096)


def poisson(rate: float, count: int, prompt: int, output: int, seed: int = 1) -> list[TokenRequest]:
    random, at_s, found = Random(seed), 0.0, list[TokenRequest]()
    for _ in range(count):
        at_s += random.expovariate(rate)
        found.append(TokenRequest(at_s, prompt, output))
    return found


def test_one_request_takes_the_sum_of_its_steps() -> None:
    totals = simulate([TokenRequest(2.0, 100, 3)], SHAPE, COST)
    prefill = COST.seconds(StepWork(1, 0, 64, 0, 64 * 65 // 2))
    prefill += COST.seconds(StepWork(1, 0, 36, 0, 36 * 64 + 36 * 37 // 2))
    decode = [COST.seconds(StepWork(1, 1, 0, context, 0)) for context in (101, 102)]
    (outcome,) = totals.outcomes
    assert outcome.ttft_s == pytest.approx(prefill)
    assert outcome.tpot_s == pytest.approx(sum(decode) / 2)
    assert outcome.ended_s == pytest.approx(2 + prefill + sum(decode))
    assert totals.tokens_per_s == pytest.approx(3 / (prefill + sum(decode)))
    assert totals.busy_s == pytest.approx(prefill + sum(decode))


def test_what_is_inside_is_the_rate_times_the_stay() -> None:
    totals = simulate(open_loop(1.5, 200, Lengths(), seed=3), SHAPE, COST, seed=3)
    stay = [each.ended_s - each.request.at_s for each in totals.outcomes]
    # a request that comes during a step enters after it: half a step, which is not inside
    step = totals.busy_s / totals.steps
    rate = len(stay) / totals.ended_s
    assert totals.running == pytest.approx(rate * (sum(stay) / len(stay)), rel=0.05)
    assert rate * (sum(stay) / len(stay) - 2 * step) < totals.running < rate * sum(stay) / len(stay)


def test_no_more_sequences_are_inside_than_the_cache_has_room_for() -> None:
    at_once = [TokenRequest(0.0, 200, 57) for _ in range(100)]
    most = most_sequences(SHAPE, 200, 57)
    assert most == 256 // 8 == 32
    totals = simulate(at_once, SHAPE, COST, door=Door(most * 257))
    assert (totals.peak, totals.preemptions) == (most, 0)
    assert totals.kv_peak <= 1
    tight = EngineShape(blocks=40)
    assert simulate(at_once, tight, COST).preemptions > 0
    assert simulate(at_once, tight, COST, door=Door(5 * 257)).preemptions == 0


@pytest.mark.parametrize(("prompt", "output", "rate"), [(20, 100, 4.0), (200, 60, 2.0), (1000, 20, 0.4)])
def test_steps_take_as_long_as_the_closed_form_says(prompt: int, output: int, rate: float) -> None:
    of = Exchange(prompt, output)
    totals = simulate(poisson(rate, 1500, prompt, output), LONG_STEPS, COST)
    handed = len(totals.outcomes) / totals.busy_s  # the rate while there is work at all
    assert totals.busy_s / totals.steps == pytest.approx(step_s(COST, of, handed), rel=0.03)


def test_tokens_come_and_sequences_run_as_the_closed_form_says_under_load() -> None:
    of, rate = Exchange(20, 100), 4.0
    totals = simulate(poisson(rate, 3000, 20, 100), LONG_STEPS, COST)
    assert totals.tpot_s(0.5) == pytest.approx(step_s(COST, of, rate), rel=0.1)
    assert totals.running == pytest.approx(running(COST, of, rate), rel=0.1)


@pytest.mark.parametrize(("prompt", "output"), [(40, 100), (200, 60), (600, 20)])
def test_no_more_requests_are_answered_than_full_steps_hold(prompt: int, output: int) -> None:
    most = most_rate(COST, Exchange(prompt, output), SHAPE.step_tokens)
    totals = simulate([TokenRequest(0.0, prompt, output) for _ in range(400)], EngineShape(20_000), COST)
    answered = len(totals.outcomes) / totals.ended_s
    assert 0.85 * most < answered <= most * 1.02


def test_a_rate_above_every_batch_is_refused() -> None:
    of = Exchange(200, 60)
    with pytest.raises(InvalidValueError, match=r"expected below .* requests/s"):
        step_s(COST, of, 1 / work_s(COST, of))


def test_the_same_seed_gives_the_same_and_another_does_not() -> None:
    spread = StepCost(
        base_us=16_000, decode_us=1200, prefill_us=900, decode_context_us=7, prefill_context_us=1, spread=(0.5, 1.5)
    )
    requests = open_loop(1.5, 30, Lengths(), seed=1)
    assert open_loop(1.5, 30, Lengths(), seed=1) == requests != open_loop(1.5, 30, Lengths(), seed=2)
    first, again, other = (simulate(requests, SHAPE, spread, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.ended_s != other.ended_s
    assert simulate(requests, SHAPE, spread).busy_s == pytest.approx(first.busy_s, rel=0.1)


def test_lengths_have_the_mean_that_was_asked_for_and_no_more_than_the_most() -> None:
    requests = open_loop(50, 100, Lengths(prompt=100, answer=30, most_prompt=300, most_answer=90), seed=1)
    assert len(requests) == pytest.approx(5000, rel=0.05)
    assert sum(each.prompt for each in requests) / len(requests) == pytest.approx(100, rel=0.05)
    assert sum(each.output for each in requests) / len(requests) == pytest.approx(30, rel=0.05)
    assert max(each.prompt for each in requests) <= 300
    assert max(each.output for each in requests) <= 90
    assert min(min(each[1:]) for each in requests) >= 1


def test_who_waits_at_the_door_comes_later_and_who_is_refused_never() -> None:
    requests = [TokenRequest(0.0, 50, 20), TokenRequest(0.1, 50, 20)]
    waits = simulate(requests, SHAPE, COST, door=Door(100))
    assert waits.peak == 1
    assert waits.outcomes[1].ttft_s > waits.outcomes[0].ended_s - 0.1
    refused = simulate(requests, SHAPE, COST, door=Door(100, refuse=True))
    assert refused.outcomes[1].ttft_s == float("inf")
    assert refused.goodput(60, 60) == 0.5
    assert refused.tokens_per_s == pytest.approx(20 / refused.ended_s)
    assert simulate(requests, SHAPE, COST, door=Door(1)).goodput(60, 60) == 1  # one alone is always let in


def test_goodput_counts_who_kept_both_limits() -> None:
    totals = simulate([TokenRequest(0.0, 50, 20), TokenRequest(5.0, 1000, 20)], SHAPE, COST)
    assert [totals.goodput(0.5, 0.05), totals.goodput(0.01, 0.05), totals.goodput(9, 0.001)] == [0.5, 0, 0]


def test_nothing_comes_and_nothing_happens() -> None:
    totals = simulate([], SHAPE, COST)
    assert (totals.outcomes, totals.tokens_per_s, totals.ttft_s(0.99), totals.running) == ([], 0, 0, 0)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 2), (0.51, 3), (0.75, 3), (0.99, 4), (1.0, 4)])
def test_a_quantile_is_one_of_the_values(share: float, value: int) -> None:
    assert quantile([4, 1, 3, 2], share) == value


def test_a_door_bounds_the_sequences_and_turns_away_who_has_waited_too_long() -> None:
    at_once = [TokenRequest(0.0, 40, 5) for _ in range(40)]
    few = simulate(at_once, SHAPE, COST, door=Door(sequences=4))
    assert few.peak == 4
    assert all(each.ended_s < float("inf") for each in few.outcomes)
    impatient = simulate(at_once, SHAPE, COST, door=Door(sequences=4, patience_s=0.5))
    answered = [each for each in impatient.outcomes if each.ended_s < float("inf")]
    waited = [each for each in few.outcomes if each.ttft_s <= 0.5]
    assert len(waited) <= len(answered) < 40, "who had a first token in time is answered, and a batch more at most"
    first = [each.ttft_s for each in impatient.outcomes[: len(answered)]]
    assert first == [each.ttft_s for each in few.outcomes[: len(answered)]], "first come, first served"


@pytest.mark.parametrize(("door", "let_in"), [(Door(queued=7), 7), (Door(queued_tokens=45 * 9 + 44), 9), (Door(), 40)])
def test_a_door_counts_who_is_inside_and_who_waits(door: Door, let_in: int) -> None:
    at_once = [TokenRequest(0.0, 40, 5) for _ in range(40)]
    outcomes = simulate(at_once, SHAPE, COST, door=door._replace(sequences=4)).outcomes
    assert sum(each.ended_s < float("inf") for each in outcomes) == let_in
    one_long = simulate([TokenRequest(0.0, 1000, 5)], SHAPE, COST, door=door).outcomes
    assert one_long[0].ended_s < float("inf"), "one alone is always let in"

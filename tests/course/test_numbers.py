"""Every numeric question is answered a second way, from the figures that its text states, for two hundred draws.

The second way is another method, not the formula again: a count, a loop that plays the thing through, a distribution of
SciPy, a search.
"""

from __future__ import annotations

import json
import re
from fractions import Fraction
from itertools import count, product
from math import comb
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, norm

from course.drill.numeric import Draw, Numeric, NumericQuestion, Results, read_numbers
from course.drill.questions import SUBJECTS
from course.prose import references
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUESTIONS = {question.id: question for question in read_numbers()}
SEEDS = range(200)
FOLDER = ROOT / "interview" / "questions"


def figures(text: str) -> list[float]:
    return [float(figure.replace(",", "")) for figure in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def in_flight(rate: float, latency_ms: float) -> float:
    moments = 10 + np.random.default_rng(3).random(20_000)
    arrivals = np.arange(0, 12 * rate) / rate
    inside = np.searchsorted(arrivals, moments, "right") - np.searchsorted(
        arrivals, moments - latency_ms / 1e3, "right"
    )
    return float(inside.mean())


def utilisation(cpu_ms: float, rate: float, cores: float) -> float:
    free = np.zeros(int(cores))
    for _ in range(int(rate)):
        free[free.argmin()] += cpu_ms
    return float(free.sum() / cores / 10)


def servers(rate: float, capacity: float, busy: float) -> float:
    return next(n for n in count(1) if Fraction(int(rate), n) <= Fraction(int(capacity) * int(busy), 100))


def time_in_system(service_ms: float, busy: float) -> float:
    """By Little's law, from the probabilities of each number of requests."""
    of_number = np.cumprod(np.concatenate([[1.0], np.full(2000, busy / 100)]))
    inside = np.arange(2001) @ of_number / of_number.sum()
    return float(inside / (busy / 100 / service_ms))


def fan_out(calls: float, slow: float) -> float:
    return float(100 * binom.sf(0, int(calls), slow / 100))


def fan_out_budget(backends: float, late: float) -> float:
    return float(100 * brentq(lambda share: binom.sf(0, int(backends), share) - late / 100, 1e-9, 0.5))


def own_servers(_: float, __: float, ___: float, rate: float, wanted: float) -> float:
    return next(n for n in count(2) if (n - 1) * rate >= wanted)


def own_slow(_: float, requests: float, __: float, kept: float, ___: float) -> float:
    return max(slow for slow in range(int(requests)) if (requests - slow) * 100 >= kept * requests)


def pipeline_fails(steps: float, fails: float) -> float:
    whole = sum(
        comb(int(steps), broken) * (fails / 100) ** broken * (1 - fails / 100) ** (steps - broken)
        for broken in range(1, int(steps) + 1)
    )
    return float(100 * whole)


def retries(layers: float, tries: float) -> float:
    return len(list(product(range(int(tries)), repeat=int(layers))))


def step_faster(before: float, step: float, after: float, factor: float) -> float:
    saved = step - step / factor
    return 1 / (1 - saved / (before + step + after))


def on_the_wire(rate: float, scores: float, text: float, binary: float) -> float:
    as_text, as_bytes = len(b"0" * int(text)) * scores, len(np.zeros(int(scores), np.float32).tobytes())
    assert as_bytes == binary * scores
    return (as_text - as_bytes) * 8 * rate / 1e6


def zone_lost(rate: float, server: float, zones: float) -> float:
    each = next(n for n in count(1) if n * (zones - 1) * server >= rate)
    return sum(each for _ in range(int(zones)))


def own_zones(_: float, tested: float, rate: float, zones: float) -> float:
    return zone_lost(rate, tested, zones)


def colder_cache(before: float, after: float) -> float:
    missed = [sum(request % 100 >= hits for request in range(1000)) for hits in (before, after)]
    return missed[1] / missed[0]


def batch_throughput(fixed: float, each: float, size: float) -> float:
    clock_ms, answered = 0.0, 0
    while clock_ms < 1e4:
        clock_ms += fixed + sum(each for _ in range(int(size)))
        answered += int(size)
    return answered / clock_ms * 1e3


def backlog(capacity: float, burst_s: float, burst: float, after: float) -> float:
    waiting, seconds = 0.0, 0.0
    for _ in range(int(burst_s)):
        waiting += burst - capacity
    while waiting > 0:
        step = min(1.0, waiting / (capacity - after))
        waiting, seconds = max(0.0, waiting + (after - capacity) * step), seconds + step
    return seconds


def canary_sample(usual: float, worse: float, certainty: float, alarm: float, *_: float) -> float:
    """The number of answers at which a test of two proportions has the power that is asked for."""
    p, q = usual / 100, worse / 100

    def power(answers: float) -> float:
        spread = ((p * (1 - p) + q * (1 - q)) / answers) ** 0.5
        return float(norm.cdf((q - p) / spread - norm.isf(alarm / 100)))

    return float(brentq(lambda answers: power(answers) - certainty / 100, 1, 1e6))


def canary_minutes(rate: float, share: float, answers: float) -> float:
    each_minute = sum(rate * share / 100 for _ in range(60))
    minutes = next(minute for minute in count() if (minute + 1) * each_minute >= answers)
    return minutes + (answers - minutes * each_minute) / each_minute


def cost_of_a_million(cents: float, capacity: float, busy: float) -> float:
    per_day = sum(capacity * busy / 100 * 3600 for _ in range(24))
    return 24 * cents / 100 * 1e6 / per_day


def error_budget(promise: float, days: float) -> float:
    return float(Fraction(str(100 - Fraction(str(promise)))) / 100 * int(days) * 1440)


def burn_rate(promise: float, failing: float) -> float:
    allowed = 100_000 - round(promise * 1000)
    return round(failing * 1000) / allowed


def budget_hours(days: float, left: float, burn: float) -> float:
    left, hours = left / 100, 0.0
    while left > 1e-12:
        step = min(1.0, left * days * 24 / burn)
        left, hours = left - step * burn / (days * 24), hours + step
    return hours


def budget_used(promise: float, days: float, minutes: float, failing: float) -> float:
    per_minute = 1000
    failed = sum(per_minute * failing / 100 for _ in range(int(minutes)))
    return 100 * failed / (per_minute * days * 1440 * (1 - promise / 100))


def roll_out(replicas: float, surge: float, _: float, __: float, ready_s: float) -> float:
    old, seconds = int(replicas), 0.0
    while old > 0:
        old, seconds = old - int(surge), seconds + ready_s
    return seconds / 60


def audit_size(rate: float, line: float, days: float, *_: float) -> float:
    a_day = sum(rate * 3600 * line for _ in range(24))
    return a_day * days / 1000**3


def kv_per_token(layers: float, heads: float, size: float, bits: float, _: float) -> float:
    number = {8: np.uint8, 16: np.float16}[int(bits)]
    one_layer = [np.zeros((int(heads), int(size)), number) for _ in ("keys", "values")]
    return layers * sum(each.nbytes for each in one_layer) / 2**10


def sequences(memory: float, _: float, __: float, share: float, weights: float, kib: float, *rest: float) -> float:
    tokens = rest[1]
    free = int(memory) * 10**9 * int(share) // 100 - int(weights) * 10**9
    running = 0
    while free >= int(kib) * 1024 * int(tokens):
        free, running = free - int(kib) * 1024 * int(tokens), running + 1
    return running


def decode_bound(parameters: float, bits: float, bandwidth: float) -> float:
    seconds = sum(parameters * 1e9 / 8 / (bandwidth * 1e9) for _ in range(int(bits)))
    return 1 / seconds


def stream_time(first_ms: float, each_ms: float, tokens: float) -> float:
    return float(np.cumsum([first_ms] + [each_ms] * int(tokens))[int(tokens) - 1]) / 1e3


def speculation(drafts: float, accepted: float) -> float:
    chance = accepted / 100
    rejected = sum((kept + 1) * chance**kept * (1 - chance) for kept in range(int(drafts)))
    return float(rejected + (drafts + 1) * chance**drafts)


def prefix_saving(common: float, own: float, hits: float) -> float:
    computed = sum(own + (0 if request % 100 < hits else common) for request in range(100))
    return 100 - computed / (common + own)


def token_cost(cents: float, rate: float, busy: float) -> float:
    seconds_of_work = 1e6 / rate
    return seconds_of_work * 100 / busy / 3600 * cents / 100


def request_cost(price: float, fresh: float, cached: float, output: float, requests: float) -> float:
    """In tenths of a millionth of a cent, one token after the other."""
    tenths = sum(10 * price for _ in range(int(fresh)))
    tenths += sum(price for _ in range(int(cached)))
    tenths += sum(50 * price for _ in range(int(output)))
    return tenths * requests / 1e7


SECOND_WAYS: dict[str, Callable[..., float]] = {
    "number-in-flight": in_flight,
    "number-utilisation": utilisation,
    "number-servers": servers,
    "number-time-in-system": time_in_system,
    "number-fan-out": fan_out,
    "number-fan-out-budget": fan_out_budget,
    "number-own-servers": own_servers,
    "number-own-slow": own_slow,
    "number-pipeline-fails": pipeline_fails,
    "number-retries": retries,
    "number-step-faster": step_faster,
    "number-bytes": on_the_wire,
    "number-zone-lost": zone_lost,
    "number-own-zones": own_zones,
    "number-cold-cache": colder_cache,
    "number-batch": batch_throughput,
    "number-backlog": backlog,
    "number-canary-sample": canary_sample,
    "number-canary-minutes": canary_minutes,
    "number-cost-million": cost_of_a_million,
    "number-error-budget": error_budget,
    "number-burn-rate": burn_rate,
    "number-budget-hours": budget_hours,
    "number-budget-used": budget_used,
    "number-roll-out": roll_out,
    "number-audit": audit_size,
    "number-kv-token": kv_per_token,
    "number-sequences": sequences,
    "number-decode-bound": decode_bound,
    "number-stream-time": stream_time,
    "number-speculation": speculation,
    "number-prefix-saving": prefix_saving,
    "number-token-cost": token_cost,
    "number-request-cost": request_cost,
}


def drawn(question: NumericQuestion, seed: int, results: Results | None = None) -> Numeric:
    return question.ask(Draw(Random(seed), results or Results()))


def test_every_question_has_a_second_way() -> None:
    assert len(QUESTIONS) >= 20
    assert set(QUESTIONS) == set(SECOND_WAYS)


@pytest.mark.parametrize("name", SECOND_WAYS)
def test_the_second_way_gives_the_same_answer_for_every_draw(name: str) -> None:
    for seed in SEEDS:
        asked = drawn(QUESTIONS[name], seed)
        again = SECOND_WAYS[name](*figures(asked.question))
        assert asked.accepts(again), f"seed {seed}: {asked.question} {asked.answer} {asked.unit}, the other way {again}"


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_the_working_ends_with_the_answer_and_the_unit_is_named(question: NumericQuestion) -> None:
    for seed in SEEDS:
        asked = drawn(question, seed)
        last = figures(asked.working)[-1]
        assert last == pytest.approx(asked.answer, rel=0.005)
        assert asked.unit
        assert asked.question.endswith("?")


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_three_digits_are_enough_and_a_tenth_more_is_wrong(question: NumericQuestion) -> None:
    for seed in SEEDS:
        asked = drawn(question, seed)
        assert asked.answer > 0
        rounded = float(f"{asked.answer:.3g}") if asked.tolerance else asked.answer
        assert asked.accepts(rounded)
        assert not asked.accepts(asked.answer * 1.11 if asked.tolerance else asked.answer + 1)
        assert asked.tolerance or asked.answer == int(asked.answer)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_figures_are_fresh_and_the_seed_repeats_them(question: NumericQuestion) -> None:
    texts = [drawn(question, seed).question for seed in SEEDS]
    assert len(set(texts)) >= 5
    assert texts == [drawn(question, seed).question for seed in SEEDS]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_a_question_has_a_subject_a_topic_and_a_source_that_exists(question: NumericQuestion) -> None:
    assert question.id.startswith("number-")
    assert question.subject in SUBJECTS
    file = FOLDER / f"{question.subject}.md"
    assert not file.exists() or f"\n## {question.topic}\n" in file.read_text()
    assert references(question.source) or "](https://" in question.source
    for target in references(question.source):
        assert (FOLDER / target).exists(), f"{target}: no such file"
    assert 1 <= len(drawn(question, 0).must) <= 3


def test_questions_about_ones_own_results_take_their_figures_from_the_last_run(tmp_path: Path) -> None:
    (tmp_path / "sla").mkdir()
    run = {"p50_ms": 2.5, "p99_ms": 9.4, "rate_rps": 103.0, "requests": 1234, "verdict": "met"}
    (tmp_path / "sla" / "2.json").write_text(json.dumps(run))
    for seed in SEEDS:
        asked = drawn(QUESTIONS["number-own-servers"], seed, Results(tmp_path))
        assert "Your last `make sla-2` had a p99 of 9.4 ms at 103 requests/s" in asked.question
        assert asked.answer == own_servers(*figures(asked.question))
        asked = drawn(QUESTIONS["number-own-slow"], seed, Results(tmp_path))
        assert "Your last `make sla-2` made 1,234 requests" in asked.question
        assert asked.answer == own_slow(*figures(asked.question))
    (tmp_path / "sla" / "2.json").rename(tmp_path / "sla" / "3.json")
    asked = drawn(QUESTIONS["number-own-zones"], 0, Results(tmp_path))
    assert "Your last `make sla-3` tested the shop at 103 requests/s" in asked.question
    assert asked.answer == own_zones(*figures(asked.question))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"p50_ms": 0, "p99_ms": 0, "rate_rps": 100, "requests": 0}'])
def test_a_run_that_measured_nothing_is_no_result(tmp_path: Path, content: str) -> None:
    (tmp_path / "sla").mkdir()
    (tmp_path / "sla" / "1.json").write_text(content)
    assert Results(tmp_path).sla(1) is None
    assert "Your last" not in drawn(QUESTIONS["number-own-servers"], 1, Results(tmp_path)).question

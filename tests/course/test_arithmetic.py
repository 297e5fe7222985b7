"""What the questions and the lessons compute is computed again: a figure that follows from a formula cannot drift.

A claim is a piece of the text, its figures put in by the formula. Figures that stand in two places are compared.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy.stats import beta, binom, expon, gamma, norm

from course.drill import read_questions
from iris_api.training.iris_data import iris_rows
from planner.calibration import REFERENCE, load
from planner.characteristics import SHAPES, closed_form_p99_s, simulate
from planner.fleet import Ask, plan_fleet
from planner.prices import load_prices
from planner.request_path import request_paths
from shop.canary.evidence import fisher
from shop.canary.proof import answers_to_prove
from tests.course import language_model_figures
from workbench.versions import ROOT

QUESTIONS = {question.id: question for question in read_questions(ROOT / "interview" / "questions")}
README = "README.md"
IMAGES = "infra/docker/README.md"
TOO_CLOSE = "shared/workbench/sla/adr-too-close-to-tell.md"
LESSON_1, LESSON_2, LESSON_3 = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("0*/README.md"))
LOADED = "03-advanced-multimodel-kserve/planner/adr-cost-falls-with-load.md"
BATCHING = "03-advanced-multimodel-kserve/shop/serving/adr-dynamic-batching.md"
PROVEN = "03-advanced-multimodel-kserve/shop/canary/adr-promotion-needs-proof.md"
REFUSED = "03-advanced-multimodel-kserve/shop/optimize/adr-refused-versions.md"
KINDS = ("search", "payments", "recommendations")
_SMALL = "no one two three four five six seven eight nine ten eleven twelve"
WORDS = dict(enumerate(_SMALL.split())) | {20: "twenty"}


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}g} %"


def mean_wait(utilisation: float, scv: float) -> float:
    """Of M/G/1, in service times: Pollaczek and Khinchine."""
    return utilisation / (1 - utilisation) * (1 + scv) / 2


def in_system(utilisation: float) -> int:
    """Of M/M/1, in service times: the wait and the service itself."""
    return round(mean_wait(utilisation, scv=1) + 1)


def answers_to_tell(usual: float, worse: float, alpha: float, power: float, stable: float) -> float:
    """Answers of a candidate that tell two shares apart, beside ``stable`` times as many of stable.

    Source: J. L. Fleiss, "Statistical Methods for Rates and Proportions" (2nd ed., 1981, §3.4), one-sided.
    """
    mean = (worse + stable * usual) / (1 + stable)
    chance = norm.isf(alpha) * math.sqrt(mean * (1 - mean) * (1 + 1 / stable))
    missed = norm.ppf(power) * math.sqrt(worse * (1 - worse) + usual * (1 - usual) / stable)
    return float(((chance + missed) / (worse - usual)) ** 2)


def each_zone(rate: float, server: float, zones: int) -> int:
    """Servers in each zone when one zone may be lost."""
    return math.ceil(rate / server / (zones - 1))


def finds_nothing(asked: float, fresh: float, stale: float) -> float:
    """The share of Poisson requests for a key that find no answer of it, neither a fresh one nor a stale one.

    An answer has ``asked × fresh`` hits; the request after them finds it stale and renews it, or comes too late.
    """
    return math.exp(-asked * stale) / (1 + asked * fresh)


def plain(where: str) -> str:
    """A question with its heading and follow-up, or a file: in one line."""
    question = QUESTIONS.get(where)
    text = f"{question.question} {question.answer} {question.follow_up}" if question else (ROOT / where).read_text()
    return " ".join(text.split())


def figures(where: str, pattern: str) -> list[float]:
    """The figures in the groups of a pattern that is in the text once."""
    (found,) = re.findall(pattern, plain(where))
    return [float(figure.replace(",", "")) for figure in ([found] if isinstance(found, str) else found)]


TOLD = round(answers_to_tell(0.01, 0.02, alpha=0.001, power=0.9, stable=9), -2)
STOPPED = 4 * 25 * 1e-5
ZONE = each_zone(2000, 150, zones=3)

PROOF = round(answers_to_prove(0.02, 0.05, 0.5, bad=0.28), -3)
ONE_LOOK = 0.28 * 0.72 * 4 * (2 * norm.isf(0.05) / (0.02 * 0.72)) ** 2

CLAIMS = {
    "p99-not-mean": [f"(1 - 0.99^10 is {percent(1 - 0.99**10)})"],
    "littles-law": [
        f"L = λ·W = 800/s × 0.005 s = {800 * 0.005:g}.",
        f"in flight says 40, then the mean latency is {40 / 800 * 1e3:g} ms",
    ],
    "utilisation-and-tail": [
        f"twice at 50 %, {WORDS[in_system(0.8)]} times at 80 %, {WORDS[in_system(0.95)]} times at 95 %",
    ],
    "one-run-p99": [
        f"10 or fewer in {100 * binom.cdf(10, 1000, 0.012):.0f} of 100 runs",
        f"reaches from {100 * beta.ppf(0.05, 9, 992):.1f} % to {100 * beta.ppf(0.95, 10, 991):.1f} %",
        f"With {binom.ppf(0.05, 1000, 0.01) - 1:.0f} or fewer the promise is proven",
        f"with {binom.isf(0.05, 1000, 0.01) + 1:.0f} or more it is broken",
    ],
    "json-vs-binary": [f"where four float32 are {4 * 4}"],
    "onnx-threads": [f"100 ms quota of a 100 ms period in {100 / 64:.1f} ms"],
    "budget-spent": [f"as a full outage that is {(1 - 0.999) * 30 * 24 * 60:.0f} minutes"],
    "slo-burn-rate": [f"a burn rate of 14.4, {WORDS[round(14.4 / (30 * 24) * 100)]} percent of a month's budget"],
    "pipeline-error-budget": [
        f"0.999³ = {100 * 0.999**3:.1f} % of the requests",
        f"each step needs about {100 * 0.999 ** (1 / 3):.2f} %",
        f"that is {50 * 30 * 86400 / 1e6:.1f} million requests, and 0.1 % of them are {50 * 30 * 86400 / 1000:,.0f}",
        f"or {(1 - 0.999) * 30 * 24 * 60:.0f} minutes of total outage",
        f"14.4 times the allowed share, kept up, spends 30 days' budget in {WORDS[round(30 / 14.4)]} days",
    ],
    "step-deadline": [f"2 s, is {WORDS[2000 // 100]} times the promise"],
    "retry-in-pipeline": [f"three tries each are {3**3} calls"],
    "version-in-metrics": ["with 10 % of the traffic a version that fails twice as often moves the total by a tenth"],
    "canary-share": [
        f"takes about {TOLD:,.0f} answers of the candidate beside nine times as many of stable",
        f"at 50 requests/s and 10 % that is {WORDS[round(TOLD / (50 * 0.1) / 60)]} minutes",
    ],
    "dynamic-batching": [
        f"brings {percent(1895 / 1447 - 1)} more for ranking and {percent(3774 / 1768 - 1, 3)} for recommendations",
    ],
    "circuit-breaker": [f"at 300 requests/s, 40 ms more are {300 * 0.040:g} more in flight"],
    "safe-retries": [f"three layers with three tries each are {3**3}."],
    "sharding-tail": [
        f"one of eight is late in {percent(1 - 0.99**8)} of the requests (1 - 0.99^8)",
        f"the p99 of the whole is about the p{100 * 0.99 ** (1 / 8):.1f} of one",
    ],
    "canary-statistics": [
        f"about once in {round(1 / fisher(3, 200, 1, 1000), -1):.0f} times",
        f"4 × 25 × 1e-5 = {percent(STOPPED, 3)} of the good rollouts are stopped, {STOPPED * 1000:g} in 1,000",
    ],
    "sum-not-average": [f"An average of 250 with a target of 150 asks for {WORDS[math.ceil(250 / 150)]} servers"],
    "zone-lost": [
        f"2,000 / 150 is {2000 / 150:.1f} servers, {2000 / 150 / 2:.1f} in each, so {ZONE}, and three zones",
        f"three zones make {3 * ZONE}",
        f"each then runs at {2000 / (3 * ZONE):.0f} requests/s, less than two thirds",
    ],
    "sum-of-p99": [
        f"the p99 of the sum is {gamma.ppf(0.99, 5) * 10 / expon.ppf(0.99):.0f} ms",
        f"one request in {1 / (1 - 0.991**5):.0f} meets a slow hop, and the p99 of the request is {4 * 5 + 500} ms",
    ],
    "formula-or-simulation": ["at c² = 10 its p99 may be a third too low"],
    "headroom-or-p99": [f"at c² = 4 one waits {mean_wait(0.5, scv=4) / mean_wait(0.5, scv=1):g} times as long"],
    "load-test-hit-ratio": [
        f"six thousand recorded requests at 500 a second asks for each again every {WORDS[6000 // 500]} seconds",
        f"all but {percent(finds_nothing(1 / 12, fresh=30, stale=30), 1)} find one",
    ],
    "interview/design/iris-everywhere.md": [
        f"about {150 - 80} ms for all but the network",
        f"80 and 70 ms, each kept by 99 %, promise 150 ms to {percent(1 - 2 * 0.01)} only",
    ],
    LESSON_2: [f"Three more of them would not make the design cleaner, only {3.54 + 3.98 + 3.52:.0f} ms slower"],
    LESSON_3: [
        f"two regions hold {percent(2 / (2 - 1), 3)} of it, three {3 / (3 - 1) * 100:.0f} %",
        f"of 72 % clicks takes up to {PROOF:,.0f} rated answers, {PROOF / 100 / 60:.0f} minutes at 100 a second",
        f"one of 10 % takes {round(answers_to_prove(0.1, 0.05, 0.5, bad=0.28), -2):,.0f}",
    ],
    PROVEN: [
        f"would need {round(ONE_LOOK, -3):,.0f} rated answers for a proof of 2 %",
        f"said beforehand ({PROOF:,.0f} answers)",
        f"Proof at 1 % would take {0.5 * 0.5 / (0.01 * 0.99):.0f} times as long as at 50 %",
    ],
    BATCHING: ["31 % more for ranking (1,447 → 1,895 requests/s", "113 % more for recommendations (1,768 → 3,774)"],
    **language_model_figures.CLAIMS,
}
_FORMULA = re.compile(r"\d\s?[×^]\s?\d|\d\s/\s\d|= \d")


@pytest.mark.parametrize(("where", "claim"), [(where, claim) for where, claims in CLAIMS.items() for claim in claims])
def test_a_figure_that_a_formula_gives_is_what_the_text_says(where: str, claim: str) -> None:
    assert claim in plain(where)


def test_every_question_with_a_formula_is_computed_here() -> None:
    without_code = {name: re.sub(r"`[^`]*`", "", plain(name)) for name in QUESTIONS}
    assert {name for name, text in without_code.items() if _FORMULA.search(text)} <= set(CLAIMS)


FLAGGED = r"shift by 1 sd, reference of 150 rows \| flagged within (\d+) rows"
TWICE_SLOW, CELL = r"SLA \| 2 % are slow, 1 % may; 10 s at 100/s \|", r"\| ([\d.]+) %"
SAME = [
    ("int8-when", r"was ([\d.]+) to ([\d.]+) times as fast", REFUSED, r"\(([\d.]+)–([\d.]+)× on an Intel", 2),
    ("feature-freshness", r"from (0[\d.]+) to (0[\d.]+),", LESSON_3, r"falls from (0[\d.]+) to (0\.\d+)\.", 2),
    (
        "beat-popularity",
        r"NDCG@10 of ([\d.]+) \(.+?\), against ([\d.]+) for EASE and ([\d.]+) for ALS",
        LESSON_2,
        r"popularity ([\d.]+) ± [\d.]+ 1\.00× .+ 1 ease ([\d.]+) .+ 2 als ([\d.]+) ± [\d.]+ 1",
        3,
    ),
    (
        "beat-popularity",
        r"is shown: ([\d.]+) for popularity, ([\d.]+) for EASE, ([\d.]+) for ALS",
        LESSON_2,
        r"1\.00× \S+ ± \S+ ([\d.]+) 1 ease .+?× \S+ ± \S+ ([\d.]+) 2 als .+?× \S+ ± \S+ ([\d.]+) ",
        3,
    ),
    (
        "bytes-not-lists",
        r"were ([\d,]+) bytes and .+ in base64, ([\d,]+)\.",
        LESSON_2,
        r"ndarray [\d,]+ ([\d,]+) .+ REST, binData [\d,]+ ([\d,]+) ",
        0,
    ),
    ("overhead-of-router", r"showed ([\d.]+) ms for the router", LESSON_2, r"router ██ ([\d.]+) ms", 2),
    (
        LESSON_3,
        r"Python SDK \| ([\d.]+)× \(search\), ([\d.]+)× \(payments\), ([\d.]+)× \(rec",
        LESSON_3,
        " .+ ".join(rf"{kind} KServe SDK, tritonclient \d+ (\S+)×" for kind in KINDS),
        1,
    ),
    (
        LESSON_3,
        r"a miss \| (0\.\d+)× \(recommendations\), (0\.\d+)× \(search\)",
        LESSON_3,
        r"recommendations 98 µs 1168 µs ([\d.]+) .+ search 137 µs 1458 µs ([\d.]+) ",
        2,
    ),
    (
        LESSON_3,
        r"one thread \| [\d.]+×; [\d.]+× and ([\d.]+)×",
        LESSON_3,
        r"static chosen ([\d.]+)× FP32 at batch 100",
        1,
    ),
    (LESSON_3, r"of its own, p99 is (\d+) ms", LESSON_3, r"p99, ms; a zone lost [\d.]+; ([\d.]+) ", 0),
    (
        LESSON_3,
        r"SLA, cache on \| (\d+) to (\d+),",
        LESSON_3,
        r"six searches of one afternoon found (\d+) to (\d+)\.",
        0,
    ),
    (LESSON_3, r"at this rate \(p99 ([\d.]+) ms of 50\)", LESSON_3, r"\| p99 ([\d.]+) ms, no error", 1),
    (LESSON_3, r"all processes: (\d+) against ([\d,]+) µs", LESSON_3, r"recommendations (\d+) µs (\d+) µs", 0),
    (LESSON_3, r"passes ([\d.]+) % of the versions that", README, r"gate \| loses nothing \| passed \| ([\d.]+) %", 1),
    (LESSON_3, r"([\d.]+) % of those at twice", README, r"twice the margin \| promoted \| ([\d.]+) %", 1),
    ("drift-detection", r"is flagged within (\d+) rows", README, FLAGGED, 0),
    (LESSON_1, r"\(sd\) is flagged within (\d+) rows", README, FLAGGED, 0),
    (LOADED, r"the shop's ([\d,]+) people", LESSON_3, r"the shop's ([\d,]+) people", 0),
    (
        LOADED,
        r"search took ([\d,]+) µs of CPU at 150 requests/s, [\d,]+ at 400, ([\d,]+) at 850",
        LESSON_3,
        r"search took ([\d,]+) µs of CPU at 150 requests/s and ([\d,]+) at 850",
        0,
    ),
    (
        TOO_CLOSE,
        r"\| 2\.0 % \| (\d+) % \| \d+ % \| (\d+) %",
        README,
        rf"{TWICE_SLOW} met {CELL}.+?{TWICE_SLOW} broken {CELL}",
        0,
    ),
    (LESSON_1, r"The image has (\d+) MB", IMAGES, r"`iris-api` \| (\d+) \|", 0),
    (
        LESSON_3,
        r"candidates: (\d+) µs as trees, (\d+) as a network, (\d+) in INT8",
        LESSON_3,
        r".+?".join(
            rf"{form} [\d.]+ [\d.]+ ([\d.]+)\* 0" for form in ("LightGBM", "FP32 ONNX Runtime", "static ONNX Runtime")
        ),
        0,
    ),
]


@pytest.mark.parametrize(("where", "said", "source", "measured", "digits"), SAME)
def test_two_places_that_tell_of_one_measurement_agree(
    where: str, said: str, source: str, measured: str, digits: int
) -> None:
    assert figures(where, said) == [round(figure, digits) for figure in figures(source, measured)]


def test_the_ratios_of_a_table_are_those_of_its_rows() -> None:
    cell = r" \| ([\d.,]+)"
    found = re.findall(cell * 6 + "×", plain(LESSON_1).replace("*", ""))
    rungs = [[float(figure.replace(",", "")) for figure in row] for row in found]
    tutorial, api = rungs[0], rungs[-1]
    assert len(rungs) == 7
    assert [row[-1] for row in rungs] == [round(row[0] / tutorial[0], 1) for row in rungs]
    assert 1 / 6 < api[2] / tutorial[2] < 1 / 5
    assert f"{api[-1]}× the requests per second of the tutorial version, with a fifth of its p99" in plain(LESSON_1)


def test_the_regions_of_the_plan_cost_what_their_ratios_say() -> None:
    rows = re.findall(r"(\d), one may be lost [\d,]+ [\d,]+ \d+ ([\d.]+) ([\d.]+) ([\d.]+)×", plain(LESSON_3))
    (one,) = figures(LESSON_3, r"dollars a million requests ([\d.]+) ")
    assert len(rows) == 2
    for _, per_hour, per_million, ratio in rows:
        assert float(per_million) == round(float(per_hour) / (100_000 * 3600) * 1e6, 3)
        assert float(ratio) == round(float(per_million) / one, 2)


def test_a_request_that_costs_less_under_load_needs_fewer_cores_than_its_cost_alone_says() -> None:
    alone, busy = figures("cost-falls-with-load", r"cost ([\d.]+) ms at 150 requests/s and ([\d.]+) at 850")
    assert 1000 * alone * 1e-3 == 3.6 > busy
    assert "Fewer than 3.6." in plain("cost-falls-with-load")
    measured = figures(LESSON_3, r"a search took ([\d,]+) µs of CPU at 150 requests/s and ([\d,]+) at 850")
    assert [round(micros / 1e3, 1) for micros in measured] == [alone, busy]


def test_what_a_fixed_cost_bought_too_much_is_what_was_found_over_what_was_said() -> None:
    first, second, said, later = figures(LOADED, r"found (\d+) and (\d+) requests/s where .+ gave (\d+) and (\d+)\.")
    assert "It bought a third to a half too much" in plain(LOADED)
    assert (first / said - 1, second / later - 1) == pytest.approx((1 / 3, 1 / 2), abs=0.03)
    assert "took a quarter to a third off the plan" in plain(LESSON_3)
    assert (1 - said / first, 1 - later / second) == pytest.approx((1 / 4, 1 / 3), abs=0.02)


def test_what_batching_brings_is_measured_in_the_decision() -> None:
    before, after, others, more = figures(
        BATCHING, r"ranking \(([\d,]+) → ([\d,]+) requests/s.+recommendations \(([\d,]+) → ([\d,]+)\)"
    )
    claim = f"{percent(after / before - 1)} more for ranking and {percent(more / others - 1, 3)}"
    assert claim in plain(BATCHING).replace("(1,447 → 1,895 requests/s, 100 candidates each) ", "")
    assert claim in plain("dynamic-batching")


def test_traffic_between_zones_costs_more_than_all_machines() -> None:
    assert "traffic between zones costs more than all machines together" in plain("cost-drivers")
    calibration, prices = load([REFERENCE])[0], load_prices()
    plan, _ = plan_fleet(
        calibration, prices, Ask(qps=100_000, p99_ms=50, mix=calibration.mix, hit_ratio=calibration.hit_ratio)
    )
    machines = (prices.node.name, prices.gpu_node.name, prices.valkey_node.name, prices.cluster.name)
    per_hour = plan.bill.per_hour
    assert per_hour[prices.cross_zone.name] > sum(per_hour.get(name, 0.0) for name in machines)


def test_what_the_cache_saves_is_what_the_calibration_says_at_the_capacity() -> None:
    assert "by the calibration a sixth of the CPU" in plain(LESSON_3)
    assert "the cache answers two recommendations in five" in plain(LESSON_3)
    calibration, _ = load([REFERENCE])
    cached, uncached = (
        sum(
            each.weight * each.cpu_s
            for each in request_paths(calibration, calibration.mix, {"recommendations": ratio}, 0.9, generator=True)
        )
        for ratio in (0.4, 0.0)
    )
    assert 1 - cached / uncached == pytest.approx(1 / 6, abs=0.02)


def test_two_moments_of_work_that_varies_much_say_a_third_too_little_of_its_p99() -> None:
    random = np.random.default_rng(5)
    _, whole = simulate(SHAPES["lognormal"](10.0, 1_000_000, random) * 1e-3, 0.7, random)
    assert closed_form_p99_s(0.7, 10.0) / float(np.quantile(whole, 0.99)) - 1 == pytest.approx(-1 / 3, abs=0.07)


@pytest.mark.parametrize(("answers", "significant"), [(1e6, False), (1e8, True)])
def test_a_difference_that_means_nothing_is_certain_with_enough_answers(answers: float, *, significant: bool) -> None:
    share, usual = 0.00103, 0.001
    assert "with a hundred million answers 0.103 % against 0.1 % is significant" in plain("canary-statistics")
    errors = (share - usual) / math.sqrt((share * (1 - share) + usual * (1 - usual)) / answers)
    assert bool(norm.sf(errors) < 1e-5) is significant


def test_half_of_the_calls_to_a_process_that_is_stopped_two_thirds_of_the_time_take_seconds() -> None:
    story = plain("interview/incidents/timeouts.md")
    assert "Half the calls take seconds" in story
    assert "(SIGSTOP) for three seconds out of every four and a half" in story
    assert pytest.approx(0.5, abs=0.06) == (3 - 1) / 4.5  # those that come in the first two of the three seconds


def test_flowers_in_millimetres_would_be_refused_by_the_bound_that_the_incident_asks_for() -> None:
    assert "(0 to 15 cm)" in plain("interview/incidents/all-green.md")
    in_millimetres = iris_rows()[0] * 10
    assert (in_millimetres.max(axis=1) > 15).all()
    assert (in_millimetres.max(axis=1) < 100).all()

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from servekit.telemetry.metrics import LATENCY_BUCKETS
from shop.canary.evidence import Histogram
from shop.canary.judge import Policy
from shop.canary.reading import Reading
from shop.canary.rollout import Ports, Rollout, RolloutPlan, Step

PLAN = RolloutPlan("1", "2", step_s=60)
# large margins: the proof takes seconds
POLICY = Policy(quality_margin=0.3, error_margin=0.05)


@dataclass
class Version:
    """How a simulated version answers."""

    median_s: float = 0.003
    clicks: float = 0.4
    failing: float = 0.0
    failing_from_s: float = float("inf")
    rated: bool = True


@dataclass
class Shop:
    """A shop in simulated time: its traffic, its metrics and its clock."""

    versions: dict[str, Version]
    rps: int = 100
    random: Random = field(default_factory=lambda: Random(1))
    weights: list[int] = field(default_factory=lambda: [0])
    time_s: float = 0.0
    stalling_at: int = -1
    seen: dict[str, Counter[str]] = field(default_factory=dict)
    failing_metrics: bool = False

    def shift(self, weight: int) -> None:
        self.weights.append(weight)

    def restart(self) -> None:
        self.seen = {version: Counter() for version in self.versions}

    def read(self) -> dict[str, Reading]:
        if self.failing_metrics:
            raise ConnectionError("no gateway answers")
        return {version: self._reading(seen) for version, seen in self.seen.items() if seen}

    def now(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds
        for _ in range(round(self.rps * seconds)):
            version = "2" if self.random.randrange(100) < self.weights[-1] else "1"
            self._answer(self.versions[version], self.seen[version])
        if self.weights[-1] == self.stalling_at:
            self.stalling_at = -1  # a stall lasts a second

    def _answer(self, version: Version, seen: Counter[str]) -> None:
        stalled = self.weights[-1] == self.stalling_at and version is not self.versions["1"]
        duration = self.random.lognormvariate(0, 0.6) * version.median_s + 0.1 * stalled
        seen[f"d{sum(edge < duration for edge in LATENCY_BUCKETS)}"] += 1
        seen[f"s{min(9, int(self.random.random() * 10))}"] += 1
        seen["impression"] += version.rated
        seen["click"] += version.rated and self.random.random() < version.clicks
        failing = 0.1 if self.time_s >= version.failing_from_s else version.failing
        seen["error"] += self.random.random() < failing

    @staticmethod
    def _reading(seen: Counter[str]) -> Reading:
        return Reading(
            Histogram(LATENCY_BUCKETS, tuple(seen[f"d{n}"] for n in range(len(LATENCY_BUCKETS) + 1))),
            errors=seen["error"],
            scores=Histogram(tuple(n / 10 for n in range(1, 10)), tuple(seen[f"s{n}"] for n in range(10))),
            outcomes={name: seen[name] for name in ("impression", "click")},
        )


def rollout(shop: Shop, plan: RolloutPlan = PLAN, policy: Policy = POLICY) -> tuple[str, list[Step]]:
    steps: list[Step] = []
    outcome = Rollout(plan, policy, Ports(shop, shop, shop), steps.append).run()
    return outcome, [step for step in steps if step.verdict not in {"forecast", "waiting", "confirming", "proving"}]


def test_a_version_like_stable_is_promoted_after_every_step() -> None:
    shop = Shop({"1": Version(), "2": Version()})
    outcome, decided = rollout(shop)
    assert outcome == "promoted"
    assert shop.weights == [0, 1, 5, 25, 50, 100]
    assert [step.verdict for step in decided] == ["advance"] * 4 + ["promoted"]
    assert [step.candidate.answers >= needed for step, needed in zip(decided, (10, 40, 200, 200, 200), strict=True)]


@pytest.mark.slow
def test_a_version_like_stable_is_practically_never_rolled_back() -> None:
    outcomes = Counter(rollout(Shop({"1": Version(), "2": Version()}, random=Random(seed)))[0] for seed in range(60))
    assert outcomes == {"promoted": 60}


@pytest.mark.parametrize("seed", range(5))
def test_a_slow_version_is_rolled_back_at_once_and_always(seed: int) -> None:
    shop = Shop({"1": Version(), "2": Version(median_s=0.04)}, random=Random(seed))
    outcome, (last,) = rollout(shop)
    assert outcome == "rolled back"
    assert shop.weights == [0, 1, 0]
    assert last.reason.startswith("p99 ")


def test_a_version_that_fails_is_rolled_back_at_the_first_step() -> None:
    shop = Shop({"1": Version(), "2": Version(failing=0.5)})
    outcome, (last,) = rollout(shop)
    assert (outcome, shop.weights) == ("rolled back", [0, 1, 0])
    assert last.reason.startswith("errors: a loss above ")


def test_a_version_that_ranks_worse_is_rolled_back_as_soon_as_the_clicks_prove_it() -> None:
    shop = Shop({"1": Version(), "2": Version(clicks=0.1)})
    outcome, decided = rollout(shop)
    assert outcome == "rolled back"
    assert shop.weights[-1] == 0
    assert max(shop.weights) <= 25
    assert decided[-1].reason.startswith("online quality: a loss above ")


def test_a_tenth_of_the_clicks_lost_is_not_promoted_on_a_few_hundred_answers() -> None:
    """The samples of a rollout of half a minute cannot tell 72 % from 65 %: so they promote nothing."""
    versions = {"1": Version(clicks=0.72), "2": Version(clicks=0.648)}
    hurried = replace(PLAN, patience_s=4)
    ends = Counter(rollout(Shop(versions, random=Random(seed)), hurried, Policy())[0] for seed in range(20))
    assert ends["promoted"] == 0
    assert ends["inconclusive"] >= 10


def test_patience_that_is_over_gives_the_traffic_back_and_says_what_is_not_proven() -> None:
    shop = Shop({"1": Version(), "2": Version()})
    outcome, decided = rollout(shop, replace(PLAN, patience_s=30), Policy())
    assert (outcome, shop.weights) == ("inconclusive", [0, 1, 5, 25, 50, 0])
    assert decided[-1].reason.startswith("not proven in 30 s: errors: the loss may be 0.2%, must be below 0.1%; ")
    assert decided[-1].reason.endswith("must be below 2%")


def test_without_feedback_nothing_is_promoted_unless_one_says_so() -> None:
    silent = {"1": Version(rated=False), "2": Version(rated=False)}
    outcome, decided = rollout(Shop(silent), replace(PLAN, patience_s=20))
    assert outcome == "inconclusive"
    assert decided[-1].reason == "not proven in 20 s: online quality: the loss may be 100%, must be below 30%"
    assert rollout(Shop(silent), policy=replace(POLICY, rated=False))[0] == "promoted"


def test_what_a_proof_takes_is_said_before_anything_is_shifted() -> None:
    shop, told = Shop({"1": Version(clicks=0.72), "2": Version(clicks=0.3)}), list[Step]()
    Rollout(PLAN, Policy(), Ports(shop, shop, shop), told.append).run()
    assert (told[0].verdict, told[0].weight) == ("forecast", 0)
    assert told[0].reason == (
        "to prove a loss below its margin at 50%: errors 0.1%: 6,700 answers, 67 s; "
        "degraded 0.1%: 6,700 answers, 67 s; online quality 2%: 83,000 rated answers, 14 min; patience 60 min"
    )


def test_a_fault_that_begins_while_proof_is_waited_for_is_found_in_the_newest_span() -> None:
    shop = Shop({"1": Version(), "2": Version(failing_from_s=300)})
    outcome, decided = rollout(shop, policy=Policy())
    assert outcome == "rolled back"
    assert decided[-1].reason.startswith("errors: a loss above ")
    assert 300 < shop.time_s < 330


def test_one_stall_of_the_machine_is_looked_at_twice_before_it_is_believed() -> None:
    shop = Shop({"1": Version(), "2": Version()})
    told: list[Step] = []
    shop.stalling_at = 25
    outcome = Rollout(PLAN, POLICY, Ports(shop, shop, shop), told.append).run()
    assert outcome == "promoted"
    (doubt,) = [step for step in told if step.reason.endswith("looking again")]
    assert doubt.weight == 25


def test_without_traffic_nothing_is_promoted() -> None:
    shop = Shop({"1": Version(), "2": Version()}, rps=0)
    outcome, (last,) = rollout(shop)
    assert (outcome, shop.weights) == ("inconclusive", [0, 0])
    assert last.reason == "no requests in 5 s"


def test_too_little_traffic_is_no_reason_to_promote() -> None:
    shop = Shop({"1": Version(), "2": Version()}, rps=4)
    outcome, decided = rollout(shop, replace(PLAN, step_s=20))
    assert (outcome, shop.weights[-1]) == ("inconclusive", 0)
    assert decided[-1].reason.endswith("expected 10 at 1%")


def test_when_the_metrics_cannot_be_read_stable_gets_its_traffic_back() -> None:
    shop = Shop({"1": Version(), "2": Version()}, failing_metrics=True)
    with pytest.raises(ConnectionError):
        rollout(shop)
    assert shop.weights == [0, 0]

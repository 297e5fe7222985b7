from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from shop.canary.reading import Reading, increase, parse, readings, total


class Gateway:
    """The metrics of a gateway process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.duration = Histogram(
            "serving_request_duration_seconds",
            "",
            ["level", "endpoint", "model", "version", "code"],
            buckets=(0.01, 0.1),
            registry=self.registry,
        )
        self.computed = Histogram(
            "serving_computed_duration_seconds",
            "",
            ["level", "model", "version"],
            buckets=(0.01, 0.1),
            registry=self.registry,
        )
        self.scores = Histogram("serving_score", "", ["model", "version"], buckets=(0.5,), registry=self.registry)
        self.feedback = Counter("serving_feedback_total", "", ["model", "version", "outcome"], registry=self.registry)

    def answer(self, version: str, seconds: float, code: str = "200", model: str = "ranking") -> None:
        self.duration.labels("3", "/v1/search", model, version, code).observe(seconds)

    @property
    def text(self) -> str:
        return generate_latest(self.registry).decode()


def test_each_version_is_read_from_what_was_counted_in_between_by_all_gateways() -> None:
    gateways = [Gateway(), Gateway()]
    gateways[0].answer("1", 0.05)
    before = [parse(gateway.text) for gateway in gateways]
    for gateway in gateways:
        gateway.answer("1", 0.005)
        gateway.answer("2", 0.05)
        gateway.answer("2", 5.0, code="503")
        gateway.answer("2", 0.001, code="429")
        gateway.answer("1", 0.001, model="fraud")
        gateway.scores.labels("ranking", "2").observe(0.7)
        gateway.feedback.labels("ranking", "2", "impression").inc(3)
        gateway.feedback.labels("ranking", "2", "click").inc(1)
        gateway.duration.labels("3", "/v1/feedback", "ranking", "2", "204").observe(0.001)
    after = [parse(gateway.text) for gateway in gateways]
    read = readings(total(map(increase, before, after)), "ranking")
    assert set(read) == {"1", "2"}
    assert list(read["1"].durations.counts) == [2, 0, 0]
    candidate = read["2"]
    assert list(candidate.durations.edges) == [0.01, 0.1]
    assert list(candidate.durations.counts) == [0, 2, 2]  # without the shed ones, which are nobody's latency
    assert (candidate.answers, candidate.errors) == (4, 2)
    assert list(candidate.scores.counts) == [0, 2]
    assert candidate.rated == (2, 6)


def test_a_payment_is_rated_once_its_end_is_known() -> None:
    assert Reading(outcomes={"legitimate": 97, "chargeback": 3}).rated == (97, 100)
    assert Reading().rated == (0, 0)


def test_a_gateway_that_began_anew_loses_nothing_it_counted_since() -> None:
    old, new = Gateway(), Gateway()
    for _ in range(5):
        old.answer("1", 0.005)
    new.answer("1", 0.005)
    new.answer("1", 0.005)
    read = readings(increase(parse(old.text), parse(new.text)), "ranking")
    assert read["1"].answers == 2


def test_what_was_computed_is_told_from_what_was_answered() -> None:
    gateway = Gateway()
    for seconds in (0.001, 0.001, 0.05):
        gateway.answer("1", seconds)
    assert readings(parse(gateway.text), "ranking")["1"].latencies.counts == (2, 1, 0), "without a cache they are one"
    gateway.computed.labels("3", "ranking", "1").observe(0.05)
    read = readings(parse(gateway.text), "ranking")["1"]
    assert (read.answers, read.latencies.counts) == (3, (0, 1, 0))

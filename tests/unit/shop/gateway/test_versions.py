from __future__ import annotations

from prometheus_client import CollectorRegistry

from shop.gateway.adapters.metrics import GatewayMetrics
from shop.gateway.domain.versions import OTHER, Versions


def test_what_callers_invent_is_one_version_and_makes_the_gateway_ask() -> None:
    versions = Versions({"1"})
    assert [versions.label(each) for each in ("1", "", "2")] == ["1", "", OTHER]
    assert versions.strange


def test_a_version_that_is_learnt_is_announced_once_before_it_is_counted() -> None:
    versions, announced = Versions({"1"}), []
    versions.expect = lambda version: announced.append((version, versions.label(version)))
    versions.learn("1", "2")
    versions.learn("2")
    assert announced == [("2", OTHER)]
    assert versions.label("2") == "2"


def test_a_version_that_is_learnt_is_shown_as_0_before_its_first_event() -> None:
    registry, versions = CollectorRegistry(), Versions({"1"})
    metrics = GatewayMetrics(versions, registry)
    versions.expect = metrics.expect
    fallback = {"model": "ranking", "version": "2", "reason": "deadline"}
    assert registry.get_sample_value("serving_degraded_total", fallback) is None
    versions.learn("2")
    assert registry.get_sample_value("serving_degraded_total", fallback) == 0
    assert registry.get_sample_value("serving_score_count", {"model": "ranking", "version": "2"}) == 0
    metrics.degraded("ranking", "2", "deadline")
    assert registry.get_sample_value("serving_degraded_total", fallback) == 1

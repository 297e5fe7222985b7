from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from planner.day.day_picture import draw_day
from planner.day.timetable import DAY_S, STEP_S
from tests.unit.planner.day.days import changed, needs, points, reference, run, verdict

SMALL = "credit-decisions"


def test_a_day_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    first, again, other = (run(SMALL, reference(SMALL), seed) for seed in (3, 3, 4))
    assert first.moments == again.moments
    assert (first.dollars, first.silence) == (again.dollars, again.silence)
    assert first.moments != other.moments


def test_a_day_has_every_step_and_its_shares_are_shares() -> None:
    day = run(SMALL, changed(SMALL, {"zones": 1}))
    assert [moment.at_s for moment in day.moments] == list(range(0, DAY_S, STEP_S))
    for moment in day.moments:
        assert 0 <= moment.failed <= 1
        assert 0 <= moment.bad <= 1 + 1e-9


def test_the_bill_is_machines_and_cache_and_control_plane_by_the_hour() -> None:
    day = run(SMALL, reference(SMALL))
    assert day.dollars == pytest.approx(24 * (3 * 0.08925 + 0.10), rel=0.01)


def test_with_one_zone_nothing_answers_for_an_hour_and_the_reason_is_said() -> None:
    found = verdict(SMALL, {"zones": 1})
    assert points(found)["the loss of a zone"] == 0
    assert {name for name, kept in points(found).items() if kept < 1} == {"the loss of a zone"}
    loss = next(each for each in found.criteria if each.name == "the loss of a zone")
    assert loss.broke is not None
    assert re.match(r"\d\d:\d\d:\d\d, after the loss", loss.broke.at)
    assert loss.broke.why == "the only zone of Frankfurt was gone, and with it everything"
    assert "zones" in loss.broke.remedy


def test_without_a_canary_the_bad_release_costs_its_points_and_no_others() -> None:
    found = verdict(SMALL, {"canary.steps": []})
    assert {name for name, kept in points(found).items() if kept < 1} == {"the bad release"}
    assert found.score == 85
    release = next(each for each in found.criteria if each.name == "the bad release")
    assert release.broke is not None
    assert release.broke.why.startswith("a bad version got 100% of the traffic")
    assert "canary.steps" in release.broke.remedy


def test_a_canary_that_takes_longer_than_asked_costs_points() -> None:
    release = verdict(SMALL, {"canary.minutes": 300}).criteria[5]
    assert release.points == 10
    assert release.note == "a good version needs 15 h until it is everywhere, 8 h are asked"


def test_who_spends_twice_as_much_gets_nothing_for_the_bill() -> None:
    found = verdict(SMALL, {"servers.replicas": 15})
    assert points(found)["the bill"] == 0
    assert found.score == 75
    assert found.criteria[-1].note == "over the budget of $25 a day"


@pytest.mark.slow
def test_a_fleet_that_does_not_serve_is_not_cheap() -> None:
    found = verdict("iris-everywhere", {"servers.replicas": 1, "zones": 1, "autoscaling.metric": "none"})
    assert found.dollars < found.reference_dollars
    assert points(found)["the bill"] < 0.2
    assert found.score < 30
    assert found.first is not None
    assert re.search(r"requests/s met 1 ready replica in .*; nothing adds replicas", found.first.why)


def test_the_picture_is_well_formed_and_shows_all_events() -> None:
    day = run(SMALL, reference(SMALL))
    picture = draw_day("A <day>", day, day)
    words = "".join(ET.fromstring(picture).itertext())  # noqa: S314 - our own text
    assert "A <day>" in words
    for event in day.events:
        assert event.name in words
    assert needs(SMALL).regions[0].name not in words


def test_points_are_of_a_hundred_and_the_reference_has_them() -> None:
    found = verdict(SMALL)
    assert sum(each.of for each in found.criteria) == 100
    assert found.score == found.reference_score == 100


@pytest.mark.parametrize(
    "changes",
    [
        {"autoscaling.metric": "in_flight", "autoscaling.target": 0.001, "autoscaling.max_replicas": 20},
        {"canary.steps": [float(step) for step in range(1, 21)], "canary.minutes": 1440.0},
        {"batch.size": 128, "batch.delay_ms": 1000.0, "cache.nodes": 500, "cache.gib": 1e-9, "cache.lifetime_s": 1e-6},
    ],
    ids=["a tiny target", "a canary of twenty days", "the largest batch and a cache that holds nothing"],
)
def test_an_extreme_design_gets_a_score_like_any_other(changes: dict[str, object]) -> None:
    found = verdict(SMALL, changes)
    assert 0 <= found.score < 100
    assert all(0 <= each.points <= each.of for each in found.criteria)

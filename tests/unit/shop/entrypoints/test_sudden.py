from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shop.load.answered import Answered, Offered
from shop.load.sudden import CHANGES, LoadChange, change_load

if TYPE_CHECKING:
    from workbench.load import Phase


class FakeWorkers:
    """A level that needs some seconds after each change before it answers all that fits."""

    def __init__(self, capacity_rps: float, settling_s: float) -> None:
        self.capacity, self.settling_s = capacity_rps, settling_s
        self.profiles: list[tuple[Phase, ...]] = []

    def offer(self, *profile: Phase) -> Offered:
        self.profiles.append(profile)
        answers, at = [], 0.0
        for number, phase in enumerate(profile):
            count = int(phase.rate_rps * phase.seconds)
            share = min(1.0, self.capacity / phase.rate_rps)
            for place in range(count):
                into = place / phase.rate_rps
                fits = int((place + 1) * share) > int(place * share)
                good = fits and (number == 0 or into >= self.settling_s)
                answers.append(Answered(at + into, 0, 0.01, 200 if good else 429))
            at += phase.seconds
        return Offered(1, at, answers, 0.1)


def test_a_level_that_settles_in_time_holds_and_one_that_does_not_is_found() -> None:
    forgotten: list[int] = []
    steps = [change.name for change in CHANGES if not change.bursts]
    for settling_s, holds in ((1.5, True), (4.0, False)):
        workers = FakeWorkers(1000, settling_s)
        changed = {each.name: each for each in change_load(workers, 1000, 0.05, lambda: forgotten.append(1))}  # type: ignore[arg-type]
        assert [changed[name].holds for name in steps] == [holds] * len(steps)
        assert all(changed[name].at_once < 0.5 for name in steps)
    assert len(forgotten) == 2 * sum(change.cold for change in CHANGES)


def test_what_fits_is_no_more_than_the_peak() -> None:
    assert LoadChange("up", 0.1, 2.0).fits() == 1.0
    assert LoadChange("down", 2.0, 0.5).fits() == 0.5
    assert LoadChange("bursts", 0.2, 1.5, bursts=True).fits() == pytest.approx(0.6)
    assert sum(phase.seconds for phase in LoadChange("bursts", 0.2, 1.5, bursts=True).profile(100)) == 11


def test_a_part_of_a_run_has_the_answers_that_were_asked_for_in_it() -> None:
    answers = [Answered(at, 0, 0.01, 200) for at in (0.5, 1.0, 1.5, 2.0)]
    part = Offered(1, 3, answers, 0.1).between(1, 2)
    assert [each.at_s for each in part.answers] == [1.0, 1.5]
    assert part.goodput_rps(0.05) == 2

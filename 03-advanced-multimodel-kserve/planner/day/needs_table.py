"""The requirements of a task in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from planner.day.timetable import make_timetable, rates
from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from planner.day.requirements import DayRequirements, ServedModel
    from planner.day.timetable import Floats
    from planner.prices import InstanceType

__all__ = ["bars", "print_machines", "print_needs"]

_BARS: Final = "▁▂▃▄▅▆▇█"


def print_needs(console: Console, needs: DayRequirements, instances: dict[str, InstanceType]) -> None:
    """Prints the traffic, the promise, the budget, what goes wrong, and what may be rented."""
    table = make_table(console, "requirement", "")
    for name, words in _rows(needs):
        table.add_row(name, words)
    console.print(table)
    print_machines(console, instances)


def print_machines(console: Console, instances: dict[str, InstanceType]) -> None:
    """Prints what may be rented."""
    machines = make_table(console, "machine", "cores", "GiB", "$ an hour", numbers=1)
    for each in instances.values():
        machines.add_row(each.name, str(each.vcpus), f"{each.memory_gib:g}", f"{each.per_hour:.3f}")
    console.print(machines)


def _rows(needs: DayRequirements) -> Iterator[tuple[str, str]]:
    yield "peak", f"{needs.peak_rps:,.0f} requests/s at {needs.peak_hour:g}:00, all regions together"
    yield "a day, hour by hour", f"{_profile(needs)}  (0:00 to 23:00; at night {needs.night:.0%} of the peak)"
    for model in needs.models:
        yield f"model {model.name}", _model(model)
    yield "users", ", ".join(_place(needs, place) for place in range(len(needs.regions)))
    if len(needs.regions) > 1:
        yield "", f"{needs.between_ms:g} ms more for users who are served in another region"
    yield "promise", f"p99 {needs.p99_ms:g} ms at the edge, {needs.answered:.2%} answered"
    if any(model.keys for model in needs.models):
        yield "freshness", f"an answer from the cache may be {needs.fresh_s:g} s old"
    yield "budget", f"${needs.budget_per_day:,.0f} a day"
    yield (
        "spike",
        (
            f"{needs.spike.factor:g} times the traffic within {needs.spike.ramp_s:g} s, "
            f"for {needs.spike.minutes:g} minutes, "
            "near the peak"
        ),
    )
    yield (
        "loss to survive",
        {
            "zone": f"a zone of {needs.regions[0].name}, for an hour",
            "region": f"all of {needs.regions[0].name}, for an hour; its users are moved within 90 s",
        }[needs.survive],
    )
    yield "cold cache", "all caches are emptied once in the afternoon"
    bad = needs.bad_release
    slower = f", and its models take {bad.slower:g} times as long" if bad.slower != 1 else ""
    yield (
        "release of the day",
        (
            f"{bad.errors:.0%} of the new version's answers are errors{slower}; a good one must be everywhere within "
            f"{bad.within_h:g} h"
        ),
    )
    yield "a new replica", f"answers {needs.start_s:g} s after it was asked for"


def _profile(needs: DayRequirements) -> str:
    return bars(np.sum(rates(needs, make_timetable(needs, 0), 0), axis=0))


def bars(rates_rps: Floats) -> str:
    """A day's rates as 24 bars, the median of each hour."""
    hours = np.array([float(np.median(part)) for part in np.split(rates_rps, 24)])
    return "".join(_BARS[int(value)] for value in hours / hours.max() * (len(_BARS) - 1) + 0.5)


def _model(model: ServedModel) -> str:
    heavy = "as heavy as" if model.work == 1 else f"{model.work:g} times as heavy as"
    kinds = {"recommendations": "a recommendation", "search": "a ranking of 100", "payments": "a fraud score"}
    keys = f"{model.keys:,} different requests (Zipf {model.skew:g})" if model.keys else "never from a cache"
    return f"{model.share:.0%} of the requests; {heavy} {kinds[model.like]}; {keys}; {model.memory_gib:g} GiB"


def _place(needs: DayRequirements, number: int) -> str:
    place = needs.regions[number]
    later = f", {place.hours:g} h behind" if place.hours else ""
    return f"{place.name} {place.share:.0%}{later}"

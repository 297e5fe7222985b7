"""When things happen on that day, and how many requests come: all drawn from a seed, and never two at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from planner.day.requirements import DayRequirements, DaySpike

__all__ = [
    "DAY_S",
    "STEP_S",
    "EventWindow",
    "Timetable",
    "clock",
    "day_shape",
    "make_timetable",
    "rates",
    "spike_shape",
]

DAY_S: Final = 86_400
STEP_S: Final = 15
"""A Kubernetes autoscaler looks as often."""
_LOSS_S: Final = 3600.0
_COLD_S: Final = 1800.0
_RELEASE_S: Final = 4 * 3600.0
_AFTER_S: Final = 600.0
_WAVER: Final = 0.02
_MEMORY: Final = 0.97

Floats = npt.NDArray[np.float64]
EventName = Literal["bad release", "loss", "cold cache", "spike", "lunch", "abuse"]


class EventWindow(NamedTuple):
    """An event and the time that counts as its: from ``at_s`` to ``end_s``, while it lasts until ``over_s``."""

    name: EventName
    at_s: float
    over_s: float
    end_s: float

    def __contains__(self, now_s: object) -> bool:
        return isinstance(now_s, int | float) and self.at_s <= now_s < self.end_s


class Timetable(NamedTuple):
    """The four events of the day, in order."""

    release: EventWindow
    cold: EventWindow
    loss: EventWindow
    spike: EventWindow

    def at(self, now_s: float) -> EventWindow | None:
        """The event whose time it is, if any."""
        return next((event for event in self if now_s in event), None)


def clock(at_s: float) -> str:
    """A second of the day as people write it: 19:42:30."""
    whole = int(at_s)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def make_timetable(needs: DayRequirements, seed: int) -> Timetable:
    """The times of a day: the spike near the peak hour, the loss two hours before, the others earlier."""
    drawn = [float(value) for value in np.random.default_rng([seed, 1]).random(4)]
    hours = (needs.peak_hour + offset for offset in (-10, -5 + drawn[1] * 0.5, -2.9 + drawn[2] * 0.4, -0.6 + drawn[3]))
    release, cold, loss, at_spike = (hour * 3600 for hour in hours)
    spike_s = needs.spike.minutes * 60
    return Timetable(
        EventWindow("bad release", release, release + _RELEASE_S, release + _RELEASE_S),
        EventWindow("cold cache", cold, cold, cold + _COLD_S),
        EventWindow("loss", loss, loss + _LOSS_S, loss + _LOSS_S + _AFTER_S),
        EventWindow("spike", at_spike, at_spike + spike_s, at_spike + spike_s + _AFTER_S),
    )


def rates(needs: DayRequirements, events: Timetable, seed: int) -> list[Floats]:
    """Requests a second from the users of each place, in every step of the day, the spike included.

    A day has one hill: as high as the peak at its hour, as low as the night's share twelve hours later.
    """
    random = np.random.default_rng([seed, 2])
    spike = spike_shape(needs.spike, events.spike)
    return [
        needs.peak_rps * place.share * day_shape(random, needs.peak_hour + place.hours, needs.night) * spike
        for place in needs.regions
    ]


def day_shape(random: np.random.Generator, peak_hour: float, night: float) -> Floats:
    """One hill a day, 1 at its peak and ``night`` twelve hours later, that wavers a little by chance."""
    hour = np.arange(0, DAY_S, STEP_S, dtype=float) / 3600 - peak_hour
    hill = ((1 + np.cos(2 * math.pi * hour / 24)) / 2) ** 0.8
    waver = np.zeros(len(hour))
    for index, drawn in enumerate(random.normal(size=len(hour) - 1) * _WAVER * math.sqrt(1 - _MEMORY**2)):
        waver[index + 1] = _MEMORY * waver[index] + drawn
    return (night + (1 - night) * hill) * np.exp(waver)


def spike_shape(spike: DaySpike, event: EventWindow) -> Floats:
    """By how much the traffic is multiplied in every step of the day."""
    now_s, ramp = np.arange(0, DAY_S, STEP_S, dtype=float), max(spike.ramp_s, 1.0)
    up = np.clip((now_s - event.at_s) / ramp, 0.0, 1.0)
    down = np.clip((event.over_s - now_s) / (3 * ramp), 0.0, 1.0)
    return 1 + (spike.factor - 1) * np.minimum(up, down)

"""When things happen on the assistant's day, and how many questions come: drawn from a seed, never two at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from planner.day.timetable import EventWindow, day_shape, spike_shape

if TYPE_CHECKING:
    from planner.day.timetable import Floats
    from planner.token_day.token_needs import TokenNeeds

__all__ = ["TokenTimes", "questions", "token_times"]

_RELEASE_S: Final = 4 * 3600.0
_LOSS_S: Final = 900.0
_AFTER_S: Final = 300.0


class TokenTimes(NamedTuple):
    """The four events of the day, in order."""

    release: EventWindow
    lunch: EventWindow
    abuse: EventWindow
    loss: EventWindow

    def at(self, now_s: float) -> EventWindow | None:
        """The event whose time it is, if any."""
        return next((event for event in self if now_s in event), None)


def token_times(needs: TokenNeeds, seed: int) -> TokenTimes:
    """The times of a day: a release in the morning, lunch, an abused key, a lost machine an hour before the peak."""
    drawn = [float(value) * 3600 for value in np.random.default_rng([seed, 1]).random(3)]
    release, lunch, abuse = 7.5 * 3600, 12 * 3600 + drawn[0] / 2, 15 * 3600 + drawn[1] / 2
    loss = (needs.shoppers.peak_hour - 1) * 3600 + drawn[2] / 2
    lunch_s, abuse_s = needs.lunch.minutes * 60, needs.abuse.minutes * 60
    return TokenTimes(
        EventWindow("bad release", release, release + _RELEASE_S, release + _RELEASE_S),
        EventWindow("lunch", lunch, lunch + lunch_s, lunch + lunch_s + _AFTER_S),
        EventWindow("abuse", abuse, abuse + abuse_s, abuse + abuse_s + _AFTER_S),
        EventWindow("loss", loss, loss + _LOSS_S, loss + _LOSS_S),
    )


def questions(needs: TokenNeeds, times: TokenTimes, seed: int) -> Floats:
    """Questions a second of all shoppers in every step of the day, the burst at lunch included."""
    shoppers = needs.shoppers
    shape = day_shape(np.random.default_rng([seed, 2]), shoppers.peak_hour, shoppers.night)
    return shoppers.peak_rps * shape * spike_shape(needs.lunch, times.lunch)

"""The requirements of an assistant in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.day.needs_table import bars, print_machines
from planner.token_day.token_times import questions, token_times
from workbench.terminal import make_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from planner.prices import InstanceType
    from planner.token_day.token_needs import TokenNeeds

__all__ = ["how_computed", "print_token_needs"]


def print_token_needs(console: Console, needs: TokenNeeds, instances: dict[str, InstanceType]) -> None:
    """Prints the traffic, the promise, the budget, what goes wrong, and what may be rented."""
    table = make_table(console, "requirement", "")
    for name, words in _rows(needs):
        table.add_row(name, words)
    console.print(table)
    print_machines(console, instances)


def how_computed(calibrated: str) -> str:
    """How a day was computed."""
    return (
        "Computed in steps of 15 s. What a replica does at a rate is simulated request by request with the scheduler "
        f"and the step costs of make calibrate-assistant ({calibrated[:10]})."
    )


def _rows(needs: TokenNeeds) -> Iterator[tuple[str, str]]:
    shoppers, abuse, bad, night = needs.shoppers, needs.abuse, needs.bad_model, f"{needs.shoppers.night:.0%}"
    lengths, lunch, profile = shoppers.lengths, needs.lunch, bars(questions(needs, token_times(needs, 0), 0))
    yield "peak", f"{shoppers.peak_rps:,.0f} questions/s at {shoppers.peak_hour:g}:00"
    yield "a day, hour by hour", f"{profile}  (0:00 to 23:00; at night {night} of the peak)"
    words = f"{lengths.prompt:g} tokens on average, {lengths.most_prompt:,} at most; all begin with the same "
    yield "prompts", f"{words}{shoppers.system}, and {shoppers.history} on average are of earlier turns"
    yield "answers", f"{lengths.answer:g} tokens on average, {lengths.most_answer} at most"
    yield "between turns", f"a shopper thinks for {shoppers.think_s:g} s"
    yield "patience", f"whoever has no first token after {needs.leaves_s:g} s leaves"
    yield "API keys", f"{shoppers.keys}; the largest honest one has {shoppers.largest_key:.0%} of the questions"
    words = f"for 99 of 100 the first token within {needs.promise.ttft_ms / 1e3:g} s and then one every "
    yield "promise", f"{words}{needs.promise.tpot_ms:g} ms on average; {needs.answered:.1%} answered"
    yield "budget", f"${needs.budget_per_day:,.0f} a day"
    words = f"{lunch.factor:g} times the questions within {lunch.ramp_s / 60:g} minutes, "
    yield "lunch", f"{words}for {lunch.minutes:g} minutes, soon after 12:00"
    words = f"{abuse.rps:g} requests/s, each of {abuse.prompt:,} tokens and with an answer of {abuse.answer}, "
    yield "an abused key", f"{words}for {abuse.minutes:g} minutes in the afternoon"
    words = f"a full machine, within the hour before the peak; the gateway notices after {needs.notice_s:g} s, "
    yield "loss to survive", f"{words}Kubernetes asks for its replicas elsewhere after {needs.moved_s / 60:g} minutes"
    words = f"a model that answers {bad.bad_right:.0%} of a quality set rightly (the old one {bad.right:.0%}), without "
    words += f"errors and as fast; shoppers report {bad.reported:.0%} of wrong answers; "
    yield "release of the day", f"{words}a good one must be everywhere within {bad.within_h:g} h"
    yield "a replica", f"one core; a new one answers {needs.start_s:g} s after it was asked for"

"""What broke on the assistant's day, when and why: the explanation of one step, from what the replicas did then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from planner.day.breaks import DayBreak
from planner.day.points import belongs
from planner.day.timetable import clock

if TYPE_CHECKING:
    from planner.day.timetable import EventWindow
    from planner.token_day.token_design import TokenDesign
    from planner.token_day.token_needs import TokenNeeds
    from planner.token_day.token_run import TokenMoment, TokenRun

__all__ = ["TokenCase", "first_token_break", "worst_token_break"]

_MANY_FAILED: Final = 0.005
_MANY_LATE: Final = 0.02
_MANY_TOKENS: Final = 0.03
_SHOWN: Final = 0.0005
_BLIND: Final = 0.9
_TOLERANCE: Final = 1.1
_DURING: Final = {
    "bad release": "during the release", "lunch": "at lunch", "abuse": "while one key was abused",
    "loss": "after a machine was lost",
}  # fmt: skip


class TokenCase(NamedTuple):
    """A design, its task and its day."""

    design: TokenDesign
    needs: TokenNeeds
    day: TokenRun


def first_token_break(case: TokenCase) -> DayBreak | None:
    """The first step in which more than 0.5 % failed or more than 2 % were late or slow, if any."""
    for moment in case.day.moments:
        if moment.failed > _MANY_FAILED or moment.late + moment.slow > _MANY_LATE:
            return _explained(moment, case)
    return None


def worst_token_break(case: TokenCase, event: EventWindow | None, fields: tuple[str, ...]) -> DayBreak:
    """The step of an event, or of the time outside all, with most questions of which a field is true."""
    mine = [each for each in case.day.moments if belongs(each, case.day, event)]
    return _explained(
        max(mine, key=lambda each: each.rate_rps * sum(float(getattr(each, name)) for name in fields)),
        case,
        spoilt="by_release" in fields,
    )


def _explained(moment: TokenMoment, case: TokenCase, *, spoilt: bool = False) -> DayBreak:
    event = case.day.events.at(moment.at_s)
    shares = (
        (moment.by_release if spoilt else 0.0, "got wrong answers"), (moment.failed, "failed"),
        (moment.late, "waited too long for the first token"), (moment.slow, "got the others too slowly"),
    )  # fmt: skip
    parts = [f"{share:.1%} {words}" for share, words in shares if share >= _SHOWN]
    why, remedy = _spoilt(case) if spoilt else _cause(moment, event, case)
    when = f", {_DURING[event.name]}" if event else ""
    what = f"of {moment.rate_rps:,.0f} questions/s {' and '.join(parts) or 'a few failed'}"
    return DayBreak(at=clock(moment.at_s) + when, what=what, why=why, remedy=remedy)


def _spoilt(case: TokenCase) -> tuple[str, str]:
    canary, bad = case.design.canary, case.needs.bad_model
    why = f"the bad model answers {bad.wrong:.0%} of the questions wrongly, returns no error and is as fast as the old"
    asked = f"{canary.questions} questions of the quality set are too few to be sure" if canary.questions else (
        "only shoppers' reports told of it"
    )  # fmt: skip
    return f"{why}; {asked}", "raise canary.questions, which costs seconds, and begin canary.steps small"


def _cause(moment: TokenMoment, event: EventWindow | None, case: TokenCase) -> tuple[str, str]:
    design, needs = case.design, case.needs
    if moment.over_budget > moment.failed / 2:
        shoppers, unit = needs.shoppers, design.budget.by
        used = moment.rate_rps * shoppers.largest_key * 60 * (shoppers.tokens if unit == "tokens" else 1)
        return (
            f"the largest honest key used {used:,.0f} {unit} a minute and may use {design.budget.per_minute:,.0f}",
            "raise budget.per_minute above what honest keys need at lunch",
        )
    if moment.gone > moment.failed / 2 > 0:
        return (
            f"{needs.notice_s:g} s long the gateway sent questions to replicas of the lost machine",
            "set retries.attempts, which finds another replica at once, or use smaller machines",
        )
    if moment.abuse_rps and _tokens_of_abuse(moment, case) > _MANY_TOKENS:
        return (
            f"{moment.abuse_rps:.2g}/s of one client get in, with {_tokens_of_abuse(moment, case):.0%} of all tokens",
            'set budget.by = "tokens" and lower budget.per_minute: counted in requests, a long one is as good as any',
        )
    if moment.each_rps * moment.ready > moment.holds_rps:
        return _overload(moment, event, case)
    return _engine(moment, case)


def _tokens_of_abuse(moment: TokenMoment, case: TokenCase) -> float:
    abuse = moment.abuse_rps * (case.needs.abuse.prompt + case.needs.abuse.answer)
    return abuse / (abuse + moment.rate_rps * case.needs.shoppers.tokens)


def _overload(moment: TokenMoment, event: EventWindow | None, case: TokenCase) -> tuple[str, str]:
    """Why the replicas were too few, and what would have helped."""
    scaling, state = case.design.autoscaling, moment.state
    why = (
        f"{moment.each_rps * moment.ready:,.0f} requests/s met {moment.ready} ready replicas, which hold "
        f"{moment.holds_rps:,.0f}/s"
    )
    if event and event.name == "loss":
        why += "; those of the lost machine were missing"
    if moment.starting:
        why += f"; {moment.starting} more were starting, which takes {case.needs.start_s:g} s"
    if scaling.metric == "none":
        return f"{why}; nothing adds replicas", "set autoscaling.metric, or raise servers.replicas"
    if moment.ready + moment.starting >= scaling.max_replicas:
        return f"{why}; max_replicas is {scaling.max_replicas}", "raise autoscaling.max_replicas"
    if scaling.metric == "cpu" and scaling.target * _TOLERANCE >= _BLIND:
        return (
            f"{why}; the cores were {state.cpu:.0%} busy, as they are long before a replica is full",
            'scale on autoscaling.metric = "tokens"',
        )
    return f"{why}", "lower autoscaling.target or raise servers.replicas: a new replica comes too late"


def _engine(moment: TokenMoment, case: TokenCase) -> tuple[str, str]:
    engine, state = case.design.engine, moment.state
    if moment.slow > moment.late + moment.failed:
        return (
            f"steps were too long: {engine.step_tokens} tokens, {engine.sequences} sequences at most in each",
            "lower engine.step_tokens or engine.sequences: long prompts and large batches slow all answers down",
        )
    return (
        f"a replica with {moment.each_rps:.2f} requests/s had {state.tokens:,.0f} tokens in it, waiting ones too",
        "give it more engine.sequences and engine.blocks, keep prefixes, or let in less: admission, deadline_s",
    )

"""``make canary-3 MODEL=ranking WEIGHT=10`` or ``AUTO=1``: a candidate version gets a share of the live traffic.

By hand: the weight is what you say, from the next request on. Automatically: 1, 5, 25, 50, 100 %; at each step the
candidate's p99, errors, fallbacks, scores and online quality are held against stable's, and it goes on, or back to 0.
It is promoted on proof only: at 50 % the rollout waits until a loss of the margin or more is excluded; then the alias
``champion`` moves in the registry as well. The assistant's candidate is started for this, and asked questions whose
facts are known before it gets traffic. Before anything is shifted, the command says how long it takes at this traffic;
you choose the margin, the risk and the patience.

::

    make canary-3 MODEL=ranking AUTO=1                        # beside traffic that is there, with its feedback
    make canary-3 MODEL=ranking AUTO=1 ARGS="--unrated"       # beside traffic without feedback, e.g. make sla-3
    make canary-3 MODEL=ranking AUTO=1 ARGS="--traffic 100"   # on a quiet machine: replayed searches and their clicks
    make canary-3 MODEL=ranking AUTO=1 ARGS="--traffic 100 --margin 0.1 --error-margin 0.01"   # a proof within a minute
    make canary-3 MODEL=ranking WEIGHT=100                    # after a promotion: back to the version before
    ASSISTANT_CANDIDATE_MODEL=FILE.gguf make canary-3 MODEL=assistant AUTO=1 ARGS="--traffic 2"

Exit codes: 0 shifted or promoted, 1 rolled back, 2 nothing could be decided or done; 130 Ctrl-C, all traffic on stable.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from servekit.errors import ServingError
from shop.addresses import Addresses
from shop.canary.decision_log import DecisionLog
from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from shop.canary.errors import CanaryError
from shop.canary.judge import Policy
from shop.canary.progress_table import ProgressTable
from shop.canary.rollout import Ports, Rollout, RolloutPlan
from shop.commands.triton_canary import TritonSubject
from shop.endpoints import CHAT, MODELS
from workbench.arguments import count, positive
from workbench.registry import RegistryError, promote
from workbench.stack import join
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from shop.canary.rollout import Outcome, Step
    from shop.canary.subject import Habits, Subject
    from shop.serving.envoy.splits import Split
    from workbench.registry import Move

__all__ = ["main"]

_SHIFTED, _ROLLED_BACK, _UNDECIDED, _INTERRUPTED = 0, 1, 2, 130
_ALL = 100


class _WallClock:
    """A `Clock` that shows and takes real time."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


def _subject(addresses: Addresses, options: argparse.Namespace, console: Console) -> Subject:
    if options.model in MODELS:
        return TritonSubject(addresses, options.model)
    from shop.commands.assistant_canary import AssistantSubject  # noqa: PLC0415 - who has no assistant needs nothing of it

    return AssistantSubject(addresses, console, options.questions)


def main(argv: Sequence[str] | None = None, addresses: Addresses | None = None) -> int:
    """Shift a model's traffic as the command line says; returns the exit code."""
    options, addresses, console = _parser().parse_args(argv), addresses or Addresses(), make_console()
    try:
        _check(options, addresses)
        subject = _subject(addresses, options, console)
        with DecisionLog(addresses.run_dir, options.model) as log:
            traffic = EdgeSplit(addresses, Edge(addresses.envoy_admin_port), options.model)
            if options.candidate:
                traffic.nominate(options.candidate)
            if options.auto or options.weight:
                subject.make_ready(traffic.split, anew=options.auto)
            if not options.auto:
                return _by_hand(options, traffic, log, console)
            outcome: Outcome = "inconclusive"
            try:
                outcome = _walk(subject, options, traffic, log, console)
            finally:
                if outcome != "promoted":
                    subject.retire(traffic.split.candidate)
            console.print(f"every decision is in {addresses.run_dir / 'audit'}", style="dim", soft_wrap=True)
            return {"promoted": _SHIFTED, "rolled back": _ROLLED_BACK}.get(outcome, _UNDECIDED)
    except (CanaryError, ServingError) as problem:
        console.print(f"error: {problem}", style="red", markup=False, soft_wrap=True)
        return _UNDECIDED
    except KeyboardInterrupt:
        console.print("interrupted: all traffic is on the stable version" if options.auto else "interrupted")
        return _INTERRUPTED


def _by_hand(options: argparse.Namespace, traffic: EdgeSplit, log: DecisionLog, console: Console) -> int:
    before, weight = traffic.split.weight, options.weight
    traffic.shift(weight)
    log.record_manual(traffic.split.candidate, before, weight)
    _say(console, options.model, traffic, f"{before}% -> {weight}%")
    return _SHIFTED


def _walk(
    subject: Subject, options: argparse.Namespace, traffic: EdgeSplit, log: DecisionLog, console: Console
) -> Outcome:
    split, (plan, policy) = traffic.split, _plan(options, subject.habits, traffic.split)
    if (gate := subject.gate(split)) is not None:
        log.record_gate(split.candidate, gate)
        verdict = "passed" if gate.passed else "stopped"
        console.print(f"gate {verdict}: version {split.candidate} {gate.reason}", soft_wrap=True)
        if not gate.passed:
            return "rolled back"
    with ExitStack() as stack:
        if options.traffic:
            stack.enter_context(subject.replay(options.traffic))
        table = stack.enter_context(ProgressTable(console, policy))

        def tell(step: Step) -> None:
            if step.verdict == "forecast":
                console.print(step.reason, soft_wrap=True)
                return
            table.tell(step)
            if step.verdict != "waiting" and step.reason:
                log.record_step(split.candidate, step)

        outcome = Rollout(plan, policy, Ports(traffic, subject.meter(), _WallClock()), tell).run()
        if outcome == "promoted":
            _promote(subject, options.model, traffic, log.id, console)
    _say(console, options.model, traffic, outcome)
    return outcome


def _plan(options: argparse.Namespace, habits: Habits, split: Split) -> tuple[RolloutPlan, Policy]:
    plan = RolloutPlan(
        split.stable,
        split.candidate,
        options.steps or habits.steps,
        options.min_requests or habits.min_requests,
        options.step_seconds or habits.step_s,
        60 * options.patience,
        habits.quiet_s,
    )
    policy = Policy(
        risk=options.risk,
        error_margin=options.error_margin or habits.error_margin,
        quality_margin=options.margin,
        rated=habits.rated and not options.unrated,
        names=habits.names,
    )
    return plan, policy


def _promote(subject: Subject, model: str, traffic: EdgeSplit, why: str, console: Console) -> None:
    """Makes the candidate the stable version; where it is registered, the registry's champion as well.

    Raises:
        CanaryError: the alias could not be moved; all traffic is on the version that was stable before.
    """
    candidate = traffic.split.candidate

    def reach(_: Move) -> None:
        if traffic.split.candidate != candidate:  # it was made stable, and then the alias did not move
            traffic.shift(_ALL)
        traffic.promote()

    try:
        version = subject.registered(candidate)
        if version is None:
            console.print(f"{model}: version {candidate} is not registered: no alias is moved", style="dim")
            traffic.promote()
            return
        made = promote(model, version.number, f"proven by canary {why}", reach=reach)
    except RegistryError as problem:
        traffic.shift(0)
        raise CanaryError(f"canary of {model}: proven, and not promoted: {problem}") from None
    before = made.before.number if made.before else "none"
    console.print(f"{model}: champion {before} -> {version.number}: level 3 serves it as version {candidate}")


def _check(options: argparse.Namespace, addresses: Addresses) -> None:
    if options.model == CHAT.model:
        if not addresses.extras:
            raise CanaryError("model assistant: does not run: run make up-3 WITH=assistant")
        if options.candidate:
            raise CanaryError(f"candidate {options.candidate}: expected none: variables describe the assistant's")
    elif options.model not in MODELS:
        raise CanaryError(f"model {options.model}: expected one of {', '.join((*MODELS, CHAT.model))}")
    if not options.auto and not 0 <= options.weight <= _ALL:
        raise CanaryError(f"weight {options.weight}: expected 0 to 100 percent")


def _say(console: Console, model: str, traffic: EdgeSplit, what: str) -> None:
    split = traffic.split
    shares = f"version {split.stable} has {_ALL - split.weight}%, version {split.candidate} has {split.weight}%"
    console.print(f"{model}: {what}: {shares}", soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shop.commands.canary", description="A share of live traffic.")
    parser.add_argument("model", help=", ".join((*MODELS, CHAT.model)))
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--weight", type=int, metavar="PERCENT", help="share of the requests that the candidate gets")
    how.add_argument("--auto", action="store_true", help="raise the weight to 100 %% and judge at each step")
    parser.add_argument(
        "--candidate", metavar="VERSION", help="the candidate; default: the version that canary.json names"
    )
    parser.add_argument("--traffic", type=positive, metavar="RPS", help="with --auto: replay traffic and its feedback")
    parser.add_argument(
        "--steps",
        type=_steps,
        metavar="PERCENTS",
        help="shares of the steps (1,5,25,50,100; of the assistant 10,50,100)",
    )
    parser.add_argument(
        "--min-requests", type=count, metavar="N", help="answers that a step needs (200; of the assistant 40)"
    )
    parser.add_argument(
        "--step-seconds",
        type=positive,
        metavar="S",
        help="seconds in which to gather them (60; with the assistant 300)",
    )
    parser.add_argument("--questions", type=count, metavar="N", help="ask the assistant fewer of the quality set (52)")
    _add_proof(parser)
    return parser


def _add_proof(parser: argparse.ArgumentParser) -> None:
    proof = parser.add_argument_group("what must be proven before a promotion")
    shares = {
        "--margin": (Policy.quality_margin, "of the good outcomes, e.g. clicks, that may be lost"),
        "--error-margin": (
            Policy.error_margin,
            "of the answers that may be errors, or degraded; of the assistant 0.05",
        ),
        "--risk": (Policy.risk, "probability of promoting a version that loses as much"),
    }
    for name, (default, what) in shares.items():
        chosen = None if name == "--error-margin" else default
        proof.add_argument(name, type=_fraction, default=chosen, metavar="SHARE", help=f"{what} ({default})")
    proof.add_argument(
        "--patience", type=positive, default=60, metavar="MINUTES", help="how long to wait for the proof (60)"
    )
    proof.add_argument(
        "--unrated", action="store_true", help="promote without a proof of quality, where nobody rates answers"
    )


def _fraction(text: str) -> float:
    value = positive(text)
    if value >= 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0 and below 1")
    return value


def _steps(text: str) -> tuple[int, ...]:
    steps = tuple(int(part) for part in text.split(","))
    if sorted(set(steps)) != list(steps) or not 0 < steps[0] < _ALL or steps[-1] > _ALL:
        expected = "percentages that rise, the first below 100, the last at most 100"
        raise argparse.ArgumentTypeError(f"steps {text}: expected {expected}")
    return steps


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir)
    sys.exit(main())

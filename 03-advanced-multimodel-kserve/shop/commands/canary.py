"""``make canary-3 MODEL=ranking WEIGHT=10`` or ``AUTO=1``: a candidate version gets a share of the live traffic.

By hand: the weight is what you say, from the next request on. Automatically: 1, 5, 25, 50, 100 %; at each step the
candidate's p99, errors, fallbacks, scores and online quality are held against stable's, and it goes on, or back to 0.
It is promoted on proof only: at 50 % the rollout waits until a loss of the margin or more is excluded; then the alias
``champion`` moves in the registry as well. Before anything is shifted, the command says how long that takes at this
traffic; you choose the margin, the risk and the patience.

::

    make canary-3 MODEL=ranking AUTO=1                        # beside traffic that is there, with its feedback
    make canary-3 MODEL=ranking AUTO=1 ARGS="--unrated"       # beside traffic without feedback, e.g. make sla-3
    make canary-3 MODEL=ranking AUTO=1 ARGS="--traffic 100"   # on a quiet machine: replayed searches and their clicks
    make canary-3 MODEL=ranking AUTO=1 ARGS="--traffic 100 --margin 0.1 --error-margin 0.01"   # a proof within a minute
    make canary-3 MODEL=ranking WEIGHT=100                    # after a promotion: back to the version before

Exit codes: 0 shifted or promoted, 1 rolled back, 2 nothing could be decided or done; 130 Ctrl-C, all traffic on stable.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING

from servekit.errors import ServingError
from servekit.http_ask import ask
from shop.addresses import Addresses
from shop.canary.decision_log import DecisionLog
from shop.canary.edge import Edge
from shop.canary.edge_split import EdgeSplit
from shop.canary.errors import CanaryError
from shop.canary.judge import Policy
from shop.canary.meter import GatewayMeter
from shop.canary.progress_table import ProgressTable
from shop.canary.rollout import STEPS, Ports, Rollout, RolloutPlan
from shop.commands.serving import registered_as
from shop.endpoints import MODELS
from shop.load.world_traffic import world_replay
from workbench.arguments import count, positive
from workbench.registry import RegistryError, promote
from workbench.stack import join
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from shop.canary.rollout import Step
    from workbench.registry import Move

__all__ = ["main"]

_SHIFTED, _ROLLED_BACK, _UNDECIDED, _INTERRUPTED = 0, 1, 2, 130
_ALL = 100


class _WallClock:
    """A `Clock` that shows and takes real time."""

    now = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)


def main(argv: Sequence[str] | None = None, addresses: Addresses | None = None) -> int:
    """Shift a model's traffic as the command line says; returns the exit code."""
    options, addresses, console = _parser().parse_args(argv), addresses or Addresses(), make_console()
    try:
        _check(options)
        with DecisionLog(addresses.run_dir, options.model) as log:
            traffic = EdgeSplit(addresses, Edge(addresses.envoy_admin_port), options.model)
            if options.candidate:
                traffic.nominate(options.candidate)
            if options.auto or options.weight:
                _check_loaded(addresses, options.model, traffic.split.candidate)
            run = _walk if options.auto else _by_hand
            return run(addresses, options, traffic, log, console)
    except (CanaryError, ServingError) as problem:
        console.print(f"error: {problem}", style="red", markup=False, soft_wrap=True)
        return _UNDECIDED
    except KeyboardInterrupt:
        console.print("interrupted: all traffic is on the stable version" if options.auto else "interrupted")
        return _INTERRUPTED


def _by_hand(_: Addresses, options: argparse.Namespace, traffic: EdgeSplit, log: DecisionLog, console: Console) -> int:
    before, weight = traffic.split.weight, options.weight
    traffic.shift(weight)
    log.record_manual(traffic.split.candidate, before, weight)
    _say(console, options.model, traffic, f"{before}% -> {weight}%")
    return _SHIFTED


def _walk(
    addresses: Addresses, options: argparse.Namespace, traffic: EdgeSplit, log: DecisionLog, console: Console
) -> int:
    split = traffic.split
    limits = options.min_requests, options.step_seconds, 60 * options.patience
    plan = RolloutPlan(split.stable, split.candidate, options.steps, *limits)
    policy = Policy(
        risk=options.risk,
        error_margin=options.error_margin,
        quality_margin=options.margin,
        rated=not options.unrated,
    )
    ports = range(addresses.gateway_port, addresses.gateway_port + addresses.gateways)
    meter = GatewayMeter(options.model, [f"http://127.0.0.1:{port}/metrics" for port in ports])
    with ExitStack() as stack:
        if options.traffic:
            stack.enter_context(world_replay(addresses, options.model, options.traffic))
        table = stack.enter_context(ProgressTable(console))

        def tell(step: Step) -> None:
            if step.verdict == "forecast":
                console.print(step.reason, soft_wrap=True)
                return
            table.tell(step)
            if step.verdict != "waiting" and step.reason:
                log.record_step(split.candidate, step)

        outcome = Rollout(plan, policy, Ports(traffic, meter, _WallClock()), tell).run()
        if outcome == "promoted":
            _promote(addresses, options.model, traffic, log.id, console)
    _say(console, options.model, traffic, outcome)
    console.print(f"every decision is in {addresses.run_dir / 'audit'}", style="dim", soft_wrap=True)
    return {"promoted": _SHIFTED, "rolled back": _ROLLED_BACK}.get(outcome, _UNDECIDED)


def _promote(addresses: Addresses, model: str, traffic: EdgeSplit, why: str, console: Console) -> None:
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
        version = registered_as(addresses, model, candidate)
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


def _check(options: argparse.Namespace) -> None:
    if options.model not in MODELS:
        raise CanaryError(f"model {options.model}: expected one of {', '.join(MODELS)}")
    if not options.auto and not 0 <= options.weight <= _ALL:
        raise CanaryError(f"weight {options.weight}: expected 0 to 100 percent")


def _check_loaded(addresses: Addresses, model: str, version: str) -> None:
    port = addresses.triton_http_port
    try:
        ready = ask(f"http://127.0.0.1:{port}/v2/models/{model}/versions/{version}/ready", 5).status == HTTPStatus.OK
    except OSError as error:
        raise CanaryError(f"Triton on port {port}: {error}: run make up-3") from None
    if not ready:
        add = f"python -m shop.serving.control add {model} {version}"
        raise CanaryError(f"version {version} of {model}: Triton has not loaded it, expected it ready: {add}")


def _say(console: Console, model: str, traffic: EdgeSplit, what: str) -> None:
    split = traffic.split
    shares = f"version {split.stable} has {_ALL - split.weight}%, version {split.candidate} has {split.weight}%"
    console.print(f"{model}: {what}: {shares}", soft_wrap=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shop.commands.canary", description="A share of live traffic.")
    parser.add_argument("model", help=", ".join(MODELS))
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--weight", type=int, metavar="PERCENT", help="share of the requests that the candidate gets")
    how.add_argument("--auto", action="store_true", help="raise the weight to 100 %% and judge at each step")
    parser.add_argument(
        "--candidate", metavar="VERSION", help="the candidate; default: the version that canary.json names"
    )
    parser.add_argument("--traffic", type=positive, metavar="RPS", help="with --auto: replay traffic and its feedback")
    parser.add_argument(
        "--steps", type=_steps, default=STEPS, metavar="PERCENTS", help="shares of the steps (1,5,25,50,100)"
    )
    parser.add_argument("--min-requests", type=count, default=200, metavar="N", help="answers that a step needs (200)")
    parser.add_argument(
        "--step-seconds", type=positive, default=60, metavar="S", help="seconds in which to gather them (60)"
    )
    _add_proof(parser)
    return parser


def _add_proof(parser: argparse.ArgumentParser) -> None:
    proof = parser.add_argument_group("what must be proven before a promotion")
    shares = {
        "--margin": (Policy.quality_margin, "of the good outcomes, e.g. clicks, that may be lost"),
        "--error-margin": (Policy.error_margin, "of the answers that may be errors, or degraded, beyond stable's"),
        "--risk": (Policy.risk, "probability of promoting a version that loses as much"),
    }
    for name, (default, what) in shares.items():
        proof.add_argument(name, type=_fraction, default=default, metavar="SHARE", help=f"{what} ({default})")
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

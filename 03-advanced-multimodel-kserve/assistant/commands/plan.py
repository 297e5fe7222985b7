"""``make plan-assistant USERS=10000``: replicas of the language model for a peak without a zone, and their price."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from planner.prices import load_prices
from planner.tokens.calibration import REFERENCE, load
from planner.tokens.replica import TokenPromise
from planner.tokens.replicas import AssistantAsk, plan_replicas
from planner.tokens.table import print_replicas
from planner.tokens.traffic import Lengths
from servekit.errors import InvalidValueError, ServingError
from servekit.json_file import write_json
from shop.addresses import Addresses
from workbench.arguments import count, positive, share
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the plan and writes ``assistant-plan.json`` into the run folder; 2 when it cannot be made."""
    options = _parser().parse_args(arguments)
    run_dir = Addresses().run_dir
    try:
        calibration, source = load([run_dir / "assistant-calibration.json", REFERENCE])
        plan = plan_replicas(calibration, source, load_prices(), _ask(options))
    except ServingError as problem:
        say(problem, stderr=True)
        return 2
    console = make_console()
    print_replicas(console, plan)
    path = run_dir / "assistant-plan.json"
    write_json(path, plan)
    console.print(f"written: {path}", style="dim", soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m assistant.commands.plan", description=__doc__)
    parser.add_argument("--users", type=positive, default=10_000.0, help="people in the shop at the peak")
    parser.add_argument("--questions", type=positive, default=2.0, help="questions that each of them asks in an hour")
    parser.add_argument(
        "--ttft-ms", type=positive, default=TokenPromise().ttft_ms, help="first token, p99, milliseconds"
    )
    parser.add_argument(
        "--tpot-ms", type=positive, default=TokenPromise().tpot_ms, help="each further token, p99 of answers"
    )
    parser.add_argument("--prompt", type=positive, default=Lengths().prompt, help="tokens of a prompt, on average")
    parser.add_argument("--answer", type=positive, default=Lengths().answer, help="tokens of an answer, on average")
    parser.add_argument(
        "--kv-tokens", type=count, help="tokens that a replica's cache has room for; default: calibrated"
    )
    parser.add_argument("--zones", type=count, default=3, help="zones of a region; the fleet survives the loss of one")
    parser.add_argument("--headroom", type=share, default=0.2, help="share of a replica that stays free even then")
    return parser


def _ask(options: argparse.Namespace) -> AssistantAsk:
    lengths = Lengths(prompt=options.prompt, answer=options.answer)
    for name, mean, most in (
        ("prompt", lengths.prompt, lengths.most_prompt),
        ("answer", lengths.answer, lengths.most_answer),
    ):
        if not 1 <= mean <= most:
            raise InvalidValueError(name, mean, f"expected from 1 to {most} tokens")
    if options.headroom >= 1:
        raise InvalidValueError("headroom", options.headroom, "expected from 0 to below 1")
    return AssistantAsk(
        users=options.users,
        questions_per_hour=options.questions,
        lengths=lengths,
        promise=TokenPromise(ttft_ms=options.ttft_ms, tpot_ms=options.tpot_ms),
        zones=options.zones,
        headroom=options.headroom,
        kv_tokens=options.kv_tokens,
    )


if __name__ == "__main__":
    sys.exit(main())

"""``make delays-3``: what holding requests back for a batch costs and brings, on a Triton of its own (3 minutes)."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from servekit.json_file import write_json
from shop.addresses import Addresses
from shop.artefact import ArtefactError
from shop.load.triton_delays import DelayError, DelayExperiment, Variant, measure
from shop.serving.control import ControlError
from workbench.arguments import not_negative, positive
from workbench.hardware import describe, hardware_stamp
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from shop.load.triton_delays import DelayMeasurement

__all__ = ["main"]

_RESULT = Path(".run/bench/delays-3.json")
_DELAYS_US = (None, 0, 100, 500, 1000)


def main(argv: Sequence[str] | None = None, result: Path = _RESULT) -> int:
    """Prints the table and writes the figures; 0 when all was measured, 1 when not."""
    addresses, console = Addresses(), make_console()
    options = _parser().parse_args(argv)
    variants = [Variant(delay) for delay in options.delays] + [Variant(0, time_limit=True)] * options.time_limit
    plan = DelayExperiment(tuple(variants), tuple(options.rates), options.seconds)
    try:
        with console.status("starting Triton") as status:

            def watch(variant: Variant, load: str) -> None:
                status.update(f"queue delay {variant}: {load}")

            measured = list(measure(addresses.models_dir, addresses.run_dir / "delays", plan, watch))
    except (DelayError, ControlError, ArtefactError, OSError) as problem:
        say(f"error: {problem}", stderr=True)
        return 1
    stamp = hardware_stamp()
    write_json(result, {"measured": measured, "hardware": stamp})
    _print(measured, console)
    console.print(escape(f"{describe(stamp)}; written to {result}"), soft_wrap=True)
    return 0


def _print(measured: Sequence[DelayMeasurement], console: Console) -> None:
    for rate in sorted({each.rate_rps for each in measured}, key=lambda rate: rate or float("inf")):
        load = f"{rate:g} requests/s, open loop" if rate else "as many as it can, 16 at once"
        columns = ("queue delay", "model", "requests/s", "p50 ms", "p99 ms", "longest ms", "over 100 ms", "in a batch")
        table = make_table(console, *columns, title=load)
        for each in measured:
            if each.rate_rps == rate:
                times = (f"{value:.2f}" for value in (each.p50_ms, each.p99_ms, each.max_ms))
                longest = str(each.stalls) if rate else ""
                table.add_row(each.variant, each.model, f"{each.rps:.0f}", *times, longest, f"{each.batch:.2f}")
        console.print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shop.commands.delays", description=__doc__.split("\n")[0])
    parser.add_argument(
        "--delays", nargs="+", type=_delay, default=_DELAYS_US, metavar="US", help="queue delays in µs, or off"
    )
    parser.add_argument("--rates", nargs="+", type=not_negative, default=(60.0, 400.0), metavar="RPS")
    parser.add_argument("--no-time-limit", dest="time_limit", action="store_false", help="leave that variant out")
    parser.add_argument("--seconds", type=positive, default=6.0, help="seconds for each delay and rate (%(default)s)")
    return parser


def _delay(text: str) -> int | None:
    return None if text == "off" else int(text)


if __name__ == "__main__":
    sys.exit(main())

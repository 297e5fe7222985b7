"""``make calibrate-3``: measure the running level, predict traffic that was held out, and say how far off that is.

Two minutes, best on a machine that does nothing else. Each kind of request is sent alone, at a low rate and at a high
one, from an empty cache and from a full one; then the whole mix at a rate that the calibration has not seen. The result
is what ``make plan-3`` computes from.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec

from planner.calibration import REFERENCE
from servekit.errors import ServingError
from servekit.json_file import write_json
from servekit.shares import share_text
from shop.addresses import Addresses
from shop.calibration.bench import RunningStack
from shop.calibration.from_survey import calibrate, compare_capacity
from shop.calibration.processes import find_processes
from shop.calibration.repeats import Repeats
from shop.calibration.survey import Schedule, survey
from shop.gateway.settings import GatewaySettings
from shop.serving.envoy.settings import EdgeSettings
from workbench.arguments import count, positive
from workbench.hardware import describe
from workbench.sla import load_sla
from workbench.sla.capacity import CapacityResult
from workbench.sla.scenario import load_scenario
from workbench.sla.settings import overridden
from workbench.sla.target import identify
from workbench.stack import join
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from planner.calibration import Calibration

__all__ = ["main"]

_SLA: Final = Path(__file__).resolve().parents[2] / "sla.toml"
_RESULTS: Final = Path(".run/sla")
_GOAL: Final = 0.15


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints prediction against measurement, writes ``calibration.json``; 2 when the level does not answer."""
    options = _parser().parse_args(arguments)
    run_dir = Addresses().run_dir
    console = make_console()
    try:
        calibration = _measure(options, run_dir, console)
    except ServingError as problem:
        say(problem, stderr=True)
        return 2
    targets = [run_dir / "calibration.json", *([REFERENCE] if options.write_reference else [])]
    for path in targets:
        write_json(path, calibration)
    _print(console, calibration)
    for path in targets:
        console.print(f"written: {path}", style="dim", soft_wrap=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shop.commands.calibrate", description=__doc__)
    parser.add_argument("--rounds", type=count, default=Schedule().rounds, help="rounds; more make the p99 steadier")
    parser.add_argument(
        "--held-out-rps", type=positive, default=Schedule().held_out_rps, help="rate to predict, in requests per second"
    )
    parser.add_argument("--write-reference", action="store_true", help="also replace the shipped calibration")
    return parser


def _measure(options: argparse.Namespace, run_dir: Path, console: Console) -> Calibration:
    addresses = Addresses()
    sla = overridden(load_sla(_SLA), server__url=f"http://127.0.0.1:{addresses.port}")
    identify(sla.server)
    processes = find_processes(run_dir)
    ports = tuple(addresses.gateway_port + number for number in range(addresses.gateways))
    bench = RunningStack(sla.server.url, processes, ports, addresses)
    schedule = Schedule(rounds=options.rounds, held_out_rps=options.held_out_rps)
    scenario = load_scenario(sla.scenario, _SLA.parent)
    found = survey(bench, scenario, sla.mix, schedule, lambda line: console.print(line, style="dim"))
    command = shlex.join(["python", "-m", "shop.commands.calibrate", *sys.argv[1:]])
    calibration = calibrate(found, sla.mix, processes, command)
    searched = _searched(calibration, sla.level)
    held = calibration.held_out
    if held is None or searched is None:
        return calibration
    repeats = Repeats(scenario, sla.mix, GatewaySettings().cache_ttl_s, Random(2))  # noqa: S311 - a load pattern
    compared = [*held.comparisons, compare_capacity(calibration, searched, repeats.at, EdgeSettings().concurrency)]
    return msgspec.structs.replace(calibration, held_out=msgspec.structs.replace(held, comparisons=compared))


def _searched(calibration: Calibration, level: int) -> CapacityResult | None:
    """What ``make capacity-3`` found on this machine, if it has run to where a rate was confirmed."""
    try:
        searched = msgspec.json.decode((_RESULTS / f"capacity-{level}.json").read_bytes(), type=CapacityResult)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    machines = [(stamp["cpu"], stamp["cores"]) for stamp in (searched.hardware, calibration.hardware)]
    return searched if searched.confirmations and machines[0] == machines[1] else None


def _print(console: Console, calibration: Calibration) -> None:
    names = sorted({name for profile in calibration.profiles for name in profile.quiet.cpu_us})
    columns = (*(f"{name} µs" for name in names), "CPU µs", "CPU busy, µs", "p50 ms", "p99 ms", "bytes inside")
    table = make_table(console, "alone", *columns, numbers=1)
    for profile in calibration.profiles:
        used = [profile.quiet.cpu_us.get(name, 0.0) for name in names]
        busy = sum(profile.busy.cpu_us.values())
        middle, high = (profile.latency_ms[round(share * (len(profile.latency_ms) - 1))] for share in (0.5, 0.99))
        figures = (*used, sum(used), busy, middle, high, profile.wire_bytes - profile.edge_bytes)
        table.add_row(f"{profile.kind}, {profile.result}", *(f"{figure:,.3g}" for figure in figures))
    console.print(table)
    _print_held_out(console, calibration)
    noise = calibration.noise
    advice = "; NOISY: measure again on an idle machine" if noise.noisy else ""
    console.print(
        f"host: other programs used {noise.others:.0%}, the hypervisor {noise.steal:.1%}; {noise.stalled:.2%} of the "
        f"time was lost in {noise.stalls_per_s:g} stalls a second, the longest {noise.longest_ms:.3g} ms{advice}",
        style="yellow" if noise.noisy else "dim",
        soft_wrap=True,
    )
    console.print(describe(calibration.hardware), style="dim", soft_wrap=True)


def _print_held_out(console: Console, calibration: Calibration) -> None:
    held = calibration.held_out
    if held is None:
        return
    asked = {kind: round(held.requests * held.mix.get(kind, 0.0)) for kind in held.hit_ratio}
    ratios = ", ".join(f"{kind} {share_text(held.hit_ratio[kind] * of, of)}" for kind, of in asked.items())
    console.print(
        f"held out: {held.rate_rps:g} requests/s of the mix, {held.requests:,} requests, from the cache: {ratios}",
        style="bold",
        soft_wrap=True,
    )
    table = make_table(console, "", "measured", "simulated", "error", "closed form", "error", numbers=1)
    for each in held.comparisons:
        off = each.closed_form_error
        table.add_row(
            each.figure,
            f"{each.measured:.3g}",
            f"{each.simulated:.3g}",
            _error(each.simulated_error),
            f"{each.closed_form:.3g}" if each.closed_form is not None else "",
            _error(off) if off is not None else "",
        )
    console.print(table)
    spread = ", ".join(f"{value:.3g}" for value in held.rounds_p99_ms)
    console.print(
        f"goal: {_GOAL:.0%}. p99 of the rounds: {spread} ms; no model can be nearer than these are to each other.",
        style="dim",
        soft_wrap=True,
    )


def _error(share: float) -> str:
    colour = "green" if abs(share) <= _GOAL else "red"
    return f"[{colour}]{share:+.0%}[/]"


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir)
    sys.exit(main())

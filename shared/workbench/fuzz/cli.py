"""``make fuzz-N`` prints a run's table, and writes ``.run/fuzz/N.json`` and the bytes of each fault's input."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from servekit.json_file import write_json
from workbench.arguments import count
from workbench.fuzz.campaign import Campaign, Tally
from workbench.fuzz.health import ailments, usage
from workbench.fuzz.shrink import shrink
from workbench.hardware import describe, hardware_stamp
from workbench.terminal import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from workbench.fuzz.surface import Surface

__all__ = ["main"]

_OUT: Final = Path(".run/fuzz")
_WARM_UP: Final = 300
_SHRUNK: Final = 3


def main(surface: Surface, argv: Sequence[str] | None = None) -> int:
    """The exit status: 0 without a fault, 1 with one or when the level is not healthy afterwards."""
    arguments = _parser(surface).parse_args(argv)
    console = make_console()
    numbers = [arguments.only] if arguments.only is not None else range(1, arguments.inputs + 1)
    if arguments.only is None:  # what is allocated once is no leak
        asyncio.run(Campaign(surface, arguments.seed).run(range(1, _WARM_UP + 1)))
    before = usage(surface.home)
    campaign = Campaign(surface, arguments.seed, console.print)
    tally = asyncio.run(campaign.run(numbers))
    ill, after = ailments(surface, before)
    _table(console, tally)
    folder = arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    _keep_faults(console, campaign, surface, folder)
    used = {"before": _listed(before), "after": _listed(after)}
    stamp = hardware_stamp()
    document: dict[str, Any] = {
        "level": surface.level, "seed": arguments.seed, "inputs": tally.inputs.total(), "kinds": dict(tally.inputs),
        "statuses": {kind: {str(code): n for code, n in sorted(each.items())} for kind, each in tally.statuses.items()},
        "right": tally.right, "told_to_come_again": tally.again, "lost": tally.lost, "seconds": tally.seconds,
        "faults": [{"input": each.number, "kind": each.kind, **each.fault._asdict()} for each in tally.found],
        "ailments": ill, "processes": used, "hardware": stamp,
    }  # fmt: skip
    write_json(folder / f"{surface.level}.json", document)
    for each in ill:
        console.print(f"afterwards: {each}", markup=False)
    found = len(tally.found) - tally.lost
    state = "the level is not healthy" if ill else "ready, nothing restarted, nothing kept"
    console.print(
        f"{tally.inputs.total():,} inputs in {tally.seconds:g} s, {found} faults; {tally.right:,} right requests "
        f"beside them, {tally.lost} lost; afterwards {state}"
    )
    console.print(describe(stamp))
    return 1 if tally.found or ill else 0


def _parser(surface: Surface) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=f"Thousands of wrong requests against level {surface.level}.")
    parser.add_argument("--inputs", type=count, default=20_000, help="how many (20,000)")
    parser.add_argument("--seed", type=count, default=1, help="the same inputs for the same seed (1)")
    parser.add_argument("--only", type=count, metavar="NUMBER", help="one input again")
    parser.add_argument("--out", type=Path, default=_OUT, help=f"where the result goes ({_OUT})")
    return parser


def _keep_faults(console: Console, campaign: Campaign, surface: Surface, folder: Path) -> None:
    for each in campaign.tally.found[:_SHRUNK]:
        sent = each.sent
        if each.kind != "right request":
            sent = asyncio.run(shrink(surface, campaign.case(each.number)[0], each))
        path = folder / f"{surface.level}-{each.number}.bin"
        path.write_bytes(sent)
        again = f'make fuzz-{surface.level} ARGS="--seed {campaign.seed} --only {each.number}"'
        console.print(f"{path}: {len(sent)} bytes to {each.url}: {each.fault.what}; again: {again}", markup=False)


def _table(console: Console, tally: Tally) -> None:
    table = make_table(console, "input", "tried", "answers by status (0: closed without one)", numbers=[1])
    for kind, tried in sorted(tally.inputs.items()):
        statuses = ", ".join(f"{status}: {number:,}" for status, number in sorted(tally.statuses[kind].items()))
        table.add_row(kind, f"{tried:,}", statuses)
    console.print(table)


def _listed(used: dict[int, Any]) -> list[dict[str, Any]]:
    return [each._asdict() for each in used.values()]

"""``make ladder-assistant``: the same answers in one way after another, both engines side by side in one run.

With ``--picture`` it answers eight short requests in four ways instead, and draws who was in each step of the model.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from assistant.ladder.measured import RungFigures, Spec
from assistant.ladder.picture import draw_ways
from assistant.ladder.rungs import RUNGS, Rung
from assistant.ladder.steps import Way
from assistant.ladder.work import REQUESTS
from assistant.load.promise import percentile
from assistant.weights import WeightsError, fetch_weights
from servekit.json_file import write_json
from workbench.arguments import count
from workbench.hardware import hardware_stamp
from workbench.processes import running
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["main"]

_PYTHON: Final = Path(".venvs/assistant/bin/python")
_RESULT: Final = Path(".run/bench/ladder-assistant.json")
_STEPS: Final = Path(".run/bench/steps-assistant.json")
_TIMEOUT_S: Final = 300
_SPIN: Final = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    sum(range(100_000))"
"""A program that works until it is stopped, or its parent is gone."""

_T = TypeVar("_T")


def main(argv: Sequence[str] | None = None) -> int:
    """0 when every rung was measured, 1 when one could not be, 2 when there is none to measure."""
    options = _parser().parse_args(argv)
    rungs = [each for each in RUNGS if options.only.lower() in each.title.lower()]
    if not rungs:
        say(f"ladder: --only {options.only}: expected a part of a rung: {', '.join(_titles())}", stderr=True)
        return 2
    try:
        if not os.environ.get("ASSISTANT_MODEL"):
            fetch_weights()
        if options.picture:
            _draw(_answered(list[Way], "assistant.ladder.steps"), options.picture)
        else:
            _show(_measured(rungs, options.rounds, options.requests))
    except (WeightsError, subprocess.SubprocessError, OSError, msgspec.DecodeError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip()
        say(f"ladder: {said.splitlines()[-1]}", stderr=True)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make ladder-assistant", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=count, default=2, metavar="N", help="every second one goes backwards (2)")
    parser.add_argument("--requests", type=count, default=REQUESTS, metavar="N", help=f"of the work ({REQUESTS})")
    parser.add_argument("--only", default="", metavar="TEXT", help="the rungs with this text, such as threads")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw who is in each step instead, as SVG")
    return parser


def _titles() -> list[str]:
    return [each.title for each in RUNGS]


def _measured(rungs: Sequence[Rung], rounds: int, requests: int) -> list[tuple[Rung, list[RungFigures]]]:
    runs: dict[str, list[RungFigures]] = defaultdict(list)
    for number in range(rounds):
        for rung in rungs if number % 2 == 0 else reversed(rungs):
            with _crowd() if rung.crowded else ExitStack():
                spec = Spec(rung.settings, rung.static, requests)
                found = _answered(RungFigures, "assistant.ladder.rung", msgspec.json.encode(spec).decode())
            runs[rung.title].append(found)
            say(f"round {number + 1}: {rung.title}: {found.rate:.0f} tokens/s", stderr=True)
    return [(rung, runs[rung.title]) for rung in rungs]


@contextmanager
def _crowd() -> Iterator[None]:
    """Programs that keep every core busy but one."""
    with ExitStack() as stack:
        for _ in range(max(1, (os.cpu_count() or 1) - 1)):
            stack.enter_context(running([sys.executable, "-I", "-S", "-c", _SPIN], {}))
        yield


def _answered(kind: type[_T], module: str, *words: str) -> _T:
    """What a module prints in the engine's environment, as an object of this kind."""
    command = [str(_PYTHON), "-m", module, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=kind)


def _show(runs: Sequence[tuple[Rung, list[RungFigures]]]) -> None:
    console = make_console()
    columns = ("engine", "rung", "tokens/s", "first token p50", "p99", "per token", "tokens/CPU-s", "memory")
    table = make_table(console, *columns, numbers=range(2, len(columns)))
    rows = [_row(rung, found) for rung, found in runs]
    for before, row in zip([None, *rows], rows, strict=False):
        table.add_row(
            "" if before and before["engine"] == row["engine"] else row["engine"],
            *(row["rung"], f"{row['tokens_per_s']:.0f}", f"{row['first_token_p50_s']:.2f} s"),
            *(f"{row['first_token_p99_s']:.2f} s", f"{row['per_token_ms']:.0f} ms"),
            *(f"{row['tokens_per_cpu_s']:.0f}", f"{row['memory_mb']:.0f} MB"),
        )
    console.print(table)
    result = {"rungs": rows, "rounds": max(len(found) for _, found in runs), "hardware": hardware_stamp()}
    write_json(_RESULT, result)


def _row(rung: Rung, found: Sequence[RungFigures]) -> dict[str, Any]:
    """The medians over the rounds."""
    return {
        "engine": rung.engine,
        "rung": rung.name,
        "tokens_per_s": median(each.rate for each in found),
        "first_token_p50_s": median(percentile(each.first_s, 0.5) for each in found),
        "first_token_p99_s": median(percentile(each.first_s, 0.99) for each in found),
        "per_token_ms": median(1e3 * median(each.per_token_s) for each in found),
        "tokens_per_cpu_s": median(each.tokens / each.cpu_s for each in found),
        "memory_mb": median(each.peak_bytes / 1e6 for each in found),
    }


def _draw(ways: Sequence[Way], picture: Path) -> None:
    console = make_console()
    columns = ("way", "steps", "sequences in each", "longest step", "all answers after")
    table = make_table(console, *columns, numbers=range(1, len(columns)))
    for way in ways:
        longest, whole = f"{max(way.seconds) * 1e3:.0f} ms", f"{sum(way.seconds):.2f} s"
        table.add_row(way.name, str(len(way.steps)), f"{way.sequences_at_once:.1f}", longest, whole)
    console.print(table)
    picture.write_text(draw_ways(ways), encoding="utf-8")
    write_json(_STEPS, {"ways": ways, "hardware": hardware_stamp()})
    say(f"written: {picture}")


if __name__ == "__main__":
    sys.exit(main())

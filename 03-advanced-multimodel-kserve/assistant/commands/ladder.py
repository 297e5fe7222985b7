"""``make ladder-assistant``: the same 12 answers in one way after another, both engines side by side in one run."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import msgspec

from assistant.ladder.measured import RungFigures
from assistant.load.promise import percentile
from assistant.weights import WeightsError, fetch_weights
from servekit.json_file import write_json
from workbench.arguments import count
from workbench.hardware import hardware_stamp
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["RUNGS", "main"]

_PYTHON: Final = Path(".venvs/assistant/bin/python")
_RESULT: Final = Path(".run/bench/ladder-assistant.json")
_TIMEOUT_S: Final = 300
_PLAIN: Final[dict[str, Any]] = {"threads": 1, "sequences": 8, "prefix_cache": False, "chunked": False}
RUNGS: Final[dict[str, dict[str, Any]]] = {
    "one after another": {"settings": {**_PLAIN, "sequences": 1}},
    "static batches of 8": {"settings": _PLAIN, "static": True},
    "continuous batching": {"settings": _PLAIN},
    "+ prefix caching": {"settings": {**_PLAIN, "prefix_cache": True}},
    "+ chunked prefill": {"settings": {**_PLAIN, "prefix_cache": True, "chunked": True}},
    "+ two threads": {"settings": {**_PLAIN, "prefix_cache": True, "chunked": True, "threads": 2}},
    "llama.cpp, 8 slots": {"settings": {**_PLAIN, "engine": "llamacpp", "prefix_cache": True}},
    "+ two threads (llama.cpp)": {
        "settings": {**_PLAIN, "engine": "llamacpp", "prefix_cache": True, "threads": 2},
    },
}
"""The ways, each with the settings of its engine; each adds one thing to the one before."""


def main(argv: Sequence[str] | None = None) -> int:
    """0 when every rung was measured, 1 when one could not be."""
    parser = argparse.ArgumentParser(prog="make ladder-assistant", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=count, default=2, metavar="N", help="every second one goes backwards (2)")
    options = parser.parse_args(argv)
    runs: dict[str, list[RungFigures]] = defaultdict(list)
    try:
        if not os.environ.get("ASSISTANT_MODEL"):
            fetch_weights()
        for number in range(options.rounds):
            order = list(RUNGS.items())
            for name, spec in order if number % 2 == 0 else reversed(order):
                runs[name].append(_run(spec))
                say(f"round {number + 1}: {name}: {runs[name][-1].rate:.0f} tokens/s", stderr=True)
    except (WeightsError, subprocess.SubprocessError, OSError, msgspec.DecodeError) as error:
        said = getattr(error, "stderr", "") or str(error)
        say(f"ladder: {said.strip().splitlines()[-1]}", stderr=True)
        return 1
    _show(runs)
    return 0


def _run(spec: dict[str, Any]) -> RungFigures:
    command = [str(_PYTHON), "-m", "assistant.ladder.rung", msgspec.json.encode(spec).decode()]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=_TIMEOUT_S, env=os.environ)
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=RungFigures)


def _show(runs: dict[str, list[RungFigures]]) -> None:
    console, stamp = make_console(), hardware_stamp()
    columns = ("rung", "tokens/s", "first token p50", "p99", "per token", "tokens/CPU-s", "memory")
    table = make_table(console, *columns, numbers=range(1, len(columns)))
    rows = []
    for name, found in runs.items():
        row = {
            "rung": name,
            "tokens_per_s": median(each.rate for each in found),
            "first_token_p50_s": median(percentile(each.first_s, 0.5) for each in found),
            "first_token_p99_s": median(percentile(each.first_s, 0.99) for each in found),
            "per_token_ms": median(1e3 * median(each.per_token_s) for each in found),
            "tokens_per_cpu_s": median(each.tokens / each.cpu_s for each in found),
            "memory_mb": median(each.peak_bytes / 1e6 for each in found),
        }
        rows.append(row)
        table.add_row(
            *(name, f"{row['tokens_per_s']:.0f}", f"{row['first_token_p50_s']:.2f} s"),
            *(f"{row['first_token_p99_s']:.2f} s", f"{row['per_token_ms']:.0f} ms"),
            *(f"{row['tokens_per_cpu_s']:.0f}", f"{row['memory_mb']:.0f} MB"),
        )
    console.print(table)
    write_json(_RESULT, {"rungs": rows, "rounds": max(map(len, runs.values())), "hardware": stamp})


if __name__ == "__main__":
    sys.exit(main())

"""``make calibrate-assistant``: measure the engine's steps, predict traffic that was held out, say how far off that is.

Four minutes, best on a machine that does nothing else. One, two, four and eight sequences with short and with long
prompts are answered in several rounds; between them comes traffic at rates that the fit does not see. The result is
what ``make plan-assistant`` computes from.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Final

import msgspec

from assistant.engine.settings import BLOCK_TOKENS, EngineSettings
from assistant.weights import WeightsError, find_weights
from planner.tokens.calibration import REFERENCE, TokenCalibration, compare, fit_measured, points
from planner.tokens.measure import QUIET, MeasureAsk, decode
from planner.tokens.model import U8, ModelShape
from planner.tokens.scheduler import EngineShape
from planner.tokens.table import GOAL, print_calibration
from planner.tokens.traffic import Lengths
from servekit.errors import InvalidValueError, ServingError
from servekit.json_file import write_json
from shop.addresses import Addresses
from workbench.arguments import count, positive
from workbench.hardware import hardware_stamp
from workbench.terminal import make_console, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from planner.tokens.measure import MeasuredEngine

__all__ = ["main", "near"]

_ROOT: Final = Path(__file__).resolve().parents[3]
_PYTHON: Final = _ROOT / ".venvs/assistant/bin/python"
_SHORT_PROMPT: Final = 32
_LONG_PROMPT: Final = 512
_ROUNDS: Final = 4
_ANSWER: Final = 96
_SECONDS: Final = 60.0
_TRIES: Final = 3
_RATES: Final = (1.0, 1.6)
_LONGEST_S: Final = 3600
_JUDGED: Final = ("tokens a second", "first token p99, ms")


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints prediction against measurement, writes ``assistant-calibration.json``; 1 beyond 15 %, 2 with an error."""
    options = _parser().parse_args(arguments)
    console = make_console()
    settings = EngineSettings()
    try:
        weights = find_weights(settings.model)
        ask = _ask(options, settings, weights)
        calibration = _calibration(_measured(ask), ask)
    except (ServingError, WeightsError, OSError, subprocess.SubprocessError, msgspec.DecodeError) as problem:
        say(f"calibrate-assistant: {problem}", stderr=True)
        return 2
    print_calibration(console, calibration)
    for path in _targets(options, calibration):
        write_json(path, calibration)
        console.print(f"written: {path}", style="dim", soft_wrap=True)
    return 0 if near(calibration, console) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m assistant.commands.calibrate", description=__doc__)
    parser.add_argument("--rounds", type=count, default=_ROUNDS, help="rounds of all scenarios")
    parser.add_argument("--long-prompt", type=count, default=_LONG_PROMPT, help="tokens of each long prompt in them")
    parser.add_argument("--answer", type=count, default=_ANSWER, help="tokens of each answer in the scenarios")
    parser.add_argument("--seconds", type=positive, default=_SECONDS, help="seconds of traffic at each held-out rate")
    parser.add_argument("--tries", type=count, default=_TRIES, help="how often that is done while others disturb it")
    parser.add_argument("--write-reference", action="store_true", help="also replace the shipped calibration")
    return parser


def _ask(options: argparse.Namespace, settings: EngineSettings, weights: Path) -> MeasureAsk:
    return MeasureAsk(
        model=str(weights),
        shape=EngineShape(settings.kv_tokens // BLOCK_TOKENS, BLOCK_TOKENS, settings.step_tokens),
        threads=settings.threads,
        prompts=[_SHORT_PROMPT, options.long_prompt],
        rounds=options.rounds,
        answer=options.answer,
        seconds=options.seconds,
        tries=options.tries,
        rates=list(_RATES),
        lengths=Lengths(),
    )


def _measured(ask: MeasureAsk) -> MeasuredEngine:
    """What a process in the assistant's environment measures; its progress goes to the terminal.

    Raises:
        InvalidValueError: the environment is missing, or the process failed; its own words are in the terminal.
    """
    if not _PYTHON.exists():
        raise InvalidValueError("environment", str(_PYTHON), "missing: make calibrate-assistant sets it up")
    command = [str(_PYTHON), "-m", "planner.tokens.measure", msgspec.json.encode(ask).decode()]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, timeout=_LONGEST_S)
    if done.returncode:
        raise InvalidValueError("measurement", done.returncode, "it failed, expected 0: the reason is above")
    return decode(done.stdout)


def _calibration(measured: MeasuredEngine, ask: MeasureAsk) -> TokenCalibration:
    model, cost, stamp = ModelShape.from_gguf(Path(ask.model)), fit_measured(measured), hardware_stamp()
    known = model.weights_bytes + measured.kv_bytes
    return TokenCalibration(
        engine=measured.version,
        model=model,
        kv=U8,
        shape=ask.shape,
        threads=ask.threads,
        kv_bytes_per_token=measured.kv_bytes / ask.shape.kv_tokens,
        process_bytes=max(measured.resident_bytes - known, 0),
        agreed=fmean([*measured.tight.agreed, *(each for same in measured.scenarios for each in same.agreed)]),
        preemptions=measured.tight.preemptions,
        cost=cost,
        points=points(measured, cost),
        held_out=[compare(run, ask.shape, cost) for run in measured.runs],
        hardware=stamp,
        date=stamp["date"],
        command=shlex.join(["python", "-m", "assistant.commands.calibrate", *sys.argv[1:]]),
    )


def _targets(options: argparse.Namespace, calibration: TokenCalibration) -> list[Path]:
    """The files to write; the shipped one is replaced only by what a quiet machine has confirmed."""
    quiet = all(run.stolen <= QUIET for run in calibration.held_out)
    if options.write_reference and not quiet:
        say(f"{REFERENCE}: not written: others used the machine", stderr=True)
    run = Addresses().run_dir / "assistant-calibration.json"
    return [run, REFERENCE] if options.write_reference and quiet else [run]


def near(calibration: TokenCalibration, console: Console) -> bool:
    """Whether every judged figure is within the goal; a run that others disturbed is not judged, and says so."""
    near = True
    for run in calibration.held_out:
        if run.stolen > QUIET:
            console.print(f"{run.rate_rps:g} requests/s: not judged, others had the core: try again when it is quiet")
            continue
        near &= all(abs(each.simulated_error) <= GOAL for each in run.comparisons if each.figure in _JUDGED)
    return near


if __name__ == "__main__":
    sys.exit(main())

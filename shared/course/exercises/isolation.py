"""The isolation of checks: a process of its own for each, a time limit, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["CheckVerdict", "run_check"]


class CheckVerdict(msgspec.Struct, frozen=True):
    """The outcome of one check; `message` is empty when it passed."""

    state: Literal["passed", "failed", "to do"]
    message: str = ""


def run_check(checks: Path, name: str, answer: Path, timeout_s: float) -> CheckVerdict:
    """The verdict of the check `name` in `checks` on `answer`; nothing that the learner's code does raises here.

    The check and everything it starts is one process group, which is ended with it.
    """
    with tempfile.TemporaryDirectory(prefix="exercise-") as folder:
        verdict = Path(folder, "verdict.json")
        words = [str(checks.resolve()), name, str(answer.resolve()), str(verdict)]
        with Path(folder, "output.txt").open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", "course.exercises.child", *words],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                ended = _wait(process, timeout_s)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if verdict.exists():
            return msgspec.json.decode(verdict.read_bytes(), type=CheckVerdict)
        output = Path(folder, "output.txt").read_text(encoding="utf-8", errors="replace")
        return CheckVerdict("failed", _without_verdict(ended, timeout_s, output))


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    try:
        return process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return None


def _without_verdict(ended: int | None, timeout_s: float, output: str) -> str:
    if ended is None:
        return f"still running after {timeout_s:g} s: an endless loop, or a wait for what never comes?"
    if ended < 0:
        return f"the process was ended by {signal.Signals(-ended).name} before the check was over"
    last = output.strip().splitlines()[-1:]
    return (
        f"the process ended itself (exit status {ended}) before the check was over{': ' if last else ''}{''.join(last)}"
    )

"""Runs a component whose servers all end together: ``python -m recommender.commands.step_process COMMAND…``.

Seldon's wrapper forks one server each for HTTP, gRPC and metrics. In a container they end with the container. On a bare
machine they do not: the wrapper that is told to stop waits for its gRPC server for ever, and the wrapper that is killed
leaves servers behind, which hold the ports and answer with a model that should be gone. This process ends them all.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress

import psutil

__all__ = ["run"]

_KILLED_WITHIN_S = 5.0
_STOPS_WITHIN_S = 5.0


def run(command: list[str]) -> int:
    """Runs the command until it ends or this process is told to stop; then kills all that it started.

    Returns:
        0 when this process was told to stop, else the command's exit code, or 1 instead of 0: a server should not end.
    """
    _end_leftovers(command)
    # Seldon's wrapper makes temporary folders, and is ended before it could remove them.
    with tempfile.TemporaryDirectory(prefix="step-", ignore_cleanup_errors=True) as scratch:
        return _run(command, {**os.environ, "TMPDIR": scratch})


def _run(command: list[str], environment: dict[str, str]) -> int:
    told = False
    child = subprocess.Popen(command, env=environment, start_new_session=True)

    def stop(number: int, frame: object) -> None:
        nonlocal told
        del number, frame
        told = True
        _signal_group(child.pid, signal.SIGTERM)
        signal.setitimer(signal.ITIMER_REAL, _STOPS_WITHIN_S)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGALRM, lambda *_: _signal_group(child.pid, signal.SIGKILL))
    code = child.wait()
    _signal_group(child.pid, signal.SIGKILL)
    return 0 if told else code or 1


def _end_leftovers(command: list[str]) -> None:
    """Kills the servers that an earlier run of the same command left behind."""
    same = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        # the command's own words end so, behind the interpreter; so do those of the process that runs this very line
        if words[-len(command) :] == command and process.pid != os.getpid():
            with suppress(psutil.NoSuchProcess):
                process.kill()
                same.append(process)
    psutil.wait_procs(same, timeout=_KILLED_WITHIN_S)


def _signal_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))

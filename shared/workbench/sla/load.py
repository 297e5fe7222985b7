"""Runs Locust in a process of its own and follows it: importing Locust here would patch this process's sockets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from servekit.errors import NotReadyError
from workbench.sla.host import HostWatch
from workbench.sla.recorder import Checked, read_measured
from workbench.sla.samples import read_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.sla.result import Host
    from workbench.sla.samples import Samples
    from workbench.sla.settings import Sla

__all__ = ["Load", "Progress", "Window", "generate", "locust_command", "locust_environment"]

_LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")
_POLL_S: Final = 0.25
_GRACE_S: Final = 30.0
_LOG_LINES: Final = 12


class Window(NamedTuple):
    """What to send: a rate, and how many seconds of it are sent before and during the judged time."""

    rate_rps: float
    warmup_s: float
    duration_s: float


class Load(NamedTuple):
    """What a load process measured; ``interrupted`` when Ctrl-C ended it early."""

    samples: Samples
    answers: Checked
    host: Host
    interrupted: bool


class Progress(Protocol):
    """Shown the samples of the run a few times a second."""

    def update(self, window: Window, samples: Samples) -> None:
        """Everything measured so far, warm-up included."""
        ...


def generate(path: Path, sla: Sla, window: Window, folder: Path, progress: Progress) -> Load:
    """Send the load that ``sla.toml`` describes and return everything measured. Ctrl-C ends it early, cleanly.

    Raises:
        NotReadyError: Locust ended before it sent anything; the message holds its last log lines.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("samples.bin", "measured.json"):
        (folder / name).unlink(missing_ok=True)
    options = [
        "--headless", "--only-summary", "--users", str(sla.generator.workers), "--spawn-rate", "100",
        "--rate", repr(window.rate_rps), "--warmup", repr(window.warmup_s), "--duration", repr(window.duration_s),
    ]  # fmt: skip
    if sla.generator.workers > 1:
        options += ["--processes", str(sla.generator.workers)]
    log = folder / "locust.log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches this process alone, which then ends Locust in good order.
        process = subprocess.Popen(
            locust_command(options),
            env=locust_environment(path, sla, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        interrupted, host = _follow(process, sla, window, folder, progress)
    samples = read_samples(folder / "samples.bin")
    measured = read_measured(folder)
    if measured is None and not interrupted:
        raise NotReadyError("locust", None, f"ended before the run did; its last lines:\n{_tail(log)}")
    return Load(samples, measured.answers if measured else Checked(), host, interrupted)


def locust_command(options: Sequence[str]) -> list[str]:
    """The command line that runs the load with these options of Locust's."""
    return [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), *options]


def locust_environment(path: Path, sla: Sla, folder: Path) -> dict[str, str]:
    """The environment in which the load finds its ``sla.toml``, its target, its seed and where to write."""
    return {
        **os.environ,
        "SERVEKIT_SLA_FILE": str(path),
        "SERVEKIT_SLA_FOLDER": str(folder),
        "SERVEKIT_SLA_URL": sla.server.url,
        "SERVEKIT_SLA_SEED": str(sla.generator.seed),
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
    }


def _follow(
    process: subprocess.Popen[bytes], sla: Sla, window: Window, folder: Path, progress: Progress
) -> tuple[bool, Host]:
    deadline = time.monotonic() + window.warmup_s + window.duration_s + sla.generator.timeout_s + _GRACE_S
    watch = HostWatch(process.pid)
    interrupted = False
    with ExitStack() as watching:
        try:
            started = False
            while process.poll() is None and time.monotonic() < deadline:
                samples = read_samples(folder / "samples.bin")
                if len(samples) and not started:
                    started = True
                    watching.enter_context(watch)
                progress.update(window, samples)
                time.sleep(_POLL_S)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            _end(process)
    return interrupted, watch.host()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:])

"""Several server processes on the same ports: the kernel spreads the connections over them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client.multiprocess import mark_process_dead

from iris_api.entrypoints.listener import StartupError

if TYPE_CHECKING:
    from iris_api.settings import IrisSettings

__all__ = ["Workers"]

_TOO_SOON_S = 5.0
_TRIES = 3


class Workers:
    """Starts the workers, replaces one that dies, stops them together.

    Each worker is ``python -m iris_api`` with one process. They write their metrics to a shared folder, so a scrape of
    any of them shows all.
    """

    def __init__(self, settings: IrisSettings) -> None:
        self._settings = settings
        self._running: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._stopping = False
        self._failures = 0

    def run(self) -> None:
        """Blocks until a signal stops all workers.

        Raises:
            StartupError: they die as soon as they start.
        """
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, self._stop)
        with tempfile.TemporaryDirectory(prefix="iris-metrics-") as folder:
            shared = self._settings.model_copy(update={"workers": 1, "share_ports": True})
            settings = {f"IRIS_{name.upper()}": str(value) for name, value in shared.model_dump().items()}
            environment = {**os.environ, **settings, "PROMETHEUS_MULTIPROC_DIR": folder}
            for _ in range(self._settings.workers):
                self._start(environment)
            while self._running:
                self._replace_one(environment)
        if self._failures >= _TRIES:
            raise StartupError(f"{_TRIES} workers in a row: they do not start, or end at once: see above")

    def _start(self, environment: dict[str, str]) -> None:
        worker = subprocess.Popen([sys.executable, "-m", "iris_api"], env=environment)
        self._running[worker.pid] = worker, time.monotonic()
        if self._stopping:  # told to while this one was being started
            os.kill(worker.pid, signal.SIGTERM)

    def _replace_one(self, environment: dict[str, str]) -> None:
        pid, status = os.wait()
        if pid not in self._running:  # an orphan, handed to process 1 of a container
            return
        worker, started = self._running.pop(pid)
        worker.returncode = os.waitstatus_to_exitcode(status)
        mark_process_dead(pid, environment["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]
        if self._stopping:
            return
        failed = worker.returncode == 1 or time.monotonic() - started < _TOO_SOON_S
        self._failures = self._failures + 1 if failed else 0
        if self._failures >= _TRIES:
            self._stop()
        else:
            self._start(environment)

    def _stop(self, *_: object) -> None:
        self._stopping = True
        for pid in list(self._running):
            with suppress(ProcessLookupError):  # Popen.terminate would reap the worker that os.wait waits for
                os.kill(pid, signal.SIGTERM)

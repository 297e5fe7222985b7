"""Several server processes on the same ports; the kernel spreads the connections over them."""

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

from servekit.startup import StartupError

if TYPE_CHECKING:
    from iris_api.settings import IrisSettings

__all__ = ["RELOAD", "Workers"]

_TOO_SOON_S = 5.0
_TRIES = 3
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.5, 30.0
_POLL_S = 0.1
RELOAD = signal.SIGUSR1
"""Has each worker take the model that now lies in its folder (`iris_api.entrypoints.reload`)."""


class Workers:
    """Starts the workers, replaces one that dies, and stops them together.

    Each worker is ``python -m iris_api`` with one process. They write their metrics to a shared folder, so a scrape of
    any of them shows all. A worker that does not start is tried again after ever longer waits, as long as another runs.
    """

    def __init__(self, settings: IrisSettings) -> None:
        self._settings = settings
        self._running: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._environment = dict(os.environ)
        self._stopping = False
        self._failures = 0
        self._next_start = 0.0
        self._code = 0

    def run(self) -> int:
        """Blocks until a signal stops all workers; returns 1 when one of them then ended with an error, else 0.

        Raises:
            StartupError: three workers in a row ended as they started, and none is left.
        """
        for sig in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sig, self._stop)
        signal.signal(RELOAD, self._pass_on)
        shared = self._settings.model_copy(update={"workers": 1, "worker_of": os.getpid()})
        self._environment |= {f"IRIS_{name.upper()}": str(value) for name, value in shared.model_dump().items()}
        run_dir = self._settings.run_dir
        run_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="metrics-", dir=run_dir.absolute()) as folder:
            self._environment["PROMETHEUS_MULTIPROC_DIR"] = folder
            while self._keep_going():
                self._start_missing()
                self._reap()
        if not self._stopping:
            raise StartupError(f"{self._failures} workers in a row ended as they started: their reasons are above")
        return self._code

    def _keep_going(self) -> bool:
        return bool(self._running) or (not self._stopping and self._failures < _TRIES)

    def _start_missing(self) -> None:
        while not self._stopping and len(self._running) < self._settings.workers and self._wait_s() <= 0:
            self._start()

    def _start(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {RELOAD})  # of the worker, too, until it has a handler: it would end
        try:
            worker = subprocess.Popen([sys.executable, "-m", "iris_api"], env=self._environment)
            self._running[worker.pid] = worker, time.monotonic()
        except OSError as error:  # no process or no memory to be had
            print(f"iris-api: a worker cannot be started: {error}", file=sys.stderr)
            self._failed()
            return
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {RELOAD})
        if self._stopping:  # the signal came while this one was being started
            os.kill(worker.pid, signal.SIGTERM)

    def _reap(self) -> None:
        """Waits for a worker to end, or until another is to be started."""
        missing = not self._stopping and len(self._running) < self._settings.workers
        pid, status = os.waitpid(-1, os.WNOHANG if missing else 0) if self._running else (0, 0)
        if pid == 0:
            time.sleep(min(_POLL_S, max(0.0, self._wait_s())))
        elif pid in self._running:  # else an orphan, handed to process 1 of a container
            self._ended(pid, os.waitstatus_to_exitcode(status))

    def _ended(self, pid: int, code: int) -> None:
        worker, started = self._running.pop(pid)
        worker.returncode = code
        mark_process_dead(pid, self._environment["PROMETHEUS_MULTIPROC_DIR"])  # type: ignore[no-untyped-call]
        if self._stopping:
            # a worker killed by the signal itself had not begun to serve, so it lost nothing
            self._code = max(self._code, int(code not in {0, -signal.SIGTERM}))
        elif code == 1 or time.monotonic() - started < _TOO_SOON_S:
            self._failed()
        else:
            self._failures = 0

    def _failed(self) -> None:
        self._failures += 1
        if self._failures >= _TRIES:
            wait_s = min(_FIRST_WAIT_S * 2.0 ** min(self._failures - _TRIES, 10), _LONGEST_WAIT_S)
            self._next_start = time.monotonic() + wait_s

    def _wait_s(self) -> float:
        return self._next_start - time.monotonic()

    def _stop(self, *_: object) -> None:
        self._stopping = True
        self._pass_on(signal.SIGTERM)

    def _pass_on(self, number: int, *_: object) -> None:
        for pid in list(self._running):
            with suppress(ProcessLookupError):  # Popen.send_signal would reap the worker that os.wait waits for
                os.kill(pid, number)

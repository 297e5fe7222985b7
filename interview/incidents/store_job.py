"""Jobs that other teams run on level 3's stores: what a fault starts, and a trainee finds and ends.

A job ends by itself when whoever started it is gone: its standard input ends then.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import psutil
from redis.exceptions import RedisError

from shop.addresses import Addresses
from shop.serving.stores import connect

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

__all__ = ["find_jobs", "main", "start_job", "stop_jobs"]

_ENDS_WITHIN_S = 5.0
_LONG_S, _PAUSE_S = 0.06, 0.15
_COUNT_ACTIVE = """
local active = 0
for row = 1, tonumber(ARGV[1]) do
  if redis.call('EXISTS', 'u:' .. (row % 1000)) == 1 then active = active + 1 end
end
return active
"""
_SAME_LIFETIME_S = 2.0


def start_job(name: str) -> subprocess.Popen[bytes]:
    """Starts a job of this file; its standard input must stay open as long as it is to run."""
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), name],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def find_jobs(name: str) -> list[psutil.Process]:
    """The processes that run a job now, whoever started them, for this run folder's stores."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            here = process.environ().get("SHOP_RUN_DIR", "") == os.environ.get("SHOP_RUN_DIR", "")
            if process.cmdline()[1:] == [str(Path(__file__).resolve()), name] and here:
                found.append(process)
    return found


def stop_jobs(name: str) -> None:
    """Ends a job, as ``kill PID`` does."""
    found = find_jobs(name)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    psutil.wait_procs(found, _ENDS_WITHIN_S)


def main(name: str) -> None:
    """Runs a job until standard input ends, or the store is gone."""
    Thread(target=_end_with_input, daemon=True).start()
    store, work = _JOBS[name]
    with connect(Addresses(), store) as client, suppress(RedisError):
        client.client_setname(name)
        work(client)


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)


def _report(client: redis.Redis) -> None:
    """Counts active people in one script, again and again. A script holds up everything else until it has ended."""
    rows, count_active = 1_000, client.register_script(_COUNT_ACTIVE)
    while True:
        begun = time.monotonic()
        count_active(args=[rows])
        took_s = max(time.monotonic() - begun, 1e-4)
        rows = min(max(int(rows * _LONG_S / took_s), rows // 2), rows * 10)
        time.sleep(_PAUSE_S)


def _same_lifetime(client: redis.Redis) -> None:
    """Gives all answers in the cache the same end, so that they are always fresh together: two seconds at a time."""
    while True:
        ends_ms = int((time.time() // _SAME_LIFETIME_S + 1) * _SAME_LIFETIME_S * 1000)
        while time.time() * 1000 < ends_ms:
            with client.pipeline(transaction=False) as pipe:
                for key in client.scan_iter("a:*", count=1000):
                    pipe.pexpireat(key, ends_ms)
                pipe.execute()
            time.sleep(0.1)


_JOBS: dict[str, tuple[str, Callable[[redis.Redis], None]]] = {
    "sales-report": ("features", _report),
    "cache-warmer": ("cache", _same_lifetime),
}

if __name__ == "__main__":
    main(sys.argv[1])

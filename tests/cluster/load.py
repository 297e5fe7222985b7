"""Sends requests at a constant rate from inside a cluster, whatever the answers do; prints what became of each.

``python load.py LOAD`` runs in a pod, on Python's own library; LOAD is a `tests.cluster.calls.Load` as a JSON object.
Like a well-behaved client it keeps its connections, closes one when told to, sends nothing over one that the server has
closed meanwhile (RFC 9112, section 9.5), and never sends a request twice. It ends early once there is a file `STOP`.
"""

from __future__ import annotations

import http.client
import json
import re
import select
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECTIONS, TIMEOUT_S = 16, 10
STOP = "/tmp/stop"  # noqa: S108 - in a pod of its own


def main(load: str) -> None:
    """Sends the requests, then prints a JSON object of counts."""
    told = json.loads(load)
    target, body, counted = urlsplit(told["url"]), told["body"], told["counted"]
    headers = {"content-type": "application/json", "host": told["host"] or target.netloc}
    due = timetable(told["rate"], told["seconds"])
    found: Counter[str] = Counter()
    late: list[float] = []

    def send() -> None:
        connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=TIMEOUT_S)
        while not Path(STOP).exists():
            try:
                number, at = due.get_nowait()
            except Empty:
                return
            time.sleep(max(0.0, at - time.monotonic()))
            if connection.sock and select.select([connection.sock], [], [], 0)[0]:
                connection.close()
            try:
                connection.request("POST", target.path, body.replace("#", str(number)), headers)
                answer = connection.getresponse()
                text = f"{answer.headers}{answer.read().decode()}"
                found[", ".join([str(answer.status), *(re.findall(counted, text) if counted else [])])] += 1
                if answer.will_close:
                    connection.close()
            except (OSError, http.client.HTTPException) as problem:
                found[f"{type(problem).__name__}: {problem}"] += 1
                connection.close()
            late.append(time.monotonic() - at)

    together(send)
    slowest = sorted(late)[int(0.99 * len(late))]
    sys.stdout.write(json.dumps({"answers": found, "p99_ms": round(1e3 * slowest, 1)}) + "\n")


def timetable(rate: float, seconds: float) -> SimpleQueue[tuple[int, float]]:
    """Each request's number, and when it is due."""
    due: SimpleQueue[tuple[int, float]] = SimpleQueue()
    begin = time.monotonic() + 0.5
    for number in range(int(rate * seconds)):
        due.put((number, begin + number / rate))
    return due


def together(send: Callable[[], None]) -> None:
    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


if __name__ == "__main__":
    main(sys.argv[1])

"""Sends requests at a constant rate from inside a cluster, whatever the answers do; prints what became of each.

``python load.py URL BODY RATE SECONDS`` runs in a pod, on Python's own library. Like a well-behaved client it keeps its
connections, closes one when told to, sends nothing over one that the server has closed meanwhile (RFC 9112, section
9.5), and never sends a request twice.
"""

from __future__ import annotations

import http.client
import json
import select
import sys
import threading
import time
from collections import Counter
from queue import Empty, SimpleQueue
from urllib.parse import urlsplit

CONNECTIONS, TIMEOUT_S = 16, 10


def main(url: str, body: str, rate: str, seconds: str) -> None:
    """Sends ``rate`` requests a second for so many seconds, then prints a JSON object of counts."""
    target = urlsplit(url)
    due: SimpleQueue[float] = SimpleQueue()
    begin, step = time.monotonic() + 0.5, 1 / float(rate)
    for number in range(int(float(rate) * float(seconds))):
        due.put(begin + number * step)
    found: Counter[str] = Counter()
    late: list[float] = []

    def send() -> None:
        connection = http.client.HTTPConnection(target.hostname or "", target.port or 80, timeout=TIMEOUT_S)
        while True:
            try:
                at = due.get_nowait()
            except Empty:
                return
            time.sleep(max(0.0, at - time.monotonic()))
            if connection.sock and select.select([connection.sock], [], [], 0)[0]:
                connection.close()
            try:
                connection.request("POST", target.path, body, {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                found[str(answer.status)] += 1
                if answer.will_close:
                    connection.close()
            except (OSError, http.client.HTTPException) as problem:
                found[f"{type(problem).__name__}: {problem}"] += 1
                connection.close()
            late.append(time.monotonic() - at)

    threads = [threading.Thread(target=send) for _ in range(CONNECTIONS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    slowest = sorted(late)[int(0.99 * len(late))]
    sys.stdout.write(json.dumps({"answers": found, "p99_ms": round(1e3 * slowest, 1)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Sends one request again and again from inside a cluster, and prints a line for each answer.

``python -I -c SOURCE JSON`` runs in a pod, on Python's own library alone. It is due at a constant rate whatever becomes
of the requests before. It keeps its connections as a client does: it closes one when it is told to, and sends nothing
over one that the server has closed meanwhile (RFC 9112, section 9.5). No request is sent twice.

A line has the answer's status, 0 where there was none, the seconds since the request was due, and what went wrong.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit

CONNECTIONS = 8


def main(told: dict[str, Any]) -> None:
    """Sends ``body`` to ``url`` with ``headers``, ``rate_rps`` times a second for ``seconds``."""
    begin, count = time.monotonic() + 0.2, int(told["rate_rps"] * told["seconds"])
    turns = [range(first, count, CONNECTIONS) for first in range(CONNECTIONS)]
    threads = [threading.Thread(target=_send, args=(told, begin, numbers)) for numbers in turns]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def _send(told: dict[str, Any], begin: float, numbers: range) -> None:
    where = urlsplit(told["url"])
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=told["timeout_s"])
    for number in numbers:
        due = begin + number / told["rate_rps"]
        time.sleep(max(0.0, due - time.monotonic()))
        if connection.sock and select.select([connection.sock], [], [], 0)[0]:
            connection.close()
        status, problem = 0, ""
        try:
            connection.request("POST", where.path, told["body"].encode(), told["headers"])
            answer = connection.getresponse()
            answer.read()
            status = answer.status
            if answer.will_close:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            problem = type(error).__name__
            connection.close()
        os.write(1, f"{status} {time.monotonic() - due:.3f} {problem}\n".encode())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))

"""A job that has the assistant explain every item at length, and never reads what it gets.

The fault of ``deaf-ears`` starts it. Its own disk is full, so it stopped reading, and it goes on asking: each stream is
computed to its last token for nobody. It ends on SIGTERM, or when its standard input ends.
"""

from __future__ import annotations

import json
import select
import socket
import sys
from collections import deque
from contextlib import suppress
from itertools import cycle

from assistant.load.streams import LONG_QUESTION
from assistant.weights import model_name
from shop.addresses import Addresses
from workbench.stack import take_over

__all__ = ["main"]

_ITEMS, _MOST_TOKENS = 40, 256
_OPEN, _PAUSE_S = 48, 0.25
_PATIENCE_S = 2.0
_HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
)


def main() -> None:
    """Opens one stream after the other until it is over, and keeps the newest ones open."""
    take_over(3, Addresses().run_dir)
    address = "127.0.0.1", Addresses().port
    streams: deque[socket.socket] = deque()
    for item in cycle(range(1, 1 + _ITEMS)):
        if select.select([sys.stdin], [], [], _PAUSE_S)[0]:
            return
        with suppress(OSError):  # the edge is being started anew
            streams.append(_stream(address, item))
        if len(streams) > _OPEN:
            streams.popleft().close()


def _stream(address: tuple[str, int], item: int) -> socket.socket:
    body = json.dumps(
        {
            "model": model_name(),
            "messages": [{"role": "user", "content": LONG_QUESTION}],
            "metadata": {"item": str(item)},
            "max_tokens": _MOST_TOKENS,
            "temperature": 1,
            "stream": True,
        }
    ).encode()
    connection = socket.create_connection(address, _PATIENCE_S)
    connection.sendall(_HEAD % len(body) + body)
    return connection


if __name__ == "__main__":
    main()

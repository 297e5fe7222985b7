"""A real HTTP server small enough to plant faults in: ``python tiny_server.py [--stall-s 0.2] [--answer TEXT]``.

It prints its port, answers ``GET /identity`` with its name, and every POST with the body it was sent (or ``--answer``).
With ``--drip 20`` one answer in 20 comes as a byte each 0.1 s, and never ends.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from typing import cast


class Echo(asyncio.Protocol):
    answered = 0

    def __init__(self, answer: bytes | None, drip: int = 0) -> None:
        self._answer = answer
        self._drip = drip
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            _, _, length = head.partition(b"content-length: ")
            total = end + 4 + int(length.split(b"\r\n")[0] or b"0")
            if len(self._received) < total:
                return
            body = bytes(self._received[end + 4 : total])
            del self._received[:total]
            self._respond(head, body)

    def _respond(self, head: bytes, body: bytes) -> None:
        status = b"200 OK"
        if head.startswith(b"get /identity"):
            body = b'{"name": "tiny", "version": "1"}'
        elif head.startswith(b"post /broken"):
            status, body = b"500 Internal Server Error", b"broken"
        elif self._answer is not None:
            body = self._answer
        Echo.answered += 1
        if self._drip and Echo.answered % self._drip == 0 and not head.startswith(b"get"):
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
            self._dripping = asyncio.ensure_future(self._drip_on())
            return
        self._transport.write(b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body))

    async def _drip_on(self) -> None:
        while not self._transport.is_closing():
            self._transport.write(b".")
            await asyncio.sleep(0.1)


async def stall(length_s: float, every_s: float) -> None:
    start = time.monotonic()
    for n in range(1_000_000):
        await asyncio.sleep(max(0.0, start + n * every_s - time.monotonic()))
        time.sleep(length_s)  # noqa: ASYNC251 - the whole server stands still: that is the fault


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stall-s", type=float, default=0.0)
    parser.add_argument("--every-s", type=float, default=2.0)
    parser.add_argument("--answer", type=str.encode)
    parser.add_argument("--drip", type=int, default=0)
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Echo(options.answer, options.drip), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - how the test learns the port
    if options.stall_s:
        await stall(options.stall_s, options.every_s)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

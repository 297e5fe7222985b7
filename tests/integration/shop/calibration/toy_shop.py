"""A shop of one process whose work is known: it counts to a number, from a cache where it may. Run it with a port."""

from __future__ import annotations

import asyncio
import sys
import time

_MICROSECONDS = {"/v1/search": 1500, "/v1/recommendations": 1000, "/v1/payments/score": 400}
_HIT = 150
_MODEL = {"/v1/search": "ranking", "/v1/recommendations": "personalisation"}


class Shop:
    def __init__(self) -> None:
        self.cached: set[tuple[str, bytes]] = set()
        self.counts: dict[tuple[str, str], int] = {}

    def answer(self, path: str, body: bytes) -> bytes:
        if path == "/flush":
            self.cached.clear()
            return b"{}"
        if path == "/metrics":
            lines = [
                f'serving_cache_requests_total{{model="{model}",result="{result}"}} {count}.0'
                for (model, result), count in self.counts.items()
            ]
            return "\n".join(lines).encode()
        work = _MICROSECONDS[path]
        if path == "/v1/recommendations":
            hit = (path, body) in self.cached
            work = _HIT if hit else work
            self.cached.add((path, body))
            key = _MODEL[path], "hit" if hit else "miss"
            self.counts[key] = self.counts.get(key, 0) + 1
        spend(work * 1e-6)
        return b'{"items": []}'


def spend(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def serve(port: int) -> None:
    shop = Shop()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                sizes = [int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:")]
                body = await reader.readexactly(sizes[0] if sizes else 0)
                answer = shop.answer(lines[0].split()[1], body)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(answer) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))

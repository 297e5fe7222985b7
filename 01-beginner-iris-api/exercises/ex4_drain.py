"""Exercise 4 · Drain without losing a request.

This small server works, but SIGTERM ends it in the middle of its answers. Change it so that on SIGTERM it

1. answers `GET /readyz` with 503 from then on, so that the load balancer sends requests elsewhere,
2. still answers all other requests for `drain_s` seconds, because the balancer has not asked yet,
3. then stops listening and finishes the requests that are running, however long they take,
4. and exits with status 0.

`GET /wait/300` is answered after 300 ms. Run it: `python ex4_drain.py PORT DRAIN_S`.
"""

from __future__ import annotations

import asyncio
import sys


class Server:
    """Answers one request on each connection."""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads a request, does its work, writes the answer."""
        request_line = await reader.readline()
        while (await reader.readline()).strip():
            pass
        status = await self.respond(request_line.split()[1].decode())
        writer.write(f"HTTP/1.1 {status} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def respond(self, path: str) -> int:
        """The status for a path."""
        if path == "/readyz":
            return 200
        await asyncio.sleep(int(path.rpartition("/")[2]) / 1e3)
        return 200


async def main(port: int, drain_s: float) -> None:
    """Serves until SIGTERM, then drains."""
    server = Server()
    listener = await asyncio.start_server(server.answer, "127.0.0.1", port)
    print(f"listening; a drain will take {drain_s:g} s", flush=True)
    async with listener:
        await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))

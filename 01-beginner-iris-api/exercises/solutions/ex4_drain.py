"""Exercise 4, solved: not ready, still there, no longer listening, all answered, gone."""

from __future__ import annotations

import asyncio
import signal
import sys


class Server:
    """Answers one request on each connection."""

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.running: set[asyncio.Task[None]] = set()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Reads a request, does its work, writes the answer."""
        task: asyncio.Task[None] | None = asyncio.current_task()
        if task is not None:
            self.running.add(task)
            task.add_done_callback(self.running.discard)
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
            return 503 if self.draining.is_set() else 200
        await asyncio.sleep(int(path.rpartition("/")[2]) / 1e3)
        return 200


async def main(port: int, drain_s: float) -> None:
    """Serves until SIGTERM, then drains."""
    server = Server()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.draining.set)
    listener = await asyncio.start_server(server.answer, "127.0.0.1", port)
    print(f"listening; a drain will take {drain_s:g} s", flush=True)
    await server.draining.wait()
    await asyncio.sleep(drain_s)
    listener.close()
    if server.running:
        await asyncio.wait(server.running)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))

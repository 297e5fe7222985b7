"""Calls the assistant's ASGI application as a server would, with every part of the answer kept."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from assistant.entrypoints.app import CHAT

__all__ = ["ASKED", "Call"]

ASKED: dict[str, Any] = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "Hello?"}],
    "max_tokens": 3,
}
"""A question with a short answer."""


class Call:
    """One request.

    Attributes:
        status: once the answer has begun, else 0.
        body: what has come of it.
        reads: whether it takes what is sent; a client that does not fills the connection's buffers.
    """

    def __init__(
        self, app: Any, body: bytes | dict[str, Any], path: str = CHAT, method: str = "POST", **headers: str
    ) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self._sent = body if isinstance(body, bytes) else msgspec.json.encode(body)
        self._gone = asyncio.Event()
        sent = {"content-type": "application/json"} | headers
        names = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
        scope = {"type": "http", "path": path, "method": method, "headers": names}
        self._given = False
        self.reads = True
        self.task = asyncio.get_running_loop().create_task(app(scope, self._receive, self._send))

    def leave(self) -> None:
        """The client closes its connection."""
        self._gone.set()

    @property
    def events(self) -> list[Any]:
        """The data of the stream's events, decoded; the end as a text."""
        data = [line[6:] for line in self.body.decode().split("\n\n") if line.startswith("data: ")]
        return [each if each == "[DONE]" else msgspec.json.decode(each) for each in data]

    @property
    def error(self) -> dict[str, Any]:
        """The error in an answer that is no stream."""
        found: dict[str, Any] = msgspec.json.decode(self.body)["error"]
        return found

    async def _receive(self) -> dict[str, Any]:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._sent, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if not self.reads:
            await asyncio.Event().wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])
        self.body += message.get("body", b"")

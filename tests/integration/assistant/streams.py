"""Requests to a running assistant, and streams that a test reads piece by piece."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING, Any

from assistant.load.streams import LONG_QUESTION
from servekit.http_ask import ask
from tests.patience import GENEROUS_S

if TYPE_CHECKING:
    from tests.integration.assistant.conftest import Running

__all__ = ["CHAT", "LONG", "MODEL", "WORDS", "idle", "metric", "post", "read_until", "stream", "text"]

MODEL = "smollm2-135m-instruct"
CHAT = "/v1/chat/completions"
LONG = [{"role": "user", "content": LONG_QUESTION}]
WORDS = re.compile(rb'"content":"[^"]')
"""The beginning of an answer; that of its stream may come before, with a sign of life."""


def post(running: Running, timeout_s: float = 600, **changes: Any) -> tuple[int, dict[str, Any]]:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "What does it cost?"}]} | changes
    headers = [("content-type", "application/json")]
    reply = ask(f"{running.url}{CHAT}", timeout_s, method="POST", body=json.dumps(body).encode(), headers=headers)
    return reply.status, json.loads(reply.body)


def text(answer: dict[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


def metric(running: Running, name: str) -> float:
    lines = ask(f"{running.url}/metrics", GENEROUS_S).body.decode().splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(name))


def idle(running: Running) -> bool:
    return metric(running, "assistant_sequences_running") + metric(running, "assistant_sequences_waiting") == 0


def stream(running: Running, **changes: Any) -> socket.socket:
    """A stream of a thousand tokens, ten seconds and more, whose reader is this test."""
    body = {"model": MODEL, "messages": LONG, "stream": True, "max_tokens": 1000} | changes
    sent = json.dumps(body).encode()
    host, port = running.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=GENEROUS_S)
    head = (
        f"POST {CHAT} HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n"
    )
    connection.sendall(head.encode() + sent)
    return connection


def read_until(connection: socket.socket, what: bytes | re.Pattern[bytes]) -> bytes:
    received = b""
    while not re.search(re.escape(what) if isinstance(what, bytes) else what, received):
        data = connection.recv(65536)
        assert data, received
        received += data
    return received

"""A server with OpenAI's API as the engine: vLLM in a cluster, or llama.cpp's own server.

Each answer has a connection of its own, and closing it is how such a server is told that nobody waits any more. It
holds its own queue, so what `report` would say is asked of the server itself: vLLM has metrics of its own.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import httptools
import msgspec

from assistant.adapters.engine import Generation
from assistant.adapters.upstream_stream import AnswerStream
from assistant.domain.errors import EngineLostError
from assistant.domain.wire import Hello
from servekit.http_pool import HttpPool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from assistant.adapters.upstream_stream import StreamEvent
    from assistant.domain.wire import EngineReport, Generate

__all__ = ["UpstreamLink"]

_log = logging.getLogger("assistant")
_LOOK_S: Final = 0.5
_ASK_S: Final = 2.0
_CONNECT_S: Final = 1.0
_READ_BYTES: Final = 65536
_MOST_BYTES: Final = 1 << 20  # of a line, and of an answer that is no stream


class _Model(msgspec.Struct):
    id: str
    owned_by: str = ""
    max_model_len: int | None = None  # vLLM's


class _Models(msgspec.Struct):
    data: list[_Model]


class UpstreamLink:
    """The server, asked again and again whether it serves the model.

    Args:
        url: ``http://HOST:PORT``.
        model: the name under which it serves the weights.
        revision: what names these weights in answers and metrics.
        context: the most tokens of a prompt and its answer together, where the server does not tell.
        authority: what requests say in ``Host``, where that is another name than the address.

    Attributes:
        hello: what runs there, while it answers; None before, and while it does not.
        report: nothing is known of its inside.
    """

    report: EngineReport | None = None

    def __init__(self, url: str, model: str, revision: str, context: int, authority: str = "") -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._model = model
        self._revision = revision
        self._context = context
        self._pool = HttpPool(*self._address, authority)
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None
        self.hello: Hello | None = None

    def start(self) -> None:
        """Begins to ask; called on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Closes every connection; the server cancels what is under way."""
        tasks = [*self._answers.values(), *([self._task] if self._task is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._pool.close()

    def generate(self, request: Generate) -> Generation:
        """Has the server begin; the request gets a number of its own.

        Raises:
            EngineLostError: the server does not answer.
        """
        if self.hello is None:
            raise EngineLostError
        generation = Generation(self, next(self._numbers))
        task = asyncio.get_running_loop().create_task(self._answer(generation, request))
        self._answers[generation.id] = task
        return generation

    def drop(self, generation: Generation, *, cancel: bool) -> None:  # noqa: ARG002 - closed either way
        """Forgets a generation; its connection closes, so the server does, too."""
        task = self._answers.pop(generation.id, None)
        if task is not None:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            try:
                self._meet((await self._pool.get("/v1/models", timeout_s=_ASK_S)).body)
            except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
                if self.hello is not None:
                    _log.warning("engine %s:%d: %s", *self._address, error)
                self.hello = None
            await asyncio.sleep(_LOOK_S)

    def _meet(self, body: bytes) -> None:
        models = msgspec.json.decode(body, type=_Models).data
        found = next((each for each in models if each.id == self._model), None)
        if found is None:
            raise ValueError(f"serves {', '.join(each.id for each in models) or 'nothing'}: expected {self._model}")
        if self.hello is None:
            self.hello = Hello(found.owned_by, self._revision, found.max_model_len or self._context, 0)
            _log.info("engine: %s, weights %.12s", found.owned_by, self._revision)

    async def _answer(self, generation: Generation, request: Generate) -> None:
        try:
            async for event in self._events(generation.id, request):
                generation.put(event)
        except (OSError, ValueError) as error:
            _log.warning("engine %s:%d: %s", *self._address, error)
            generation.put(None)

    async def _events(self, number: int, request: Generate) -> AsyncIterator[StreamEvent]:
        async with asyncio.timeout(_CONNECT_S):
            reader, writer = await asyncio.open_connection(*self._address)
        try:
            writer.write(self._written(request))
            reply, stream = _Reply(), AnswerStream(number)
            while not reply.whole:
                data = await reader.read(_READ_BYTES)
                if not data:
                    raise ConnectionResetError("connection closed in mid-answer")
                reply.feed(data)
                for line in reply.lines() if reply.status == HTTPStatus.OK else ():
                    for event in stream.read(line):
                        yield event
                if len(reply.body) > _MOST_BYTES:
                    raise ConnectionAbortedError(f"more than {_MOST_BYTES:,} bytes without an end of line")
            if reply.status != HTTPStatus.OK:
                yield stream.refusal(reply.status, bytes(reply.body))
            elif not stream.ended:
                raise ConnectionResetError("answer ended without its last event")
        finally:
            writer.transport.abort()

    def _written(self, request: Generate) -> bytes:
        body = msgspec.json.encode(
            {
                "model": self._model,
                "messages": [{"role": turn.role, "content": turn.content} for turn in request.turns],
                "max_tokens": request.max_tokens,
                "temperature": request.temperature,
                "top_p": request.top_p,
                "seed": request.seed % 2**32,
                "stop": request.stop,
                "stream": True,
                # The second is vLLM's: each piece tells how many tokens it has. Others ignore it.
                "stream_options": {"include_usage": True, "continuous_usage_stats": True},
            }
        )
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: %b\r\ncontent-type: application/json\r\n"
        return head % self._pool.host + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body


class _Reply:
    """What has come of an answer; the parser calls the methods that begin with ``on``."""

    def __init__(self) -> None:
        self.whole = False
        self.body = bytearray()
        self._parser = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        return int(self._parser.get_status_code())

    def feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            raise ConnectionAbortedError("not HTTP") from None

    def lines(self) -> Iterator[bytes]:
        """The lines that are complete, each once."""
        *complete, self.body = self.body.split(b"\n")
        return map(bytes, complete)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.whole = True

"""The assistant's HTTP: chat completions, the list of models, and what operators ask."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from assistant.domain.contracts import completion, read_chat
from assistant.domain.errors import ClientGoneError, WrongMethodError, as_error, render
from assistant.entrypoints.client import Client
from assistant.entrypoints.stream import send_stream
from assistant.service.chat import Ended, Words
from servekit.asgi import check_media_type, run_lifespan
from servekit.errors import NotReadyError, ServingError
from servekit.http_body import BodyReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from assistant.adapters.spans import ChatSpans
    from assistant.service.chat import Answer, Chat
    from assistant.service.warmth import Warmth
    from servekit.telemetry import RequestRecord, Telemetry
    from shop.gateway.domain.api_keys import ApiKeys

__all__ = ["CHAT", "QUIET", "AssistantApp", "AssistantReady"]

CHAT = "/v1/chat/completions"
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_MODELS = "/v1/models"
_JSON_TYPE = (b"content-type", b"application/json")
_TEXT_TYPE = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_GONE = 499  # nginx's number for a client that left; nobody receives it
_log = logging.getLogger("assistant")


class AssistantReady:
    """Whether requests should come: the engine is there and warm, and the process does not drain.

    Args:
        warmth: of the engine.

    Attributes:
        draining: set once the process has been told to stop.
    """

    def __init__(self, warmth: Warmth) -> None:
        self.draining = False
        self._warmth = warmth

    def check(self) -> None:
        """Raises `NotReadyError` with the reason."""
        if self.draining:
            raise NotReadyError("server", "draining", "call another replica")
        if missing := self._warmth.missing:
            raise NotReadyError("engine", None, missing)


class AssistantApp:
    """The application.

    Args:
        chat: answers.
        keys: who may ask.
        watch: observes every request.
        spans: has a span for every answer.
        ready: whether requests should come.
        life: run before the first request, and after the last answer.
    """

    def __init__(  # noqa: PLR0913 - the composition root hands in each once
        self,
        chat: Chat,
        keys: ApiKeys,
        watch: Telemetry,
        spans: ChatSpans,
        *,
        ready: AssistantReady,
        life: tuple[Callable[[], None], Callable[[], Awaitable[None]]],
    ) -> None:
        self._chat = chat
        self._keys = keys
        self._watch = watch
        self._spans = spans
        self._ready = ready
        self._start, self._close = life
        self._bodies = BodyReader(chat.settings.max_body_bytes, chat.settings.receive_timeout_s)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers one request, or takes part in the server's start and stop."""
        if scope["type"] != "http":
            await run_lifespan(receive, send, self._close, self._start)
            return
        path, method = scope["path"], scope["method"]
        record = self._watch.begin(dict(scope["headers"]).get(b"traceparent"))
        client = Client(receive, send, self._chat.settings.unread_s, b"%032x" % record.trace_id)
        try:
            if path == CHAT:
                status = await self._answer(scope, client, record)
            else:
                status = await self._tell(path, method, scope["headers"], client)
        except ClientGoneError:
            status = _GONE
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets an answer without a traceback
            status = await self._refuse(client, error)
        route = path if path in {CHAT, _MODELS, *QUIET} else "unmatched"
        self._watch.finish(record, method if method in {"GET", "POST"} else "_OTHER", route, status)

    async def _answer(self, scope: Any, client: Client, record: RequestRecord) -> int:
        """Answers a chat request; returns the status."""
        if scope["method"] != "POST":
            raise WrongMethodError("method", scope["method"], "expected POST")
        headers = scope["headers"]
        key = self._keys.holder(headers)
        check_media_type(dict(headers).get(b"content-type"), _JSON_TYPE[1])
        request = read_chat(await self._bodies.read(client.receive, headers))
        record.mark("read")
        answer = await self._chat.begin(request, key, record)
        record.model, record.version = self._chat.model, self._chat.settings.version
        error = ""
        try:
            with answer:
                if request.stream:
                    wanted = request.stream_options is not None and request.stream_options.include_usage
                    await client.until_gone(send_stream(answer, client, usage=wanted))
                else:
                    await client.until_gone(self._whole(answer, client))
        except ClientGoneError:
            raise
        except Exception as problem:
            error = getattr(problem, "code", "") or type(problem).__name__
            raise
        finally:
            self._spans.write(record, request, answer, error)
        return HTTPStatus.OK

    async def _whole(self, answer: Answer, client: Client) -> None:
        texts, reason = [], "stop"
        async for piece in answer.pieces():
            if isinstance(piece, Words):
                texts.append(piece.text)
            elif isinstance(piece, Ended):
                reason = piece.reason
        await client.answer(HTTPStatus.OK, completion(answer.about, "".join(texts), reason, answer.usage), [_JSON_TYPE])

    async def _tell(self, path: str, method: str, headers: Any, client: Client) -> int:
        """Answers what is no chat request; returns the status."""
        if path not in {_MODELS, *QUIET}:
            raise _PathUnknownError("path", path, f"expected {CHAT} or {_MODELS}")
        if method != "GET":
            raise WrongMethodError("method", method, "expected GET")
        if path == "/metrics":
            await client.answer(HTTPStatus.OK, self._watch.exposition(), [_TEXT_TYPE])
            return HTTPStatus.OK
        body: dict[str, Any] = {"live": True}
        if path == "/readyz":
            self._ready.check()
            body = {"ready": True}
        elif path == _MODELS:
            self._keys.holder(headers)
            model = {"id": self._chat.model, "object": "model", "created": 0, "owned_by": "shop"}
            body = {"object": "list", "data": [model]}
        await client.answer(HTTPStatus.OK, msgspec.json.encode(body), [_JSON_TYPE])
        return HTTPStatus.OK

    async def _refuse(self, client: Client, error: Exception) -> int:
        """Answers with an error; in a stream that has begun, the error is its last event."""
        if not isinstance(error, ServingError):
            _log.error("request failed", exc_info=error)
        known = as_error(error)
        self._chat.metrics.refused(getattr(known, "code", ""))
        try:
            await client.fail(int(known.status), render(known), [_JSON_TYPE, *known.headers])
        except ClientGoneError:
            return _GONE
        return int(known.status)


class _PathUnknownError(ServingError):
    """There is no endpoint at this path."""

    status = HTTPStatus.NOT_FOUND

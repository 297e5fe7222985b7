"""The engine, asked without the gateway: its own answers, and when it has forgotten one whose reader left."""

from __future__ import annotations

import asyncio
from contextlib import closing
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from assistant.adapters.facts import facts_of
from assistant.domain.contracts import ChatMessage
from assistant.domain.prompt import make_turns
from assistant.domain.wire import EngineReport, Finished, Generate, Poll, Refused, Said, decode_event, encode
from assistant.load.streams import LONG_QUESTION, Asked, read_stream
from shop.features.store import FILES
from shop.load.caller import key_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence
    from pathlib import Path

    from assistant.domain.wire import Command, EngineEvent

__all__ = ["ShortAnswerError", "cancellations", "item_facts", "own_answers"]

_PAUSE_S = 0.01
_TIMEOUT_S = 60.0
_LONG_TOKENS = 200


class ShortAnswerError(ValueError):
    """The model's answer to the long question is short: nobody could tell whether leaving ended it."""

    def __init__(self, asked: Asked, tokens: int) -> None:
        super().__init__(f"{asked.question!r}: answered in {tokens} tokens, expected {asked.most}")


class _Direct:
    """A connection to the engine of its own."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, path: Path) -> _Direct:
        return cls(*await asyncio.open_unix_connection(str(path)))

    async def ask(self, command: Command) -> AsyncIterator[EngineEvent]:
        self._writer.write(encode(command))
        while line := await self._reader.readline():
            yield decode_event(line)

    def close(self) -> None:
        self._writer.close()


async def own_answers(path: Path, features: Path, asked: Sequence[Asked]) -> dict[Asked, str]:
    """What the engine answers to each question when nobody else asks.

    Args:
        path: the engine's socket.
        features: the folder with the features from which the store was filled.
        asked: the questions.

    Raises:
        OSError: there is no engine, or there are no features.
    """
    facts = item_facts(features, [each.item for each in asked])
    answers = {}
    with closing(await _Direct.to(path)) as engine:
        for number, each in enumerate(dict.fromkeys(asked)):
            turns = make_turns([ChatMessage("user", each.question)], facts[each.item])
            texts = []
            async for event in engine.ask(Generate(number, turns, each.most)):
                if isinstance(event, Said):
                    texts.append(event.text)
                elif isinstance(event, Finished | Refused):
                    break
            answers[each] = "".join(texts)
    return answers


def item_facts(features: Path, items: Iterable[int]) -> dict[int, dict[str, Any]]:
    """The facts of items, from the file from which the store was filled; raises `OSError` where there is none."""
    blocks: Any = np.load(features / FILES["i:"], mmap_mode="r", allow_pickle=False)
    return {item: facts_of(blocks[item]) for item in items}


async def cancellations(url: str, path: Path, item: int, times: int) -> list[float]:
    """Seconds from a reader's leaving until the engine has no sequence any more, so many times.

    Raises:
        ShortAnswerError: an answer that nobody cancels ends soon by itself, so its end would prove nothing.
        httpx.HTTPError: nothing answers, or with an error.
        OSError: there is no engine.
    """
    asked = Asked(item, LONG_QUESTION, _LONG_TOKENS)
    http = httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_S, trust_env=False, headers=key_headers())
    took = []
    with closing(await _Direct.to(path)) as engine:
        async with http:
            for _ in range(times):
                async with http.stream("POST", "/v1/chat/completions", json=asked.body()) as answer:
                    answer.raise_for_status()
                    async for line in answer.aiter_lines():
                        if '"content":"' in line and '"content":""' not in line:
                            break
                left = perf_counter()
                while await _sequences(engine):  # noqa: ASYNC110 - the engine is another process
                    await asyncio.sleep(_PAUSE_S)
                took.append(perf_counter() - left)
            whole = await read_stream(http, asked, perf_counter())
    if whole.status != HTTPStatus.OK:
        raise ConnectionError(f"{asked.question!r}: no whole answer (status {whole.status})")
    if whole.tokens[1] < asked.most:
        raise ShortAnswerError(asked, whole.tokens[1])
    return took


async def _sequences(engine: _Direct) -> int:
    async for event in engine.ask(Poll()):
        if isinstance(event, EngineReport):
            return event.running + event.waiting
    raise ConnectionResetError("the engine has ended")

"""Streams in an open loop: each begins when its time has come, and its times count from then, however late it was sent.

A loop that waits for answers before it asks again would ask less when the server is slow, and hide the slowness.
"""

from __future__ import annotations

import asyncio
import random
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import httpx
import msgspec

from assistant.weights import model_name
from shop.load.caller import key_headers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from typing import Any

__all__ = ["LONG_QUESTION", "QUESTIONS", "Asked", "Seen", "offer", "read_stream"]

QUESTIONS = ("What does it cost?", "How is it rated?", "How many reviews are there?", "What is it?")
LONG_QUESTION = "Explain in 500 words how to use it, step by step."
"""Its answer goes on for hundreds of tokens, with an item or without."""
_TIMEOUT_S = 60.0


class Asked(NamedTuple):
    """A question about an item, with the most tokens of its answer."""

    item: int
    question: str
    most: int

    def body(self) -> dict[str, Any]:
        """The request, whose answer depends on nothing but itself: greedy decoding."""
        return {
            "model": model_name(),
            "messages": [{"role": "user", "content": self.question}],
            "metadata": {"item": str(self.item)},
            "max_tokens": self.most,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }


class Seen(NamedTuple):
    """What the reader of a stream saw.

    Attributes:
        asked: the question.
        status: of HTTP; 0 where the connection broke or the stream ended with an error.
        text: the answer.
        first_s: from the time when the request was due to the first token.
        per_token_s: mean time of each token after the first; None where there was only one.
        whole_s: from the time when it was due to the end.
        tokens: of prompt and answer.
    """

    asked: Asked
    status: int
    text: str = ""
    first_s: float = 0.0
    per_token_s: float | None = None
    whole_s: float = 0.0
    tokens: tuple[int, int] = (0, 0)


async def offer(url: str, rate: float, duration_s: float, asked: Sequence[Asked], seed: int) -> list[Seen]:
    """Asks at random moments (a Poisson process), on average ``rate`` times a second; returns what was seen.

    Args:
        url: the edge.
        rate: requests a second.
        duration_s: of the arrivals; the last answers come later.
        asked: the questions, asked in turn.
        seed: of the moments.
    """
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    moments, at = [], 0.0
    while (at := at + draw.expovariate(rate)) < duration_s:
        moments.append(at)
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=url, timeout=_TIMEOUT_S, trust_env=False, headers=key_headers(), limits=limits
    ) as http:
        began = perf_counter()
        turns = [asked[number % len(asked)] for number in range(len(moments))]
        return await asyncio.gather(
            *(_at(http, each, began + moment) for each, moment in zip(turns, moments, strict=True))
        )


async def _at(http: httpx.AsyncClient, asked: Asked, due: float) -> Seen:
    await asyncio.sleep(max(0.0, due - perf_counter()))
    return await read_stream(http, asked, due)


async def read_stream(http: httpx.AsyncClient, asked: Asked, due: float) -> Seen:
    """Asks one question and reads its stream; ``due`` is when it should have been asked, by `perf_counter`."""
    texts, first, last, tokens = [], 0.0, 0.0, (0, 0)
    try:
        async with http.stream("POST", "/v1/chat/completions", json=asked.body()) as answer:
            if answer.is_error:
                await answer.aread()
                return Seen(asked, answer.status_code, whole_s=perf_counter() - due)
            async for chunk in _chunks(answer):
                if usage := chunk.get("usage"):
                    tokens = usage["prompt_tokens"], usage["completion_tokens"]
                for choice in chunk["choices"]:
                    if text := choice["delta"].get("content"):
                        last = perf_counter()
                        first = first or last
                        texts.append(text)
    except (httpx.HTTPError, msgspec.DecodeError):
        return Seen(asked, 0, "".join(texts), whole_s=perf_counter() - due)
    per_token = (last - first) / (tokens[1] - 1) if tokens[1] > 1 else None
    return Seen(asked, answer.status_code, "".join(texts), first - due, per_token, perf_counter() - due, tokens)


async def _chunks(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in answer.aiter_lines():
        data = line.removeprefix("data: ")
        if data in {line, "[DONE]"}:
            continue
        chunk = msgspec.json.decode(data)
        if "error" in chunk:
            raise httpx.ReadError(str(chunk["error"]["message"]))
        yield chunk

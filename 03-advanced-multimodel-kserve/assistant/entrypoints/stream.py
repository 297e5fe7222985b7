"""An answer as server-sent events, as OpenAI's API streams it: one chunk an event, ``[DONE]`` at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assistant.domain.contracts import chunk
from assistant.service.chat import Ended, Nothing

if TYPE_CHECKING:
    from assistant.entrypoints.client import Client
    from assistant.service.chat import Answer

__all__ = ["send_stream"]

_COMMENT = b": still working on it\n\n"


async def send_stream(answer: Answer, client: Client, *, usage: bool) -> None:
    """Streams an answer; the stream begins with its first piece, so that a refusal before it has a status of its own.

    Args:
        answer: within its context.
        client: who reads.
        usage: whether a last chunk has the numbers of tokens.

    Raises:
        ServingError: the answer cannot be given, or not to its end.
        ClientGoneError: the client reads no more.
    """
    begun = False
    async for piece in answer.pieces():
        if not begun:
            await client.begin()
            begun = True
            await client.write(_event(chunk(answer.about, "", first=True)))
        if isinstance(piece, Nothing):
            await client.write(_COMMENT)
        elif isinstance(piece, Ended):
            await client.write(_event(chunk(answer.about, reason=piece.reason)))
        else:
            await client.write(_event(chunk(answer.about, piece.text)))
    if usage:
        await client.write(_event(chunk(answer.about, usage=answer.usage)))
    await client.end(b"data: [DONE]\n\n")


def _event(body: bytes) -> bytes:
    return b"data: " + body + b"\n\n"

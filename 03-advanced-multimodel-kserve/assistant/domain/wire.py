"""What the gateway and the engine say to each other: one JSON object a line, over a Unix socket.

A request is named by a number that the gateway chooses, and every event about it has this number. The engine reads
commands between two steps of the model, so nothing waits for a lock and a cancellation takes effect one step later.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = [
    "Accepted",
    "Cancel",
    "Command",
    "EngineEvent",
    "EngineReport",
    "Finished",
    "Generate",
    "Hello",
    "Poll",
    "Refused",
    "Said",
    "Turn",
    "decode_command",
    "decode_event",
    "encode",
]  # fmt: skip


class Turn(msgspec.Struct, frozen=True):
    """One message of a conversation, as the model's chat template takes it."""

    role: Literal["system", "user", "assistant"]
    content: str


class Generate(msgspec.Struct, frozen=True, tag="generate"):
    """Begin to answer; ``temperature`` 0 means that the likeliest token is always taken (greedy decoding)."""

    id: int
    turns: list[Turn]
    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: list[str] = []


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Nobody waits for this answer any more: free its memory."""

    id: int


class Poll(msgspec.Struct, frozen=True, tag="poll"):
    """Ask for a `EngineReport`."""


Command: TypeAlias = Generate | Cancel | Poll


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first line of a connection: what runs there.

    Attributes:
        engine: the library and its version.
        sha256: of the weights' file.
        context: the most tokens of a prompt and its answer together.
        kv_tokens: tokens for which the KV cache has room, of all sequences together.
        block_tokens: tokens of a block of the KV cache; 1 where it is not paged.
    """

    engine: str
    sha256: str
    context: int
    kv_tokens: int
    block_tokens: int = 1


class Accepted(msgspec.Struct, frozen=True, tag="accepted"):
    """The prompt has been cut into this many tokens, and waits."""

    id: int
    prompt_tokens: int


class Said(msgspec.Struct, frozen=True, tag="said"):
    """A piece of the answer, of whole characters; empty while a character or a stop string is incomplete."""

    id: int
    text: str
    tokens: int


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The answer is complete: the model ended it or a stop string came (``stop``), or it is as long as it may be."""

    id: int
    reason: Literal["stop", "length"]


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The engine will not answer: the prompt and its answer do not fit, or it could not go on."""

    id: int
    code: Literal["context_length_exceeded", "engine_failed"]
    problem: str


class EngineReport(msgspec.Struct, frozen=True, tag="report"):
    """How the engine does; counters count from its start.

    Attributes:
        running: sequences that have begun to answer.
        waiting: sequences of which no token has come yet.
        kv_used: share of the KV cache that sequences hold, 0 to 1; what is kept for its prefix alone does not count.
        preemptions: how often a running sequence had to give up its blocks, and was computed again.
        steps: passes through the model; None where the library does not tell.
        prompt_tokens: of prompts whose first token has come.
        cpu_s: processor time of the process.
        resident_bytes: its memory.
        kv_bytes: of the KV cache; 0 where the library does not tell.
        prefix_tokens: of these, that were found in the prefix cache; None where that is not known.
        prefix_exact: whether they are exactly so many; else at least so many.
    """

    running: int
    waiting: int
    kv_used: float
    preemptions: int
    steps: int | None
    prompt_tokens: int
    cpu_s: float
    resident_bytes: int
    kv_bytes: int
    prefix_tokens: int | None = None
    prefix_exact: bool = True


EngineEvent: TypeAlias = Hello | Accepted | Said | Finished | Refused | EngineReport

_encoder = msgspec.json.Encoder()
_commands: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_events: msgspec.json.Decoder[EngineEvent] = msgspec.json.Decoder(EngineEvent)


def encode(message: Command | EngineEvent) -> bytes:
    """A message as its line."""
    return _encoder.encode(message) + b"\n"


def decode_command(line: bytes) -> Command:
    """The command in a line; raises `msgspec.DecodeError` for what is none."""
    return _commands.decode(line)


def decode_event(line: bytes) -> EngineEvent:
    """The event in a line; raises `msgspec.DecodeError` for what is none."""
    return _events.decode(line)

"""llama.cpp's own server in this process: it has slots, each with a sequence, and threads of its own that decode them.

It runs by itself, so a step here only collects what its threads have said. It lets Python go on meanwhile, and stops an
answer when the function that takes its pieces returns true, which it calls once a token: an answer whose prompt is
still being computed ends with its first token.
"""

from __future__ import annotations

import queue
import re
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import xllamacpp

from assistant.domain.decoding import TextDecoder
from assistant.domain.wire import Accepted, Finished, Refused, Said
from assistant.engine.batch_usage import BatchUsage

if TYPE_CHECKING:
    from assistant.domain.wire import EngineEvent, Generate
    from assistant.engine.settings import EngineSettings

__all__ = ["Slots"]

_WAIT_S = 0.02
_CACHE_MIB = 64
_DECODED = re.compile(r"^llamacpp:n_decode_total (\S+)$", re.MULTILINE)
_Event = Accepted | Said | Finished | Refused


class _Timings(msgspec.Struct):
    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _Problem(msgspec.Struct):
    message: str = ""
    type: str = ""


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []
    timings: _Timings | None = None
    error: _Problem | None = None


class _Slot:
    """One answer under way."""

    def __init__(self, request: Generate) -> None:
        self.decoder = TextDecoder(request.stop)
        self.cancelled = False
        self.prompt_tokens = 0
        self.tokens = 0


class Slots:
    """All answers under way.

    Args:
        weights: the GGUF file.
        settings: threads and sizes.
    """

    def __init__(self, weights: Path, settings: EngineSettings) -> None:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(weights)
        parameters.verbosity = 0
        parameters.endpoint_metrics = True
        parameters.n_parallel = settings.sequences
        parameters.n_ctx = settings.kv_tokens
        parameters.kv_unified = True
        parameters.n_batch = parameters.n_ubatch = settings.step_tokens
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = settings.threads
        parameters.cache_ram_mib = _CACHE_MIB if settings.prefix_cache else 0
        with tempfile.TemporaryDirectory(prefix="assistant-") as folder:
            # it must listen somewhere: on a socket that is then taken away, for nobody but this process is to ask it
            parameters.hostnames = [str(Path(folder) / "llama.sock")]
            self._server = xllamacpp.Server(parameters)
        self._prefix_cache = settings.prefix_cache
        self._context = min(settings.context, settings.kv_tokens)
        self._kv_tokens = settings.kv_tokens
        self._slots: dict[int, _Slot] = {}
        self._events: queue.Queue[tuple[int, _Event]] = queue.Queue()
        self._hits = self._prompt_tokens = 0
        self._counting = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether an answer is under way, or being stopped."""
        return bool(self._slots)

    def add(self, number: int, request: Generate) -> EngineEvent | None:
        """Takes a request in; how many tokens its prompt has is known with its first token."""
        self._slots[number] = slot = _Slot(request)
        threading.Thread(target=self._answer, args=(number, slot, request), daemon=True).start()
        return None

    def cancel(self, number: int) -> None:
        """Has an answer end with its next token."""
        slot = self._slots.get(number)
        if slot is not None:
            slot.cancelled = True

    def step(self) -> list[tuple[int, _Event]]:
        """What has been said since the last step; waits a little for the first of it."""
        said: list[tuple[int, _Event]] = []
        try:
            said.append(self._events.get(timeout=_WAIT_S))
            while True:
                said.append(self._events.get_nowait())
        except queue.Empty:
            pass
        for number, event in said:
            if isinstance(event, Finished | Refused):
                self._slots.pop(number, None)
        return said

    def usage(self) -> BatchUsage:
        """What there is now; the KV cache's use is counted in the tokens of answers under way."""
        slots = list(self._slots.values())
        running = sum(slot.tokens > 0 for slot in slots)
        used = sum(slot.prompt_tokens + slot.tokens for slot in slots) / self._kv_tokens
        found = _DECODED.search(self._server.handle_metrics())
        steps = int(float(found[1])) if found else None
        return BatchUsage(running, len(slots) - running, used, 0, 0, steps, self._prompt_tokens, self._hits)

    def _answer(self, number: int, slot: _Slot, request: Generate) -> None:
        """Runs in a thread of its own until the answer has ended."""

        def take(piece: str) -> bool:
            for event in self._read(number, slot, msgspec.json.decode(piece, type=_Chunk)):
                self._events.put((number, event))
            return slot.cancelled or slot.decoder.stopped

        try:
            self._server.handle_chat_completions(msgspec.json.encode(self._body(request)).decode(), take)
        except Exception as error:  # noqa: BLE001 - the library raises whatever it met; the answer is given up
            self._events.put((number, Refused(number, "engine_failed", str(error))))
        if slot.cancelled or slot.decoder.stopped:
            self._events.put((number, Finished(number, "stop")))

    def _body(self, request: Generate) -> dict[str, Any]:
        return {
            "messages": [{"role": turn.role, "content": turn.content} for turn in request.turns],
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "top_k": 0,
            "min_p": 0,
            "seed": request.seed % 2**32,
            "stream": True,
            "timings_per_token": True,
            "cache_prompt": self._prefix_cache,
        }

    def _read(self, number: int, slot: _Slot, chunk: _Chunk) -> list[_Event]:
        if chunk.error is not None:
            long = chunk.error.type == "exceed_context_size_error"
            return [Refused(number, "context_length_exceeded" if long else "engine_failed", chunk.error.message)]
        events: list[_Event] = []
        timings = chunk.timings or _Timings()
        if timings.prompt_n and not slot.prompt_tokens:
            slot.prompt_tokens = timings.prompt_n + timings.cache_n
            with self._counting:  # each answer has a thread
                self._hits += timings.cache_n
                self._prompt_tokens += slot.prompt_tokens
            events.append(Accepted(number, slot.prompt_tokens))
        new, slot.tokens = max(0, timings.predicted_n - slot.tokens), max(slot.tokens, timings.predicted_n)
        for choice in chunk.choices:
            text = slot.decoder.feed((choice.delta.content or "").encode())
            ended = choice.finish_reason is not None and not slot.decoder.stopped
            if ended:
                text += slot.decoder.finish()
            if text or new:
                events.append(Said(number, text, new))
            if ended:
                events.append(Finished(number, "length" if choice.finish_reason == "length" else "stop"))
        return events

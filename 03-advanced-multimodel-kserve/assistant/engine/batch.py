"""OpenVINO's continuous batching, one step at a time.

A step computes one token of every running sequence, and chunks of the prompts that wait, in one pass through the
weights. The KV cache is paged: a sequence has blocks of 32 tokens, and blocks of the same beginning are shared. A step
holds Python's interpreter lock from its start to its end, which is why nothing else happens in this process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import openvino_genai

from assistant.domain.decoding import TextDecoder
from assistant.domain.wire import Accepted, Finished, Refused, Said
from assistant.engine.batch_usage import BatchUsage
from assistant.engine.prefix_hits import PrefixHits
from assistant.engine.settings import BLOCK_TOKENS

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from assistant.domain.wire import EngineEvent, Generate, Turn
    from assistant.engine.settings import EngineSettings

__all__ = ["Batch"]


class _Sequence:
    """One answer under way."""

    def __init__(self, request: Generate, handle: Any, prompt_tokens: int) -> None:
        self.handle = handle
        self.prompt_tokens = prompt_tokens
        self.decoder = TextDecoder(request.stop)
        self.begun = False
        self.missed = False  # it got no token in the last step


class Batch:
    """All sequences under way.

    Args:
        weights: the GGUF file.
        settings: threads, sizes, and what the scheduler may do.
    """

    def __init__(self, weights: Path, settings: EngineSettings) -> None:
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.num_kv_blocks = settings.kv_tokens // BLOCK_TOKENS
        scheduler.max_num_seqs = settings.sequences
        scheduler.max_num_batched_tokens = settings.step_tokens if settings.chunked else settings.context
        scheduler.dynamic_split_fuse = settings.chunked
        scheduler.enable_prefix_caching = settings.prefix_cache
        properties = {"INFERENCE_NUM_THREADS": settings.threads}
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(str(weights), scheduler, "CPU", properties)
        self._tokenizer = self._pipeline.get_tokenizer()
        self._bytes_of = {number: token for token, number in self._tokenizer.get_vocab().items()}
        self._ends = frozenset({self._tokenizer.get_eos_token_id()})
        self._context = min(settings.context, settings.kv_tokens)
        self._sequences: dict[int, _Sequence] = {}
        self._preemptions = self._steps = self._prompt_tokens = 0
        self._prefix = PrefixHits(settings.step_tokens) if settings.chunked else None
        self._next = 0

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute, or cancelled sequences to forget."""
        return bool(self._pipeline.has_non_finished_requests())

    def add(self, number: int, request: Generate) -> EngineEvent:
        """Takes a request in; it has its first token some steps later."""
        ids = self.tokens(request.turns)
        count = int(ids.shape[1])
        if count + request.max_tokens > self._context:
            problem = (
                f"{count} tokens and {request.max_tokens} of the answer: expected at most {self._context} together"
            )
            return Refused(request.id, "context_length_exceeded", problem)
        handle = self._pipeline.add_request(self._next, ids, _sampling(request))
        self._next += 1
        self._sequences[number] = _Sequence(request, handle, count)
        return Accepted(request.id, count)

    def tokens(self, turns: list[Turn]) -> Any:
        """(1, n): the tokens of a conversation, in the model's own chat template."""
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        prompt = self._tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        return self._tokenizer.encode(prompt, add_special_tokens=False).input_ids

    def cancel(self, number: int) -> None:
        """Forgets a sequence; its blocks are free after the next step."""
        sequence = self._sequences.pop(number, None)
        if sequence is not None:
            sequence.handle.cancel()

    def step(self) -> list[tuple[int, Said | Finished]]:
        """One pass through the model; what it gave to which sequence."""
        self._pipeline.step()
        self._steps += 1
        said: list[tuple[int, Said | Finished]] = []
        decoded, begun = 0, []
        for number, sequence in list(self._sequences.items()):
            if not sequence.handle.can_read():
                if sequence.begun and not sequence.missed:  # running sequences come first: it lost its blocks
                    self._preemptions += 1
                sequence.missed = True
                continue
            if sequence.begun:
                decoded += 1
            else:
                begun.append(sequence.prompt_tokens)
            sequence.begun, sequence.missed = True, False
            for output in sequence.handle.read().values():
                said += [(number, event) for event in self._read(number, sequence, output)]
        self._prompt_tokens += sum(begun)
        if self._prefix is not None:
            self._prefix.stepped(decoded, begun, sum(not each.begun for each in self._sequences.values()))
        return said

    def usage(self) -> BatchUsage:
        """What there is now."""
        metrics = self._pipeline.get_metrics()
        running = sum(each.begun for each in self._sequences.values())
        waiting = len(self._sequences) - running
        return BatchUsage(
            running,
            waiting,
            metrics.cache_usage / 100 if self._sequences else 0.0,  # it is that of the last step
            metrics.kv_cache_size_in_bytes,
            self._preemptions,
            self._steps,
            self._prompt_tokens,
            None if self._prefix is None else self._prefix.at_least,
            prefix_exact=False,
        )

    def _read(self, number: int, sequence: _Sequence, output: Any) -> list[Said | Finished]:
        """The text of new tokens, and whether the answer has ended; ids in the events are the batch's own numbers."""
        ids = output.generated_ids
        text = "".join(sequence.decoder.feed(self._bytes_of[each]) for each in ids if each not in self._ends)
        ended = output.finish_reason != openvino_genai.GenerationFinishReason.NONE
        if sequence.decoder.stopped:
            self.cancel(number)
        elif not ended:
            return [Said(number, text, len(ids))]
        else:
            text += sequence.decoder.finish()
            del self._sequences[number]
        full = ended and output.finish_reason == openvino_genai.GenerationFinishReason.LENGTH
        reason = Finished(number, "length" if full and not sequence.decoder.stopped else "stop")
        return [Said(number, text, len(ids)), reason]


def _sampling(request: Generate) -> Any:
    if not request.temperature:
        return openvino_genai.GenerationConfig(max_new_tokens=request.max_tokens, do_sample=False)
    return openvino_genai.GenerationConfig(
        max_new_tokens=request.max_tokens,
        do_sample=True,
        temperature=request.temperature,
        top_p=request.top_p,
        rng_seed=request.seed,
    )

"""What the faults of level 3's assistant share: shoppers who ask it, its two processes, and what it says of itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from course.incidents import Objective
from interview.incidents.shop_fault import ShopFault

if TYPE_CHECKING:
    import httpx

__all__ = ["AssistantFault", "ModelWork"]

_EXTRA = "assistant"
_QUESTIONS = ("What does it cost?", "How is it rated?", "How many reviews are there?", "What is it?")
_OFTEN, _ITEMS = 5, 300
_SELDOM = 0.25  # the share of questions about an item that nobody has asked about lately
_MOST_TOKENS = 2
_LOOK_S = 2.0


class ModelWork(NamedTuple):
    """What the language model did in a while.

    Attributes:
        tokens: of answers, a second.
        cores: that were busy with it.
    """

    tokens: float
    cores: float


class AssistantFault(ShopFault):
    """A fault of the assistant; shoppers ask it for short answers, and most of them about the same few items.

    So the beginnings of most prompts are cached, and one engine is busy for a third of the time.
    """

    rate_rps = 4.0
    objective = Objective(ok=0.95, within_s=1.0)

    def obstacle(self) -> str | None:
        """Why the fault cannot be planted now."""
        if self.level.addresses.extras != _EXTRA:
            return f"level 3 runs without the {_EXTRA}: run make up-3 WITH={_EXTRA}, which fetches what it needs"
        return super().obstacle()

    def call(self) -> int | str:
        """A shopper asks about an item."""
        return self.ask().status_code

    def ask(self) -> httpx.Response:
        """The edge's answer to a question about an item."""
        items = _ITEMS if self._draw.random() < _SELDOM else _OFTEN
        question, item = self._draw.choice(_QUESTIONS), self._draw.randrange(1, 1 + items)
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": question}],
            "metadata": {"item": str(item)},
            "max_tokens": _MOST_TOKENS,
            "temperature": 0,
        }
        return self.level.http.post("/v1/chat/completions", json=body)

    def gauge(self, name: str, **labels: str) -> float:
        """What a metric of the assistant says at this moment: the sum over its series."""
        port = self.level.addresses.assistant_port
        return sum(self.level.counts(f"assistant_{name}", range(port, port + 1), **labels))

    def work(self) -> ModelWork:
        """What the language model does in the next seconds."""
        before = time.monotonic(), self.gauge("tokens_total", type="output"), self.gauge("engine_cpu_seconds_total")
        time.sleep(_LOOK_S)
        after = time.monotonic(), self.gauge("tokens_total", type="output"), self.gauge("engine_cpu_seconds_total")
        took_s, tokens, cpu_s = (now - then for now, then in zip(after, before, strict=True))
        return ModelWork(tokens / took_s, cpu_s / took_s)

    @property
    def _model(self) -> str:
        from assistant.weights import model_name  # noqa: PLC0415 - who breaks the shop alone needs nothing of it

        return model_name()

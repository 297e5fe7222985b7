"""``make client-3 WITH=assistant``: asks the shop's assistant about items, through the edge, and shows each answer."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
import msgspec
from rich.text import Text

from assistant.weights import model_name
from shop.addresses import Addresses
from shop.load.caller import key_headers
from workbench.stack import elsewhere, join
from workbench.terminal import make_console, make_table, printable, say

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StreamReading", "ask", "main"]

_QUESTIONS: Final = (
    (7, "What does it cost?"),
    (7, "How is it rated?"),
    (12, "How many reviews are there?"),
    (12, "What is it?"),
    (31, "Which colour is it?"),
)
_TIMEOUT_S: Final = 30.0


class StreamReading(NamedTuple):
    """A streamed answer as its reader had it.

    Attributes:
        text: of all pieces.
        first_s: until the first token.
        whole_s: until the end.
        tokens: of the prompt and of the answer, as the stream's last chunk says.
    """

    text: str
    first_s: float
    whole_s: float
    tokens: tuple[int, int]

    @property
    def per_token_s(self) -> float:
        """The mean time of each token after the first."""
        return (self.whole_s - self.first_s) / max(1, self.tokens[1] - 1)


def main() -> int:
    """0 when every question was answered, 2 when nothing answers.

    ``URL`` names a shop elsewhere, and ``SHOP_API_KEY`` is what it is sent as a key.
    """
    base_url = elsewhere() or f"http://127.0.0.1:{Addresses().port}"
    console = make_console()
    table = make_table(
        console, "item", "question", "answer", "first token", "per token", "tokens", numbers=[0, 3, 4, 5]
    )
    try:
        with httpx.Client(base_url=base_url, timeout=_TIMEOUT_S, trust_env=False, headers=key_headers()) as http:
            for item, question in _QUESTIONS:
                told = ask(http, question, item)
                table.add_row(
                    *(str(item), question, Text(printable(told.text))),
                    *(f"{told.first_s * 1e3:.0f} ms", f"{told.per_token_s * 1e3:.0f} ms"),
                    f"{told.tokens[0]} + {told.tokens[1]}",
                )
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        say(f"{base_url}: {error}: run make up-3 WITH=assistant, then make logs-3 WITH=assistant", stderr=True)
        return 2
    console.print(table)
    say("A model of 135 million parameters reads a price well and makes up a colour: check what matters.")
    return 0


def ask(http: httpx.Client, question: str, item: int, most: int = 48) -> StreamReading:
    """Asks one question and reads the stream of its answer.

    Raises:
        httpx.HTTPError: nothing answers, or with an error.
        msgspec.DecodeError: the stream is not what it should be.
    """
    body = {
        "model": model_name(),
        "messages": [{"role": "user", "content": question}],
        "metadata": {"item": str(item)},
        "max_tokens": most,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    began = perf_counter()
    texts, first_s, tokens = [], 0.0, (0, 0)
    with http.stream("POST", "/v1/chat/completions", json=body) as answer:
        if answer.is_error:
            answer.read()
            raise httpx.HTTPStatusError(answer.text[:300], request=answer.request, response=answer)
        for chunk in _chunks(answer):
            if usage := chunk.get("usage"):
                tokens = usage["prompt_tokens"], usage["completion_tokens"]
            for choice in chunk["choices"]:
                if text := choice["delta"].get("content"):
                    first_s = first_s or perf_counter() - began
                    texts.append(text)
    return StreamReading("".join(texts), first_s, perf_counter() - began, tokens)


def _chunks(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        data = line.removeprefix("data: ")
        if data in {line, "[DONE]"}:
            continue
        chunk = msgspec.json.decode(data)
        if "error" in chunk:
            raise httpx.ReadError(str(chunk["error"]["message"]))
        yield chunk


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir, anywhere=True)
    sys.exit(main())

"""``make client-3``: a search, a payment, recommendations through the edge; then many of each, every answer checked."""

from __future__ import annotations

import random
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Final

import httpx
import msgspec
from rich.text import Text

from servekit.errors import ServingError
from servekit.loopback import client
from shop.addresses import Addresses
from shop.artefact import ArtefactError
from shop.endpoints import BY_KIND, RECOMMENDATIONS
from shop.gateway.domain.contracts import PaymentRequest, SearchRequest
from shop.gateway.settings import GatewaySettings
from shop.load.oracle import ItemsAnswer, Oracle, PaymentAnswer
from shop.load.scenario import asked
from shop.load.world_traffic import WorldTraffic
from workbench.stack import elsewhere, join
from workbench.terminal import make_console, make_table, printable, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.sla import Request

__all__ = ["main"]

_OF_EACH: Final = 300
_AT_ONCE: Final = 4
_SHOWN: Final = 3
_TRIES: Final = 5


def main() -> int:
    """0 when every answer is right, 1 when one is not, 2 when nothing answers.

    ``URL`` names a shop elsewhere, and ``SHOP_API_KEY`` is what it is sent as a key.
    """
    addresses = Addresses()
    url = elsewhere()
    base_url = url or f"http://127.0.0.1:{addresses.port}"
    remedy = "run make up-3, then make logs-3" if url is None else "is level 3 there?"
    try:
        traffic, oracle = WorldTraffic(addresses), Oracle(addresses, GatewaySettings())
        draw = random.Random(3)  # noqa: S311 - a sample, not a secret
        requests = [traffic.request(kind, draw) for kind in BY_KIND for _ in range(_OF_EACH)]
        with client(base_url=base_url, timeout=10) as http:
            _show(http, [requests[place] for place in (0, _OF_EACH, 2 * _OF_EACH)])
            return _check_all(http, oracle, requests)
    except (httpx.HTTPError, ServingError, ArtefactError, OSError) as error:
        say(f"{base_url}: {error}: {remedy}", stderr=True)
        return 2


def _ask(http: httpx.Client, request: Request) -> httpx.Response:
    """The model's answer; a degraded one is asked for again, because a busy machine may miss a deadline."""
    for _ in range(_TRIES):
        answer = http.post(request.path, content=request.body, headers=dict(request.headers)).raise_for_status()
        if "x-degraded" not in answer.headers:
            break
    return answer


def _show(http: httpx.Client, requests: Sequence[Request]) -> None:
    console = make_console()
    table = make_table(console, "asked", "answer", "score", "version", numbers=[2])
    for request in requests:
        answer = _ask(http, request)
        version, question = answer.headers["x-model-version"], asked(request)
        if isinstance(question, PaymentRequest):
            scored = msgspec.json.decode(answer.content, type=PaymentAnswer)
            score = "" if scored.probability is None else f"{scored.probability:.3f}"
            decision = Text(printable(f"{scored.decision}: {scored.reason}"))
            table.add_row(f"payment of {question.amount:,.2f}", decision, score, version)
            continue
        about = RECOMMENDATIONS.kind
        if isinstance(question, SearchRequest):
            about = f"search, {len(question.candidates)} candidates"
        for place, item in enumerate(msgspec.json.decode(answer.content, type=ItemsAnswer).items[:_SHOWN]):
            score = "" if item.score is None else f"{item.score:.3f}"
            first = (f"{about}, user {question.user}", version) if not place else ("", "")
            table.add_row(first[0], f"item {item.id}", score, first[1])
    console.print(table)


def _check_all(http: httpx.Client, oracle: Oracle, requests: Sequence[Request]) -> int:
    began = perf_counter()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = list(pool.map(lambda request: _ask(http, request), requests))
    rate = len(requests) / (perf_counter() - began)
    versions = Counter(answer.headers["x-model-version"] for answer in answers)
    checked = (oracle.check(asked(request), each.content) for request, each in zip(requests, answers, strict=True))
    wrong = [problem for problem in checked if problem]
    shares = ", ".join(f"{count} by version {version}" for version, count in sorted(versions.items()))
    print(f"{len(requests)} answers ({shares}), {rate:.0f} a second")
    for problem in wrong[:5]:
        say(problem)
    print(f"{len(wrong)} answers are wrong" if wrong else "every answer matches ONNX Runtime's")
    return 1 if wrong else 0


if __name__ == "__main__":
    join(3, lambda: Addresses().port, Addresses().run_dir, anywhere=True)
    sys.exit(main())

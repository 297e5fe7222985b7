"""Questions that nobody has asked: searches, payments and recommendations drawn anew from the shop's own tables."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from course.exam import demand
from shop.endpoints import PAYMENTS, RECOMMENDATIONS, SEARCH
from shop.features import store
from shop.gateway.domain.contracts import PaymentRequest, RecommendationRequest, SearchQuery, SearchRequest
from shop.load.caller import key_headers
from workbench.load import Request

if TYPE_CHECKING:
    from random import Random

    import httpx

    from course.exam import Examined
    from shop.addresses import Addresses

    AnyQuestion = SearchRequest | PaymentRequest | RecommendationRequest

__all__ = ["Questions", "ask", "model_answer"]

JSON: Final = {"content-type": "application/json"}
_CATEGORIES, _CANDIDATES, _TRIES = 16, 60, 5
_PATHS: Final = {SearchRequest: SEARCH, PaymentRequest: PAYMENTS, RecommendationRequest: RECOMMENDATIONS}


class Questions:
    """Draws questions for one check.

    Args:
        addresses: where the features are: who and what there is in this shop.
        draw: random numbers of the check's own.
    """

    def __init__(self, addresses: Addresses, draw: Random) -> None:
        self._addresses, self._draw = addresses, draw

    @cached_property
    def people(self) -> list[int]:
        """The users whom the model of recommendations knows."""
        users = np.load(self._addresses.features_dir / store.FILES["u:"], mmap_mode="r")
        known: list[int] = np.flatnonzero(users[:, store.USER_WIDTH :].any(axis=1)).tolist()
        return known

    def search(self) -> SearchRequest:
        """A search for candidates that nobody searched among."""
        items = self._count("i:")
        candidates = self._draw.sample(range(items), min(_CANDIDATES, items))
        query = SearchQuery(category=self._draw.randrange(_CATEGORIES), price=round(self._draw.uniform(5, 500), 2))
        return SearchRequest(user=self._draw.choice(self.people), query=query, candidates=candidates, k=10)

    def payment(self) -> PaymentRequest:
        """A payment that nobody made."""
        number, draw = self._draw.getrandbits(40), self._draw
        return PaymentRequest(
            payment=f"exam-{number:x}",
            user=draw.randrange(self._count("f:")),
            card=draw.randrange(self._count("c:")),
            device=draw.randrange(self._count("d:")),
            ip=draw.randrange(self._count("p:")),
            amount=round(draw.uniform(1, 900), 2),
            category=draw.randrange(_CATEGORIES),
            hour=draw.randrange(24),
        )

    def recommendation(self) -> RecommendationRequest:
        """What suits somebody who is known."""
        return RecommendationRequest(user=self._draw.choice(self.people), k=self._draw.randint(5, 20))

    def mixed(self, count: int) -> list[AnyQuestion]:
        """So many of all three kinds, in turn."""
        kinds = (self.search, self.payment, self.recommendation)
        return [kinds[number % len(kinds)]() for number in range(count)]

    def requests(self, count: int) -> list[Request]:
        """The same, ready to be sent by the load engine."""
        headers = {**JSON, **key_headers()}
        return [Request(path_of(each), msgspec.json.encode(each), headers=headers) for each in self.mixed(count)]

    def _count(self, prefix: str) -> int:
        return len(np.load(self._addresses.features_dir / store.FILES[prefix], mmap_mode="r"))


def path_of(question: AnyQuestion) -> str:
    """The path that takes a question."""
    return _PATHS[type(question)].path


def ask(examined: Examined, question: AnyQuestion, headers: dict[str, str] | None = None) -> httpx.Response:
    """The edge's answer, whatever it is."""
    body = msgspec.json.encode(question)
    return examined.http.post(path_of(question), content=body, headers={**JSON, **(headers or {})})


def model_answer(examined: Examined, question: AnyQuestion) -> httpx.Response:
    """An answer that a model gave; a degraded one is asked for again, because a busy machine may miss a deadline.

    Raises:
        ShortfallError: the status is not 200.
    """
    for _ in range(_TRIES):
        answer = ask(examined, question)
        demand(answer.status_code == 200, f"{path_of(question)}: answered {answer.status_code}")  # noqa: PLR2004
        if "x-degraded" not in answer.headers:
            break
    return answer

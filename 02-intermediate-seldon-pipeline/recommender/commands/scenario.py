"""The traffic of ``make sla-2``: users ask for recommendations, some far more often than others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from recommender.adapters.artefact import Artefact
from recommender.adapters.inventory import Inventory
from recommender.settings import RecommenderSettings
from recommender.training.golden import Golden
from workbench.sla import Request, Zipf

if TYPE_CHECKING:
    from random import Random

__all__ = ["RecommenderScenario"]

_PATH = "/api/v1.0/predictions"
_K = 10
_STRANGER = 1_000_000
_RATED = (5, 20)


class RecommenderScenario:
    """Kinds ``user`` (known), ``genre`` (known, one genre), ``ratings`` (some, and no user), ``stranger`` (not known).

    The oracle of ``user`` is NumPy's own ranking without the items that are out of stock now. The other kinds must get
    as many items as they asked for, each once, best first.
    """

    def __init__(self) -> None:
        settings = RecommenderSettings()
        self._golden = Golden(settings.served_dirs)
        catalogue = Artefact(settings.stable_dir).catalogue()
        self._out = frozenset(Inventory(settings.inventory_url, catalogue, login=settings.inventory_login).out())
        self._items = [item.id for item in catalogue.items]
        self._genres = [genre for genre in catalogue.genres if int(catalogue.of_genre[genre].sum()) > 10 * _K]
        self._users = self._golden.users
        self._popularity = Zipf(len(self._users))

    def request(self, kind: str, random: Random) -> Request:
        """A request of that kind, for a user drawn by popularity."""
        user = self._users[self._popularity.rank(random)]
        match kind:
            case "user":
                return _request({"user": user, "k": _K}, oracle=user)
            case "genre":
                return _request({"user": user, "k": _K, "genre": random.choice(self._genres)})
            case "ratings":
                rated = random.sample(self._items, random.randint(*_RATED))
                ratings = [{"item": item, "rating": random.randint(1, 5)} for item in rated]
                return _request({"ratings": ratings, "k": _K})
            case _:
                return _request({"user": _STRANGER + user, "k": _K})

    def check(self, request: Request, answer: bytes) -> str | None:
        """None for a right answer, else what is wrong with it."""
        if request.oracle is not None:
            return self._golden.check(request.oracle, _K, self._out, answer)
        items = msgspec.json.decode(answer)["jsonData"]["items"]
        ids, scores = [item["id"] for item in items], [item["score"] for item in items]
        if len(set(ids)) != len(ids) or scores != sorted(scores, reverse=True) or self._out & set(ids):
            return f"items {ids} with scores {scores}: expected each once, best first, none of {sorted(self._out)}"
        return None


def _request(payload: dict[str, Any], oracle: int | None = None) -> Request:
    return Request(_PATH, msgspec.json.encode({"jsonData": payload}), oracle=oracle)

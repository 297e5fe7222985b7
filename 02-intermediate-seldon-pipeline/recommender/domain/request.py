"""A request for recommendations, and its validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from recommender.domain.catalogue import Catalogue

__all__ = ["DEFAULT_K", "MAX_K", "MAX_RATINGS", "RecommendationRequest", "parse_request"]

DEFAULT_K = 10
MAX_K = 100
MAX_RATINGS = 1_000
_STARS = (1, 5)
_FIELDS = ("user", "ratings", "k", "genre")
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class RecommendationRequest:
    """A request for ``k`` items, of one genre if it is given, for a user, a list of ratings, or both.

    Attributes:
        user: a user's id, known or not.
        ratings: stars by item id; they add to the user's history, and replace the history's rating of the same item.
        k: the number of items, 1 to 100.
        genre: the genre that all items must have, or None.
    """

    user: int | None = None
    ratings: Mapping[int, float] = field(default_factory=dict)
    k: int = DEFAULT_K
    genre: str | None = None


def parse_request(document: object, catalogue: Catalogue) -> RecommendationRequest:
    """The request in a decoded JSON document; integers may come as floats, because JSON over gRPC has only floats.

    Raises:
        InvalidValueError: a field is missing, unknown or has a value that is not allowed.
    """
    if not isinstance(document, dict):
        raise InvalidValueError("request", document, "expected a JSON object with user or ratings")
    for name in document:
        if name not in _FIELDS:
            raise InvalidValueError("field", name, f"unknown: expected only {', '.join(_FIELDS)}")
    user = None if document.get("user") is None else _integer("user", document["user"], 0, _LARGEST_ID)
    ratings = _ratings(document.get("ratings"), catalogue)
    if user is None and not ratings:
        raise InvalidValueError("user", None, "missing: expected a user, ratings, or both")
    k = _integer("k", document.get("k", DEFAULT_K), 1, MAX_K)
    return RecommendationRequest(user, ratings, k, _genre(document.get("genre"), catalogue))


def _ratings(given: Any, catalogue: Catalogue) -> dict[int, float]:
    if given is None:
        return {}
    if not isinstance(given, list) or len(given) > MAX_RATINGS:
        value = f"{len(given)} in the list" if isinstance(given, list) else given
        raise InvalidValueError(
            "ratings", value, f"expected a list of up to {MAX_RATINGS} objects with item and rating"
        )
    ratings: dict[int, float] = {}
    for index, each in enumerate(given):
        thing = f"ratings[{index}]"
        if not isinstance(each, dict) or set(each) != {"item", "rating"}:
            raise InvalidValueError(thing, each, "expected an object with item and rating")
        item = _integer(f"{thing}.item", each["item"], 0, _LARGEST_ID)
        if item not in catalogue.position:
            raise InvalidValueError(f"{thing}.item", item, "unknown: expected an item of the catalogue")
        if item in ratings:
            raise InvalidValueError(f"{thing}.item", item, "given more than once")
        ratings[item] = _number(f"{thing}.rating", each["rating"], *_STARS, "stars")
    return ratings


def _genre(given: Any, catalogue: Catalogue) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str) or given not in catalogue.genres:
        raise InvalidValueError("genre", given, f"unknown: expected one of {', '.join(catalogue.genres)}")
    return given


def _integer(thing: str, value: Any, lowest: int, highest: int) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not lowest <= value <= highest or value != int(value):  # NaN fails the comparison
        raise InvalidValueError(thing, value, f"expected an integer from {lowest} to {highest}")
    return int(value)


def _number(thing: str, value: Any, lowest: int, highest: int, unit: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
        raise InvalidValueError(thing, value, f"expected a number of {unit} from {lowest} to {highest}")
    return float(value)

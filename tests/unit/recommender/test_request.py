from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.domain.catalogue import Catalogue, Item
from recommender.domain.request import RecommendationRequest, parse_request
from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILMS = Catalogue((Item(50, "Star Wars (1977)", ("Sci-Fi", "War")), Item(7, "Twelve Monkeys (1995)", ("Drama",))))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries({}, optional={"user": JSON, "k": JSON, "genre": JSON, "ratings": JSON | st.lists(
    st.fixed_dictionaries({"item": JSON, "rating": JSON}), max_size=3)})  # fmt: skip


def test_a_user_alone_gets_ten_items_of_any_genre() -> None:
    assert parse_request({"user": 196}, FILMS) == RecommendationRequest(196, {}, 10, None)


def test_numbers_may_be_floats_as_they_are_in_protobufs_json() -> None:
    document = {"user": 196.0, "k": 5.0, "ratings": [{"item": 50.0, "rating": 4.5}], "genre": "War"}
    assert parse_request(document, FILMS) == RecommendationRequest(196, {50: 4.5}, 5, "War")


def test_ratings_alone_are_enough() -> None:
    assert parse_request({"ratings": [{"item": 7, "rating": 1}]}, FILMS) == RecommendationRequest(None, {7: 1})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "request []: expected a JSON object with user or ratings"),
        ({}, "user: missing: expected a user, ratings, or both"),
        ({"ratings": []}, "user: missing: expected a user, ratings, or both"),
        ({"user": 1, "usr": 2}, "field usr: unknown: expected only user, ratings, k, genre"),
        ({"user": "196"}, "user 196: expected an integer from 0 to 2147483647"),
        ({"user": True}, "user True: expected an integer from 0 to 2147483647"),
        ({"user": 1.5}, "user 1.5: expected an integer from 0 to 2147483647"),
        ({"user": float("nan")}, "user nan: expected an integer from 0 to 2147483647"),
        ({"user": 1, "k": 0}, "k 0: expected an integer from 1 to 100"),
        ({"user": 1, "k": 101}, "k 101: expected an integer from 1 to 100"),
        ({"user": 1, "k": None}, "k: expected an integer from 1 to 100"),
        ({"user": 1, "genre": "Polka"}, "genre Polka: unknown: expected one of Drama, Sci-Fi, War"),
        ({"user": 1, "genre": 3}, "genre 3: unknown: expected one of Drama, Sci-Fi, War"),
        ({"ratings": 5}, "ratings 5: expected a list of up to 1000 objects with item and rating"),
        (
            {"ratings": [{}] * 1001},
            "ratings 1001 in the list: expected a list of up to 1000 objects with item and rating",
        ),
        ({"ratings": [50]}, "ratings[0] 50: expected an object with item and rating"),
        ({"ratings": [{"item": 50}]}, "ratings[0] {'item': 50}: expected an object with item and rating"),
        (
            {"ratings": [{"item": 8, "rating": 3}]},
            "ratings[0].item 8: unknown: expected an item of the catalogue",
        ),
        (
            {"ratings": [{"item": 7, "rating": 3}, {"item": 7, "rating": 4}]},
            "ratings[1].item 7: given more than once",
        ),
        ({"ratings": [{"item": 7, "rating": 6}]}, "ratings[0].rating 6: expected a number of stars from 1 to 5"),
        (
            {"ratings": [{"item": 7, "rating": float("nan")}]},
            "ratings[0].rating nan: expected a number of stars from 1 to 5",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_value_and_the_expectation(document: object, message: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        parse_request(document, FILMS)
    assert str(refused.value) == message


@given(FIELDS | JSON)
def test_any_json_is_a_request_or_refused(document: Mapping[str, Any]) -> None:
    try:
        request = parse_request(document, FILMS)
    except InvalidValueError:
        return
    assert 1 <= request.k <= 100
    assert request.user is not None or request.ratings

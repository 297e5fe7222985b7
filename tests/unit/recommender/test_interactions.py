from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recommender.domain.interactions import Histories, Interactions, hold_out_last

if TYPE_CHECKING:
    from recommender.domain.interactions import Interactions as Club


def some(users: list[int], items: list[int], times: list[int]) -> Interactions:
    ratings = np.full(len(users), 4.0)
    return Interactions(np.array(users), np.array(items), ratings, np.array(times), 10)


def test_the_last_interactions_of_each_user_are_held_out() -> None:
    train, held_out = hold_out_last(some([2, 1, 2, 1, 2], [5, 6, 7, 8, 9], [30, 20, 10, 10, 20]), 1)
    assert list(zip(held_out.users, held_out.items, strict=True)) == [(1, 6), (2, 5)]
    assert list(zip(train.users, train.items, strict=True)) == [(1, 8), (2, 7), (2, 9)]


def test_no_training_interaction_is_later_than_a_held_out_one_of_the_same_user(club: Club) -> None:
    train, held_out = hold_out_last(club, 5)
    assert len(held_out) == 60 * 5
    assert len(train) + len(held_out) == len(club)
    for user in range(1, 61):
        assert train.times[train.users == user].max() <= held_out.times[held_out.users == user].min()


def test_the_split_does_not_depend_on_the_order_of_the_file(club: Club) -> None:
    shuffled = np.random.default_rng(3).permutation(len(club))
    other = Interactions(
        club.users[shuffled], club.items[shuffled], club.ratings[shuffled], club.times[shuffled], club.catalogue_size
    )
    for one, two in zip(hold_out_last(club, 5), hold_out_last(other, 5), strict=True):
        np.testing.assert_array_equal(one.items, two.items)


def test_a_users_history_is_what_the_user_rated(club: Club, histories: Histories) -> None:
    known = histories.of_user(17)
    assert known is not None
    assert set(known[0]) == set(club.items[club.users == 17])
    assert len(histories) == 60


def test_nobody_knows_a_user_without_interactions(histories: Histories) -> None:
    assert histories.of_user(0) is None
    assert histories.of_user(61) is None
    assert Histories.of(some([1, 9], [0, 0], [1, 1])).of_user(5) is None

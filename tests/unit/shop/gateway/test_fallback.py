"""What is answered when nothing can be computed."""

from __future__ import annotations

import json

from shop.gateway.domain.entry import Entry
from shop.gateway.domain.fallback import LastGood, Popular


def test_the_answers_asked_for_longest_ago_are_forgotten() -> None:
    last = LastGood(2)
    for name in (b"a", b"b", b"a", b"c"):
        last.keep(name, Entry("1", name))
    assert (last.get(b"a"), last.get(b"b"), last.get(b"c")) == (Entry("1", b"a"), None, Entry("1", b"c"))


def test_answers_made_of_older_features_are_forgotten() -> None:
    last = LastGood(2)
    last.renew("a")
    last.keep(b"user 7", Entry("1", b"x"))
    last.renew("a")
    assert last.get(b"user 7") == Entry("1", b"x")
    last.renew("b")
    assert last.get(b"user 7") is None


def test_candidates_are_ordered_by_popularity_then_as_they_came() -> None:
    popular = Popular()
    popular.learn([30, 20, 10])
    popular.learn([])  # an empty list is no news
    found = json.loads(b"[%b]" % popular.among([5, 10, 4, 30], 3))
    assert found == [{"id": 30, "score": None}, {"id": 10, "score": None}, {"id": 5, "score": None}]
    assert [each["id"] for each in json.loads(b"[%b]" % popular.best(2))] == [30, 20]


def test_before_anything_is_known_nothing_is_popular() -> None:
    assert Popular().best(3) == b""

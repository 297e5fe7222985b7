"""Answers as the cache keeps them."""

from __future__ import annotations

import json

import pytest

from shop.gateway.domain.entry import CachedEntry, Entry, dump, entry_of, load


def test_items_are_written_as_json_the_best_first() -> None:
    entry = entry_of([5, 7, 9], [0.5, 0.25, -1.75], "2")
    assert entry == Entry("2", b'{"id":5,"score":0.5},{"id":7,"score":0.25},{"id":9,"score":-1.75}')


@pytest.mark.parametrize("k", range(1, 6))
def test_an_answer_is_cut_to_what_is_wanted(k: int) -> None:
    entry = entry_of([5, 7, 9], [0.5, 0.25, 1e-7], "2")
    assert [each["id"] for each in json.loads(b"[%b]" % entry.best(k))] == [5, 7, 9][:k]


def test_what_is_kept_is_found_as_it_was() -> None:
    kept = CachedEntry(1234.5, entry_of([5, 7], [0.5, 0.25], "12"))
    assert load(dump(kept)) == kept


@pytest.mark.parametrize("version", ["", "1\r\nx-injected: yes", "1\n", "\x00", "é", "1234567890", "one"])
def test_what_is_no_version_never_becomes_a_header(version: str) -> None:
    assert load(dump(CachedEntry(1234.5, Entry(version, b'{"id":5}')))) is None


@pytest.mark.parametrize("value", [None, b"", b"\1", b"\2" + bytes(30), b"\1" + bytes(8) + b"\xff" + b"short"])
def test_what_is_not_ours_is_nothing(value: bytes | None) -> None:
    assert load(value) is None

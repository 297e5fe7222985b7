"""What exercise 1 must do."""

from __future__ import annotations

import os
import subprocess
import sys
from copy import deepcopy
from itertools import combinations
from random import Random
from typing import TYPE_CHECKING, Any

from course.exercises import CheckFailedError, expect, expect_equal, load

if TYPE_CHECKING:
    from pathlib import Path

SEARCH: dict[str, Any] = {"user": 17, "query": {"category": 3, "price": 25.0}, "candidates": [5, 8, 2], "k": 10}
LONGEST = 80

ALIKE: dict[str, dict[str, Any]] = {
    "the candidates in another order": {"candidates": [8, 2, 5]},
    "a candidate that comes twice": {"candidates": [5, 8, 2, 8]},
    "k 3, which is cut from the same ten,": {"k": 3},
    "a price of 25, the same number,": {"query": {"price": 25, "category": 3}},
}
DIFFERENT: dict[str, dict[str, Any]] = {
    "another user": {"user": 18},
    "another category": {"query": {"category": 4, "price": 25.0}},
    "another price": {"query": {"category": 3, "price": 25.01}},
    "no price": {"query": {"category": 3}},
    "a price of 0": {"query": {"category": 3, "price": 0}},
    "one candidate fewer": {"candidates": [5, 8]},
    "another candidate": {"candidates": [5, 8, 3]},
    "candidates that look alike when joined": {"candidates": [58, 2]},
    "k 11, for which all are computed,": {"k": 11},
    "user 173 and no category to speak of": {"user": 173, "query": {"category": 0, "price": 25.0}},
}


def key(
    answer: Path, changed: dict[str, Any] | None = None, where: tuple[str, str, str] = ("g1", "ranking", "1")
) -> Any:
    return load(answer).cache_key(*where, deepcopy(SEARCH | (changed or {})))


def check_a_key_is_a_few_bytes(answer: Path) -> None:
    for found in (key(answer), key(answer, {"candidates": list(range(200))})):
        expect(isinstance(found, bytes), f"the key {found!r}: expected bytes")
        expect(len(found) <= LONGEST, f"a key of {len(found)} bytes: expected at most {LONGEST}")


def check_equal_questions_meet(answer: Path) -> None:
    for what, changed in ALIKE.items():
        expect(key(answer, changed) == key(answer), f"{what} gives another key: expected the same")
    absent, none = key(answer, {"query": {"category": 3}}), key(answer, {"query": {"category": 3, "price": None}})
    expect(absent == none, "no price and a price of None give two keys: expected the same")
    expect(key(answer, {"k": 11}) == key(answer, {"k": 200}), "k 11 and k 200 give two keys: expected the same")


def check_different_questions_never_do(answer: Path) -> None:
    keys = {"the first search": key(answer)} | {what: key(answer, changed) for what, changed in DIFFERENT.items()}
    for one, other in combinations(keys, 2):
        expect(keys[one] != keys[other], f"{one} and {other} have the same key: expected two")


def check_another_version_or_other_features_are_another_key(answer: Path) -> None:
    first = key(answer)
    for what, where in {
        "version 2": ("g1", "ranking", "2"),
        "the next generation of features": ("g2", "ranking", "1"),
        "another model": ("g1", "fraud", "1"),
    }.items():
        expect(key(answer, where=where) != first, f"{what} has the same key: expected another")


def check_fields_do_not_run_into_each_other(answer: Path) -> None:
    pairs = [
        (key(answer, {"user": 1, "query": {"category": 23}}), key(answer, {"user": 12, "query": {"category": 3}})),
        (key(answer, where=("g", "r1", "1")), key(answer, where=("g", "r", "11"))),
        (key(answer, where=("g:r", "1", "1")), key(answer, where=("g", "r:1", "1"))),
    ]
    for one, other in pairs:
        expect(one != other, f"two different questions have the key {one!r}: expected two keys")


def check_other_searches_share_a_key_exactly_if_they_share_an_answer(answer: Path) -> None:
    cache_key, random = load(answer).cache_key, Random()  # noqa: S311 - examples
    seen: dict[Any, Any] = {}
    for _ in range(300):
        price, items = random.choice((None, 0, 25, 25.0)), random.choices(range(3), k=random.randint(1, 4))
        query = {"category": random.randint(0, 1), "price": price}
        request: dict[str, Any] = {
            "user": random.randint(1, 2),
            "query": query,
            "candidates": items,
            "k": random.choice((1, 10, 11, 50)),
        }
        depends_on = (request["user"], query["category"], price, frozenset(items), request["k"] > 10)  # noqa: PLR2004
        found = cache_key("g1", "ranking", "1", request)
        expect(seen.setdefault(depends_on, found) == found, f"{request} has another key than an equal search")
    expect_equal("how many keys so many different searches have", len(set(seen.values())), len(seen))


def check_every_process_finds_what_another_kept(answer: Path) -> None:
    said = (
        "import sys; from pathlib import Path; from course.exercises import load; "
        f"print(load(Path(sys.argv[1])).cache_key('g1', 'ranking', '1', {SEARCH!r}).hex())"
    )
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", said, str(answer)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CheckFailedError(f"in another process: {done.stderr.strip().splitlines()[-1]}")
        found.add(done.stdout)
    expect_equal("the number of keys that two processes make of one search", len(found), 1)


def check_the_request_is_not_changed(answer: Path) -> None:
    request = deepcopy(SEARCH)
    load(answer).cache_key("g1", "ranking", "1", request)
    expect_equal("the request afterwards", request, SEARCH)

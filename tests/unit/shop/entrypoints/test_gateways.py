"""The comparison of gateways: what counts as the same answer, and what its report says."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from shop.entrypoints.gateway_load import Cost, Ratio, same
from shop.entrypoints.gateways import report

ANSWER = {"items": [{"id": 5, "score": 0.97884}], "model": "ranking", "version": "1"}


@pytest.mark.parametrize(
    ("other", "equal"),
    [
        (ANSWER, True),
        ({**ANSWER, "items": [{"id": 5, "score": 0.978840172290802}]}, True),
        ({**ANSWER, "items": [{"id": 5, "score": 0.97}]}, False),
        ({**ANSWER, "items": [{"id": 6, "score": 0.97884}]}, False),
        ({**ANSWER, "items": []}, False),
        ({**ANSWER, "version": "2"}, False),
        ({"items": ANSWER["items"]}, False),
        ({**ANSWER, "items": None}, False),
    ],
)
def test_answers_are_the_same_but_for_the_last_digits(other: dict[str, Any], equal: bool) -> None:  # noqa: FBT001
    assert same(ANSWER, other) is equal


@pytest.mark.parametrize(("peer_us", "hit_us", "met"), [(300, 20, True), (180, 20, False), (300, 40, False)])
def test_the_goals_are_twice_the_cpu_and_a_quarter_of_a_miss(peer_us: float, hit_us: float, met: bool) -> None:  # noqa: FBT001
    costs = [
        Cost("the gateway, nothing kept", "search", 100, 1000, 1.0),
        Cost("KServe SDK, tritonclient", "search", peer_us, 500, 2.0),
    ]
    console = Console(file=io.StringIO(), width=120)
    assert report(console, costs, [Ratio("search", hit_us, hit_us, 100, 60)]) is met
    assert isinstance(console.file, io.StringIO)
    assert f"the SDK's best takes {peer_us / 100:.1f}× our CPU (goal: 2×)" in console.file.getvalue()

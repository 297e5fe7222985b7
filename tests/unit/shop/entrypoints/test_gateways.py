"""The comparison of gateways: what counts as the same answer, and what its report says."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from shop.commands.gateways import report
from shop.load.gateway_load import GatewayCost, Ratio, same

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


@pytest.mark.parametrize(
    ("peer_us", "hit_us", "scatter", "said"),
    [
        (300, 20, 0.1, "met"),
        (180, 20, 0.1, "missed"),
        (300, 40, 0.1, "missed"),
        (210, 20, 0.1, "too close to tell"),
        (300, 24, 0.1, "too close to tell"),
        (210, 24, 0.01, "met"),
    ],
)
def test_the_goals_are_twice_the_cpu_and_a_quarter_of_a_miss_in_every_round(
    peer_us: float, hit_us: float, scatter: float, said: str
) -> None:
    around = [1 - scatter, 1.0, 1 + scatter]
    costs = [
        GatewayCost("the gateway, nothing kept", "search", 100, 1000, 1.0, (100, 100, 100)),
        GatewayCost("KServe SDK, tritonclient", "search", peer_us, 500, 2.0, tuple(peer_us * each for each in around)),
    ]
    console = Console(file=io.StringIO(), width=120)
    hits = Ratio("search", tuple(hit_us / 100 * each for each in around), hit_us, hit_us, 100, 60)
    assert report(console, costs, [hits]) == said
    assert isinstance(console.file, io.StringIO)
    assert f"the SDK's best takes {peer_us / 100:.1f}× our CPU (goal: 2×)" in console.file.getvalue()

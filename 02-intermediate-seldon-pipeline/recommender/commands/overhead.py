"""``make overhead-2`` measures the time that the router adds to the three steps, and the time of each step.

The same requests go to the running level in two ways, to the three steps by hand and through the router, over open
connections and one at a time. The order alternates, so that a machine whose speed drifts favours neither way. The
answers of both ways must be equal.
"""

from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from recommender.settings import RecommenderSettings
from servekit.json_file import write_json
from workbench.hardware import describe, hardware_stamp
from workbench.stack import join
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

__all__ = ["main"]

_STEPS = (("preprocessor", "/transform-input"), ("model", "/predict"), ("postprocessor", "/transform-output"))
_RESULT = Path(".run/bench/overhead-2.json")
_BAR = 40
_WARM_UP = 20
_USERS = 943


def main() -> int:
    """The exit status: 0 when the answers are equal, 1 when they differ, 2 when the level does not answer."""
    settings = RecommenderSettings()
    requests = int(os.environ.get("OVERHEAD_REQUESTS", "400"))
    try:
        by_hand, through = _StepsByHand(settings), _Connection(settings.port)
        spent, routed = _measure(by_hand, through, requests)
    except (OSError, HTTPException, _DifferentError) as error:
        say(f"level 2: {error}: run make up-2, and leave its stock unchanged", stderr=True)
        return 1 if isinstance(error, _DifferentError) else 2
    _report(spent, routed, requests)
    return 0


class _DifferentError(Exception):
    """The two ways do not give the same answer."""


class _Connection:
    """An HTTP connection that stays open."""

    def __init__(self, port: int) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=10)

    def post(self, path: str, body: bytes) -> bytes:
        """The body of the answer."""
        self._http.request("POST", path, body, {"content-type": "application/json"})
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status != 200:  # noqa: PLR2004 - all else is a failure here
            raise HTTPException(f"{path}: HTTP {answer.status}: {content[:200].decode(errors='replace')}")
        return content


class _StepsByHand:
    """The three steps, called by hand."""

    def __init__(self, settings: RecommenderSettings) -> None:
        self._connections = {name: _Connection(getattr(settings, f"{name}_port")) for name, _ in _STEPS}

    def ask(self, body: bytes) -> tuple[bytes, list[float]]:
        """The answer, and the seconds that each step took."""
        seconds = []
        for name, path in _STEPS:
            began = perf_counter()
            body = self._connections[name].post(path, body)
            seconds.append(perf_counter() - began)
        return body, seconds


def _measure(by_hand: _StepsByHand, through: _Connection, requests: int) -> tuple[list[list[float]], list[float]]:
    """Seconds of each step by hand, and of the whole through the router, after a warm-up."""
    spent, routed = [], []
    for number in range(_WARM_UP + requests):
        body = msgspec.json.encode({"jsonData": {"user": number % _USERS + 1}, "meta": {"puid": "overhead"}})
        answers: dict[bool, Any] = {}
        for hand in (True, False) if number % 2 else (False, True):
            if hand:
                answers[hand], seconds = by_hand.ask(body)
                spent.append(seconds)
            else:
                began = perf_counter()
                answers[hand] = through.post("/api/v1.0/predictions", body)
                routed.append(perf_counter() - began)
        if msgspec.json.decode(answers[True])["jsonData"] != msgspec.json.decode(answers[False])["jsonData"]:
            raise _DifferentError(f"user {number % _USERS + 1}: by hand and through the router differ")
    return spent[_WARM_UP:], routed[_WARM_UP:]


def _report(spent: list[list[float]], routed: list[float], requests: int) -> None:
    whole = [sum(each) for each in spent]
    console = make_console()
    table = make_table(console, "way", "p50 ms", "p99 ms", numbers=1)
    for name, seconds in (("three steps by hand", whole), ("through the router", routed)):
        table.add_row(name, f"{_quantile(seconds, 0.5):.2f}", f"{_quantile(seconds, 0.99):.2f}")
    console.print(table)
    overhead_ms = _quantile(routed, 0.5) - _quantile(whole, 0.5)
    print(f"the router adds {overhead_ms:.2f} ms at p50 (goal: 2 ms), {requests} requests each way, equal answers")
    parts = {name: median(each[index] for each in spent) * 1e3 for index, (name, _) in enumerate(_STEPS)}
    _picture(console, {**parts, "router": max(overhead_ms, 0.0)})
    stamp = hardware_stamp()
    print(describe(stamp))
    result = {
        "requests": requests,
        "by_hand_p50_ms": _quantile(whole, 0.5),
        "through_p50_ms": _quantile(routed, 0.5),
        "by_hand_p99_ms": _quantile(whole, 0.99),
        "through_p99_ms": _quantile(routed, 0.99),
        "steps_p50_ms": parts,
        "hardware": stamp,
    }
    write_json(_RESULT, result)


def _picture(console: Console, parts: dict[str, float]) -> None:
    """A bar for each part, one behind the other, as the request goes through them."""
    total, at = sum(parts.values()), 0.0
    for name, part in parts.items():
        begin, end = round(at / total * _BAR), round((at + part) / total * _BAR)
        bar = " " * begin + "█" * max(end - begin, 1)
        console.print(f"{name:<13} {bar:<{_BAR + 1}} {part:6.2f} ms", highlight=False)
        at += part


def _quantile(seconds: Sequence[float], share: float) -> float:
    """The quantile of the durations, in milliseconds."""
    return sorted(seconds)[min(int(len(seconds) * share), len(seconds) - 1)] * 1e3


if __name__ == "__main__":
    join(2, lambda: RecommenderSettings().port)
    sys.exit(main())

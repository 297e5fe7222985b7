"""What a level supplies to be put under load: which requests to send, and which answers are right."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from servekit.errors import InvalidValueError

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random
    from types import ModuleType

    from workbench.load import Request

__all__ = ["Scenario", "Zipf", "load_scenario"]


class Scenario(Protocol):
    """A level's traffic. The class named in ``sla.toml`` is built without arguments in every load process.

    Expensive work (reading data, encoding bodies) belongs in the constructor: `request` runs between two sends.
    """

    def request(self, kind: str, random: Random) -> Request:
        """The next request of a kind named in ``[mix]``, drawn from ``random`` so that a seed repeats a run."""
        ...

    def check(self, request: Request, answer: bytes) -> str | None:
        """What is wrong with the body of a 2xx answer, in one sentence; ``None`` when it is right."""
        ...


class Zipf:
    """Ranks 0..size-1 with probability proportional to ``1 / (rank + 1) ** exponent``: how popular items are asked for.

    Source: Breslau et al., "Web Caching and Zipf-like Distributions", INFOCOM 1999 (exponents of 0.6 to 0.9).

    Raises:
        InvalidValueError: the size is below 1 or the exponent is negative.
    """

    def __init__(self, size: int, exponent: float = 0.9) -> None:
        if size < 1:
            raise InvalidValueError("Zipf size", size, "expected at least 1")
        if exponent < 0:
            raise InvalidValueError("Zipf exponent", exponent, "expected 0 or more")
        self._cumulative = list(accumulate((rank + 1) ** -exponent for rank in range(size)))

    def rank(self, random: Random) -> int:
        """One draw, in O(log size)."""
        return bisect_left(self._cumulative, random.random() * self._cumulative[-1])


def load_scenario(reference: str, folder: Path) -> Scenario:
    """Build the scenario named ``module:Class`` or ``file.py:Class`` (relative to ``folder``).

    Raises:
        InvalidValueError: the reference names no module, file or class, or the scenario lacks what it needs.
    """
    place, _, name = reference.partition(":")
    try:
        module = _module_in(folder / place) if place.endswith(".py") else importlib.import_module(place)
        factory = getattr(module, name)
    except (ImportError, FileNotFoundError, AttributeError) as problem:
        raise InvalidValueError("scenario", reference, f"expected module:Class or file.py:Class ({problem})") from None
    try:
        scenario: Scenario = factory()
    except Exception as problem:  # noqa: BLE001 - whatever a level needs and does not have, its message says it
        raise InvalidValueError("scenario", reference, f"cannot start: {problem}") from None
    return scenario


def _module_in(path: Path) -> ModuleType:
    name = f"sla_scenario_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module

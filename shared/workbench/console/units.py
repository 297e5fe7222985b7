"""Values with their units, short enough for a figure on a page: ``4.2 ms``, ``103/s``, ``0.3 %``, ``1.2 GB``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["shown"]

_SIZES = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
_IN_MILLISECONDS, _IN_MINUTES = 1.0, 120.0


def shown(value: float | None, unit: str) -> str:
    """The value as text; a dash where there is none.

    Args:
        value: in the unit's base: seconds, bytes, 1 for 100 %.
        unit: Grafana's name of it.
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return _BY_UNIT.get(unit, _figures)(value)


def _bytes(value: float) -> str:
    for size, name in _SIZES:
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value:.0f} B"


def _seconds(value: float) -> str:
    if abs(value) < _IN_MILLISECONDS:
        return f"{_figures(value * 1e3)} ms"
    return f"{_figures(value)} s" if abs(value) < _IN_MINUTES else f"{value / 60:.0f} min"


def _figures(value: float) -> str:
    """Three figures, and no exponent for what a person counts."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three figures


_BY_UNIT: dict[str, Callable[[float], str]] = {
    "bytes": _bytes,
    "ops": lambda value: f"{_figures(value)}/s",
    "percentunit": lambda value: f"{_figures(value * 100)} %",
    "reqps": lambda value: f"{_figures(value)}/s",
    "s": _seconds,
}

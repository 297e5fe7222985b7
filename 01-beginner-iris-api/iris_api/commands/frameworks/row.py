"""A row of the comparison: what is known of a framework."""

from __future__ import annotations

import msgspec

from iris_api.commands.frameworks.field import Beyond
from workbench.bench import PeerResult

__all__ = ["Conformance", "Row"]


class Conformance(msgspec.Struct, frozen=True):
    """How many checks of the Open Inference Protocol a server passes; failed ones by what the protocol says of them."""

    passed: int
    failed_must: int
    failed_should: int
    skipped: int


class Row(msgspec.Struct):
    """All that is known of a framework; ``why_not`` instead of figures where it was not measured."""

    name: str
    title: str
    lines: int
    telemetry: str
    beyond: Beyond
    why_not: str | None = None
    start_s: float | None = None
    packages: int | None = None
    installed_mb: float | None = None
    figures: PeerResult | None = None
    oip: Conformance | None = None

"""``make budget-3``: show where each endpoint's milliseconds go, hop by hop, from the gateways' traces."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shop.addresses import Addresses
from shop.commands.budget_picture import Hop, draw
from workbench.arguments import positive
from workbench.observe.errors import ObserveError
from workbench.observe.spans import Span, read_spans
from workbench.terminal import make_console, make_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console

__all__ = ["budget", "main"]

_FEWEST = 10
_REST = "rest"


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the budget, and draws it where told to; 1 when there are too few traces."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the budget too, as an SVG file")
    parser.add_argument(
        "--sla-ms", type=positive, default=50.0, metavar="MS", help="the promised p99 to draw, in ms (50)"
    )
    options = parser.parse_args(argv)
    try:
        found = budget(_all_spans(Addresses().run_dir))
    except ObserveError as error:
        say(f"error: {error}", stderr=True)
        return 1
    _print(found, make_console())
    if options.picture:
        options.picture.write_text(draw(found, options.sla_ms), encoding="utf-8")
        print(f"written: {options.picture}")
    return 0


def budget(spans: Iterable[Span]) -> dict[str, list[Hop]]:
    """Each endpoint's hops in their order, and the rest of its time (reading, waiting for the loop) as one more.

    Only answered requests count, of endpoints with at least 10 of them.

    Raises:
        ObserveError: no endpoint has that many.
    """
    roots, children = dict[str, Span](), defaultdict[str, list[Span]](list)
    for span in spans:
        if span.kind == "server":
            roots[span.span_id] = span
        elif span.parent_span_id:
            children[span.parent_span_id].append(span)
    by_endpoint = defaultdict[str, list[Span]](list)
    for root in roots.values():
        if root.span_id in children and root.status != "error":
            by_endpoint[root.name].append(root)
    found = {name: _hops(spans, children) for name, spans in sorted(by_endpoint.items()) if len(spans) >= _FEWEST}
    if not found:
        raise ObserveError(f"traces: fewer than {_FEWEST} of any endpoint; run `make up-3 sla-3`, then this again")
    return found


def _hops(roots: Sequence[Span], children: dict[str, list[Span]]) -> list[Hop]:
    order = dict.fromkeys(
        step.name for root in roots for step in sorted(children[root.span_id], key=lambda each: each.start_unix_ns)
    )
    own = {name: np.zeros(len(roots)) for name in (*order, _REST)}
    for place, root in enumerate(roots):
        left = root.duration_ns
        for step in children[root.span_id]:
            own[step.name][place] += step.duration_ns / 1e6
            left -= step.duration_ns
        own[_REST][place] = max(left, 0) / 1e6
    return [Hop(name, *map(float, np.percentile(each, [50, 99]))) for name, each in own.items()]


def _all_spans(run_dir: Path) -> Iterable[Span]:
    files = sorted(run_dir.glob("traces*.jsonl"))
    if not files:
        raise ObserveError(f"{run_dir}/traces*.jsonl: no such file; run `make up-3 sla-3`")
    for path in files:
        yield from read_spans(path)


def _print(found: dict[str, list[Hop]], console: Console) -> None:
    table = make_table(console, "endpoint", "hop", "p50 ms", "p99 ms", numbers=(2, 3))
    for endpoint, hops in found.items():
        for place, hop in enumerate(hops):
            table.add_row("" if place else endpoint, hop.step, f"{hop.p50_ms:.3f}", f"{hop.p99_ms:.3f}")
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())

"""Draws a trace as a waterfall: one line a span, children below their parents, bars to scale."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace
from rich.text import Text

from workbench.terminal import make_table, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console
    from rich.table import Table

    from workbench.observe.spans import Span

__all__ = ["draw", "nest"]

_COLOURS = ("cyan", "magenta", "blue", "yellow", "green")
_EIGHTHS = " ▏▎▍▌▋▊▉"
_SHOWN_SPANS, _SHOWN_ROOTS = 200, 5
_NAME_SHARE, _BAR_MIN, _BAR_MAX = 70, 20, 72


def draw(spans: Sequence[Span], console: Console) -> None:
    """Print the spans of one trace, at least one: what it was, then the waterfall."""
    spans = [_on_one_line(span) for span in spans]
    begun = min(span.start_unix_ns for span in spans)
    total_ns = max(span.end_unix_ns for span in spans) - begun
    services = list(dict.fromkeys(span.service for span in spans))
    console.print(_headline(spans, begun, total_ns, services), soft_wrap=True)
    nested = list(nest(spans))
    roots = [span for span, depth in nested if depth == 0]
    for root in roots[:_SHOWN_ROOTS]:
        console.print(Text(printable(f"  {_facts(root)}"), "dim"), soft_wrap=True)
    console.print()
    console.print(_waterfall(nested[:_SHOWN_SPANS], begun, total_ns, services, console))
    if len(nested) > _SHOWN_SPANS:
        console.print(f'… and {len(nested) - _SHOWN_SPANS} more; `make query-N SQL="from spans where …"` has them all')


def nest(spans: Sequence[Span]) -> Iterator[tuple[Span, int]]:
    """Each span with its depth, children after their parent, by start; what names no parent here is a root.

    A loop of parents, which only a damaged file has, is cut where it is met.
    """
    known = {span.span_id for span in spans}
    children: dict[str | None, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_span_id if span.parent_span_id in known else None, []).append(span)
    stack = [(span, 0) for span in reversed(children.get(None, []))]
    seen: set[str] = set()
    while stack or len(seen) < len(known):
        if not stack:
            stack = [(next(span for span in spans if span.span_id not in seen), 0)]
        span, depth = stack.pop()
        if span.span_id in seen:
            continue
        seen.add(span.span_id)
        yield span, depth
        stack += [(child, depth + 1) for child in reversed(children.get(span.span_id, []))]


def _on_one_line(span: Span) -> Span:
    texts = {"trace_id": span.trace_id, "service": span.service, "name": span.name, "status": span.status}
    return replace(span, **{field: printable(text) for field, text in texts.items()})


def _headline(spans: Sequence[Span], begun: int, total_ns: int, services: list[str]) -> Text:
    when = datetime.fromtimestamp(begun / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    failed = sum(span.status == "error" for span in spans)
    return Text.assemble(
        (f"trace {spans[0].trace_id}", "bold"),
        f"  {when}  {total_ns / 1e6:.3f} ms  {len(spans)} spans of {', '.join(services)}",
        (f"  {failed} failed", "bold red") if failed else "",
    )


def _facts(root: Span) -> str:
    facts = "  ".join(f"{key}={value}" for key, value in root.attributes.items() if value != "")
    return f"{root.name}  {facts}" if facts else root.name


def _waterfall(
    nested: Sequence[tuple[Span, int]], begun: int, total_ns: int, services: list[str], console: Console
) -> Table:
    table = make_table(console, "span", "at ms", "ms", "", "status", numbers=(1, 2))
    width = max(_BAR_MIN, min(_BAR_MAX, console.width - _NAME_SHARE))
    for span, depth in nested:
        colour = "red" if span.status == "error" else _COLOURS[services.index(span.service) % len(_COLOURS)]
        at_ns = span.start_unix_ns - begun
        table.add_row(
            Text("  " * depth).append(span.name, colour).append(f"  {span.service}" if not depth else "", "dim"),
            f"{at_ns / 1e6:.3f}",
            f"{span.duration_ns / 1e6:.3f}",
            Text(_bar(at_ns, span.duration_ns, total_ns, width), colour),
            Text(span.status if span.status != "unset" else "", colour),
        )
    return table


def _bar(at_ns: int, duration_ns: int, total_ns: int, width: int) -> str:
    """A bar to scale, to an eighth of a character; never invisible, never beyond the width."""
    scale = width * 8 / max(total_ns, 1)
    start = min(int(at_ns * scale) // 8, width - 1)
    eighths = min(max(round((at_ns + duration_ns) * scale) - start * 8, 1), (width - start) * 8)
    full, rest = divmod(eighths, 8)
    return " " * start + "█" * full + (_EIGHTHS[rest] if rest else "")

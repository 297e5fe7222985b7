"""One line for each process that is waited for: live in a terminal, a line at each event when piped."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rich.console import Console

__all__ = ["ProgressDisplay"]

_MARKS = {"ready": Text("✓", "green"), "failed": Text("✗", "red")}


class ProgressDisplay:
    """A context manager that shows the progress of several named processes."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._width = max(map(len, names), default=0)
        self._begun = time.monotonic()
        self._lines = dict.fromkeys(names, ("waiting", "", 0.0))
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def waiting(self, name: str, reason: str) -> None:
        """Shows that `name` is not ready, for this reason."""
        self._lines[name] = ("waiting", reason, 0.0)

    def ready(self, name: str) -> None:
        """Shows that `name` is ready."""
        self._settle(name, "ready")

    def failed(self, name: str, reason: str) -> None:
        """Shows that `name` will not get ready, for this reason."""
        self._settle(name, "failed", reason)

    def _settle(self, name: str, state: str, reason: str = "") -> None:
        took_s = time.monotonic() - self._begun
        self._lines[name] = (state, reason, took_s)
        if not self._console.is_terminal:
            self._console.print(
                f"  {name:<{self._width}}  {state} after {took_s:.1f} s  {reason}".rstrip(), markup=False
            )

    def _render(self) -> Table:
        grid = Table.grid(padding=(0, 1))
        for name, (state, reason, took_s) in self._lines.items():
            seconds = took_s or time.monotonic() - self._begun
            grid.add_row(" ", _MARKS.get(state, self._spinner), name, state, f"{seconds:.1f} s", Text(reason, "dim"))
        return grid

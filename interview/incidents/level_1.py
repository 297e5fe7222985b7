"""Level 1 as the faults see it: its stack, its process, its flowers, its users."""

from __future__ import annotations

import io
import itertools
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.console import Console

from iris_api.commands.stack import stack
from iris_api.domain.flower import CLASS_NAMES, as_dict
from iris_api.settings import IrisSettings
from iris_api.training.golden import Golden, read_golden
from servekit.loopback import client
from workbench.stack import StackError, control, down, take_over, up

if TYPE_CHECKING:
    import signal

    import httpx

    from workbench.stack import Stack

__all__ = ["Level1"]

_NAME = "iris-api"
_PATIENCE_S = 10.0


class Level1:
    """The level 1 that runs from this folder, on the ports of its settings."""

    def __init__(self) -> None:
        take_over(1)
        self.settings = IrisSettings()
        self.stack: Stack = stack()
        base_url = f"http://127.0.0.1:{self.settings.port}"
        self.http = client(base_url=base_url, timeout=_PATIENCE_S)
        self._turns = itertools.count()

    @cached_property
    def golden(self) -> Golden:
        """The 150 flowers and scikit-learn's answers."""
        return read_golden(self.settings.model_dir)

    def obstacle(self) -> str | None:
        """Why no fault can be planted here, or None."""
        missing = self.unready()
        if missing:
            return f"level 1 is not up ({missing}): make up-1"
        try:
            return None if self.state().pid else "level 1 has no process: make up-1"
        except StackError as error:
            return f"level 1 was not started from here ({error}): make up-1"

    def unready(self) -> str | None:
        """What the readiness probe lacks."""
        return self.stack.processes[0].ready.missing()

    def state(self) -> control.ProcessState:
        """What supervisord says about the process.

        Raises:
            StackError: supervisord does not answer.
        """
        return control.ask(self.stack)[_NAME]

    def send(self, sig: signal.Signals) -> None:
        """Sends a signal to the process, if it runs."""
        pid = self.state().pid
        if pid:
            os.kill(pid, sig)

    def heal(self) -> None:
        """Returns once the level is ready, whatever state it was in: `make up-1` repairs what is half dead.

        Raises:
            StackError: it does not get ready.
        """
        up(self.stack, Console(file=io.StringIO()))

    def start_anew(self) -> None:
        """Does what ``make down-1 up-1`` does, with the settings that this process has in its environment.

        Raises:
            StackError: it does not stop, or does not get ready.
        """
        quiet = Console(file=io.StringIO())
        down(self.stack, quiet)
        self.stack = stack()
        up(self.stack, quiet)

    def flowers(self, count: int, scale: float = 1.0) -> list[dict[str, float]]:
        """The next flowers of the data set, each length times `scale`."""
        return self.labelled(count, scale)[0]

    def labelled(self, count: int, scale: float = 1.0) -> tuple[list[dict[str, float]], list[str]]:
        """The next flowers, and the species that scikit-learn's model finds for each, from lengths in cm."""
        first = next(self._turns) * count
        rows = [(first + n) % len(self.golden.labels) for n in range(count)]
        flowers = [as_dict(self.golden.features[row] * scale) for row in rows]
        return flowers, [CLASS_NAMES[int(self.golden.labels[row])] for row in rows]

    def ask(self, count: int = 1, scale: float = 1.0) -> httpx.Response:
        """Asks for the species of the next flowers."""
        body: Any = self.flowers(count, scale)
        return self.http.post("/v1/predict", json=body)

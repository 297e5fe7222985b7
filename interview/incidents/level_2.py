"""Level 2 as the faults see it: its processes, its users, its stock."""

from __future__ import annotations

import io
import itertools
import time
from functools import cached_property
from typing import TYPE_CHECKING

from rich.console import Console

from course.incidents import Caller, Objective
from recommender.adapters.artefact import Artefact
from recommender.adapters.inventory import Inventory
from recommender.commands.processes import placed_last, stack_of
from recommender.settings import RecommenderSettings
from recommender.training.golden import Golden
from servekit.loopback import client
from workbench.stack import StackError, control, take_over, up

if TYPE_CHECKING:
    import httpx

    from recommender.domain.catalogue import Catalogue
    from workbench.stack import Stack

__all__ = ["K", "Level2"]

K = 10
"""How many items users ask for."""

_PATIENCE_S = 10.0
_READY_WITHIN_S = 60.0
_RATE_RPS = 10.0
_OBJECTIVE = Objective(fast=0.9, within_s=0.15)


class Level2:
    """The level 2 that runs from this folder, on the ports of its settings."""

    def __init__(self) -> None:
        take_over(2)
        self.settings = RecommenderSettings()
        self.http = client(base_url=f"http://127.0.0.1:{self.settings.port}", timeout=_PATIENCE_S)
        self._turns = itertools.count()

    @property
    def stack(self) -> Stack:
        """Its processes, as they were started."""
        return stack_of(placed_last(self.settings), self.settings)

    @cached_property
    def golden(self) -> Golden:
        """The right answers, computed by the models that are served."""
        return Golden(self.settings.served_dirs)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The items of the stable version."""
        return Artefact(self.settings.stable_dir).catalogue()

    @cached_property
    def inventory(self) -> Inventory:
        """The stock, as its keeper sees and changes it."""
        login = self.settings.inventory_login
        return Inventory(self.settings.inventory_url, self.catalogue, timeout_s=5, login=login)

    def obstacle(self) -> str | None:
        """Why no fault can be planted here, or None."""
        try:
            running = self.stack
            missing = next(filter(None, (process.ready.missing() for process in running.processes)), None)
            if missing:
                return f"level 2 is not up ({missing}): run make up-2"
            down = [name for name, state in control.ask(running).items() if not state.pid]
        except (StackError, OSError) as error:
            return f"level 2 was not started from here ({error}): run make up-2"
        return f"level 2 has no process {', '.join(down)}: run make up-2" if down else None

    def heal(self) -> None:
        """Returns once the level is ready, whatever state it was in.

        Raises:
            StackError: it does not get ready.
        """
        up(self.stack, Console(file=io.StringIO()))

    def restart(self, name: str) -> None:
        """Does what ``supervisorctl restart NAME`` does, and waits until the process is ready.

        Raises:
            StackError: supervisord does not answer, or the process does not get ready.
        """
        running = self.stack
        process = next(each for each in running.processes if each.name == name)
        control.halt(running, process)
        control.launch(running, process)
        deadline = time.monotonic() + _READY_WITHIN_S
        while missing := process.ready.missing():
            if time.monotonic() > deadline:
                raise StackError(f"{name}: not ready after {_READY_WITHIN_S:g} s: {missing}")
            time.sleep(0.1)

    def users(self, out: set[int] | None = None) -> Caller:
        """Known users, one after another, whose answers must be NumPy's with a fresh stock.

        Args:
            out: the items that are really out of stock; None: what the inventory said when the first call was made.
        """
        known = self.golden.users
        truth: list[set[int]] = [] if out is None else [out]

        def send() -> int | str:
            if not truth:
                truth.append(set(self.inventory.out()))
            user = known[next(self._turns) % len(known)]
            answer = self.ask(user)
            if not answer.is_success:
                return answer.status_code
            if answer.json()["meta"]["tags"].get("stock") == "stale":
                return "stale stock"
            return "wrong items" if self.golden.check(user, K, truth[0], answer.content) else answer.status_code

        return Caller(send, _RATE_RPS, _OBJECTIVE)

    def ask(self, user: int) -> httpx.Response:
        """The pipeline's answer."""
        return self.http.post("/api/v1.0/predictions", json={"jsonData": {"user": user, "k": K}})

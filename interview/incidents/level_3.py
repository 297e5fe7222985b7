"""Level 3 as the faults see it: its processes, its searches, its Triton."""

from __future__ import annotations

import io
import random
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from rich.console import Console

from servekit.loopback import client
from shop.addresses import Addresses
from shop.commands.stack import stack
from shop.features import store
from shop.gateway.domain.contracts import SearchQuery, SearchRequest
from shop.gateway.settings import GatewaySettings
from shop.load.oracle import Oracle
from shop.serving.control import Control
from workbench.stack import StackError, control, take_over, up

if TYPE_CHECKING:
    import httpx
    from numpy.typing import NDArray

    from workbench.stack import Stack

__all__ = ["Level3"]

_PATIENCE_S = 10.0
_CANDIDATES = 60
_JSON = {"content-type": "application/json"}


class Level3:
    """The level 3 that runs from this folder, on the ports of its settings."""

    def __init__(self) -> None:
        take_over(3, Addresses().run_dir)
        self.addresses = Addresses()
        self.oracle = Oracle(self.addresses, GatewaySettings())
        self.triton = Control(self.addresses)
        self.http = client(base_url=f"http://127.0.0.1:{self.addresses.port}", timeout=_PATIENCE_S)
        self._draw = random.Random(3)  # noqa: S311 - a sample, not a secret

    @property
    def stack(self) -> Stack:
        """Its processes, as they were started."""
        return stack(renew=False)

    @cached_property
    def items(self) -> NDArray[np.float32]:
        """(items, width): each item's block of features."""
        table: NDArray[np.float32] = np.load(self.addresses.features_dir / store.FILES["i:"], mmap_mode="r")
        return table

    def obstacle(self) -> str | None:
        """Why no fault can be planted here, or None."""
        try:
            running = self.stack
            missing = next(filter(None, (process.ready.missing() for process in running.processes)), None)
            return f"level 3 is not up ({missing}): run make up-3" if missing else self._stranger(running)
        except (StackError, OSError) as error:
            return f"level 3 was not started from here ({error}): run make up-3"

    def _stranger(self, running: Stack) -> str | None:
        down = [name for name, state in control.ask(running).items() if not state.pid]
        return f"level 3 has no process {', '.join(down)}: run make up-3" if down else None

    def heal(self) -> None:
        """Returns once the level is ready, whatever state it was in: `make up-3` repairs what is half dead.

        Raises:
            StackError: it does not get ready.
        """
        up(self.stack, Console(file=io.StringIO()))

    def search(self) -> SearchRequest:
        """The next search; nobody asked it before, so no cache has its answer."""
        candidates = self._draw.sample(range(len(self.items)), _CANDIDATES)
        query = SearchQuery(category=self._draw.randrange(16), price=round(self._draw.uniform(5, 500), 6))
        return SearchRequest(user=self._draw.randrange(100), query=query, candidates=candidates, k=10)

    def ask(self, search: SearchRequest) -> httpx.Response:
        """The edge's answer."""
        return self.http.post("/v1/search", content=msgspec.json.encode(search), headers=_JSON)

"""Level 3 as the faults see it: its processes, its people, its metrics, its Triton."""

from __future__ import annotations

import io
import random
import time
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from rich.console import Console

from servekit.errors import ServingError
from servekit.http_ask import ask
from servekit.loopback import client
from shop.addresses import Addresses
from shop.commands.stack import stack
from shop.features import store
from shop.gateway.domain.contracts import SearchRequest
from shop.gateway.settings import GatewaySettings
from shop.load.oracle import Oracle
from shop.load.world_traffic import WorldTraffic
from shop.serving.control import Control
from workbench.console.exposition import read_exposition, read_labels
from workbench.stack import StackError, control, take_over, up

if TYPE_CHECKING:
    from collections.abc import ItemsView
    from pathlib import Path

    import httpx
    from numpy.typing import NDArray

    from workbench.load import Request
    from workbench.stack import Process, Stack

__all__ = ["Level3", "outcome", "search_of"]

_PATIENCE_S = 10.0
_READY_WITHIN_S = 60.0
_JSON = {"content-type": "application/json"}
_OK = 200


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

    @property
    def gateway_ports(self) -> range:
        """Where its gateways listen, which show their metrics there too."""
        return range(self.addresses.gateway_port, self.addresses.gateway_port + self.addresses.gateways)

    @property
    def stack_home(self) -> Path:
        """Its run folder."""
        return self.addresses.run_dir.resolve()

    @cached_property
    def items(self) -> NDArray[np.float32]:
        """(items, width): each item's block of features."""
        table: NDArray[np.float32] = np.load(self.addresses.features_dir / store.FILES["i:"], mmap_mode="r")
        return table

    @cached_property
    def traffic(self) -> WorldTraffic:
        """What the world's people ask; raises `ServingError` where none was recorded."""
        return WorldTraffic(self.addresses, afresh=True)

    def obstacle(self) -> str | None:
        """Why no fault can be planted here, or None."""
        try:
            running = self.stack
            missing = next(filter(None, (process.ready.missing() for process in running.processes)), None)
            if missing:
                return f"level 3 is not up ({missing}): run make up-3"
            self.request("search")
            return self._stranger(running)
        except (StackError, ServingError, OSError) as error:
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

    def restart_with(self, name: str, **environment: str) -> None:
        """Starts one process anew with other settings, as who edits its unit file does; returns once it is ready.

        ``make up-3`` finds that the configuration is not its own, and starts the level as it should be.

        Raises:
            StackError: supervisord refuses, or the process does not get ready.
        """
        running = self.stack
        old = next(process for process in running.processes if process.name == name)
        new = replace(old, environment={**old.environment, **environment})
        changed = replace(running, processes=[new if each is old else each for each in running.processes])
        control.remove(changed, [old])
        control.add(changed, [new])
        _await(new)

    def restart_as_usual(self, name: str) -> None:
        """Starts one process anew with its own settings, unless it has them: what `make up-3` does, for one alone.

        Raises:
            StackError: supervisord refuses, or the process does not get ready.
        """
        if not control.is_current(self.stack):
            self.restart_with(name)

    def restart_gateways(self) -> None:
        """Starts the gateways anew, one after the other: their windows for drift forget what a fault put into them."""
        for number in range(self.addresses.gateways):
            self.restart_with(f"gateway-{number}")

    def settle(self) -> None:
        """Returns once every process is ready; raises `StackError` where one does not get so."""
        for process in self.stack.processes:
            _await(process)

    def triton_ms(self, model: str, version: str, seconds: float) -> tuple[float, float]:
        """What a request of a model's version spends in Triton's queue and in the model, over the next seconds."""
        before = self._triton_us(model, version)
        time.sleep(seconds)
        queue, compute, count = (now - then for now, then in zip(self._triton_us(model, version), before, strict=True))
        return queue / max(count, 1) / 1e3, compute / max(count, 1) / 1e3

    def pid(self, name: str) -> int:
        """The process id of one of its processes.

        Raises:
            StackError: it does not run, or supervisord does not answer.
        """
        found = control.ask(self.stack)[name].pid
        if found is None:
            raise StackError(f"{name}: does not run: make up-3")
        return found

    def counts(self, name: str, ports: range, **labels: str) -> list[float]:
        """For each of some ports, the sum of a metric's series that have these labels; 0 where nobody answers."""
        return [_count(name, port, labels.items()) for port in ports]

    def _triton_us(self, model: str, version: str) -> list[float]:
        names = ("queue_duration_us", "compute_infer_duration_us", "request_success")
        ports = range(self.addresses.triton_metrics_port, self.addresses.triton_metrics_port + 1)
        return [sum(self.counts(f"nv_inference_{name}", ports, model=model, version=version)) for name in names]

    def request(self, kind: str) -> Request:
        """The next request of a kind, as people ask it."""
        return self.traffic.request(kind, self._draw)

    def send(self, request: Request, headers: dict[str, str] | None = None) -> httpx.Response:
        """The edge's answer to a request."""
        return self.http.post(request.path, content=request.body, headers={**_JSON, **(headers or {})})

    def ask(self, search: SearchRequest) -> httpx.Response:
        """The edge's answer."""
        return self.http.post("/v1/search", content=msgspec.json.encode(search), headers=_JSON)


def outcome(answer: httpx.Response) -> int | str:
    """What a caller makes of an answer: its status, or that it is a fallback's."""
    degraded = answer.headers.get("x-degraded")
    return f"degraded ({degraded})" if answer.status_code == _OK and degraded else answer.status_code


def search_of(request: Request) -> SearchRequest:
    """What a request for a search asks."""
    return msgspec.json.decode(request.body, type=SearchRequest)


def _await(process: Process) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while missing := process.ready.missing():
        if time.monotonic() > deadline:
            raise StackError(f"{process.name}: not ready within {_READY_WITHIN_S:g} s: {missing}")
        time.sleep(0.05)


def _count(name: str, port: int, labels: ItemsView[str, str]) -> float:
    try:
        text = ask(f"http://127.0.0.1:{port}/metrics", 2).body.decode()
    except OSError:
        return 0.0
    found = 0.0
    for series, value in read_exposition(text):
        if series.partition("{")[0] == name and dict(read_labels(series)).items() >= labels:
            found += value
    return found

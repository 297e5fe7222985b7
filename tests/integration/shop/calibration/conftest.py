"""A tiny shop whose work is known, running, and a survey of it."""

from __future__ import annotations

import http.client
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from planner.calibration import StoreSize
from shop.calibration.cache_counters import CacheCounts, read_counts
from shop.calibration.from_survey import calibrate
from shop.calibration.processes import Processes
from shop.calibration.survey import Schedule, survey
from tests.patience import GENEROUS_S, until
from workbench.sla import Request, Zipf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from planner.calibration import Calibration

MIX = {"recommendations": 6.0, "search": 3.0, "payments": 1.0}
_PATHS = {"search": "/v1/search", "recommendations": "/v1/recommendations", "payments": "/v1/payments/score"}


class ToyShop:
    """The process, as something to survey."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        command = [sys.executable, str(Path(__file__).with_name("toy_shop.py")), str(port)]
        self.process = subprocess.Popen(command)
        self.processes = Processes({"gateway": [self.process.pid]})

    def wait(self) -> None:
        until(self._is_up, "listening")

    def _is_up(self) -> bool:
        try:
            self.empty_cache()
        except OSError:
            return False
        return True

    def empty_cache(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GENEROUS_S)
        connection.request("POST", "/flush")
        connection.getresponse().read()
        connection.close()

    def counts(self) -> CacheCounts:
        return read_counts([self.port])

    def stores(self) -> tuple[StoreSize, StoreSize]:
        return StoreSize(10, 100), StoreSize(10, 100)

    def edge_bytes(self, request: Request) -> int:
        return len(request.body) + 100


class ToyScenario:
    def __init__(self) -> None:
        self._popularity = Zipf(300)

    def request(self, kind: str, random: Random) -> Request:
        number = self._popularity.rank(random) if kind == "recommendations" else random.randrange(10**9)
        return Request(_PATHS[kind], b'{"user": %d}' % number)

    def check(self, _request: Request, _answer: bytes) -> str | None:
        return None


@pytest.fixture(scope="package")
def toy_shop(free_ports: Callable[[int], list[int]]) -> Iterator[ToyShop]:
    shop = ToyShop(free_ports(1)[0])
    try:
        shop.wait()
        with pytest.MonkeyPatch.context() as patch:  # no request is given up: a machine may stand still for a while
            patch.setattr("shop.calibration.sent._TIMEOUT_S", GENEROUS_S)
            yield shop
    finally:
        shop.process.kill()
        shop.process.wait()


@pytest.fixture(scope="package")
def toy_calibration(toy_shop: ToyShop) -> Calibration:
    schedule = Schedule(1, alone_rps=200, alone=60, busy_s=0.3, held_out_rps=120, held_out_s=1.5, warm_up=20, repeats=0)
    with pytest.MonkeyPatch.context() as patch:  # a toy's figures need no fine simulation
        found = survey(toy_shop, ToyScenario(), MIX, schedule, lambda _: None)
        patch.setattr("planner.fit._SIMULATED", 600)
        patch.setattr("planner.forecast._SIMULATED", 2000)
        return calibrate(found, MIX, toy_shop.processes, "toy")

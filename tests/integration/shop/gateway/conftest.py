"""Two real Valkeys, a model server that does as it is told, and gateways as processes around them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import redis

from servekit.valkey import valkey_command
from tests.integration.shop.gateway.fake_models import FakeModels
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ITEMS, USERS = 300, 40
POPULAR = list(range(ITEMS - 1, ITEMS - 201, -1))


@dataclass
class Store:
    """A Valkey that can be killed and started again."""

    port: int
    folder: Path
    memory: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        command = valkey_command(self.port, self.folder, durable=False, cache_memory=self.memory)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        until(lambda: listening(self.port))

    def kill(self) -> None:
        assert self.process
        self.process.kill()
        self.process.wait()

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port)


def load_features(store: Store, generation: str = "g1") -> None:
    """A small feature set, made by rule: what the gateway looked up shows in what the models were asked."""
    with store.client as client:
        pipe = client.pipeline(transaction=False)
        for item in range(ITEMS):
            block = np.zeros(64, "<f4")
            block[0], block[1] = 1, item / 100
            pipe.set(f"i:{item}", block.tobytes())
        for user in range(USERS):
            pipe.set(f"u:{user}", np.full(96, user / 1000, "<f4").tobytes())
            for prefix in "fcdp":
                pipe.set(f"{prefix}:{user}", np.full(16, user / 1000, "<f4").tobytes())
        pipe.set("popular", str(POPULAR))
        pipe.set("generation", generation)
        pipe.execute()


@dataclass
class GatewayProcess:
    """A running ``python -m shop.gateway``."""

    process: subprocess.Popen[str]
    port: int
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=GENEROUS_S)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a counter's samples that have these labels."""
        found = 0.0
        for line in self.client.get("/metrics").text.splitlines():
            if line.startswith(f"{name}{{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
                found += float(line.rpartition(" ")[2])
        return found


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="package")
def models() -> Iterator[FakeModels]:
    server = FakeModels()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="package")
def stores(
    tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]
) -> Iterator[tuple[Store, Store]]:
    """The feature store and the cache."""
    folder = tmp_path_factory.mktemp("stores")
    features, cache = free_ports(2)
    both = Store(features, folder / "features"), Store(cache, folder / "cache", "32mb")
    for store in both:
        store.start()
    load_features(both[0])
    yield both
    for store in both:
        store.kill()


@pytest.fixture(autouse=True)
def _as_at_first(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test did to the shared servers is undone after it, before anything of the next one is set up."""
    yield
    if "models" in request.fixturenames or "gateway" in request.fixturenames:
        models: FakeModels = request.getfixturevalue("models")
        models.delay_s, models.status, models.versions = 0.0, 200, ("1", "2")
        models.nan = models.silent = False
        models.claims, models.unloaded = "", ()
        models.delay_of.clear()
        models.hosts.clear()
        models.headers.clear()
        models.calls.clear()


@pytest.fixture(scope="package")
def gateway_environment(
    models: FakeModels, stores: tuple[Store, Store], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    features, cache = stores
    return {
        "SHOP_RUN_DIR": str(tmp_path_factory.mktemp("run")),
        "SHOP_TRITON_HTTP_PORT": str(models.port),
        "SHOP_FEATURES_PORT": str(features.port),
        "SHOP_CACHE_PORT": str(cache.port),
        # long, for a busy machine: what is to be late has a deadline of its own
        "SHOP_DEADLINE_MS": "30000",
        "SHOP_TARGET_MS": "30000",
        "SHOP_CACHE_BUDGET_MS": "10000",
        "SHOP_DRAIN_S": "0",
        "PYTHONWARNINGS": "error",
    }


def _is_ready(gateway: GatewayProcess, said: dict[str, str]) -> bool:
    answer = gateway.client.get("/readyz")
    said["/readyz"] = answer.text
    return answer.is_success


Start = "Callable[..., GatewayProcess]"


@pytest.fixture(scope="package")
def start_gateway(
    gateway_environment: dict[str, str], free_ports: Callable[[int], list[int]]
) -> Iterator[Callable[..., GatewayProcess]]:
    """Starts gateways with further settings, and waits until they are ready; they must end cleanly."""
    started: list[GatewayProcess] = []

    def start(*, ready: bool = True, **settings: str) -> GatewayProcess:
        (port,) = free_ports(1)
        environment = {**os.environ, **gateway_environment, "SHOP_GATEWAY_PORT": str(port), **settings}
        process = subprocess.Popen(
            [sys.executable, "-m", "shop.gateway"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        gateway = GatewayProcess(process, port)
        started.append(gateway)
        if ready:
            until(lambda: listening(port) or process.poll() is not None, "listening")
            assert process.poll() is None, process.communicate()[1]
            said: dict[str, str] = {}
            until(lambda: _is_ready(gateway, said), lambda: f"ready: {said}")
        return gateway

    yield start
    for gateway in started:
        gateway.client.close()
        gateway.process.send_signal(signal.SIGTERM)
    for gateway in started:
        with suppress(subprocess.TimeoutExpired):
            gateway.process.wait(20)
        gateway.process.kill()
        assert gateway.process.stderr is not None
        gateway.process.stderr.close()
        gateway.process.wait()


@pytest.fixture(scope="package")
def gateway(start_gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    """One gateway for all tests that only ask it; its cache is off, so that each answer is computed."""
    return start_gateway(SHOP_CACHE="false")

"""What Triton's dynamic batching gives and takes, measured: one server, one queue delay after the other.

Each delay meets the same open-loop load (Poisson arrivals, latency from the intended start), light and heavy, and then
as many requests as it can answer.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
import numpy as np

from servekit.http_ask import ask
from shop.addresses import Addresses
from shop.artefact import Artefact
from shop.endpoints import MODELS
from shop.load.triton_traffic import typical_request
from shop.serving.control import Control
from shop.serving.model_config import Backend, render, serving_of
from shop.serving.repository import write_model
from shop.serving.triton import release_memory
from workbench.bench import closed_loop, free_ports
from workbench.sla.load import Window, generate
from workbench.sla.settings import load_sla
from workbench.stack import HttpReady

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from workbench.sla.samples import Samples

__all__ = ["DelayError", "DelayExperiment", "DelayMeasurement", "Variant", "measure"]

_READY_WITHIN_S = 120.0
_RETRIES = 2
_STALL_S = 0.1
_WARM_UP_S = 1.0
_CONNECTIONS = 16


class DelayError(Exception):
    """Nothing could be measured; the text says why."""


class Variant(msgspec.Struct, frozen=True):
    """How requests are batched: held back for `delay_us` (None: not batched), with a limit on their time in the queue.

    The limit is long and no request is refused for it: what it shows is what having a limit does to Triton.
    """

    delay_us: int | None
    time_limit: bool = False

    def __str__(self) -> str:
        delay = "off" if self.delay_us is None else f"{self.delay_us} µs"
        return f"{delay}, time limit" if self.time_limit else delay


class DelayExperiment(msgspec.Struct, frozen=True):
    """What to measure: the variants, open-loop rates of all models together, and seconds for each rate."""

    variants: tuple[Variant, ...]
    rates: tuple[float, ...]
    seconds: float


class DelayMeasurement(msgspec.Struct, frozen=True):
    """One model under one load; `rate_rps` is the rate of all models together, 0 for as much as it can.

    Attributes:
        stalls: answers that took more than 100 ms.
        batch: requests in an execution, on average.
    """

    variant: str
    rate_rps: float
    model: str
    requests: int
    rps: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    stalls: int
    batch: float


class Watcher(Protocol):
    """Is told which measurement comes next."""

    def __call__(self, variant: Variant, load: str) -> None:
        """Called before each measurement, with its variant and load."""
        ...


def measure(models_dir: Path, folder: Path, plan: DelayExperiment, watch: Watcher) -> Iterator[DelayMeasurement]:
    """Runs a Triton of its own on version 1 of each model, and measures each variant of the plan.

    Raises:
        DelayError: Triton does not start, or a request failed.
    """
    addresses = _addresses(folder)
    addresses.models_dir.unlink(missing_ok=True)
    addresses.models_dir.symlink_to(models_dir.resolve())
    _configure(addresses, plan.variants[0])
    with _triton(addresses):
        for variant in plan.variants:
            if variant != plan.variants[0]:
                _configure(addresses, variant)
                for model in MODELS:
                    Control(addresses).load(model)
            for rate in plan.rates:
                watch(variant, f"{rate:g} requests/s")
                yield from _open_loop(addresses, variant, rate, plan.seconds)
            watch(variant, "as many as it can")
            yield from (_as_many(addresses, variant, model, plan.seconds / 3) for model in MODELS)


def _addresses(folder: Path) -> Addresses:
    folder.mkdir(parents=True, exist_ok=True)
    http, grpc, metrics = free_ports(3)
    return Addresses(run_dir=folder, triton_http_port=http, triton_grpc_port=grpc, triton_metrics_port=metrics)


def _configure(addresses: Addresses, variant: Variant) -> None:
    repository = addresses.run_dir / "triton" / "repository"
    for model in MODELS:
        write_model(addresses.models_dir / model, repository)
        serving = replace(serving_of(model), embedded_delay_us=variant.delay_us)
        card = Artefact(repository / model / "1", derived=True).card()
        text = render(model, card, [1], Backend.PYTHON, serving)
        if variant.time_limit:
            text = text.replace("dynamic_batching {", f"dynamic_batching {{ {_TIME_LIMIT}")
        (repository / model / "config.pbtxt").write_text(text, encoding="utf-8")


@contextmanager
def _triton(addresses: Addresses) -> Iterator[None]:
    names = ("http", "grpc", "metrics")
    ports = {f"SHOP_TRITON_{name.upper()}_PORT": str(getattr(addresses, f"triton_{name}_port")) for name in names}
    environment = {**os.environ, **ports, "SHOP_RUN_DIR": str(addresses.run_dir)}
    process, retries = _start(environment, _log(addresses)), _RETRIES
    try:
        while not _is_ready(process, addresses):
            # its Python backend may abort as it starts: triton-inference-server/server#8882
            aborted = process.poll() is not None and "lock_exception" in _log(addresses).read_text(errors="replace")
            if not aborted or not retries:
                raise DelayError(f"Triton is not ready; see {_log(addresses)}")
            process, retries = _start(environment, _log(addresses)), retries - 1
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
        release_memory(addresses)


def _start(environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        command = [sys.executable, "-m", "shop.serving.triton"]
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


def _is_ready(process: subprocess.Popen[bytes], addresses: Addresses) -> bool:
    """Whether it is ready in time; false at once where it ended."""
    deadline = time.monotonic() + _READY_WITHIN_S
    ready = HttpReady(f"{_url(addresses)}/v2/health/ready")
    while time.monotonic() < deadline and process.poll() is None:
        if ready.missing() is None:
            return True
        time.sleep(0.1)
    return False


def _log(addresses: Addresses) -> Path:
    return addresses.run_dir / "triton.log"


def _url(addresses: Addresses) -> str:
    return f"http://127.0.0.1:{addresses.triton_http_port}"


def _open_loop(addresses: Addresses, variant: Variant, rate: float, seconds: float) -> list[DelayMeasurement]:
    path = addresses.run_dir / "sla.toml"
    path.write_text(_SLA.format(url=_url(addresses), rate=rate, seconds=seconds), encoding="utf-8")
    before = _statistics(addresses)
    load = generate(path, load_sla(path), Window(rate, _WARM_UP_S, seconds), addresses.run_dir / "load", _Silent())
    after = _statistics(addresses)
    judged = load.samples[load.samples["intended_s"] >= _WARM_UP_S]
    if bad := int(np.count_nonzero(judged["outcome"])):
        raise DelayError(f"{bad} of {len(judged)} requests failed; see {_log(addresses)}")
    measured = []
    for kind, model in enumerate(MODELS):
        latencies_s = judged["latency_s"][judged["kind"] == kind]
        requests, batch = len(latencies_s), (after[model] - before[model]).batch
        p50_ms, p99_ms, max_ms = np.quantile(latencies_s, [0.5, 0.99, 1]) * 1e3
        stalls = int(np.count_nonzero(latencies_s > _STALL_S))
        figures = (requests / seconds, float(p50_ms), float(p99_ms), float(max_ms), stalls, batch)
        measured.append(DelayMeasurement(str(variant), rate, model, requests, *figures))
    return measured


def _as_many(addresses: Addresses, variant: Variant, model: str, seconds: float) -> DelayMeasurement:
    """Measures throughput by a closed loop over 16 connections."""
    request = typical_request(Artefact.of(addresses.models_dir, model, "1"), seed=0)
    before = _statistics(addresses)
    done = closed_loop(addresses.triton_http_port, [request], None, _CONNECTIONS, seconds)
    counted = _statistics(addresses)[model] - before[model]
    figures = (done.requests, done.rps, done.p50_ms, done.p99_ms, done.p99_ms, 0, counted.batch)
    return DelayMeasurement(str(variant), 0, model, *figures)


class _Counted(NamedTuple):
    """Triton's own counters of one model's requests."""

    requests: int
    executions: int

    def __sub__(self, before: _Counted) -> _Counted:
        return _Counted(self.requests - before.requests, self.executions - before.executions)

    @property
    def batch(self) -> float:
        return self.requests / max(self.executions, 1)


def _statistics(addresses: Addresses) -> dict[str, _Counted]:
    stats = msgspec.json.decode(ask(f"{_url(addresses)}/v2/models/stats", 5).body)["model_stats"]
    return {
        each["name"]: _Counted(each["inference_stats"]["success"]["count"], each["execution_count"]) for each in stats
    }


class _Silent:
    """A progress display that shows nothing."""

    def update(self, window: Window, samples: Samples) -> None:
        """Does nothing with the progress of a load."""


_TIME_LIMIT = "default_queue_policy { default_timeout_microseconds: 2000000 timeout_action: DELAY }"
_SLA = """\
level = 3
rate_rps = {rate}
duration_s = {seconds}
scenario = "shop.load.triton_traffic:TritonScenario"

[server]
url = "{url}"
start = "make delays-3"

[mix]
ranking = 1
fraud = 1
personalisation = 1

[thresholds]
p99_ms = 1000
"""

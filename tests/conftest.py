"""What tests of several kinds share: a trained model, free ports, and the level-1 API in process and as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import httpx
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import HealthCheck, settings

from servekit import signing
from tests import ports
from tests.clones import RECOMMENDER, make_models
from tests.iris_process import IrisServer
from tests.once import once
from tests.patience import GENEROUS_S
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from iris_api.training.golden import Golden
    from servekit.telemetry import TelemetryMiddleware
    from tests.iris_process import StartIris


pytest_plugins = ["tests.speed"]

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would every process they start and
# interrupt. A handler of our own is reset to the default in children.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where everybody waits for them, a property's examples are few; CI has the time for many.
settings.register_profile("few", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("many", settings.get_profile("few"), max_examples=100)
settings.load_profile("many" if os.environ.get("CI") else "few")

# Five seconds, which httpx waits by default, may pass on a busy machine before anybody answers.
for part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, part, GENEROUS_S)

# No test registers in the checkout's own registry, or serves what is registered there; those about it have one each.
os.environ["MLFLOW_TRACKING_URI"] = "off"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each reason why tests were skipped, however many files they lie in."""
    reports = terminalreporter.stats.get("skipped", [])
    for reason, count in Counter(skip_reason(report) for report in reports).most_common():
        terminalreporter.write_line(f"skipped {count}: {reason}")


def skip_reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    return reason.removeprefix("Skipped: ")


@pytest.fixture(autouse=True)
def _as_from_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are as wide as their cells and levels are on this machine, whatever terminal the tests are run from."""
    for name in ("COLUMNS", "FORCE_COLOR", "URL", "CONTEXT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def free_ports() -> Callable[[int], list[int]]:
    """Makes ports that nothing listens on."""
    return ports.free_ports


@pytest.fixture
def model_keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private and a public key, as ``make model-keys`` writes them."""
    assert signing.main([str(tmp_path / "keys")]) == 0
    return tmp_path / "keys" / "models.key", tmp_path / "keys" / "models.pub"


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact of ``make train-1``, trained once for all tests of all workers: nobody writes into it."""

    def train(folder: Path) -> None:
        from iris_api.training.artefact import write_model  # noqa: PLC0415 - scikit-learn is for those who ask for it

        write_model(folder / "1")

    return once(tmp_path_factory, "iris", train) / "1"


@pytest.fixture(scope="session")
def recommender_models() -> Path:
    """The artefacts of ``make train-2`` in this checkout; where there are none, one worker trains them."""
    make_models(RECOMMENDER)
    return ROOT / ".run/2/models/recommender"


@pytest.fixture(scope="session")
def golden(model_dir: Path) -> Golden:
    """The 150 flowers with scikit-learn's own answers."""
    from iris_api.training.golden import read_golden  # noqa: PLC0415 - see model_dir

    return read_golden(model_dir)


@pytest.fixture(scope="session")
def iris_app(model_dir: Path, free_ports: Callable[[int], list[int]]) -> TelemetryMiddleware:
    """The application, wired as the process wires it, with a metrics registry of its own."""
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - see model_dir

    from iris_api.adapters.model_monitor import open_model_monitor  # noqa: PLC0415
    from iris_api.adapters.onnx_model import OnnxModel  # noqa: PLC0415
    from iris_api.bootstrap import create_app  # noqa: PLC0415
    from iris_api.service.predictor import Predictor  # noqa: PLC0415
    from iris_api.settings import IrisSettings  # noqa: PLC0415
    from servekit.telemetry import TelemetrySettings  # noqa: PLC0415

    model = OnnxModel(model_dir)
    monitor = open_model_monitor(model, model_dir)
    settings = IrisSettings(grpc_port=free_ports(1)[0])
    return create_app(
        settings, TelemetrySettings(), Predictor(model), monitor, registry=CollectorRegistry(), log_descriptor=2
    )


@pytest.fixture
async def iris_client(iris_app: TelemetryMiddleware) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, in this process."""
    transport = httpx.ASGITransport(iris_app)
    async with httpx.AsyncClient(transport=transport, base_url="http://iris") as client:
        yield client


@pytest.fixture(scope="session")
def start_iris_in(
    model_dir: Path, free_ports: Callable[[int], list[int]]
) -> Callable[[Path], Callable[..., IrisServer]]:
    """Starts servers in a folder; without ``IRIS_PORT`` and ``IRIS_GRPC_PORT`` in the environment, on free ports."""

    def start_in(folder: Path) -> Callable[..., IrisServer]:
        def start(**environment: str) -> IrisServer:
            port, grpc_port = free_ports(2)
            settings = {
                "IRIS_PORT": str(port),
                "IRIS_GRPC_PORT": str(grpc_port),
                "IRIS_MODEL_DIR": str(model_dir),
                "PYTHONWARNINGS": "error",
                **environment,
            }
            with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
                process = subprocess.Popen(
                    [sys.executable, "-m", "iris_api"],
                    env={**os.environ, **settings},
                    cwd=folder,
                    stdout=stdout,
                    stderr=stderr,
                )
            return IrisServer(process, port, grpc_port, folder)

        return start

    return start_in


@pytest.fixture
def start_iris(tmp_path: Path, start_iris_in: Callable[[Path], Callable[..., IrisServer]]) -> Iterator[StartIris]:
    """Starts ``python -m iris_api`` in a folder of its own; whatever still runs at the end is killed."""
    started: list[IrisServer] = []

    def start(**environment: str) -> IrisServer:
        folder = tmp_path / f"server-{len(started)}"
        folder.mkdir()
        started.append(start_iris_in(folder)(**environment))
        return started[-1]

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


@pytest.fixture(scope="session")
def iris_server(
    tmp_path_factory: pytest.TempPathFactory, start_iris_in: Callable[[Path], Callable[..., IrisServer]]
) -> Iterator[IrisServer]:
    """One running server for all tests that only ask it; it must also stop cleanly."""
    folder = tmp_path_factory.mktemp("iris-server")
    server = start_iris_in(folder)(TELEMETRY_TRACE_FILE=str(folder / "traces.jsonl"), OTEL_BSP_SCHEDULE_DELAY="100")
    try:
        yield server.wait_ready()
        assert server.stop() == 0
        assert server.stderr == ""
    finally:
        server.process.kill()
        server.process.wait()

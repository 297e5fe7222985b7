"""A process that cannot start says why in one line, and ends with 1."""

from __future__ import annotations

import shutil
import socket
import sys
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from iris_api.__main__ import main
from tests.patience import GENEROUS_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.iris_process import StartIris


@pytest.fixture
def taken() -> Iterator[str]:
    """A port somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield str(listener.getsockname()[1])


class Refusal(Protocol):
    def __call__(self, **environment: str) -> str: ...


@pytest.fixture
def refusal(
    monkeypatch: pytest.MonkeyPatch, model_dir: Path, free_ports: Callable[[int], list[int]], capfd: Any
) -> Refusal:
    """Runs the command's `main` in this process: it must return 1 before it serves."""

    def refusal(**environment: str) -> str:
        port, grpc_port = free_ports(2)
        settings = {"IRIS_PORT": str(port), "IRIS_GRPC_PORT": str(grpc_port), "IRIS_MODEL_DIR": str(model_dir)}
        for name, value in (settings | environment).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["python -m iris_api"])
        capfd.readouterr()
        assert main() == 1
        output, errors = capfd.readouterr()
        assert output == ""
        return reason(errors)

    return refusal


def reason(errors: str) -> str:
    assert errors.startswith("iris-api cannot start: ")
    assert "Traceback" not in errors
    return errors.removeprefix("iris-api cannot start: ").removesuffix("\n")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("variable", ["IRIS_PORT", "IRIS_GRPC_PORT"])
def test_a_taken_port_ends_the_start(refusal: Refusal, taken: str, variable: str, workers: str) -> None:
    expected = f"127.0.0.1:{taken}: Address already in use: free it, or set {variable}"
    assert refusal(**{variable: taken}, IRIS_WORKERS=workers) == expected


def test_one_port_for_http_and_grpc_ends_the_start(refusal: Refusal) -> None:
    expected = "IRIS_GRPC_PORT 1234: the same as IRIS_PORT: set another"
    assert refusal(IRIS_PORT="1234", IRIS_GRPC_PORT="1234") == expected


def test_an_address_of_another_machine_ends_the_start(refusal: Refusal) -> None:
    expected = "192.0.2.1:1234: Cannot assign requested address: set IRIS_HOST or IRIS_PORT"
    assert refusal(IRIS_HOST="192.0.2.1", IRIS_PORT="1234") == expected


def test_every_bad_setting_is_named(refusal: Refusal) -> None:
    assert refusal(IRIS_PORT="abc", IRIS_WORKERS="0", IRIS_DRAIN_S="-1").splitlines() == [
        "IRIS_PORT abc: Input should be a valid integer, unable to parse string as an integer",
        "iris-api cannot start: IRIS_WORKERS 0: Input should be greater than or equal to 1",
        "iris-api cannot start: IRIS_DRAIN_S -1: Input should be greater than or equal to 0",
    ]


def test_a_bad_telemetry_setting_ends_the_start(refusal: Refusal) -> None:
    expected = "TELEMETRY_TRACE_RATIO 5: Input should be less than or equal to 1"
    assert refusal(TELEMETRY_TRACE_RATIO="5") == expected


def test_a_log_level_that_does_not_exist_ends_the_start(refusal: Refusal) -> None:
    expected = "TELEMETRY_LOG_LEVEL loud: Input should be 'DEBUG', 'INFO', 'WARNING', 'ERROR' or 'CRITICAL'"
    assert refusal(TELEMETRY_LOG_LEVEL="loud") == expected


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_missing_model_ends_the_start(refusal: Refusal, workers: str) -> None:
    expected = "/nowhere/model.json: No such file or directory: run make train-1, or set IRIS_MODEL_DIR"
    assert refusal(IRIS_MODEL_DIR="/nowhere", IRIS_WORKERS=workers) == expected


def test_a_damaged_model_ends_the_start(refusal: Refusal, model_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(model_dir, tmp_path / "damaged")
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-1])
    reason = refusal(IRIS_MODEL_DIR=str(folder))
    assert reason.startswith(f"{folder}/model.onnx sha256 ")
    assert reason.endswith("the file is damaged or was replaced: run make train-1")


def test_a_process_that_cannot_start_ends_with_1_and_one_line(
    start_iris: StartIris, model_dir: Path, tmp_path: Path, taken: str
) -> None:
    folder = shutil.copytree(model_dir, tmp_path / "damaged")
    (folder / "drift.json").write_text("{}")
    servers = [
        start_iris(IRIS_GRPC_PORT=taken),
        start_iris(IRIS_MODEL_DIR=str(folder)),
    ]
    assert [server.process.wait(GENEROUS_S) for server in servers] == [1, 1]
    port, profile = [reason(server.stderr) for server in servers]
    assert port == f"127.0.0.1:{taken}: Address already in use: free it, or set IRIS_GRPC_PORT"
    assert f"{folder}/drift.json: " in profile
    for server in servers:
        assert server.stderr.count("\n") == 1
        assert server.stdout == ""

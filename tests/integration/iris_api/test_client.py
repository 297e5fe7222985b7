"""``make client-1``: 0 when every answer is right, 1 when one is not, 2 when nothing answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from iris_api.commands import conformance
from iris_api.commands.calls import CALLS
from iris_api.commands.client import main
from iris_api.training.golden import Golden, write_golden

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.iris_process import IrisServer


@pytest.fixture
def point_at(iris_server: IrisServer, model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets where the client looks: the running server and its own golden answers, unless told otherwise."""

    def point_at(
        port: int = iris_server.port, grpc_port: int = iris_server.grpc_port, folder: Path = model_dir
    ) -> None:
        monkeypatch.setenv("IRIS_PORT", str(port))
        monkeypatch.setenv("IRIS_GRPC_PORT", str(grpc_port))
        monkeypatch.setenv("IRIS_MODEL_DIR", str(folder))

    return point_at


def test_every_protocol_gives_the_right_answers(
    point_at: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    point_at()
    assert main() == 0
    output = capsys.readouterr().out
    for name in CALLS:
        assert name in output
    assert output.count(" 150 ") == len(CALLS)
    assert output.endswith("every answer agrees with scikit-learn to 1e-05\n")


def test_the_client_finds_that_another_model_answers(
    point_at: Callable[..., None], golden: Golden, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certain = np.eye(3)[golden.labels]  # what a decision tree answers
    answers = Golden(golden.features, golden.labels, certain)
    write_golden(tmp_path, answers)
    point_at(folder=tmp_path)
    assert main() == 1
    off = np.abs(answers.probabilities - golden.probabilities).max(axis=1) > 1e-5
    assert capsys.readouterr().out.endswith(f"{off.sum() * len(CALLS)} answers are wrong\n")


def test_the_client_finds_one_wrong_probability(
    point_at: Callable[..., None], golden: Golden, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    probabilities = golden.probabilities.copy()
    probabilities[77, 1] += 1e-4
    write_golden(tmp_path, Golden(golden.features, golden.labels, probabilities))
    point_at(folder=tmp_path)
    assert main() == 1
    assert capsys.readouterr().out.endswith(f"{len(CALLS)} answers are wrong\n")


def test_the_client_says_that_nothing_answers(
    point_at: Callable[..., None], free_ports: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    port, grpc_port = free_ports(2)
    point_at(port, grpc_port)
    assert main() == 2
    expected = f"http://127.0.0.1:{port}: [Errno 111] Connection refused: run make up-1, then make logs-1\n"
    assert capsys.readouterr() == ("", expected)


def test_the_client_says_that_grpc_does_not_answer(
    point_at: Callable[..., None], free_ports: Callable[[int], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    (grpc_port,) = free_ports(1)
    point_at(grpc_port=grpc_port)
    assert main() == 2
    assert f"127.0.0.1:{grpc_port}" in capsys.readouterr().err


def test_the_client_says_that_the_golden_answers_are_missing(
    point_at: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    point_at(folder=tmp_path)
    assert main() == 2
    path = tmp_path / "golden.json"
    expected = f"{path}: No such file or directory: run make train-1, or set IRIS_MODEL_DIR\n"
    assert capsys.readouterr() == ("", expected)


def test_an_api_elsewhere_is_asked_over_http_and_over_grpc_where_its_port_is_said(
    iris_server: IrisServer, model_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IRIS_PORT", "1")
    monkeypatch.setenv("IRIS_MODEL_DIR", str(model_dir))
    monkeypatch.setenv("URL", f"http://127.0.0.1:{iris_server.port}")
    assert main() == 0
    output = capsys.readouterr().out
    assert output.count(" 150 ") == len(CALLS) - 1
    assert "not asked over gRPC: IRIS_GRPC_PORT=… says at which port\n" in output
    monkeypatch.setenv("IRIS_GRPC_PORT", str(iris_server.grpc_port))
    assert main() == 0
    assert capsys.readouterr().out.count(" 150 ") == len(CALLS)


def test_an_api_elsewhere_conforms(
    iris_server: IrisServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IRIS_PORT", "1")
    monkeypatch.setenv("URL", f"http://127.0.0.1:{iris_server.port}")
    assert conformance.main() == 0
    assert ", 22 skipped\n" in capsys.readouterr().out, "what only gRPC could tell"
    monkeypatch.setenv("IRIS_GRPC_PORT", str(iris_server.grpc_port))
    assert conformance.main() == 0
    assert ", 0 skipped\n" in capsys.readouterr().out


def test_where_nothing_answers_elsewhere_nobody_is_told_to_start_a_level_here(
    point_at: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    point_at()
    monkeypatch.setenv("URL", "http://127.0.0.1:1")
    assert main() == 2
    said = capsys.readouterr().err
    assert said.startswith("http://127.0.0.1:1: ")
    assert said.endswith(": is level 1 there?\n")

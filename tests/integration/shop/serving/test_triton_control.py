"""What the running Triton does for whom: control for who has its secret, inference for everybody on this machine."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest

from servekit.loopback import DIRECT
from shop.addresses import Addresses
from shop.serving.control import Control, ControlError, main
from shop.serving.control_key import GRPC_HEADER, HEADER, new_key, read_key
from tests.integration.shop.serving.triton_world import Triton, running_triton

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PAGE = {"content-type": "text/plain", "origin": "http://somewhere.example", "host": "somewhere.example"}
"""What a page in a browser sends without asking first."""

CONTROL = [
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/ranking/load"),
    ("POST", "/v2/repository/models/ranking/unload"),
    ("GET", "/v2/systemsharedmemory/status"),
    ("POST", "/v2/systemsharedmemory/region/mine/register"),
    ("POST", "/v2/systemsharedmemory/unregister"),
    ("POST", "/v2/cudasharedmemory/region/mine/register"),
    ("GET", "/v2/trace/setting"),
    ("POST", "/v2/trace/setting"),
    ("POST", "/v2/models/ranking/trace/setting"),
    ("GET", "/v2/logging"),
    ("POST", "/v2/logging"),
]
METHODS = (
    "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload", "SystemSharedMemoryStatus",
    "SystemSharedMemoryRegister", "SystemSharedMemoryUnregister", "CudaSharedMemoryRegister", "TraceSetting",
    "LogSettings",
)  # fmt: skip
OPEN = ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/ranking", "/v2/models/ranking/versions/1/ready",
        "/v2/models/ranking/config", "/v2/models/stats")  # fmt: skip


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[Triton]:
    with running_triton(tmp_path_factory.mktemp("control"), free_ports(3)) as triton:
        yield triton


def call(triton: Triton, method: str, metadata: list[tuple[str, str]] | None = None) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{triton.addresses.triton_grpc_port}", DIRECT) as channel:
        unary: Any = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")  # the types know messages only
        unary(b"", timeout=30, metadata=metadata)


def test_a_pages_own_model_does_not_run(triton: Triton, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')\nclass TritonPythonModel:\n    def execute(self, requests):\n        return []\n"
    config = {
        "name": "mine",
        "backend": "python",
        "input": [{"name": "x", "data_type": "TYPE_FP32", "dims": [1]}],
        "output": [{"name": "y", "data_type": "TYPE_FP32", "dims": [1]}],
    }
    body = {"parameters": {"config": json.dumps(config), "file:1/model.py": base64.b64encode(code.encode()).decode()}}
    asked = "/v2/repository/models/mine/load"
    answer = triton.client.post(asked, content=json.dumps(body), headers=PAGE)
    assert answer.status_code == 403, answer.text
    assert not ran.exists()
    key = {HEADER: read_key(triton.addresses)}
    answer = triton.client.post(asked, content=json.dumps(body), headers=PAGE | key)
    assert answer.status_code == 200, answer.text
    assert ran.exists(), "the request is one that would have run"


@pytest.mark.parametrize(("method", "path"), CONTROL)
@pytest.mark.parametrize("key", [None, "wrong"])
def test_http_controls_nothing_without_the_secret(triton: Triton, method: str, path: str, key: str | None) -> None:
    answer = triton.client.request(method, path, headers=PAGE | ({HEADER: key} if key else {}))
    assert answer.status_code == 403, answer.text
    assert read_key(triton.addresses) not in answer.text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("key", [None, "wrong"])
def test_grpc_controls_nothing_without_the_secret(triton: Triton, method: str, key: str | None) -> None:
    with pytest.raises(grpc.RpcError, match=r"UNAVAILABLE|PERMISSION_DENIED") as refused:
        call(triton, method, [(GRPC_HEADER, key)] if key else None)
    assert "This protocol is restricted" in str(refused.value)
    assert read_key(triton.addresses) not in str(refused.value)


@pytest.mark.parametrize("path", OPEN)
def test_what_everybody_may_ask_is_answered_without_it(triton: Triton, path: str) -> None:
    answer = triton.client.get(path)
    assert answer.status_code == 200, answer.text


def test_a_prediction_needs_no_secret(triton: Triton) -> None:
    assert triton.infer("ranking", 1, np.ones((1, 128), np.float32))


def test_with_the_secret_both_protocols_obey(triton: Triton) -> None:
    key = read_key(triton.addresses)
    call(triton, "RepositoryIndex", [(GRPC_HEADER, key)])
    assert triton.client.get("/v2/logging", headers={HEADER: key}).status_code == 200


def test_every_start_has_a_secret_of_its_own_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    addresses = Addresses(run_dir=tmp_path)
    first, second = new_key(addresses), new_key(addresses)
    assert first != second == read_key(addresses)
    assert len(second) == 64
    files = list((tmp_path / "triton").iterdir())
    assert [(file.name, file.stat().st_mode & 0o777) for file in files] == [("control-key", 0o600)]


def test_the_log_does_not_have_the_secret(triton: Triton) -> None:
    assert read_key(triton.addresses) not in triton.log.read_text()


def test_control_says_what_it_lacks(triton: Triton, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = triton.addresses.model_copy(update={"run_dir": tmp_path})
    assert main(["list"], elsewhere) == 1
    assert "control-key" in capsys.readouterr().err
    new_key(elsewhere)  # of another run folder, not that of the server on these ports
    with pytest.raises(ControlError, match="restricted"):
        Control(elsewhere).states()
    with pytest.raises(ControlError, match=r"RepositoryModelUnload ranking: .*restricted"):
        Control(elsewhere).unload("ranking")
    assert triton.client.get("/v2/models/ranking/ready").status_code == 200

"""The chart's command for the model servers, run by a real Triton: one model of the volume's set, and no orders."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from shop.addresses import Addresses
from shop.serving.control_key import HEADER
from shop.serving.repository import write_repository
from shop.serving.settings import TritonSettings
from shop.serving.triton import command, environment, prepare_backends
from tests.integration.shop.serving.triton_world import running_server, write_models
from tests.shop_chart import of_kind, variant
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SETTINGS = TritonSettings(environment=ROOT / ".venvs/triton", exit_timeout_s=2)
EMBEDDED = ("--backend-directory", "--backend-config", "--http-", "--grpc-", "--metrics-")
"""What the wheel's server has to be told besides; in the image, a script does."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[str]:
    """Where the server of fraud listens; its volume has the other models too."""
    folder = tmp_path_factory.mktemp("pod")
    http, grpc, metrics = free_ports(3)
    addresses = Addresses(
        run_dir=folder / "run", triton_http_port=http, triton_grpc_port=grpc, triton_metrics_port=metrics
    )
    write_models(addresses.models_dir)
    (folder / "volume").mkdir()
    write_repository(addresses.models_dir, folder / "volume")
    prepare_backends(addresses, SETTINGS)
    server, *words = command(addresses, SETTINGS, "not this one")
    needed = [word for word in words if word.startswith(EMBEDDED) and "restricted" not in word]
    (folder / "bin").mkdir()
    (folder / "bin/tritonserver").write_text(f'#!/bin/sh\nexec {shlex.join([server, *needed])} "$@"\n')
    (folder / "bin/tritonserver").chmod(0o755)
    settings = environment(SETTINGS)
    settings["PATH"] = f"{folder / 'bin'}:{settings['PATH']}"
    settings["SHOP_MODEL"] = "fraud"
    with running_server(_in_a_folder(folder), settings, folder / "log", http):
        yield f"http://127.0.0.1:{http}/v2"


def _in_a_folder(folder: Path) -> list[str]:
    """The container's command and arguments, with the container's own folders in `folder`."""
    (runtime,) = of_kind(variant("defaults"), "ServingRuntime").values()
    (container,) = runtime["spec"]["containers"]
    places = {"/mnt/models": folder / "volume", "/tmp/repository": folder / "repository"}  # noqa: S108 - the container's
    words = [*container["command"], *container["args"]]
    for place, here in places.items():
        words = [word.replace(place, str(here)) for word in words]
    return words


@pytest.mark.parametrize(("model", "status"), [("fraud", 200), ("ranking", 400), ("personalisation", 400)])
def test_a_server_has_its_own_model_alone(address: str, model: str, status: int) -> None:
    assert httpx.get(f"{address}/models/{model}/ready", trust_env=False).status_code == status


@pytest.mark.parametrize("order", ["load", "unload"])
@pytest.mark.parametrize("key", [None, "a guess", "not this one"])
def test_nobody_loads_or_unloads_a_model(address: str, order: str, key: str | None) -> None:
    headers = {HEADER: key} if key else {}
    answer = httpx.post(f"{address}/repository/models/fraud/{order}", headers=headers, json={}, trust_env=False)
    assert answer.status_code == 403, answer.text
    assert httpx.get(f"{address}/models/fraud/ready", trust_env=False).status_code == 200


def test_not_even_the_servers_own_secret_loads_a_model(address: str) -> None:
    """The secret stands in the process list of its container, where nobody else is."""
    port = address.removesuffix("/v2").rpartition(":")[2]
    (words,) = [each for each in map(words_of, psutil.process_iter()) if f"--http-port={port}" in each]
    secret = next(word for word in words if word.startswith("--http-restricted-api=")).rpartition("=")[2]
    with httpx.Client(base_url=address, headers={HEADER: secret}, trust_env=False) as owner:
        assert owner.post("/repository/index", json={}).status_code == 200, "it is the right one"
        for order in ("load", "unload"):
            answer = owner.post(f"/repository/models/fraud/{order}", json={})
            assert (answer.status_code, "not allowed" in answer.text) == (503, True), answer.text
    assert httpx.get(f"{address}/models/fraud/ready", trust_env=False).status_code == 200


def words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []

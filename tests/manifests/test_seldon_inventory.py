"""Level 2's inventory asks for a password: as the manifests start it, a real Valkey, and its probes."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import redis

from recommender.adapters.inventory import KEY, RIGHTS
from recommender.commands.operator import find_deployment
from servekit.valkey import valkey_command
from servekit.valkey_users import read_login, write_users
from tests.manifests.conftest import built
from tests.patience import until
from tests.ports import free_ports
from tests.valkey_cli import CLI
from workbench.versions import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEPLOY = ROOT / "02-intermediate-seldon-pipeline" / "deploy"
SECRET = "inventory-logins"  # noqa: S105 - its name


def inventory(overlay: str = "password") -> dict[str, Any]:
    """The pod of the inventory."""
    (found,) = [each.body for each in built(DEPLOY / "overlays" / overlay) if each.kind == "StatefulSet"]
    pod: dict[str, Any] = found["spec"]["template"]["spec"]
    return pod


@pytest.fixture
def logins(tmp_path: Path) -> Path:
    """What ``make up-2`` leaves, of which the Secret is made."""
    return write_users(tmp_path / "logins", "inventory", RIGHTS).parent


@pytest.fixture
def port(logins: Path, tmp_path: Path) -> Iterator[int]:
    """Of a Valkey with the arguments that the overlay gives it."""
    (port,) = free_ports(1)
    here = {"/logins/": f"{logins}/", "/data": str(tmp_path)}
    args = inventory()["containers"][0]["args"]
    for there, folder in here.items():
        args = [each.replace(there, folder) for each in args]
    program = valkey_command(port, tmp_path)[0]
    with subprocess.Popen([program, "--port", str(port), *args], cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            until(lambda: answers(port))
            yield port
        finally:
            server.kill()


def answers(port: int) -> bool:
    with redis.Redis(port=port) as client:
        try:
            client.ping()
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False
    return False


def test_a_pod_that_gets_to_the_port_gets_no_further(port: int, logins: Path) -> None:
    with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.setbit(KEY, 50, 1)
    step, keeper = (read_login(logins, "inventory", user) for user in ("step", "keeper"))
    assert step
    assert keeper
    with redis.Redis(port=port, username=keeper.user, password=keeper.password) as client:
        client.setbit(KEY, 50, 1)
    with redis.Redis(port=port, username=step.user, password=step.password) as client:
        assert client.get(KEY)
        for command in (f"SETBIT {KEY} 50 0", "FLUSHALL", "GET other", "CONFIG GET dir"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())


@pytest.mark.parametrize("kind", ["startupProbe", "readinessProbe"])
def test_the_probes_log_in(port: int, logins: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "cli.py").write_text(CLI.format(port=port))
    program = tmp_path / "valkey-cli"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {tmp_path / "cli.py"} "$@"\n')
    program.chmod(0o755)
    command = [each.replace("/logins/", f"{logins}/") for each in inventory()["containers"][0][kind]["exec"]["command"]]
    asked = [subprocess.run(command, env={"PATH": f"{tmp_path}:{os.defpath}"}, check=False)]
    (logins / "inventory-step").write_text("wrong")
    asked.append(subprocess.run(command, env={"PATH": f"{tmp_path}:{os.defpath}"}, check=False))
    assert [each.returncode for each in asked] == [0, 1]


def test_each_process_is_given_its_own_password_alone(logins: Path) -> None:
    (volume,) = [each["secret"] for each in inventory()["volumes"] if "secret" in each]
    items = {item["key"] for item in volume["items"]}
    assert (volume["secretName"], items) == (SECRET, {"inventory.acl", "inventory-step"})
    assert items <= {file.name for file in logins.iterdir()}
    assert all("secret" not in each for each in inventory("minikube").get("volumes", [])), "asked for, it must be there"


@pytest.mark.parametrize("named", ["password", "canary", "minikube"])
def test_each_predictors_last_step_has_the_password_if_there_is_one(named: str) -> None:
    documents = [each.body for each in built(DEPLOY / "overlays" / named)]
    for predictor in find_deployment(documents)["spec"]["predictors"]:
        (spec,) = [component["spec"] for component in predictor["componentSpecs"]]
        (secret,) = [each["secret"] for each in spec["volumes"] if "secret" in each]
        assert (secret["secretName"], secret["optional"]) == (SECRET, True)
        assert [item["key"] for item in secret["items"]] == ["inventory-step"]
        for container in spec["containers"]:
            paths = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
            files = [each["value"] for each in container["env"] if each["name"] == "RECOMMENDER_INVENTORY_LOGIN_FILE"]
            last = container["name"] == "postprocessor"
            assert files == ["/inventory-login/inventory-step"] * last
            assert paths.get("inventory-login") == ("/inventory-login" if last else None)

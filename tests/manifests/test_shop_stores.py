"""The two stores' users in the chart: each process gets its own password alone, and its Valkey the users it knows."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from servekit.valkey import valkey_command
from shop.addresses import Addresses
from shop.serving.logins import Store, write_users
from shop.serving.stores import ValkeyReady, connect
from tests.patience import until
from tests.ports import free_ports
from tests.shop_chart import changed, of_kind, variant
from tests.valkey_cli import CLI

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKLOADS: dict[Store, str] = {"features": "StatefulSet", "cache": "Deployment"}
LOGINS = "/logins"


def pod(store: Store, name: str = "cpu") -> dict[str, Any]:
    found: dict[str, Any] = of_kind(variant(name), WORKLOADS[store])[store]["spec"]["template"]["spec"]
    return found


def given(spec: dict[str, Any], container: dict[str, Any]) -> dict[str, set[str]]:
    """The files of the Secret of logins that a container sees, by where."""
    volumes = {each["name"]: each["secret"] for each in spec["volumes"] if each["name"].startswith("logins-")}
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"] if each["name"] in volumes}
    return {path: {item["path"] for item in volumes[name]["items"]} for path, name in mounts.items()}


def test_each_process_gets_its_own_passwords_where_it_looks_for_them() -> None:
    gateway = of_kind(variant("cpu"), "Deployment")["gateway"]["spec"]["template"]["spec"]
    ours = "/data/valkey/logins"  # of SHOP_RUN_DIR in the image
    assert given(gateway, gateway["containers"][0]) == {ours: {"features-gateway", "cache-gateway"}}
    (loader,) = pod("features")["initContainers"]
    assert given(pod("features"), loader) == {ours: {"features-loader"}}
    for store in WORKLOADS:
        (valkey,) = pod(store)["containers"]
        assert given(pod(store), valkey) == {LOGINS: {f"{store}.acl", f"{store}-gateway"}}


def test_without_the_secret_nothing_is_mounted() -> None:
    for store in WORKLOADS:
        spec = pod(store, "defaults")
        assert [given(spec, each) for each in spec["containers"]] == [{}]
        assert "--aclfile" not in spec["containers"][0]["args"]


def test_the_secret_has_what_the_level_leaves_on_a_bare_machine(tmp_path: Path) -> None:
    """Which is how it is made: ``kubectl create secret generic store-logins --from-file=.run/3/valkey/logins``."""
    for store in WORKLOADS:
        write_users(Addresses(run_dir=tmp_path), store)
    made = {file.name for file in (tmp_path / "valkey" / "logins").iterdir()}
    wanted = [item["key"] for store in WORKLOADS for each in pod(store)["volumes"] if "secret" in each
              for item in each["secret"]["items"]]  # fmt: skip
    assert set(wanted) <= made


@pytest.fixture(params=WORKLOADS)
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Store, Addresses]]:
    """A store, started with the arguments that the chart gives it."""
    store: Store = request.param
    (port,) = free_ports(1)
    addresses = Addresses(run_dir=tmp_path, features_port=port, cache_port=port)
    folder = write_users(addresses, store).parent
    args = [each.replace(LOGINS, str(folder)) for each in pod(store)["containers"][0]["args"]]
    program = valkey_command(port, tmp_path)[0]
    with subprocess.Popen([program, "--port", str(port), *args], cwd=tmp_path, stdout=subprocess.DEVNULL) as server:
        try:
            until(lambda: ValkeyReady(addresses, store).missing() is None)
            yield store, addresses
        finally:
            server.kill()


def test_the_probes_log_in_and_say_when_the_store_can_do_its_work(running: tuple[Store, Addresses]) -> None:
    store, addresses = running
    (container,) = pod(store)["containers"]
    assert probe(addresses, container["startupProbe"])
    assert probe(addresses, container["readinessProbe"]) == (store == "cache")
    with connect(addresses, store) as client:
        client.set("generation", "g1")
    assert probe(addresses, container["readinessProbe"])
    (addresses.run_dir / "valkey" / "logins" / f"{store}-gateway").write_text("wrong")
    assert not probe(addresses, container["startupProbe"])
    assert not probe(addresses, container["readinessProbe"])


def test_the_probes_work_without_passwords(tmp_path: Path) -> None:
    for store in WORKLOADS:
        (container,) = of_kind(changed("defaults"), WORKLOADS[store])[store]["spec"]["template"]["spec"]["containers"]
        command = container["readinessProbe"]["exec"]["command"]
        reply = "1" if store == "features" else "PONG"
        (tmp_path / "valkey-cli").write_text(f"#!/bin/sh\necho {reply}\n")
        (tmp_path / "valkey-cli").chmod(0o755)
        path = {"PATH": f"{tmp_path}:{os.defpath}"}
        assert subprocess.run(command, env=path, check=False).returncode == 0


def probe(addresses: Addresses, spec: dict[str, Any]) -> bool:
    folder = addresses.run_dir
    (folder / "cli.py").write_text(CLI.format(port=addresses.cache_port))
    # a path with a blank cannot stand in a program's first line
    (folder / "valkey-cli").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {folder / "cli.py"} "$@"\n')
    (folder / "valkey-cli").chmod(0o755)
    command = [each.replace(LOGINS, str(folder / "valkey" / "logins")) for each in spec["exec"]["command"]]
    return subprocess.run(command, env={"PATH": f"{folder}:{os.defpath}"}, check=False).returncode == 0

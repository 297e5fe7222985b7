"""Every command about a level finds the level of its own clone, on whatever port, and no stranger."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.ports import free_ports
from workbench.sla.cli import main as sla
from workbench.stack import (
    HttpReady,
    Process,
    Stack,
    StackError,
    check_own,
    down,
    find_started,
    is_secret,
    join,
    own,
    run_folder,
    up,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]


@dataclass(frozen=True)
class Clones:
    """Two clones; each has its level 1 up on a port of its own, ours by its own setting."""

    ours: Path
    theirs: Path
    port: int
    other_port: int


@pytest.fixture
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clones]:
    port, other_port = free_ports(2)
    console = Console(quiet=True)
    stacks = []
    for name, its in (("ours", port), ("theirs", other_port)):
        monkeypatch.setenv("TINY_PORT", str(its))
        monkeypatch.setenv("TINY_API_KEY", "secret")
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        server = Process("tiny", [*SERVER, str(its)], HttpReady(f"http://127.0.0.1:{its}/"), ports={"http": its})
        stacks.append(
            Stack(1, [server], Path(".run/1").resolve(), entrypoint="tiny", prefix="TINY_", scrape={"tiny": [its]})
        )
        up(stacks[-1], console)
    for name in ("TINY_PORT", "TINY_API_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path / "ours")
    yield Clones(tmp_path / "ours", tmp_path / "theirs", port, other_port)
    for stack, name in zip(stacks, ("ours", "theirs"), strict=True):
        monkeypatch.chdir(tmp_path / name)
        down(stack, console)


def test_a_command_finds_its_own_level_without_being_told_the_port(
    clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = own(1)
    assert (found.url, found.scrape) == (f"http://127.0.0.1:{clones.port}", {"tiny": [clones.port]})
    assert os.environ["TINY_PORT"] == str(clones.port)
    assert "TINY_API_KEY" not in found.settings
    monkeypatch.chdir(clones.theirs)
    assert own(1).url == f"http://127.0.0.1:{clones.other_port}"
    monkeypatch.delenv("TINY_PORT")


def test_level_3_is_found_in_the_folder_that_its_setting_names_by_every_command(
    clones: Clones, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``SHOP_RUN_DIR=… make sla-3`` and its like name no folder to ``own``; the other levels have none of their own."""
    with pytest.raises(StackError, match=r"^level 3: not up; run make up-3$"):
        own(3)
    monkeypatch.setenv("SHOP_RUN_DIR", str(clones.ours / ".run/1"))
    assert own(3).url == f"http://127.0.0.1:{clones.port}"
    assert (run_folder(3), run_folder(1)) == (clones.ours / ".run/1", Path(".run/1"))


def test_what_the_environment_says_goes_first(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINY_PORT", str(clones.other_port))
    with pytest.raises(SystemExit) as ended:
        join(1, lambda: int(os.environ["TINY_PORT"]))
    assert ended.value.code == 2


def test_a_stranger_on_the_port_is_refused(clones: Clones) -> None:
    with pytest.raises(StackError, match=rf"^port {clones.other_port}: is another server, .* of the stack in ") as no:
        check_own(1, clones.other_port)
    assert str(clones.theirs / ".run" / "1") in str(no.value)
    assert str(no.value).endswith(f", expected level 1 of {clones.ours / '.run' / '1'}")


def test_a_clone_whose_level_is_down_refuses_the_other_clones(
    clones: Clones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "third").mkdir()
    monkeypatch.chdir(tmp_path / "third")
    with pytest.raises(StackError, match=r"^level 1: not up; run make up-1$"):
        own(1)
    with pytest.raises(StackError, match=f"^port {clones.port}: is another server, "):
        check_own(1, clones.port)
    check_own(1, free_ports(1)[0])


def test_a_level_that_is_stopped_listens_nowhere(clones: Clones) -> None:
    server = Process("tiny", [*SERVER, str(clones.port)], HttpReady("http://127.0.0.1/"), ports={"http": clones.port})
    down(Stack(1, [server], Path(".run/1").resolve(), entrypoint="tiny"), Console(quiet=True))
    assert find_started(1) is None


SLA = """
level = 1
rate_rps = 10
duration_s = 1
scenario = "tiny:Tiny"
server = { start = "make up-1" }
mix = { a = 1 }
thresholds = { p99_ms = 50 }
"""


def test_the_load_test_measures_no_other_clone(
    clones: Clones, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = clones.ours / "sla.toml"
    path.write_text(SLA, encoding="utf-8")
    record = clones.ours / ".run" / "1" / "started.json"
    record.write_text(record.read_text(encoding="utf-8").replace(str(clones.port), str(clones.other_port)))
    assert sla([str(path)]) == 2
    assert f"port {clones.other_port}: is another server" in capsys.readouterr().out
    monkeypatch.delenv("TINY_PORT", raising=False)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("SHOP_API_KEYS", True),
        ("AUDIT_KEY", True),
        ("SHOP_TOKEN", True),
        ("SHOP_KEY_RATE", False),
        ("RECOMMENDER_VALKEY_PORT", False),
    ],
)
def test_a_secret_is_known_by_the_end_of_its_name(name: str, secret: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_secret(name) is secret

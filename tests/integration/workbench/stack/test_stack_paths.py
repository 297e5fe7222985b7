from __future__ import annotations

import json
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.patience import GENEROUS_S
from workbench.stack import HttpReady, Process, Stack
from workbench.stack.inspection import MARKER, members

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., int]

ODD = {
    "punctuation": 'it\'s "my" 100% %(here)s ;checkout #1 a=b µ',
    "depth": "/".join(["deep" * 10] * 4),
}


def environment_of(port: int) -> Any:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/") as answer:
        return json.load(answer)


@pytest.mark.parametrize("folder", ODD.values(), ids=ODD)
def test_a_checkout_may_have_any_name(
    run: Run, server: str, ports: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    checkout = Path.cwd() / folder
    checkout.mkdir(parents=True)
    script = Path(server).rename(checkout / "server.py")
    interpreter = checkout / "python"
    interpreter.symlink_to(sys.executable)
    monkeypatch.chdir(checkout)
    process = Process(
        "web",
        [str(interpreter), "-S", str(script), str(ports[0])],
        HttpReady(f"http://127.0.0.1:{ports[0]}/", GENEROUS_S),
        environment={"CHECKOUT": str(checkout)},
    )
    stack = Stack(7, [process], checkout / ".run/7")
    assert run(stack, "up") == 0
    assert run(stack, "status") == 0
    answer = environment_of(ports[0])
    assert answer["cwd"] == answer["environment"]["CHECKOUT"] == str(checkout)
    assert stack.log_file("web").read_text() == "listening\n"
    socket = stack.home / "supervisord.sock"
    folder_of_socket = socket.resolve().parent
    assert (folder_of_socket.stat().st_mode & 0o777 == 0o700) == socket.is_symlink()
    assert run(stack, "down") == 0
    assert not socket.is_symlink()
    assert socket.is_symlink() or folder_of_socket == stack.home or not folder_of_socket.exists()


def test_a_checkout_and_a_temporary_folder_both_too_deep_for_a_socket_are_refused(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = Path.cwd() / ODD["depth"]
    deep.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    assert run(Stack(7, [Process("web", ["true"], HttpReady("http://127.0.0.1/"))], deep / "7"), "up") == 1
    message = f"error: folder {deep}: too long a path for a socket; set TMPDIR to a short one\n"
    assert capsys.readouterr().err == message
    assert [path.name for path in deep.iterdir()] == ["7"]


@pytest.mark.parametrize("settings", [{}, {"A": "1", "B_KEY": "2"}])
def test_a_process_inherits_what_it_may_and_is_still_found(
    run: Run, server: str, ports: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]
) -> None:
    for name in ("MINE_A", "MINE_B", "API_KEYS", "DATABASE_URL"):
        monkeypatch.setenv(name, "rubber-duck")
    ready = HttpReady(f"http://127.0.0.1:{ports[0]}/", GENEROUS_S)
    command = [sys.executable, server, str(ports[0])]
    stack = Stack(
        7, [Process("web", command, ready, environment=settings, inherits=("MINE_*", "API_KEYS"))], Path(".run/7")
    )
    assert run(stack, "up") == 0
    got = environment_of(ports[0])["environment"]
    assert {name for name, value in got.items() if value == "rubber-duck"} == {"MINE_A", "MINE_B", "API_KEYS"}
    assert got.items() >= {**settings, MARKER: str(stack.home)}.items()
    assert "rubber-duck" not in stack.config_file.read_text()
    assert run(stack, "up") == 0
    assert run(stack, "down") == 0
    assert members(stack.home) == []


def test_environment_values_arrive_as_they_are(run: Run, server: str, ports: tuple[int, int, int]) -> None:
    values = {
        "QUOTES": 'it\'s "quoted"',
        "LIST": "a,b,c=d",
        "PERCENT": "100% %(here)s %%",
        "COMMENT": "a ;b #c\t;d",
        "JSON": '{"a": ["b", 1]}',
        "SHELL": "$HOME `id` \\n \\",
        "BLANKS": "  around  ",
        "EMPTY": "",
        "UNICODE": "µs ✓",
    }
    command = [sys.executable, server, str(ports[0])]
    process = Process("web", command, HttpReady(f"http://127.0.0.1:{ports[0]}/"), environment=values)
    assert run(Stack(7, [process], Path(".run/7")), "up") == 0
    assert environment_of(ports[0])["environment"].items() >= values.items()


def test_a_line_break_is_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    process = Process("web", ["true"], HttpReady("http://127.0.0.1/"), environment={"POEM": "one\ntwo"})
    assert run(Stack(7, [process], Path(".run/7")), "up") == 1
    assert capsys.readouterr().err == (
        "error: 'POEM=one\\ntwo' of web: a line break cannot be passed through supervisord\n"
    )


def test_a_run_folder_that_supervisord_cannot_read_is_refused(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(Stack(7, [Process("web", ["true"], HttpReady("http://127.0.0.1/"))], Path("a #b")), "up") == 1
    assert "supervisord cannot read it; run from a folder above it" in capsys.readouterr().err

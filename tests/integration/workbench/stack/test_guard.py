"""Keys that change are noticed and never written; a level that would be open to everybody does not start."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from iris_api.commands.stack import stack as iris
from shop.commands.stack import stack as shop
from tests.integration.workbench.stack.toy_level import RUN_DIR, get, serving
from workbench.stack import Stack, StackError
from workbench.stack.guard import check_open, fingerprint
from workbench.stack.inspection import members

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., int]


def made(server: str, port: int, **fields: Any) -> Stack:
    return Stack(7, [serving("api", server, port)], RUN_DIR, entrypoint="api", prefix="TOY_", **fields)


@pytest.mark.slow
def test_up_starts_a_level_anew_when_keys_are_turned_on_rotated_or_revoked(
    run: Run, server: str, ports: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = made(server, ports[0])
    pids = []
    for keys in ("", "app:k-first", "app:k-first", "app:k-second", "", "", "app:k-first"):
        monkeypatch.setenv("TOY_API_KEYS", keys)
        assert run(stack, "up") == 0
        pids.append(get(ports[0])["pid"])
    changed = [one != other for one, other in pairwise(pids)]
    assert changed == [True, False, True, True, False, True]
    assert get(ports[0])["environment"]["TOY_API_KEYS"] == "app:k-first"
    for path in stack.home.rglob("*"):
        if path.is_file():
            assert b"k-first" not in path.read_bytes(), path
    assert (stack.home / "salt").stat().st_mode & 0o777 == 0o600


def test_the_digest_is_about_this_stacks_secrets_and_says_nothing_without_its_salt(
    server: str, ports: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = made(server, ports[0])
    monkeypatch.delenv("AUDIT_KEY", raising=False)
    assert fingerprint(stack) == "none"
    monkeypatch.setenv("OTHER_TOKEN", "x")
    assert fingerprint(stack) == "none"
    monkeypatch.setenv("TOY_API_KEYS", "app:k")
    first = fingerprint(stack)
    assert fingerprint(stack) == first
    monkeypatch.setenv("AUDIT_KEY", "another")
    assert fingerprint(stack) != first
    monkeypatch.delenv("AUDIT_KEY")
    (stack.home / "salt").unlink()
    assert fingerprint(stack) != first


def test_a_level_that_would_answer_everybody_does_not_start(
    run: Run, server: str, ports: tuple[int, int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    host = "0.0.0.0"  # noqa: S104 - what is refused
    stack = made(server, ports[0], hosts={"TOY_HOST": host}, keys="TOY_API_KEYS")
    assert run(stack, "up") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert f"error: TOY_HOST {host}: level 7 would answer everybody who reaches this machine; set TOY_API_KEYS" in said
    assert members(stack.home) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "shop.example.com"])  # noqa: S104 - what is refused
def test_a_public_level_starts_with_keys_or_when_it_is_declared_open(
    host: str, server: str, ports: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = {"TOY_HOST": host}
    remedy = "it has no keys: put a server before it that asks, or set PUBLIC_WITHOUT_KEYS=1 if that is meant"
    with pytest.raises(StackError, match=remedy):
        check_open(made(server, ports[0], hosts=hosts))
    check_open(made(server, ports[0], hosts=hosts, guarded=True))
    monkeypatch.setenv("PUBLIC_WITHOUT_KEYS", "1")
    check_open(made(server, ports[0], hosts=hosts))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_alone_needs_no_keys(host: str, server: str, ports: tuple[int, int, int]) -> None:
    check_open(made(server, ports[0], hosts={"TOY_HOST": host}))


def test_each_level_says_which_of_its_settings_open_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IRIS_HOST", "SHOP_EDGE_HOST", "SHOP_HOST"):
        monkeypatch.setenv(name, "0.0.0.0")  # noqa: S104 - what is refused
        level = iris() if name.startswith("IRIS") else shop(renew=False)
        with pytest.raises(StackError, match=f"{name} 0.0.0.0: level . would answer everybody"):
            check_open(level)
        if name.startswith("SHOP"):
            monkeypatch.setenv("SHOP_API_KEYS", "app:k")
            check_open(shop(renew=False))
            monkeypatch.delenv("SHOP_API_KEYS")
        monkeypatch.delenv(name)

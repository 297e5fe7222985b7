"""Who may do what in the two stores, asked of real Valkeys; and what a web page makes of their ports."""

from __future__ import annotations

import asyncio
import socket
import stat
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import redis

from shop.addresses import Addresses
from shop.gateway.adapters.rates import KeyRates
from shop.gateway.adapters.valkey import Valkey, ValkeyError, pack
from shop.serving.logins import RIGHTS, Store, User, read_login
from shop.serving.stores import ValkeyReady, cache_command, connect, features_command
from tests.patience import GENEROUS_S, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STORES: tuple[Store, ...] = ("features", "cache")


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory, free_ports: Callable[[int], list[int]]) -> Iterator[Addresses]:
    """Where both stores run."""
    features, cache = free_ports(2)
    found = Addresses(run_dir=tmp_path_factory.mktemp("stores"), features_port=features, cache_port=cache)
    with ExitStack() as stack:
        for command in (features_command(found), cache_command(found, "8mb")):
            server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL))
            stack.callback(server.kill)
        for store in STORES:
            until(lambda store=store: ValkeyReady(found, store).missing() is None)  # type: ignore[misc]  # bound now
        yield found


ALLOWED: dict[tuple[Store, User], tuple[str, ...]] = {
    ("features", "gateway"): ("MGET generation i:1", "GET popular"),
    ("features", "loader"): ("GET generation", "MSET i:1 x generation g", "UNLINK i:9", "DEL generation"),
    ("features", "operator"): ("DBSIZE", "INFO memory", "FLUSHALL"),
    ("cache", "gateway"): ("SET a:1 x PX 1000", "SET l:1 1 NX PX 100", "GET a:1", "DEL l:1"),
    ("cache", "operator"): ("DBSIZE", "FLUSHALL"),
}
REFUSED: dict[tuple[Store, User], tuple[str, ...]] = {
    ("features", "gateway"): ("SET i:1 x", "MSET i:1 x", "DEL i:1", "FLUSHALL", "KEYS *", "CONFIG GET dir"),
    ("features", "loader"): ("FLUSHALL", "CONFIG SET dir /tmp", "SCRIPT FLUSH", "ACL LIST"),
    ("cache", "gateway"): (
        "SET i:1 x",
        "FLUSHALL",
        "CONFIG SET dir /tmp",
        "SCRIPT LOAD return",
        "ACL LIST",
    ),
}


@pytest.mark.parametrize(("store", "user"), ALLOWED)
def test_a_user_does_its_work(addresses: Addresses, store: Store, user: User) -> None:
    with connect(addresses, store, user) as client:
        for command in ALLOWED[store, user]:
            client.execute_command(*command.split())


@pytest.mark.parametrize(("store", "user"), REFUSED)
def test_a_user_does_nothing_else(addresses: Addresses, store: Store, user: User) -> None:
    with connect(addresses, store, user) as client:
        for command in REFUSED[store, user]:
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())


def test_a_script_of_the_gateways_may_do_no_more_than_the_gateway(addresses: Addresses) -> None:
    with connect(addresses, "cache", "gateway") as client:
        for command in ("'flushall'", "'set','i:1','x'", "'keys','*'"):
            with pytest.raises(redis.ResponseError, match=r"no permission|ACL failure"):
                client.execute_command("EVAL", f"return redis.call({command})", 0)


def test_the_gateway_may_count_what_keys_ask(addresses: Addresses) -> None:
    async def count() -> None:
        store = Valkey("127.0.0.1", addresses.cache_port, read_login(addresses, "cache", "gateway"))
        misses: list[int] = []
        await KeyRates(store, 1, 1, GENEROUS_S, lambda: misses.append(1)).take("web")
        store.close()
        assert not misses

    asyncio.run(count())


def test_the_loader_has_no_password_for_the_cache(addresses: Addresses) -> None:
    assert "loader" not in RIGHTS["cache"]
    loader = read_login(addresses, "features", "loader")
    assert loader
    said = replies(addresses.cache_port, f"AUTH {loader.user} {loader.password}")
    assert said == ["-WRONGPASS invalid username-password pair or user is disabled."]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("command", ["PING", "GET a:1", "FLUSHALL", "CONFIG GET *", "SLAVEOF evil.example 1"])
def test_nobody_does_anything_without_a_password(addresses: Addresses, store: Store, command: str) -> None:
    assert replies(port_of(addresses, store), command) == ["-NOAUTH Authentication required."]


async def test_the_gateways_client_says_who_it_is_each_time_it_connects(addresses: Addresses) -> None:
    valkey = Valkey("127.0.0.1", addresses.cache_port, read_login(addresses, "cache", "gateway"))
    for _number in range(2):
        assert await valkey.ask(pack((b"PING",)), GENEROUS_S) == b"PONG"
        valkey.close()
        await asyncio.sleep(0)  # the transport ends on the loop's next turn


async def test_a_login_that_is_refused_shows_in_the_first_reply(addresses: Addresses) -> None:
    valkey = Valkey("127.0.0.1", addresses.cache_port, ("gateway", "wrong"))
    with pytest.raises(ValkeyError, match="NOAUTH Authentication required"):
        await valkey.ask(pack((b"PING",)), GENEROUS_S)
    valkey.close()
    await asyncio.sleep(0)


def test_the_passwords_are_their_owners_alone_and_valkey_has_digests(addresses: Addresses) -> None:
    folder = addresses.run_dir / "valkey" / "logins"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    for store in STORES:
        users = (folder / f"{store}.acl").read_text()
        for user in RIGHTS[store]:
            login = read_login(addresses, store, user)
            assert login
            assert login.password not in users


def test_passwords_stay_while_the_run_folder_does(addresses: Addresses) -> None:
    before = read_login(addresses, "cache", "gateway")
    cache_command(addresses, "8mb")
    assert read_login(addresses, "cache", "gateway") == before


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("logged_in", [False, True], ids=["a page", "a request that a gateway was made to send"])
def test_commands_in_the_body_of_an_http_request_are_not_run(
    addresses: Addresses, store: Store, *, logged_in: bool
) -> None:
    """Valkey hangs up at a line that only HTTP has, whoever sends it, and runs nothing of what follows."""
    port = port_of(addresses, store)
    body = b"FLUSHALL\r\nSET a:planted 1\r\n"
    head = b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: https://evil.example\r\n" % port
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    login = read_login(addresses, store, "operator")
    assert login
    first = f"AUTH {login.user} {login.password}\r\n".encode() if logged_in else b""
    with connect(addresses, store) as client:
        client.set("a:kept", 1)
        with socket.create_connection(("127.0.0.1", port), timeout=GENEROUS_S) as page:
            page.sendall(first + request)
            said = b"".join(iter(lambda: received(page), b""))
        assert said in {b"", b"+OK\r\n"}
        assert client.mget("a:kept", "a:planted") == [b"1", None]


def replies(port: int, *commands: str) -> list[str]:
    """The first line of what a store says to each command of somebody who has just come."""
    with socket.create_connection(("127.0.0.1", port), timeout=GENEROUS_S) as connection:
        lines = connection.makefile("rwb")
        for command in commands:
            lines.write(f"{command}\r\n".encode())
        lines.flush()
        return [lines.readline().decode().strip() for _ in commands]


def received(connection: socket.socket) -> bytes:
    """Nothing at the end, also where the server left without reading all."""
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        return b""


def port_of(addresses: Addresses, store: Store) -> int:
    return addresses.features_port if store == "features" else addresses.cache_port

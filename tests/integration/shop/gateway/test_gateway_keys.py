"""What counts as a key: the same cases before a gateway itself and before a real Envoy in front of it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.integration.shop.serving.edge_world import Edge
from tests.ports import free_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.shop.gateway.conftest import GatewayProcess

PATH, BODY = "/v1/recommendations", b'{"user": 7, "k": 3}'
ODD = "a:b/c+d=e%20{f}~'\"<>;#"
KEYS = f"web:s3cret,app:0ther,odd:{ODD}"

CASES: dict[str, tuple[int, list[str]]] = {
    "a header of its own": (200, ["x-api-key: s3cret"]),
    "its name in upper case": (200, ["X-API-KEY: s3cret"]),
    "the scheme Bearer": (200, ["authorization: Bearer s3cret"]),
    "the scheme in lower case": (200, ["authorization: bearer s3cret"]),
    "the scheme in upper case": (200, ["Authorization: BEARER s3cret"]),
    "blanks around it": (200, ["x-api-key:  \t s3cret \t "]),
    "blanks after the scheme": (200, ["authorization: Bearer   s3cret  "]),
    "odd characters": (200, [f"x-api-key: {ODD}"]),
    "odd characters, as Bearer": (200, [f"authorization: Bearer {ODD}"]),
    "another scheme beside it": (200, ["x-api-key: s3cret", "authorization: Basic dTpw"]),
    "none": (401, []),
    "empty": (401, ["x-api-key:"]),
    "blanks alone": (401, ["x-api-key:   "]),
    "a scheme without a key": (401, ["authorization: Bearer"]),
    "a scheme and blanks": (401, ["authorization: Bearer   "]),
    "no scheme": (401, ["authorization: s3cret"]),
    "another scheme": (401, ["authorization: Basic s3cret"]),
    "another scheme's name": (401, ["authorization: Bearers3cret"]),
    "unknown": (401, ["x-api-key: s3cre"]),
    "in other letters": (401, ["x-api-key: S3CRET"]),
    "with its name": (401, ["x-api-key: web:s3cret"]),
    "a name without its key": (401, ["x-api-key: web"]),
    "quoted": (401, ['x-api-key: "s3cret"']),
    "with the scheme in the wrong header": (401, ["x-api-key: Bearer s3cret"]),
    "a blank inside": (401, ["x-api-key: s3 cret"]),
    "two in one header": (401, ["x-api-key: s3cret, 0ther"]),
    "bytes beyond ASCII": (401, ["x-api-key: s3cr\xe9t"]),
    "two known ones in two headers": (401, ["x-api-key: s3cret", "authorization: Bearer 0ther"]),
    "the same in two headers": (401, ["x-api-key: s3cret", "authorization: Bearer s3cret"]),
    "a known one and an unknown one": (401, ["x-api-key: s3cret", "authorization: Bearer x"]),
    "an unknown one and a known one": (401, ["x-api-key: x", "authorization: Bearer s3cret"]),
    "an empty one and a known one": (401, ["x-api-key:", "authorization: Bearer s3cret"]),
    "a header twice": (401, ["x-api-key: s3cret", "x-api-key: 0ther"]),
    "a header twice, alike": (401, ["x-api-key: s3cret", "x-api-key: s3cret"]),
    "a header twice, one unknown": (401, ["x-api-key: x", "x-api-key: s3cret"]),
    "authorization twice": (401, ["authorization: Bearer s3cret", "authorization: Bearer 0ther"]),
    "authorization twice, alike": (401, ["authorization: Bearer s3cret", "authorization: Bearer s3cret"]),
}


@pytest.fixture(scope="module")
def guarded(start_gateway: Callable[..., GatewayProcess]) -> GatewayProcess:
    return start_gateway(SHOP_API_KEYS=KEYS, SHOP_CACHE="false")


@pytest.fixture(scope="module")
def edge(guarded: GatewayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """In front of the same gateway; it is told the keys, which it must not have a mind about."""
    folder, first = tmp_path_factory.mktemp("edge"), free_block(2)
    ours = {"RUN_DIR": folder / "run", "PORT": first, "ENVOY_ADMIN_PORT": first + 1}
    settings = {**ours, "GATEWAY_PORT": guarded.port, "GATEWAYS": 1, "API_KEYS": KEYS, "EDGE_TIMEOUT_S": 10}
    edge = Edge({f"SHOP_{name}": str(value) for name, value in settings.items()}, folder / "envoy.log", [])
    yield edge
    edge.close()


def asked(port: int, headers: list[str]) -> int:
    """The status of a request with these header lines, as they are."""
    head = [f"POST {PATH} HTTP/1.1", "host: x", "connection: close", "content-type: application/json", *headers]
    lines = [*head, f"content-length: {len(BODY)}", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1") + BODY)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize("case", CASES)
def test_gateway_and_edge_agree_on_what_a_key_is(guarded: GatewayProcess, edge: Edge, case: str) -> None:
    expected, headers = CASES[case]
    assert {"gateway": asked(guarded.port, headers), "edge": asked(edge.port, headers)} == {
        "gateway": expected,
        "edge": expected,
    }


def test_health_needs_no_key_and_models_do(guarded: GatewayProcess, edge: Edge) -> None:
    for port in (guarded.port, edge.port):
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/readyz").status_code == 200
        assert httpx.get(f"{url}/v2/models/ranking").status_code == 401
        assert httpx.get(f"{url}/v2/models/ranking", headers={"x-api-key": "s3cret"}).status_code == 200

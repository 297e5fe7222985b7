"""The router beside Seldon's executor 1.17.1: the statuses that both gave to the same requests, recorded 2026-11-28.

Where the two columns differ, the docstring of `graph_router.entrypoints.graph_asgi` says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from graph_router.entrypoints import graph_asgi
from tests.integration.recommender.microservice import Letters, Routed, deployment

if TYPE_CHECKING:
    import httpx

PREDICTIONS, FEEDBACK = "/api/v1.0/predictions", "/api/v1.0/feedback"
JSON = {"content-type": "application/json"}
MESSAGE = b'{"jsonData": {"user": 196, "k": 2}}'
MIB = 1 << 20


class Recorded(NamedTuple):
    """A request, and the status that each gave to it."""

    name: str
    executor: int
    router: int
    body: bytes | None = MESSAGE
    path: str = PREDICTIONS
    method: str = "POST"
    headers: dict[str, str] = JSON


def got(name: str, executor: int, router: int, path: str, method: str = "GET") -> Recorded:
    """A request without a body."""
    return Recorded(name, executor, router, None, path, method, {})


RECORDED = [
    Recorded("a message", 200, 200),
    Recorded("version 0.1", 200, 200, path="/api/v0.1/predictions"),
    Recorded("gzip accepted", 200, 200, headers=JSON | {"accept-encoding": "gzip"}),
    Recorded("with Origin", 200, 200, headers=JSON | {"origin": "http://evil.example"}),
    Recorded("charset", 200, 200, headers={"content-type": "application/json; charset=utf-8"}),
    Recorded("puid in the header", 200, 200, headers=JSON | {"seldon-puid": "mine"}),
    Recorded("puid in meta", 200, 200, b'{"jsonData": {"user": 1}, "meta": {"puid": "mine"}}'),
    Recorded("tags in meta", 200, 200, b'{"jsonData": {"user": 1}, "meta": {"tags": {"a": 1}}}'),
    Recorded("unknown field in meta", 200, 400, b'{"jsonData": {"user": 1}, "meta": {"foo": 1}}'),
    Recorded("unknown field", 200, 400, b'{"jsonData": {"user": 1}, "foo": 1}'),
    Recorded("two payloads", 200, 400, b'{"jsonData": {"user": 1}, "strData": "x"}'),
    Recorded("empty object", 400, 400, b"{}"),
    Recorded("empty body", 400, 400, b""),
    Recorded("not JSON", 400, 400, b"{"),
    Recorded("array", 400, 400, b"[1]"),
    Recorded("strData is a number", 422, 400, b'{"strData": 1}'),
    Recorded("no content type", 400, 415, headers={}),
    Recorded("text/plain", 400, 415, headers={"content-type": "text/plain"}),
    Recorded("a form", 200, 415, b"json=" + MESSAGE, headers={"content-type": "application/x-www-form-urlencoded"}),
    Recorded("2 MiB", 422, 413, b'{"strData": "%b"}' % (b"x" * 2 * MIB)),
    got("GET predictions", 405, 405, PREDICTIONS),
    got("PUT predictions", 405, 405, PREDICTIONS, "PUT"),
    got("OPTIONS predictions", 200, 405, PREDICTIONS, "OPTIONS"),
    Recorded("trailing slash", 404, 404, path=f"{PREDICTIONS}/"),
    got("unknown path", 404, 404, "/nope"),
    got("root", 404, 404, "/"),
    got("ready", 200, 200, "/ready"),
    got("live", 200, 200, "/live"),
    got("HEAD ready", 200, 200, "/ready", "HEAD"),
    got("POST ready", 200, 200, "/ready", "POST"),
    got("health/status", 200, 200, "/api/v1.0/health/status"),
    got("status", 200, 200, "/api/v1.0/status"),
    got("status of a unit", 200, 200, "/api/v1.0/status/model"),
    got("status of a unit, version 0.1", 200, 200, "/api/v0.1/status/model"),
    got("status of an unknown unit", 500, 404, "/api/v1.0/status/nope"),
    got("metadata", 200, 200, "/api/v1.0/metadata"),
    got("metadata of a unit", 200, 200, "/api/v1.0/metadata/model"),
    got("metadata of a unit, version 0.1", 200, 200, "/api/v0.1/metadata/model"),
    got("metadata of an unknown unit", 500, 404, "/api/v1.0/metadata/nope"),
    got("doc", 200, 404, "/api/v1.0/doc/"),
    Recorded("feedback", 200, 200, b'{"reward": 1.0, "response": {"jsonData": {"items": []}}}', FEEDBACK),
    Recorded("empty feedback", 200, 200, b"{}", FEEDBACK),
    Recorded("feedback that is not JSON", 400, 400, b"{", FEEDBACK),
    got("metrics", 404, 200, "/metrics"),
    got("prometheus", 200, 200, "/prometheus"),
    Recorded("explain", 404, 404, path="/api/v1.0/explain"),
]


@pytest.fixture
def router(letters: Letters, routed: Routed) -> httpx.AsyncClient:
    return routed(deployment({"name": "default", "graph": letters[0].unit("MODEL", name="model")}))


@pytest.mark.parametrize("recorded", RECORDED, ids=[each.name for each in RECORDED])
async def test_the_router_answers_with_the_status_that_was_recorded(
    router: httpx.AsyncClient, recorded: Recorded
) -> None:
    sent: dict[str, Any] = {"content": recorded.body, "headers": recorded.headers}
    answer = await router.request(recorded.method, recorded.path, **sent)
    assert answer.status_code == recorded.router


def test_what_differs_is_a_status_that_the_docstring_names() -> None:
    text = graph_asgi.__doc__
    assert text
    differing = {each.router for each in RECORDED if each.router != each.executor}
    assert differing == {200, 400, 404, 405, 413, 415}
    for status in (400, 404, 405, 413, 415):
        assert str(status) in text
    assert "/metrics" in text
    assert "/api/v1.0/doc/" in text

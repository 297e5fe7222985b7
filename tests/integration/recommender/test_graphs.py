"""Graphs of every kind, walked by the router over real Seldon microservices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
    from microservice import Microservice

Letters = tuple["Microservice", "Microservice"]


async def ask(client: httpx.AsyncClient, text: str, **message: Any) -> httpx.Response:
    return await client.post("/api/v1.0/predictions", json={"strData": text, **message})


@pytest.mark.parametrize("over", ["REST", "GRPC"])
async def test_a_pipeline_is_walked_in_the_executors_order(
    letters: Letters, routed: Callable[..., httpx.AsyncClient], over: str
) -> None:
    a, b = letters
    graph = a.unit(
        "OUTPUT_TRANSFORMER",
        a.unit("TRANSFORMER", b.unit("MODEL", name="model", over=over), name="pre", over=over),
        name="post",
        over=over,
    )
    answer = await ask(routed(deployment({"name": "default", "graph": graph})), "x")
    assert (answer.status_code, answer.json()["strData"]) == (200, "x a.in b.predict a.out")

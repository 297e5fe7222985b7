"""The metadata of a graph: what each unit reports, put together as the executor does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from graph_router.adapters.seldon_message import read_json
from graph_router.domain.failure import StepError
from graph_router.domain.graph import Call
from servekit.errors import MalformedError

if TYPE_CHECKING:
    from graph_router.adapters.step_calls import Steps
    from graph_router.domain.graph import Predictor, Unit

__all__ = ["graph_metadata", "unit_document"]

_OK = 200
_ERRORS = range(400, 600)
_FIELDS = ("name", "platform", "versions", "inputs", "outputs", "custom")


async def unit_document(steps: Steps, predictor: Predictor, unit: Unit, path: str) -> bytes:
    """The unit's own answer to a GET, over its HTTP port even where it is called over gRPC.

    Raises:
        StepError: the unit gave no answer in time, or an error.
    """
    endpoint, limit_s = unit.endpoint, predictor.rest_timeout_s
    assert endpoint is not None  # noqa: S101 - callers ask units that listen
    try:
        async with asyncio.timeout(limit_s):
            reply = await steps.pools[endpoint.host, endpoint.http_port].get(path)
    except TimeoutError:
        raise StepError.slow(unit.name, limit_s) from None
    except OSError as error:
        raise StepError.unavailable(unit.name, endpoint, (error.strerror or str(error)).lower()) from None
    if reply.status in _ERRORS:
        raise StepError(unit.name, reply.status, "STEP_FAILED", f"{endpoint}{path}: HTTP {reply.status}", None)
    if reply.status != _OK:
        raise StepError.bad_answer(unit.name, f"{endpoint}{path}: HTTP {reply.status}: expected 200 or an error")
    try:
        read_json(reply.body)
    except MalformedError as error:
        raise StepError.bad_answer(unit.name, f"{endpoint}{path}: expected JSON: {error}") from None
    return reply.body


async def graph_metadata(steps: Steps, predictor: Predictor) -> dict[str, Any]:
    """Name, each unit's metadata, and the inputs and outputs of the whole graph.

    Raises:
        StepError: a unit gave no answer, or an error.
    """
    units = [unit for unit in predictor.graph.walk() if unit.endpoint is not None]
    documents = await asyncio.gather(*(unit_document(steps, predictor, unit, "/metadata") for unit in units))
    models = {unit.name: _known(unit, document) for unit, document in zip(units, documents, strict=True)}
    first, last = _edges(predictor.graph, models)
    return {
        "name": predictor.name,
        "models": models,
        "graphinputs": models.get(first, {}).get("inputs"),
        "graphoutputs": models.get(last, {}).get("outputs"),
    }


def _known(unit: Unit, document: bytes) -> dict[str, Any]:
    try:
        given = msgspec.json.decode(document, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise StepError.bad_answer(unit.name, f"metadata: {error}") from None
    return {name: given[name] for name in _FIELDS if given.get(name)}


def _edges(unit: Unit, models: dict[str, Any]) -> tuple[str, str]:
    """The units whose inputs and outputs are the graph's; the first child stands for all, as in the executor."""
    if not unit.children:
        return unit.name, unit.name
    first, last = _edges(unit.children[0], models)
    if unit.calls & {Call.PREDICT, Call.TRANSFORM_INPUT}:
        return unit.name, unit.name if Call.TRANSFORM_OUTPUT in unit.calls else last
    if unit.calls & {Call.TRANSFORM_OUTPUT, Call.AGGREGATE}:
        return first, unit.name
    return first, last

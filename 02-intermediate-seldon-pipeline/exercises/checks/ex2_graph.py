"""What exercise 2 must do: the router reads the graph and walks it; each unit writes down that it was asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import yaml

from course.exercises import CheckFailedError, expect_equal, load
from graph_router.adapters.deployment_yaml import read_deployment
from graph_router.domain.graph import Call, Deployment, GraphError, Unit
from graph_router.service.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Notes:
    """Answers for every unit: the message, and in brackets what happened to it."""

    async def call(self, unit: Unit, call: Call, message: str) -> str:
        """One unit's answer."""
        del call
        return f"{unit.name}({message})"

    async def aggregate(self, unit: Unit, messages: Sequence[str]) -> str:
        """The combiner's name, and in brackets the messages of its children."""
        return f"{unit.name}({' + '.join(messages)})"

    def route_of(self, message: str) -> int:
        """All of the children."""
        del message
        return -1


def check_it_is_a_graph(answer: Path) -> None:
    read(answer)


def check_every_unit_is_there_once(answer: Path) -> None:
    names = sorted(unit.name for unit in read(answer).predictors[0].graph.walk())
    expect_equal("the units", names, ["als", "blend", "clean", "ease", "titles"])


def check_the_units_are_asked_in_the_right_order(answer: Path) -> None:
    predictor = read(answer).predictors[0]
    happened = asyncio.run(Walk(Notes()).predict(predictor, "request"))
    flipped = "titles(blend(als(clean(request)) + ease(clean(request))))"
    if happened != flipped:  # which model is asked first does not matter
        expected = "titles(blend(ease(clean(request)) + als(clean(request))))"
        expect_equal("what happens to a request", happened, expected)


def read(answer: Path) -> Deployment:
    """The answer's graph, with an endpoint for each unit, as the router reads it."""
    try:
        graph = yaml.safe_load(load(answer).GRAPH)
        spec = {"predictors": [{"name": "default", "graph": with_endpoints(graph)}]}
        return read_deployment({"kind": "SeldonDeployment", "metadata": {"name": "exercise"}, "spec": spec})
    except (yaml.YAMLError, GraphError, KeyError, TypeError, AttributeError) as error:
        raise CheckFailedError(f"GRAPH: no graph: {error}") from None


def with_endpoints(unit: dict[str, Any]) -> dict[str, Any]:
    children = [with_endpoints(child) for child in unit.get("children") or []]
    return {**unit, "endpoint": {"service_host": "127.0.0.1", "httpPort": 1}, "children": children}

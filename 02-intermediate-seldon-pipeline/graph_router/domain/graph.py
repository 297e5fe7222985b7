"""Seldon's inference graph: its units, and the calls that each of them takes.

Source: Seldon Core 1.17.1's reference for the graph, and its executor's ``predictor_process.go`` for the order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Call", "Deployment", "Endpoint", "GraphError", "Predictor", "Unit", "calls_of"]


class GraphError(Exception):
    """A deployment that cannot be served; the text says why."""


class Call(StrEnum):
    """A call that a unit can take; the value is the path of its REST endpoint."""

    PREDICT = "/predict"
    TRANSFORM_INPUT = "/transform-input"
    TRANSFORM_OUTPUT = "/transform-output"
    ROUTE = "/route"
    AGGREGATE = "/aggregate"
    FEEDBACK = "/send-feedback"


_CALLS_OF_TYPE = {
    "MODEL": frozenset({Call.PREDICT, Call.FEEDBACK}),
    "TRANSFORMER": frozenset({Call.TRANSFORM_INPUT}),
    "OUTPUT_TRANSFORMER": frozenset({Call.TRANSFORM_OUTPUT}),
    "ROUTER": frozenset({Call.ROUTE, Call.FEEDBACK}),
    "COMBINER": frozenset({Call.AGGREGATE}),
    "UNKNOWN_TYPE": frozenset[Call](),
}
_CALL_OF_METHOD = {
    "TRANSFORM_INPUT": Call.TRANSFORM_INPUT,
    "TRANSFORM_OUTPUT": Call.TRANSFORM_OUTPUT,
    "ROUTE": Call.ROUTE,
    "AGGREGATE": Call.AGGREGATE,
    "SEND_FEEDBACK": Call.FEEDBACK,
}


@dataclass(frozen=True)
class Endpoint:
    """The address of a unit; ``grpc`` says which of its two ports is called."""

    host: str
    http_port: int
    grpc_port: int = 0
    grpc: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.grpc_port if self.grpc else self.http_port}"


@dataclass(frozen=True)
class Unit:
    """A node of a graph.

    Attributes:
        name: unique within its predictor.
        calls: the calls that it takes, from its type and its methods.
        children: the units that come after it.
        endpoint: where it listens; None for a unit that takes no calls.
        split: for RANDOM_ABTEST, the share of the first of its two children; None for any other.
        image, version: the two halves of its container's image, for the metrics' labels.
    """

    name: str
    calls: frozenset[Call]
    children: tuple[Unit, ...] = ()
    endpoint: Endpoint | None = None
    split: float | None = None
    image: str = ""
    version: str = ""

    def walk(self) -> Iterator[Unit]:
        """This unit and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Predictor:
    """One version of the whole graph, with its share of the traffic.

    Attributes:
        name: as in the deployment.
        graph: the root unit.
        traffic: percent of the requests; of a shadow, percent of the requests that it gets a copy of.
        shadow: its answers are thrown away.
        version: its annotation ``version``, for the metrics' labels.
        rest_timeout_s, grpc_timeout_s: how long a call of a unit may take.
    """

    name: str
    graph: Unit
    traffic: int = 100
    shadow: bool = False
    version: str = ""
    rest_timeout_s: float = 5.0
    grpc_timeout_s: float = 5.0


@dataclass(frozen=True)
class Deployment:
    """A SeldonDeployment: predictors that share its traffic, and shadows of them."""

    name: str
    predictors: tuple[Predictor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def live(self) -> tuple[Predictor, ...]:
        """The predictors whose answers reach clients."""
        return tuple(predictor for predictor in self.predictors if not predictor.shadow)

    @property
    def shadows(self) -> tuple[Predictor, ...]:
        """The predictors that only get copies of requests."""
        return tuple(predictor for predictor in self.predictors if predictor.shadow)


def calls_of(kind: str | None, methods: list[str]) -> frozenset[Call]:
    """The calls that a unit of that type takes, with those further methods.

    Raises:
        GraphError: the type or a method is unknown.
    """
    kind = kind or "UNKNOWN_TYPE"
    if kind not in _CALLS_OF_TYPE:
        raise GraphError(f"type {kind}: expected one of {', '.join(_CALLS_OF_TYPE)}")
    for method in methods:
        if method not in _CALL_OF_METHOD:
            raise GraphError(f"method {method}: expected one of {', '.join(_CALL_OF_METHOD)}")
    return _CALLS_OF_TYPE[kind] | {_CALL_OF_METHOD[method] for method in methods}

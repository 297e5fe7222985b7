"""OpenAPI descriptions of operations that FastAPI does not decode itself, from their msgspec types."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import Response

from iris_api.entrypoints.direct_route import JSON

__all__ = ["Problem", "answers", "binary", "body_operation", "json", "path_parameters", "problems"]

_PROBLEMS = {
    400: "The body is not what its content type says",
    404: "No such model, or no such version of it",
    408: "The body did not arrive in time",
    413: "The body is over the limit",
    415: "The content type is not one of those above, or the content encoding neither gzip, deflate nor identity",
    422: "Well-formed, but not valid: the message names the field, its value and what is expected",
    429: "More unfinished bodies at once than there is room for",
    503: "Starting or draining",
}

Content = dict[str, Any]


class Problem(msgspec.Struct):
    """The body of every error: ``<thing> <value>: <expectation>``."""

    error: str


def json(kind: Any, **examples: Any) -> Content:
    """JSON content of a msgspec type, with named examples; its schema contains all types that it refers to."""
    content = {"schema": _schema(kind)}
    if examples:
        content["examples"] = {name.replace("_", " "): {"value": value} for name, value in examples.items()}
    return {JSON.decode(): content}


def binary(media_type: bytes) -> Content:
    """Content of raw bytes."""
    return {media_type.decode(): {"schema": {"type": "string", "format": "binary"}}}


def problems(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The error responses with those codes."""
    return {code: {"description": _PROBLEMS[code], "content": json(Problem)} for code in codes}


def answers(kind: Any, *codes: int) -> dict[str, Any]:
    """Route arguments for an operation that answers JSON of that type, and those error codes."""
    success = {200: {"description": "The answer", "content": json(kind)}}
    return {"responses": success | problems(*codes), "response_class": Response}


def path_parameters(path: str) -> list[dict[str, Any]]:
    """The OpenAPI parameters for the ``{model}`` and ``{version}`` in a path."""
    examples = {"model": "iris", "version": "1"}
    schema = {"type": "string", "minLength": 1}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema, "example": example}
        for name, example in examples.items()
        if f"{{{name}}}" in path
    ]


def body_operation(
    request: Content, response: Content, *codes: int, parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """`DirectRoute` arguments for an operation with that request and response content, and those error codes."""
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": request}, "parameters": parameters or []},
        "responses": {200: {"description": "Predictions", "content": response}, **problems(*codes)},
    }


def _schema(kind: Any) -> dict[str, Any]:
    (schema,), components = msgspec.json.schema_components((kind,), ref_template="{name}")

    def resolve(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return resolve(components[node["$ref"]])
            return {key: resolve(value) for key, value in node.items()}
        return [resolve(item) for item in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved

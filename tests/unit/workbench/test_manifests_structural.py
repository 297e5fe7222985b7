from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from workbench.manifests.structural import strict

OBJECT: dict[str, Any] = {"type": "object"}


def accepts(schema: dict[str, Any], value: object) -> bool:
    converted = strict(schema)
    Draft202012Validator.check_schema(converted)
    return bool(Draft202012Validator(converted).is_valid(value))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        pytest.param(OBJECT | {"properties": {"a": {"type": "string"}}}, {"a": "x"}, {"b": "x"}, id="unknown field"),
        pytest.param(OBJECT, {}, {"a": 1}, id="an object without fields has none"),
        pytest.param(
            {"type": "array", "items": OBJECT | {"properties": {"a": {}}}}, [{"a": 1}], [{"b": 1}], id="within a list"
        ),
        pytest.param(
            OBJECT | {"additionalProperties": {"type": "integer"}}, {"any": 1}, {"any": "x"}, id="a map of integers"
        ),
        pytest.param(
            OBJECT | {"additionalProperties": OBJECT | {"properties": {"a": {}}}},
            {"any": {"a": 1}},
            {"any": {"b": 1}},
            id="within a map",
        ),
        pytest.param(
            OBJECT | {"properties": {"a": {"type": "string"}}, "x-kubernetes-preserve-unknown-fields": True},
            {"a": "x", "b": 2},
            {"a": 1},
            id="preserved fields are free, declared ones are not",
        ),
        pytest.param({"x-kubernetes-int-or-string": True}, "50%", 1.5, id="int or string"),
        pytest.param(
            {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": "^x$"},
            5,
            "y",
            id="int or string with a pattern",
        ),
        pytest.param({"type": "string", "nullable": True}, None, 1, id="nullable"),
        pytest.param({"type": "string", "enum": ["a"], "nullable": True}, None, "b", id="nullable enum"),
        pytest.param(
            {"type": "integer", "minimum": 0, "exclusiveMinimum": True}, 1, 0, id="OpenAPI's exclusiveMinimum"
        ),
        pytest.param({"type": "integer", "maximum": 9, "exclusiveMaximum": False}, 9, 10, id="an inclusive maximum"),
        pytest.param({"type": "string", "pattern": "^(?i)(warn)?$"}, "WARN", "no", id="Go's flag in the middle"),
        pytest.param({"type": "string", "pattern": "^(a$|b$)"}, "a", "b\n", id="Go's $ is the very end"),
        pytest.param({"type": "string", "pattern": r"^a\$$"}, "a$", "a$\n", id="a dollar is one"),
        pytest.param(
            OBJECT | {"properties": {"a": {}, "b": {}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"a": 1},
            {"a": 1, "b": 2},
            id="a junctor constrains",
        ),
        pytest.param(
            OBJECT
            | {
                "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                "anyOf": [{"properties": {"a": {"minimum": 5, "exclusiveMinimum": True}}}],
            },
            {"a": 6, "b": 1},
            {"a": 5},
            id="a junctor's branch declares no fields",
        ),
        pytest.param({"type": "string", "not": {"pattern": "^x"}}, "y", "xy", id="not"),
        pytest.param(
            OBJECT | {"properties": {"spec": OBJECT}, "x-kubernetes-embedded-resource": True},
            {"apiVersion": "v1", "kind": "A", "metadata": {}, "spec": {}},
            {"apiVersion": "v1", "specc": {}},
            id="embedded resource",
        ),
        pytest.param(
            {"x-kubernetes-preserve-unknown-fields": True, "properties": {"a": {"type": "integer"}}},
            {"a": 1, "b": 1},
            {"a": "x"},
            id="untyped and preserved",
        ),
        pytest.param(
            {"type": "array", "items": {"type": "string"}, "not": {"items": {"pattern": r"^x\z"}}},
            ["xy"],
            ["x"],
            id="items below not",
        ),
    ],
)
def test_the_strict_schema_takes_what_the_server_keeps_and_refuses_the_rest(
    schema: dict[str, Any], good: object, bad: object
) -> None:
    assert accepts(schema, good)
    assert not accepts(schema, bad)


def test_a_pattern_that_only_go_reads_is_left_to_the_server() -> None:
    assert accepts({"type": "string", "pattern": r"^\p{L}+$"}, "5")


def test_the_schema_given_is_left_as_it_was() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 0, "exclusiveMinimum": True}}}
    before = repr(schema)
    strict(schema)
    assert repr(schema) == before

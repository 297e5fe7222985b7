"""The OpenAPI document is valid, complete and true: schemathesis makes requests from it and holds the answers to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from iris_api.adapters.arrow_stream import write_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from servekit.telemetry import TelemetryMiddleware

ARROW = "application/vnd.apache.arrow.stream"
INFER = "/v2/models/{model}/infer"
VERSION_INFER = "/v2/models/{model}/versions/{version}/infer"
POSTS = ["/v1/predict", "/v1/predict/arrow", INFER, VERSION_INFER]
GETS = [
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/{model}",
    "/v2/models/{model}/ready",
    "/v2/models/{model}/versions/{version}",
    "/v2/models/{model}/versions/{version}/ready",
    "/healthz",
    "/readyz",
    "/metrics",
]
UNTOLD = {
    # what a tensor's name, datatype, shape and data must have to do with each other no JSON Schema can say
    INFER: ["positive_data_acceptance"],
    VERSION_INFER: ["positive_data_acceptance"],
}
VALID, INVALID = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
quick = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))

lengths = st.lists(st.lists(st.floats(0, 100, width=32), min_size=4, max_size=4), min_size=1, max_size=9)
schemathesis.openapi.media_type(ARROW, lengths.map(lambda rows: write_rows(np.array(rows, np.float32))))


@schemathesis.serializer(ARROW)
def send_as_is(_: schemathesis.SerializationContext, value: Any) -> Any:
    return value


@pytest.fixture(scope="module")
def schema(iris_app: TelemetryMiddleware) -> Any:
    return schemathesis.openapi.from_asgi("/openapi.json", iris_app)


@pytest.fixture
def document(schema: Any) -> dict[str, Any]:
    raw: dict[str, Any] = schema.raw_schema
    return raw


def test_the_document_is_valid_openapi_3_1(schema: Any, document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    schema.validate()


def test_every_schema_of_the_document_is_valid_json_schema(document: dict[str, Any]) -> None:
    found = [node["schema"] for node in objects(document) if isinstance(node.get("schema"), dict)]
    assert len(found) > 30
    for each in found:
        jsonschema.Draft202012Validator.check_schema(each)


def test_every_operation_is_documented_with_a_summary(document: dict[str, Any]) -> None:
    operations = [(method, path) for path, methods in document["paths"].items() for method in methods]
    assert sorted(operations) == sorted([("post", path) for path in POSTS] + [("get", path) for path in GETS])
    for method, path in operations:
        operation = document["paths"][path][method]
        assert operation["summary"], path
        assert operation["tags"], path
        assert operation["responses"]["200"]["content"], path
    assert "components" not in document  # FastAPI's own kind of error, which this service never answers


def test_every_error_is_documented_in_the_one_form(document: dict[str, Any]) -> None:
    for operation in (operation for methods in document["paths"].values() for operation in methods.values()):
        for code, response in operation["responses"].items():
            if code != "200":
                assert list(response["content"]) == ["application/json"]
                assert response["content"]["application/json"]["schema"]["required"] == ["error"]


async def test_every_example_of_the_document_is_answered_with_200(
    document: dict[str, Any], iris_client: httpx.AsyncClient
) -> None:
    asked = 0
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            values = {each["name"]: each["example"] for each in operation.get("parameters", [])}
            for media_type, body in bodies(operation):
                content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
                headers = {"content-type": media_type} if media_type else {}
                answer = await iris_client.request(method, path.format(**values), content=content, headers=headers)
                assert answer.status_code == 200, (path, answer.text)
                asked += 1
    assert asked == len(GETS) + 2 + 1 + 1


@pytest.mark.parametrize(
    ("path", "mode"), [*((path, VALID) for path in POSTS), ("/v1/predict", INVALID), (VERSION_INFER, INVALID)]
)
@quick
@given(data=st.data())
def test_every_post_is_answered_as_documented(
    schema: Any, path: str, mode: GenerationMode, data: st.DataObject
) -> None:
    case = data.draw(schema[path]["POST"].as_strategy(generation_mode=mode))
    case.call_and_validate(excluded_checks=CHECKS.get_by_names(UNTOLD.get(path, [])))


@pytest.mark.parametrize("path", GETS)
@settings(quick, max_examples=3)
@given(data=st.data())
def test_every_get_is_answered_as_documented(schema: Any, path: str, data: st.DataObject) -> None:
    data.draw(schema[path]["GET"].as_strategy()).call_and_validate()


def objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON document."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(child)


def bodies(operation: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The example bodies of an operation; one without a body for an operation that takes none."""
    if "requestBody" not in operation:
        yield "", None
        return
    for media_type, content in operation["requestBody"]["content"].items():
        for example in content.get("examples", {}).values():
            yield media_type, example["value"]

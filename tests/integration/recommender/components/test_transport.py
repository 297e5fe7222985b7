"""The measurement behind make transport-2."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

import pytest

from recommender.commands import transport

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.recommender.components.conftest import Component


@pytest.fixture(autouse=True)
def settings(components: dict[str, Component], models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOMMENDER_MODELS_DIR", str(models))
    monkeypatch.setenv("RECOMMENDER_MODEL_PORT", str(components["predict"].ports[0]))
    monkeypatch.setattr(transport, "_CALLS", 2)
    monkeypatch.chdir(tmp_path)


def test_every_form_gets_the_same_scores_and_the_binary_ones_a_fifth_of_jsons_bytes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert transport.main() == 0
    table = capsys.readouterr().out
    assert all(form in table for form in transport.FORMS)
    written = json.loads(transport._OUTPUT.read_text())
    answers = {cost["form"]: cost["answer_bytes"] for cost in written["costs"]}
    assert answers["gRPC, binData"] < answers["REST, binData"] < answers["REST, ndarray"] / 5
    assert "cpu" in written["hardware"]


def test_without_a_running_model_the_comparison_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RECOMMENDER_MODEL_PORT", "1")
    assert transport.main() == 1
    assert capsys.readouterr().err == "transport: [Errno 111] Connection refused: run make up-2\n"


def test_a_form_that_got_other_scores_is_not_measured(models: Path) -> None:
    features = transport._features()
    assert models.is_dir()
    with pytest.raises(RuntimeError, match=r"^b: other scores than a$"):
        transport._check({"a": features, "b": features + 1})


def test_an_answer_that_is_an_error_is_not_measured(components: dict[str, Component]) -> None:
    http = HTTPConnection("127.0.0.1", components["predict"].ports[0], timeout=30)
    with pytest.raises(HTTPException, match="400: "):
        transport._post(http, b"{}")
    http.close()

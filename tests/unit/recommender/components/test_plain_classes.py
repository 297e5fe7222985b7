from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recommender.adapters.tensors import decode, encode
from recommender.entrypoints.components.model import Model
from recommender.entrypoints.components.postprocessor import Postprocessor
from recommender.entrypoints.components.preprocessor import Preprocessor
from servekit.errors import InvalidValueError, MalformedError, NotReadyError, ServingError

FOLDER = os.environ.get("RECOMMENDER_MODEL_DIR", "")
INVENTORY = os.environ.get("RECOMMENDER_INVENTORY_URL", "")
FILMS = 40


@pytest.fixture(scope="module")
def model() -> Model:
    model = Model()
    model.load()
    return model


def scored(wish: str | None = None, **tensors: Any) -> bytes:
    scores = np.linspace(1, 0, FILMS, dtype=np.float32)[None]
    rated = np.array([0, 1], np.int32)
    request = wish or json.dumps({"k": 2, "genre": None})
    return encode({"scores": scores, "rated": rated, **tensors}, {"request": request})


def test_the_preprocessor_makes_features_of_a_user() -> None:
    response = Preprocessor().transform_input({"user": 1, "k": 3, "genre": "Western"}, [])
    tensors, metadata = decode(response.data)
    assert tensors["features"].shape == (1, FILMS)
    assert sorted(np.nonzero(tensors["features"])[1]) == sorted(tensors["rated"])
    assert json.loads(metadata["request"]) == {"k": 3, "genre": "Western"}
    assert response.tags == {"cold_start": False}
    assert response.metrics == []


def test_the_preprocessor_tags_and_counts_a_user_nobody_knows() -> None:
    response = Preprocessor(FOLDER).transform_input({"user": 12345}, [])
    assert response.tags == {"cold_start": True}
    assert response.metrics == [{"type": "COUNTER", "key": "recommender_cold_starts_total", "value": 1}]


@pytest.mark.parametrize("payload", [np.ones(3), "text", b"bytes", {"user": 1, "k": 0}])
def test_the_preprocessor_refuses_what_is_no_request(payload: Any) -> None:
    with pytest.raises(InvalidValueError):
        Preprocessor().transform_input(payload, [])


def test_the_model_scores_in_the_form_it_was_asked_in(model: Model) -> None:
    features = np.eye(FILMS, dtype=np.float32)[:1]
    plain = model.predict(features.astype(np.float64), []).data
    document = encode({"features": features, "rated": np.array([0], np.int32)}, {"request": "r"})
    tensors, metadata = decode(model.predict(document, []).data)
    np.testing.assert_array_equal(tensors["scores"], plain)
    assert set(tensors) == {"scores", "rated"}
    assert metadata == {"request": "r"}
    assert model.predict(features, []).tags == {"model": "recommender", "version": "1", "algorithm": "ease"}


def test_scores_that_are_no_numbers_are_the_features_fault_or_the_models_own(model: Model) -> None:
    with pytest.raises(InvalidValueError, match="recommender 1: scores: not finite: expected features from -1e\\+06"):
        model.predict(np.full((1, FILMS), np.inf), [])
    ruined = Model(FOLDER)
    ruined.load()
    assert ruined._model is not None
    ruined._model.scores = lambda features: features * np.float32(np.nan)  # type: ignore[method-assign]
    with pytest.raises(ServingError, match="recommender 1: scores: not finite, whatever the features") as raised:
        ruined.predict(np.zeros((1, FILMS)), [])
    assert raised.value.status == 500


def test_the_model_loads_itself_when_nobody_did() -> None:
    assert Model(FOLDER).predict(np.zeros((2, FILMS)), []).data.shape == (2, FILMS)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"a": 1}, "payload: expected features as binData or data"),
        (np.zeros(FILMS), f"features float64 [{FILMS}]: expected numbers of shape [n, {FILMS}]"),
        (np.zeros((1, 3)), f"features float64 [1, 3]: expected numbers of shape [n, {FILMS}]"),
        (np.array([["a"] * FILMS]), f"features <U1 [1, {FILMS}]: expected numbers of shape [n, {FILMS}]"),
        (encode({"scores": np.zeros(3)}), "tensor features: missing"),
    ],
)
def test_the_model_refuses_what_holds_no_features(model: Model, payload: Any, message: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        model.predict(payload, [])
    assert str(refused.value) == message


def test_the_postprocessor_recommends_what_is_in_stock() -> None:
    response = Postprocessor(inventory_url=INVENTORY).transform_output(scored(), [])
    assert [item["id"] for item in response.data["items"]] == [104, 105]  # 101 and 102 are rated, 103 is sold out
    assert response.tags == {"stock": "fresh"}
    assert response.metrics == [{"type": "COUNTER", "key": "recommender_out_of_stock_dropped_total", "value": 1}]


def test_the_postprocessor_keeps_to_the_genre() -> None:
    answer = Postprocessor().transform_output(scored('{"k": 2, "genre": "Western"}'), []).data
    assert [item["id"] for item in answer["items"]] == [104, 106]


def test_the_postprocessor_without_an_inventory_is_not_ready() -> None:
    away = Postprocessor(inventory_url="redis://127.0.0.1:1")
    with pytest.raises(NotReadyError, match=r"^inventory redis://127\.0\.0\.1:1: does not answer"):
        away.transform_output(scored(), [])
    assert away.health_status() == "ready"


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        ({"a": 1}, InvalidValueError),
        (b"abc", MalformedError),
        (encode({"scores": np.zeros((1, FILMS))}, {"request": "{}"}), MalformedError),
        (scored("[]"), MalformedError),
        (scored("{"), MalformedError),
        (scored(scores=np.zeros((1, 3), np.float32)), InvalidValueError),
        (scored(scores=np.zeros((2, FILMS), np.float32)), MalformedError),
    ],
)
def test_the_postprocessor_refuses_what_is_not_the_models_document(payload: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Postprocessor().transform_output(payload, [])


def test_each_components_health_check_passes(model: Model) -> None:
    assert Preprocessor().health_status() == model.health_status() == "ready"


def test_a_component_reads_the_artefact_in_the_folder_it_is_given(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=str(tmp_path)):
        Preprocessor(str(tmp_path))
    assert Path(FOLDER).is_dir()

"""What training leaves on disk, of the tiny shop."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime as ort
import pytest
from threadpoolctl import threadpool_limits

from shop.artefact import Artefact, ArtefactError
from shop.commands.train import train
from shop.endpoints import MODELS
from shop.features import store
from shop.features.fraud import Payment, build
from shop.features.ranking import build as build_ranking
from shop.models.fraud.history import KINDS, History
from shop.models.fraud.network import Network
from shop.models.fraud.training import payment_features, train_fraud
from shop.models.judging import EvaluationError, read_evaluation
from shop.models.metrics import ndcg
from shop.models.periods import Periods
from shop.models.personalisation.evaluation import top
from shop.models.ranking.lists import gather, query
from shop.models.ranking.snapshot import snapshot
from shop.models.ranking.training import train_ranking
from shop.world.paying import Payments
from shop.world.record import Record, read_record
from tests.tiny_shop import TINY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def record(shop_models: Path) -> Record:
    return read_record(shop_models / "world")


def session(shop_models: Path, model: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(Artefact.of(shop_models / "models", model, "1").onnx(), options)


def row(shop_models: Path, prefix: str, number: int) -> bytes:
    """A value as the feature store holds it."""
    block = np.load(shop_models / "features" / store.FILES[prefix])
    content: bytes = block[number].tobytes()
    return content


def test_training_again_gives_the_same_bytes(shop_models: Path, tmp_path: Path) -> None:
    train(TINY, tmp_path)
    again = {
        path.relative_to(tmp_path): sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.rglob("*")
        if path.is_file() and path.name != "model.json"  # it says when it was made
    }
    assert len([path for path in again if path.name == "model.onnx"]) == 3
    for path, digest in again.items():
        assert sha256((shop_models / path).read_bytes()).hexdigest() == digest, path


@pytest.mark.parametrize("model", MODELS)
def test_the_card_tells_what_the_graph_is(shop_models: Path, model: str) -> None:
    artefact = Artefact.of(shop_models / "models", model, "1")
    card = artefact.card()
    assert (card.name, card.version, card.precision) == (model, "1", "FP32")
    graph = session(shop_models, model)
    for described, actual in ((card.inputs, graph.get_inputs()), (card.outputs, graph.get_outputs())):
        assert [each["name"] for each in described] == [each.name for each in actual]
        assert [each["shape"][1:] for each in described] == [each.shape[1:] for each in actual]
        assert all(each.shape[0] == "n" for each in actual)


@pytest.mark.parametrize("model", ["ranking", "fraud"])
def test_a_row_has_the_same_answer_alone_and_in_a_batch(shop_models: Path, model: str) -> None:
    graph = session(shop_models, model)
    rows = read_evaluation(shop_models, model).inputs[:50]
    (together,) = graph.run(None, {"features": rows})
    alone = np.concatenate([graph.run(None, {"features": each[None]})[0] for each in rows])
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-5)


def test_onnx_runtime_ranks_as_the_student_does(shop_models: Path, record: Record) -> None:
    with threadpool_limits(1):
        fitted = train_ranking(record, Periods.of(record.end))
    inputs = read_evaluation(shop_models, "ranking").inputs
    (scores,) = session(shop_models, "ranking").run(None, {"features": inputs})
    np.testing.assert_allclose(scores, fitted.student(inputs), rtol=1e-5, atol=1e-5)
    assert fitted.quality["student"] > fitted.quality["popularity"]
    pages = fitted.test
    assert fitted.quality["page order"] == ndcg(-pages.position.astype(float), pages.gains, pages.start)


def test_onnx_runtime_scores_payments_as_the_student_does(shop_models: Path, record: Record) -> None:
    with threadpool_limits(1):
        fitted = train_fraud(record, Periods.of(record.end))
    inputs = read_evaluation(shop_models, "fraud").inputs
    (probability,) = session(shop_models, "fraud").run(None, {"features": inputs})
    np.testing.assert_allclose(probability, fitted.platt(fitted.student(inputs)), rtol=1e-5, atol=1e-5)
    assert ((probability > 0) & (probability < 1)).all()


def test_onnx_runtime_recommends_what_the_embeddings_say(shop_models: Path) -> None:
    users = np.load(shop_models / "features" / "users.npy")[:, store.USER_WIDTH :]
    known = users[np.any(users != 0, axis=1)][:40]
    graph = session(shop_models, "personalisation")
    items, scores = graph.run(["items", "scores"], {"user": known})
    from_graph = Artefact.of(shop_models / "models", "personalisation", "1").onnx()
    from shop.models.personalisation.graphs import item_matrix  # noqa: PLC0415 - beside its only use

    exact = known @ item_matrix(from_graph).T
    np.testing.assert_allclose(scores, np.take_along_axis(exact, items, 1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores, np.take_along_axis(exact, top(exact, 100), 1), rtol=1e-4, atol=1e-5)


def test_a_search_is_served_the_features_a_row_was_judged_with(shop_models: Path, record: Record) -> None:
    periods = Periods.of(record.end)
    searches = record.searches
    number = int(np.searchsorted(searches.time, periods.validate))
    judged = gather(searches, snapshot(record, periods.train), np.array([number]))
    shown = searches.item[searches.start[number] : searches.start[number + 1]]
    user = store.decode(row(shop_models, "u:", int(searches.user[number])), store.USER_WIDTH + store.EMBEDDING)
    items = store.decode_rows([row(shop_models, "i:", int(item)) for item in shown], store.ITEM_WIDTH)
    served = build_ranking(query(searches, number), user[: store.USER_WIDTH], items)
    assert served.tobytes() == judged.features.tobytes()


def test_a_payment_is_served_the_features_its_row_would_have_been_learned_from(
    shop_models: Path, record: Record
) -> None:
    moment = Periods.of(record.end).train
    before = record.payments.where(record.payments.time < moment)
    columns = {name: np.append(column, column[-9]) for name, column in vars(before).items()}
    columns["time"][-1] = moment  # somebody pays again at the very moment of the store
    payments = Payments(**columns)
    learned = payment_features(payments, History(payments, Network(payments)))[-1]
    payment = Payment(float(payments.amount[-1]), int(payments.category[-1]), int(payments.hour[-1]))
    prefixes = dict(zip(KINDS, ("f:", "c:", "d:", "p:"), strict=True))
    stored = [
        store.decode(row(shop_models, prefixes[kind], int(getattr(payments, kind)[-1])), store.ENTITY_WIDTH)
        for kind in KINDS
    ]
    assert build(payment, *stored).tobytes() == learned.tobytes()


def test_the_manifest_vouches_for_the_features(shop_models: Path) -> None:
    folder = shop_models / "features"
    manifest: dict[str, Any] = json.loads((folder / store.MANIFEST).read_text())
    assert set(manifest["files"]) == {*store.FILES.values(), store.POPULAR_FILE}
    for name, digest in manifest["files"].items():
        assert sha256((folder / name).read_bytes()).hexdigest() == digest
    assert len(manifest["generation"]) == 64
    assert manifest["as_of"] == 48 * 86_400
    popular = json.loads((folder / store.POPULAR_FILE).read_text())
    assert len(set(popular)) == store.POPULAR_ITEMS


@pytest.mark.parametrize(
    ("model", "metric"), [("ranking", "ndcg_at_10"), ("fraud", "auc"), ("personalisation", "ndcg_at_10")]
)
def test_the_evaluation_set_gives_the_figures_of_the_card(shop_models: Path, model: str, metric: str) -> None:
    evaluation = read_evaluation(shop_models, model)
    graph = session(shop_models, model)
    output = graph.run(None, {graph.get_inputs()[0].name: evaluation.inputs})[0]
    metrics = Artefact.of(shop_models / "models", model, "1").card().metrics
    quality = evaluation.quality(output)
    assert quality[metric] == pytest.approx(metrics[metric], abs=1e-4)
    assert evaluation.calibration.shape[1] == evaluation.inputs.shape[1]


@pytest.mark.parametrize(
    ("model", "by", "measure"),
    [("ranking", "person", "ndcg_at_10"), ("fraud", "card", "auc"), ("personalisation", "person", "ndcg_at_10")],
)
def test_the_card_has_margins_and_figures_for_parts_of_those_served(
    shop_models: Path, model: str, by: str, measure: str
) -> None:
    metrics = Artefact.of(shop_models / "models", model, "1").card().metrics
    assert 0 < metrics["margins"][measure] < 1
    parts = metrics["slices"][by]
    assert parts
    for figures in parts.values():
        assert figures["rows"] > 0
        assert 0 <= figures[measure] <= 1
        assert 0 < figures["margin"] <= 1
    if by == "person":
        rows = sum(figures["rows"] for figures in parts.values())
        mean = sum(figures["rows"] * figures[measure] for figures in parts.values()) / rows
        assert mean == pytest.approx(metrics[measure], abs=1e-3)


def test_a_missing_evaluation_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"ranking\.npz: not an evaluation set: .*: run make train-3$"):
        read_evaluation(tmp_path, "ranking")


def test_a_graph_that_is_not_the_one_trained_is_refused(shop_models: Path, tmp_path: Path) -> None:
    artefact = Artefact.of(tmp_path, "ranking", "1")
    artefact.folder.mkdir(parents=True)
    with pytest.raises(ArtefactError, match=r"model\.json: No such file or directory: run make train-3, or set SHOP_"):
        artefact.card()
    for path in (shop_models / "models" / "ranking" / "1").iterdir():
        (artefact.folder / path.name).write_bytes(path.read_bytes())
    assert artefact.onnx()
    (artefact.folder / "model.onnx").write_bytes(b"something else")
    with pytest.raises(ArtefactError, match=r"the file is damaged or was replaced: run make train-3$"):
        artefact.onnx()
    (artefact.folder / "model.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"model\.json: not a model card: "):
        artefact.card()

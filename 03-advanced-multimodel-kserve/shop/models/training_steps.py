"""Train one model from the record on disk, and write its artefact and its evaluation set."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from shop.artefact import ModelCard, write_artefact
from shop.features.store import EMBEDDING, FRAUD_WIDTH, RANKING_WIDTH
from shop.models.drift_reference import one_of_each, reference
from shop.models.fraud import student as fraud_student
from shop.models.fraud.student import fraud_onnx
from shop.models.fraud.training import train_fraud
from shop.models.judging import CHOOSING, TEST, Evaluation, write_evaluation
from shop.models.periods import Periods
from shop.models.personalisation.graphs import TOP, personalisation_onnx
from shop.models.personalisation.training import ALS, train_personalisation
from shop.models.ranking import student as ranking_student
from shop.models.ranking.student import ranking_onnx
from shop.models.ranking.training import train_ranking
from shop.world.record import read_record, record_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from shop.world.record import Record

__all__ = ["TrainedModel", "fit_fraud", "fit_personalisation", "fit_ranking"]

_PARAMETERS = {
    "ranking": asdict(ranking_student.FIT),
    "fraud": asdict(fraud_student.FIT),
    "personalisation": asdict(ALS),
}
_LIBRARIES = {name: version(name) for name in ("numpy", "scipy", "lightgbm", "onnx")}


@dataclass(frozen=True)
class TrainedModel:
    """What the training of one model leaves beyond its files.

    Attributes:
        card: the model card that was written.
        size: of the graph, in bytes.
        rows: for the report: label and metrics of each row, the baseline first.
        margins: for the report, likewise: how far these may be from the truth, where that is known.
        judged: for the report: what they are known from.
        blocks: for the feature store, by key prefix; ``users`` is the ranking half of the users' blocks.
        embeddings: of the users; none but from personalisation.
        popular: item ids, likewise.
        as_of: the moment of the features.
    """

    card: ModelCard
    size: int
    rows: dict[str, dict[str, float]]
    margins: dict[str, dict[str, float]] = field(default_factory=dict)
    judged: str = ""
    blocks: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    embeddings: NDArray[np.float32] | None = None
    popular: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    as_of: int = 0

    def users_after(self, ranking: NDArray[np.float32]) -> NDArray[np.float32]:
        """(users, USER_WIDTH + EMBEDDING): the ranking blocks with the embeddings behind them."""
        return ranking if self.embeddings is None else np.concatenate([ranking, self.embeddings], axis=1)


def fit_ranking(run_dir: Path, say: Callable[[str], None]) -> TrainedModel:
    """Trains and writes ``ranking``."""
    record, periods = _read(run_dir)
    fitted = train_ranking(record, periods, say)
    rows = {name: {"ndcg_at_10": value} for name, value in fitted.quality.items()}
    others = {"page_order": "page order", "baseline": "popularity", "teacher": "teacher"}
    for period, lists in ((CHOOSING, fitted.choosing), (TEST, fitted.test)):
        truth = {"gains": lists.gains, "start": lists.start}
        _write_evaluation(run_dir, Evaluation("ranking", fitted.sample, lists.features, truth, period))
    fitted.teacher.save_model(str(run_dir / "evaluation" / "ranking.teacher.txt"))
    card = _card(
        "ranking",
        "MLP 128-512-256-1, distilled from LambdaMART",
        ([_tensor("features", RANKING_WIDTH)], [_tensor("scores")]),
        {
            "pages": fitted.pages,
            **rows["student"],
            **{each: rows[row] for each, row in others.items()},
            **_parts({"ndcg_at_10": fitted.margins["student"]}, "person", fitted.slices),
        },
        run_dir,
    )
    blocks = {"i:": fitted.snapshot.items, "users": fitted.snapshot.users}
    known = {
        "margins": {name: {"ndcg_at_10": value} for name, value in fitted.margins.items()},
        "judged": f"{fitted.judged:,} pages",
    }
    asked = one_of_each(fitted.test)
    parts = reference("ranking", asked, fitted.student(asked))
    onnx = ranking_onnx(fitted.student)
    return _written(run_dir, onnx, card, rows, parts, **known, blocks=blocks, as_of=periods.train)


def fit_fraud(run_dir: Path, say: Callable[[str], None]) -> TrainedModel:
    """Trains and writes ``fraud``."""
    record, periods = _read(run_dir)
    fitted = train_fraud(record, periods, say)
    for period, judged in ((CHOOSING, fitted.choosing), (TEST, fitted.test)):
        truth = {"fraud": judged.fraud, "payer": judged.payer}
        _write_evaluation(run_dir, Evaluation("fraud", fitted.sample, judged.features, truth, period))
    fitted.teacher.save_model(str(run_dir / "evaluation" / "fraud.teacher.txt"))
    rows = fitted.quality
    others = {"baseline": rows["amount"], "teacher": rows["teacher"], "frozen_features": rows["frozen"]}
    card = _card(
        "fraud",
        "MLP 64-512-256-1, distilled from gradient-boosted trees, Platt scaling",
        ([_tensor("features", FRAUD_WIDTH)], [_tensor("probability")]),
        {
            "payments": fitted.payments,
            **_rounded(rows["student"]),
            **{n: _rounded(each) for n, each in others.items()},
            **_parts(fitted.margins["student"], "card", fitted.slices),
        },
        run_dir,
    )
    served = fitted.entities
    blocks = {"f:": served["user"], "c:": served["card"], "d:": served["device"], "p:": served["ip"]}
    known = {"margins": fitted.margins, "judged": f"{int(fitted.test.fraud.sum()):,} frauds"}
    parts = reference("fraud", fitted.frozen, fitted.platt(fitted.student(fitted.frozen)))
    return _written(run_dir, fraud_onnx(fitted.student, fitted.platt), card, rows, parts, **known, blocks=blocks)


def fit_personalisation(run_dir: Path, say: Callable[[str], None]) -> TrainedModel:
    """Trains and writes ``personalisation``."""
    record, periods = _read(run_dir)
    fitted = train_personalisation(record, periods, say)
    users = fitted.embeddings.users
    items = fitted.test.looked.shape[1]
    came = np.nonzero(np.any(users != 0, axis=1))[0]
    calibration = users[came[:: max(1, len(came) // 1024)][:1024]]
    for period, returned in ((CHOOSING, fitted.choosing), (TEST, fitted.test)):
        looked = returned.looked[returned.users]
        truth = {"indptr": looked.indptr, "indices": looked.indices, "items": np.array(items)}
        _write_evaluation(run_dir, Evaluation("personalisation", calibration, users[returned.users], truth, period))
    rows = {name: each.rounded() for name, each in fitted.quality.items()}
    k = min(TOP, items)
    card = _card(
        "personalisation",
        "implicit ALS, exact top-k",
        ([_tensor("user", EMBEDDING)], [_tensor("items", k, datatype="INT32"), _tensor("scores", k)]),
        {
            "interactions": fitted.interactions,
            **rows["als"],
            "baseline": rows["popularity"],
            **_parts(fitted.margins["als"], "person", fitted.slices),
        },
        run_dir,
    )
    onnx = personalisation_onnx(fitted.embeddings.items)
    known = {"margins": fitted.margins, "judged": f"{fitted.judged:,} users"}
    return _written(run_dir, onnx, card, rows, {}, **known, embeddings=users, popular=fitted.popular)


def _write_evaluation(run_dir: Path, evaluation: Evaluation) -> None:
    """Writes an evaluation set; only the one of the test period has calibration rows."""
    calibration = evaluation.calibration if evaluation.period == TEST else evaluation.calibration[:0]
    write_evaluation(run_dir, replace(evaluation, calibration=calibration))


def _tensor(name: str, *shape: int, datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1, *shape]}


def _read(run_dir: Path) -> tuple[Record, Periods]:
    record = read_record(run_dir / "world")
    return record, Periods.of(record.end)


def _card(
    name: str,
    algorithm: str,
    signature: tuple[list[dict[str, Any]], list[dict[str, Any]]],
    metrics: dict[str, Any],
    run_dir: Path,
) -> ModelCard:
    inputs, outputs = signature
    return ModelCard(
        name=name,
        version="1",
        algorithm=algorithm,
        precision="FP32",
        inputs=inputs,
        outputs=outputs,
        metrics=metrics,
        training_data_sha256=record_sha256(run_dir / "world"),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        libraries=_LIBRARIES,
        parameters=_PARAMETERS[name],
    )


def _parts(margins: dict[str, float], by: str, slices: dict[str, dict[str, float]]) -> dict[str, Any]:
    """How sure the figures are, and what they are for parts of those served."""
    return {"margins": _rounded(margins), "slices": {by: slices}}


def _written(
    run_dir: Path, onnx: bytes, card: ModelCard, rows: dict[str, dict[str, float]], parts: dict[str, bytes], **more: Any
) -> TrainedModel:
    artefact = write_artefact(run_dir / "models" / card.name / card.version, onnx, card, parts)
    return TrainedModel(artefact, len(onnx), rows, **more)


def _rounded(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in metrics.items()}

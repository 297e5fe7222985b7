"""Train the fraud model: features of every payment as of its moment, teacher, student, calibration, and how good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from servekit.shares import share_margin
from shop.features.fraud import build_many
from shop.models.fraud.history import KINDS, History
from shop.models.fraud.network import Network
from shop.models.fraud.student import fit_platt, fit_student
from shop.models.fraud.teacher import fit_teacher
from shop.models.marks import marks_of_payments
from shop.models.metrics import auc, average_precision, calibration_error, recall_at_false_positives

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from shop.models.fraud.student import Platt
    from shop.models.mlp import Mlp
    from shop.models.periods import Periods
    from shop.world.paying import Payments
    from shop.world.record import Record

__all__ = ["FraudTraining", "JudgedPayments", "judge", "payment_features", "train_fraud"]

_WARM_UP = 0.25  # of the history, in which nobody has one yet


@dataclass(frozen=True)
class JudgedPayments:
    """Payments to judge by: features (rows, FRAUD_WIDTH), and for each what came true and who paid."""

    features: NDArray[np.float32]
    fraud: NDArray[np.bool_]
    payer: NDArray[np.int64]


@dataclass(frozen=True)
class FraudTraining:
    """What training leaves.

    Attributes:
        student: for raw features; log odds.
        platt: its calibration.
        entities: for each kind in KINDS, (ids, ENTITY_WIDTH) as the feature store serves them.
        quality: of ``amount``, the baseline, ``teacher``, ``student``, and the ``frozen`` student, which sees entities
            as the store has them, on the test period.
        margins: how far these may be from what other payers and frauds would give, with 95 %.
        slices: the student's quality on cards that paid before and on new ones.
        sample: (rows, FRAUD_WIDTH) of the training rows, for calibration of INT8.
        choosing: the payments of the validation period.
        test: those of the test period.
        frozen: (rows, FRAUD_WIDTH) of the test period with entities as the store has them: what is served.
        payments: how many were learned from.
        teacher: LightGBM's booster.
    """

    student: Mlp
    platt: Platt
    entities: dict[str, NDArray[np.float32]]
    quality: dict[str, dict[str, float]]
    margins: dict[str, dict[str, float]]
    slices: dict[str, dict[str, float]]
    sample: NDArray[np.float32]
    choosing: JudgedPayments
    test: JudgedPayments
    frozen: NDArray[np.float32]
    payments: int
    teacher: Any


def train_fraud(record: Record, periods: Periods, say: Callable[[str], None] = lambda _: None) -> FraudTraining:
    """Learns from the payments until the training period's end, calibrates on the validation period."""
    payments = record.payments
    time, fraud = payments.time, payments.fraud
    say(f"features of {len(payments):,} payments")
    history = History(payments, Network(payments))
    features = payment_features(payments, history)
    learn = (time >= _WARM_UP * periods.history) & (time < periods.train)
    choose = (time >= periods.train) & (time < periods.validate)
    test = (time >= periods.validate) & (time < periods.end)
    say("teacher")
    teacher = fit_teacher(features[learn], fraud[learn])
    say("student")
    student = fit_student(features[learn], fraud[learn], teacher.predict(features[learn], raw_score=True))
    platt = fit_platt(student(features[choose]), fraud[choose])
    entities = _served(payments, history, periods.train)
    frozen = _frozen(payments.where(test), entities)
    probabilities = {
        "amount": payments.amount[test] / payments.amount[test].max(),
        "teacher": teacher.predict(features[test]),
        "student": platt(student(features[test])),
        "frozen": platt(student(frozen)),
    }
    quality = {name: judge(each, fraud[test]) for name, each in probabilities.items()}
    margins = {name: _margins(each, payments.where(test)) for name, each in probabilities.items()}
    del quality["amount"]["calibration_error"]  # an amount promises nothing
    rows = np.nonzero(learn)[0]
    sample = features[rows[:: max(1, len(rows) // 4096)][:4096]]
    choosing, judged = (JudgedPayments(features[some], fraud[some], payments.user[some]) for some in (choose, test))
    slices = _by_card(probabilities["student"], payments.where(test), _new_cards(payments)[test])
    return FraudTraining(
        student, platt, entities, quality, margins, slices, sample, choosing, judged, frozen, len(rows), teacher
    )


def payment_features(payments: Payments, history: History) -> NDArray[np.float32]:
    """(n, FRAUD_WIDTH): each payment as the model would have seen it at its moment."""
    entities = [history.entities(kind, getattr(payments, kind), payments.time) for kind in KINDS]
    return build_many(payments.amount.astype(np.float32), payments.category, payments.hour, entities)


def judge(probabilities: NDArray[np.floating], fraud: NDArray[np.bool_]) -> dict[str, float]:
    """How well probabilities tell frauds."""
    return {
        "auc": auc(probabilities, fraud),
        "average_precision": average_precision(probabilities, fraud),
        "recall_at_1pct_fpr": recall_at_false_positives(probabilities, fraud),
        "calibration_error": calibration_error(probabilities, fraud),
    }


def _margins(probabilities: NDArray[np.floating], payments: Payments) -> dict[str, float]:
    """Of the calibration error there is none: it is a sum of distances, and as far from 0 as chance takes it."""
    recall, frauds = recall_at_false_positives(probabilities, payments.fraud), int(payments.fraud.sum())
    of_recall = {"recall_at_1pct_fpr": share_margin(recall * frauds, frauds)}
    return marks_of_payments(probabilities, payments.fraud, payments.user).margins() | of_recall


def _new_cards(payments: Payments) -> NDArray[np.bool_]:
    """Whether each payment is the first that its card made."""
    _, first = np.unique(payments.card, return_index=True)
    new = np.zeros(len(payments), bool)
    new[first] = True
    return new


def _by_card(
    probabilities: NDArray[np.floating], payments: Payments, new: NDArray[np.bool_]
) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, part in {"card paid before": ~new, "new card": new}.items():
        if not 0 < payments.fraud[part].sum() < part.sum():
            continue  # there is nothing to tell apart
        marks = marks_of_payments(probabilities[part], payments.fraud[part], payments.user[part])
        counts: dict[str, float] = {"rows": int(part.sum()), "frauds": int(payments.fraud[part].sum())}
        quality = {measure: round(value, 4) for measure, value in marks.quality.items()}
        found[name] = {**counts, **quality, "margin": round(marks.margins()["auc"], 4)}
    return found


def _served(payments: Payments, history: History, moment: int) -> dict[str, NDArray[np.float32]]:
    """Every entity there is, as of one moment."""
    served = {}
    for kind in KINDS:
        ids = np.arange(int(getattr(payments, kind).max()) + 1)
        served[kind] = history.entities(kind, ids, np.full(len(ids), moment))
    return served


def _frozen(payments: Payments, entities: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    looked_up = [entities[kind][getattr(payments, kind)] for kind in KINDS]
    return build_many(payments.amount.astype(np.float32), payments.category, payments.hour, looked_up)

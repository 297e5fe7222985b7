"""Each model on each runtime: latency at three batch sizes, size, quality."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from shop.optimize import openvino_runtime
from shop.optimize.attempt import marks_of
from shop.optimize.latency import measure_in_turn, run_of, session
from shop.optimize.on_gpu import BATCHES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from shop.artefact import ModelCard
    from shop.optimize.exam import Exam

__all__ = ["BATCHES", "Row", "measured_rows", "remembered_rows"]


@dataclass(frozen=True)
class Row:
    """One model on one runtime; a note in place of figures where it does not run there.

    Attributes:
        model: its name.
        served: rows of its typical request.
        runs_as: precision and runtime.
        latency_us: median by number of rows, one thread on one core.
        size: of the file in bytes.
        quality: by the exam's measures.
        note: why there are no figures.
    """

    model: str
    served: int
    runs_as: str
    latency_us: dict[int, float] = field(default_factory=dict)
    size: int | None = None
    quality: dict[str, float] = field(default_factory=dict)
    note: str = ""


def remembered_rows(exam: Exam, card: ModelCard) -> list[Row]:
    """What the student's card says of others: the page's own order, and a teacher that training left no file of."""
    names = {"page_order": "page order"} | ({} if exam.teacher else {"teacher": "teacher LightGBM"})
    marks = {name: card.metrics[key] for key, name in names.items() if key in card.metrics}
    return [
        Row(exam.model, exam.batch, name, quality={each: float(of[each]) for each in exam.measures if each in of})
        for name, of in marks.items()
    ]


@dataclass(frozen=True)
class _Contender:
    """What is measured: how to make an inference of some rows, the size of its file, its marks."""

    prepare: Callable[[NDArray[Any]], Callable[[], Any]]
    size: int
    quality: dict[str, float]


def measured_rows(exam: Exam, versions: Mapping[str, bytes], batches: tuple[int, ...] = BATCHES) -> list[Row]:
    """A row for the teacher and for each version (by precision) on ONNX Runtime and on OpenVINO.

    At each batch size all are measured in turn, so that what disturbs the machine disturbs them alike.
    """
    contenders: dict[str, _Contender | str] = {}
    if exam.teacher:
        contenders[exam.teacher.name] = _teacher(exam)
    contenders |= {f"{name} ONNX Runtime": _onnxruntime(exam, content) for name, content in versions.items()}
    contenders |= {f"{name} OpenVINO": _openvino(exam, content) for name, content in versions.items()}
    able = {name: each for name, each in contenders.items() if isinstance(each, _Contender)}
    latencies = {
        batch: measure_in_turn({name: each.prepare(exam.rows(batch)) for name, each in able.items()})
        for batch in batches
    }
    return [
        Row(exam.model, exam.batch, name, note=each)
        if isinstance(each, str)
        else Row(
            exam.model, exam.batch, name, {batch: latencies[batch][name] for batch in batches}, each.size, each.quality
        )
        for name, each in contenders.items()
    ]


def _teacher(exam: Exam) -> _Contender:
    teacher = exam.teacher
    if teacher is None:
        raise ValueError(f"exam of {exam.model}: expected a teacher")

    def prepare(rows: NDArray[Any]) -> Callable[[], Any]:
        return lambda: teacher.run(rows)

    return _Contender(prepare, teacher.size, exam.take(lambda rows: [teacher.run(rows)]).quality)


def _onnxruntime(exam: Exam, content: bytes) -> _Contender:
    model = session(content)
    return _Contender(lambda rows: run_of(model, rows), len(content), marks_of(model, exam).quality)


def _openvino(exam: Exam, content: bytes) -> _Contender | str:
    try:
        request = openvino_runtime.compiled(content)
    except openvino_runtime.OpenVinoError as error:
        return str(error)

    def answer(rows: NDArray[Any]) -> list[NDArray[Any]]:
        return [np.array(each) for each in openvino_runtime.run_of(request, rows)().values()]

    return _Contender(lambda rows: openvino_runtime.run_of(request, rows), len(content), exam.take(answer).quality)

"""A model through all its forms and the gate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.optimize.gate import Verdict, judge
from shop.optimize.latency import measure_pair, run_of, session

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnxruntime as ort

    from shop.optimize.exam import Exam
    from shop.optimize.forms import Form

__all__ = ["Attempt", "Outcome", "attempt_all", "quality_of"]


@dataclass(frozen=True)
class Attempt:
    """A form that was built and judged; ``batch_us`` is its latency on the serving batch."""

    content: bytes
    quality: dict[str, float]
    batch_us: float
    verdict: Verdict


@dataclass(frozen=True)
class Outcome:
    """What came of a model's forms.

    Attributes:
        model: its name.
        batch: its serving batch.
        quality: of FP32.
        attempts: in the order of preference; at least one.
    """

    model: str
    batch: int
    quality: dict[str, float]
    attempts: tuple[Attempt, ...]

    @property
    def chosen(self) -> Attempt | None:
        """The first that passed; None if none did. Not the fastest, lest noise choose between two that are alike."""
        return next((each for each in self.attempts if each.verdict.passed), None)

    @property
    def least_bad(self) -> Attempt:
        """What to write if a version is wanted in spite of the gate: the best as it is, then the fastest."""
        return self.chosen or min(self.attempts, key=lambda each: (max(each.verdict.losses.values()), each.batch_us))


def attempt_all(exam: Exam, content: bytes, forms: Iterable[Form], rounds: int = 15) -> Outcome:
    """Builds, examines, measures and judges each form against the FP32 graph.

    Raises:
        CalibrationError: the exam's calibration set cannot be right.
        GraphError: the graph is not what the forms are made of.
    """
    baseline = session(content)
    quality = quality_of(baseline, exam)
    attempts = [
        _attempt(exam, baseline, quality, form, form.build(content, exam.calibration), rounds) for form in forms
    ]
    return Outcome(exam.model, exam.batch, quality, tuple(attempts))


def quality_of(model: ort.InferenceSession, exam: Exam) -> dict[str, float]:
    """A model's marks."""
    return exam.take(lambda rows: run_of(model, rows)())


def _attempt(  # noqa: PLR0913, PLR0917 - what is compared, and how
    exam: Exam, baseline: ort.InferenceSession, quality: dict[str, float], form: Form, content: bytes, rounds: int
) -> Attempt:
    candidate = session(content)
    after = quality_of(candidate, exam)
    rows = exam.rows(exam.batch)
    latencies = measure_pair(run_of(baseline, rows), run_of(candidate, rows), rounds)
    verdict = judge(form.name, quality, after, latencies, exam.batch)
    return Attempt(content, after, latencies.candidate_median, verdict)

"""A model through all its forms: one is chosen, and the gate judges it on a period that the choice has not seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.optimize.gate import Verdict, judge
from shop.optimize.latency import Latencies, measure_pair, run_of, session
from shop.optimize.loss import bounded_losses, estimated_losses

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import onnxruntime as ort

    from shop.models.marks import Marks
    from shop.optimize.exam import Exam
    from shop.optimize.forms import Form

__all__ = ["Attempt", "Outcome", "attempt_all", "choose", "marks_of"]


@dataclass(frozen=True)
class Attempt:
    """A form that was built and tried.

    Attributes:
        content: its graph.
        latencies: on the serving batch, beside FP32.
        tried: what there is to say of it after the period for choosing, where estimates are enough.
    """

    content: bytes
    latencies: Latencies
    tried: Verdict

    @property
    def form(self) -> str:
        """The name of the form that was tried."""
        return self.tried.form


@dataclass(frozen=True)
class Outcome:
    """The result of trying a model's forms.

    Attributes:
        model: its name.
        batch: its serving batch.
        attempts: in the order of preference; at least one.
        candidate: the one that was chosen.
        verdict: the gate's on the candidate, by the test period. The others have none: had it been theirs to choose on,
            it would flatter whichever won.
    """

    model: str
    batch: int
    attempts: tuple[Attempt, ...]
    candidate: Attempt
    verdict: Verdict


def attempt_all(practice: Exam, exam: Exam, content: bytes, forms: Iterable[Form], rounds: int = 15) -> Outcome:
    """Builds, measures and tries each form beside the FP32 graph, chooses one and has it judged.

    Args:
        practice: the period for choosing.
        exam: the test period; its calibration set is what the forms are built with.
        content: the FP32 graph.
        forms: in the order of preference.
        rounds: of measuring.

    Raises:
        CalibrationError: the exam's calibration set cannot be right.
        GraphError: the graph is not what the forms are made of.
    """
    baseline = session(content)
    before = marks_of(baseline, practice)
    attempts = tuple(
        _attempt(practice, baseline, before, form.name, form.build(content, exam.calibration), rounds) for form in forms
    )
    candidate = choose(attempts)
    losses = bounded_losses(marks_of(baseline, exam), marks_of(session(candidate.content), exam))
    verdict = judge(candidate.form, losses, candidate.latencies, exam.batch)
    return Outcome(exam.model, exam.batch, attempts, candidate, verdict)


def choose(attempts: Sequence[Attempt]) -> Attempt:
    """The first that was good and fast enough; not the fastest, lest noise choose between two that are alike.

    If none was, the least bad: what loses least, then the fastest.
    """
    good = (each for each in attempts if each.tried.passed)
    return next(good, None) or min(
        attempts,
        key=lambda each: (max(loss.lost for loss in each.tried.losses.values()), each.latencies.candidate_median),
    )


def marks_of(model: ort.InferenceSession, exam: Exam) -> Marks:
    """The marks of a graph's answers on an exam."""
    return exam.take(lambda rows: run_of(model, rows)())


def _attempt(  # noqa: PLR0913, PLR0917 - what is compared, and how
    exam: Exam, baseline: ort.InferenceSession, before: Marks, form: str, content: bytes, rounds: int
) -> Attempt:
    candidate, rows = session(content), exam.rows(exam.batch)
    losses = estimated_losses(before, marks_of(candidate, exam))
    latencies = measure_pair(run_of(baseline, rows), run_of(candidate, rows), rounds)
    return Attempt(content, latencies, judge(form, losses, latencies, exam.batch))

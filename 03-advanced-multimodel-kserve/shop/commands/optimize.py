"""``make optimize-3``: INT8 versions of the models through their gate, side by side in one table, and registered."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from shop.addresses import Addresses
from shop.artefact import Artefact, ArtefactError, artefact_in
from shop.endpoints import MODELS
from shop.models.judging import CHOOSING, EvaluationError
from shop.optimize.attempt import attempt_all
from shop.optimize.calibration_set import CalibrationError
from shop.optimize.cuda import cuda_rows
from shop.optimize.exams import read_exam
from shop.optimize.forms import forms_of
from shop.optimize.layers import GraphError
from shop.optimize.report import Report, print_report
from shop.optimize.table import measured_rows, remembered_rows
from shop.optimize.tensorrt import missing, tensorrt_rows
from shop.optimize.version import BASELINE, OPTIMISED, write_version
from workbench.hardware import hardware_stamp
from workbench.registry import record
from workbench.terminal import make_console

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from shop.optimize.attempt import Outcome
    from shop.optimize.exam import Exam
    from shop.optimize.table import Row

__all__ = ["main", "optimise"]


def main(argv: Sequence[str] | None = None) -> int:
    """Optimises what is below SHOP_RUN_DIR; 0, or 1 with one line that says why it cannot."""
    parser = argparse.ArgumentParser(prog="python -m shop.commands.optimize", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="build and judge the versions; no table")
    parser.add_argument("--force", action="store_true", help="write a version 2 even where the gate refused it")
    options = parser.parse_args(argv)
    progress = make_console(stderr=True)
    began = time.perf_counter()

    def say(line: str) -> None:
        progress.print(f"  {time.perf_counter() - began:4.1f} s  {line}", style="dim", soft_wrap=True)

    try:
        report = optimise(Addresses().run_dir, say, quick=options.quick, force=options.force)
    except (ArtefactError, EvaluationError, CalibrationError, GraphError) as problem:
        print(problem, file=sys.stderr)
        return 1
    print_report(make_console(), report)
    _register(report, Addresses().run_dir / "models")
    return 0


def _register(report: Report, models_dir: Path) -> None:
    """Each new version after the one that it was made of, which is the champion if neither was registered yet."""
    artefacts = []
    for model in report.shipped:
        baseline, optimised = (artefact_in(models_dir / model / each) for each in (BASELINE, OPTIMISED))
        artefacts += [baseline, replace(optimised, train="make optimize-3")]
    record(artefacts, print)


def optimise(
    run_dir: Path, say: Callable[[str], None] = lambda _: None, *, quick: bool = False, force: bool = False
) -> Report:
    """Writes a version 2 of each model that has one, and ``optimize.json``.

    Raises:
        ArtefactError: a version 1 is missing or damaged.
        EvaluationError: an evaluation set is.
        CalibrationError: a calibration set cannot be right.
        GraphError: a graph is not what its forms are made of.
    """
    models_dir = run_dir / "models"
    outcomes: list[Outcome] = []
    shipped: dict[str, str] = {}
    rows: list[Row] = []
    without = missing()
    for model in MODELS:
        exam, content = read_exam(run_dir, model), Artefact.of(models_dir, model, BASELINE).onnx()
        practice = read_exam(run_dir, model, CHOOSING)
        names, tried, judged = " or ".join(each.name for each in forms_of(model)), practice.held_out, exam.held_out
        say(f"{model}: {names}, chosen on {len(tried):,} rows and judged on {len(judged):,}")
        outcome = attempt_all(practice, exam, content, forms_of(model))
        outcomes.append(outcome)
        if write_version(models_dir, exam, outcome, force=force):
            shipped[model] = outcome.candidate.form
        if not quick:
            say(f"{model}: each runtime at each batch size")
            rows += _rows(exam, outcome, content, models_dir, tensorrt=without is None)
    report = Report(tuple(outcomes), shipped, tuple(rows), hardware_stamp(), without)
    report.write(run_dir / "optimize.json")
    return report


def _rows(exam: Exam, outcome: Outcome, content: bytes, models_dir: Path, *, tensorrt: bool) -> list[Row]:
    forms = {f"INT8 {each.form}": each.content for each in outcome.attempts}
    rows = [*measured_rows(exam, {"FP32": content, **forms}), *cuda_rows(exam, content)]
    optimised = Artefact.of(models_dir, exam.model, OPTIMISED)
    if tensorrt and optimised.folder.exists():
        rows += tensorrt_rows(exam, optimised)
    return [*remembered_rows(exam, Artefact.of(models_dir, exam.model, BASELINE).card()), *rows]


if __name__ == "__main__":
    sys.exit(main())

"""The measurement: one server after the other is started, then all are measured in turn, then asked about OIP."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from iris_api.commands.frameworks.field import FOLDER
from iris_api.commands.frameworks.lines import lines_of_code
from iris_api.commands.frameworks.place import PlaceError, installed, make_environment
from iris_api.commands.frameworks.row import Conformance, Row
from iris_api.commands.frameworks.start import start
from iris_api.commands.ladder import LADDER, train_tutorial_model
from workbench.bench import in_turn
from workbench.conformance import Outcome, Requirement, UnreachableError, run
from workbench.processes import on_core

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from iris_api.commands.frameworks.field import Framework
    from iris_api.commands.frameworks.start import Started
    from iris_api.training.golden import Golden
    from workbench.bench import Contender

__all__ = ["contest", "known_names"]

_SERVERS_CORE = 0


def contest(  # noqa: PLR0913 - an experiment has that many knobs
    field: Sequence[Framework],
    model_dir: Path,
    golden: Golden,
    *,
    rounds: int,
    seconds: float,
    progress: Callable[[str], None],
) -> list[Row]:
    """Starts, measures and stops everyone; a framework that fails costs its own row only."""
    level = FOLDER.parent
    rows = {
        each.name: Row(
            each.name, each.title, lines_of_code([level / file for file in each.code]), each.telemetry, each.beyond
        )
        for each in field
    }

    def lost(contender: Contender, error: Exception) -> None:
        _drop(rows[contender.peer.name], error, progress)

    placed = _place_all(field, rows, progress)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="iris-", ignore_cleanup_errors=True)))
        train_tutorial_model(folder / "model.joblib")
        started = _start_all(placed, rows, stack, known_names(folder, model_dir), golden, progress)
        contenders = [each.contender for each in started]
        for result in in_turn(contenders, rounds=rounds, seconds=seconds, progress=progress, lost=lost):
            rows[result.name].figures = result
        for each in started:
            if each.framework.oip:
                progress(f"{each.framework.name}: the Open Inference Protocol")
                rows[each.framework.name].oip = _conformance(each)
        progress("stopping")
    return list(rows.values())


def known_names(folder: Path, model_dir: Path) -> dict[str, str]:
    """What stands for the names in a framework's command, but for its ports and its own folder."""
    return {
        "main": sys.executable,
        "folder": str(folder),
        "level": str(FOLDER.parent),
        "here": str(FOLDER),
        "ladder": str(LADDER),
        "model_dir": str(model_dir.resolve()),
        "onnx": str(model_dir.resolve() / "model.onnx"),
        "joblib": str(folder / "model.joblib"),
        "triton": str(Path(".venvs/triton").absolute()),
    }


def _place_all(field: Sequence[Framework], rows: dict[str, Row], progress: Callable[[str], None]) -> list[Framework]:
    """Those whose environment is there, or could be made."""
    placed = []
    for each in field:
        progress(f"{each.name}: environment {each.environment}")
        try:
            takes = installed(each, make_environment(each))
        except PlaceError as reason:
            _drop(rows[each.name], reason, progress)
        else:
            rows[each.name].packages, rows[each.name].installed_mb = takes.packages, takes.size / 1e6
            placed.append(each)
    return placed


def _start_all(  # noqa: PLR0913, PLR0917 - the parts of the experiment
    placed: Sequence[Framework],
    rows: dict[str, Row],
    stack: ExitStack,
    names: dict[str, str],
    golden: Golden,
    progress: Callable[[str], None],
) -> list[Started]:
    started = []
    with on_core(_SERVERS_CORE):  # what is started from here on has this core, and counts one
        for each in placed:
            work = Path(names["folder"], each.name)
            work.mkdir()
            progress(f"{each.name}: starting")
            try:
                with ExitStack() as own:
                    started.append(start(each, own, {**names, "work": str(work)}, golden))
                    stack.push(own.pop_all())
            except PlaceError as reason:
                _drop(rows[each.name], reason, progress)
            else:
                rows[each.name].start_s = started[-1].seconds
    return started


def _drop(row: Row, reason: Exception, progress: Callable[[str], None]) -> None:
    row.why_not = str(reason)
    progress(f"{row.name}: not measured: {reason}")


def _conformance(started: Started) -> Conformance | None:
    address = f"http://127.0.0.1:{started.contender.peer.port}"
    try:
        results = run(address, "iris", grpc_address=f"127.0.0.1:{started.grpc_port}", timeout_s=5)
    except UnreachableError:
        return None
    count = [(each.outcome, each.level) for each in results]
    passed, skipped = (sum(outcome is wanted for outcome, _ in count) for wanted in (Outcome.PASSED, Outcome.SKIPPED))
    must, should = (count.count((Outcome.FAILED, level)) for level in (Requirement.MUST, Requirement.SHOULD))
    return Conformance(passed, must, should, skipped)

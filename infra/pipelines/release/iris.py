"""Level 1's release: train, evaluate, gate, package, register, canary, promote.

The graph needs no step that optimises it: ONNX Runtime does that when it loads so small a model.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from iris_api.adapters.artefact import artefact_in, read_artefact
from iris_api.commands.serving import IrisLevel
from iris_api.commands.stack import stack
from iris_api.training.artefact import write_model
from iris_api.training.evaluation import Quality, evaluate
from iris_api.training.fit import INVERSE_REGULARISATION
from release.canary import Candidate, Promise, add_promise, under_load
from release.plans import Plan
from release.promotion import Release, note_end, package, promote, register
from release.step import Place, Step, Verdict
from servekit.json_file import write_json
from workbench.arguments import positive
from workbench.bench import free_ports
from workbench.stack import HttpReady, take_over
from workbench.versions import ROOT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

__all__ = ["FEWER_RIGHT", "MORE_LOSS", "PLAN", "IrisRelease", "steps"]

FEWER_RIGHT = 1
"""So many flowers of the 30 fewer than the champion a challenger may get right: with so few, one is chance."""

MORE_LOSS = 0.05
"""By so much its log loss may be higher."""

FIRST = Quality(right=27, rows=30, log_loss=0.3)
"""What the first version must reach, where there is no champion to hold it against."""

_SLA = ROOT / "01-beginner-iris-api" / "sla.toml"


class IrisRelease(Release, frozen=True, kw_only=True):
    """What a release of level 1 depends on.

    Attributes:
        promise: that the canary is held to.
        c: inverse strength of the regularisation.
        as_of: the day that a retraining stands for, where a schedule or a backfill names one. Fisher's flowers are the
            same on every day; a level whose data grow selects its rows by it.
    """

    promise: Promise
    c: float = INVERSE_REGULARISATION
    as_of: str = ""


def steps(trained: Callable[[Path, float], object] = write_model) -> list[Step]:
    """The steps; a test gives another training."""
    return [
        Step("train", lambda place: _train(place, trained)),
        Step("evaluate", _evaluate, ("train",), ending="nothing to release"),
        Step("gate", _gate, ("evaluate",), ending="refused"),
        Step("package", lambda place: package(artefact_in, place, place.of("train") / "1"), ("train", "gate")),
        Step(
            "register",
            partial(register, artefact_in),
            ("package", "gate"),
        ),
        Step("canary", _canary, ("register",), ending="rolled back"),
        Step("promote", _promote, ("register", "canary")),
    ]


def _train(place: Place, trained: Callable[[Path, float], object]) -> Verdict:
    parameters: IrisRelease = place.parameters
    folder = place.own / "1"
    trained(folder, parameters.c)
    sha256 = read_artefact(folder)[1].sha256
    return Verdict("passed", f"iris with c {parameters.c:g}: sha256 {sha256[:12]}…", {"sha256": sha256})


def _evaluate(place: Place) -> Verdict:
    """The challenger and the champion on the same flowers, each by its own graph."""
    parameters: IrisRelease = place.parameters
    challenger = place.of("train") / "1"
    found = {"challenger": evaluate(challenger)}
    if parameters.champion:
        champion = Path(parameters.champion)
        if read_artefact(champion)[1].sha256 == read_artefact(challenger)[1].sha256:
            return Verdict("failed", parameters.nothing_new)
        found["champion"] = evaluate(champion)
    write_json(place.own / "evaluation.json", found)
    told = "; ".join(f"{name} {_quality(quality)}" for name, quality in found.items())
    return Verdict("passed", told, msgspec.to_builtins(found))


def _quality(quality: Quality) -> str:
    return f"{quality.right} of {quality.rows} right, log loss {quality.log_loss:.3f}"


def _gate(place: Place) -> Verdict:
    """The challenger may not be worse than the champion; where there is none, it must reach `FIRST`."""
    found = msgspec.convert(dict(place.figures["evaluate"]), dict[str, Quality])
    challenger, champion = found["challenger"], found.get("champion")
    right, loss = FIRST.right, FIRST.log_loss
    if champion:
        right, loss = champion.right - FEWER_RIGHT, champion.log_loss + MORE_LOSS
    reasons = []
    if challenger.right < right:
        reasons.append(f"{challenger.right} right, expected at least {right}")
    if not challenger.log_loss <= loss:  # a loss that is not a number passes no gate
        reasons.append(f"log loss {challenger.log_loss:.3f}, expected at most {loss:.3f}")
    figures = {"passed": not reasons, "reasons": reasons, **place.figures["evaluate"]}
    if reasons:
        return Verdict("failed", "; ".join(reasons), figures)
    return Verdict("passed", "not worse than the champion" if champion else "good enough to be the first", figures)


def _canary(place: Place) -> Verdict:
    parameters: IrisRelease = place.parameters
    http, grpc = free_ports(2)
    environment = {
        "IRIS_MODEL_DIR": str(place.figures["register"]["folder"]),
        "IRIS_PORT": str(http),
        "IRIS_GRPC_PORT": str(grpc),
        "IRIS_RUN_DIR": str(place.own),
    }
    url = f"http://127.0.0.1:{http}"
    candidate = Candidate([sys.executable, "-m", "iris_api"], environment, HttpReady(f"{url}/readyz"), url)
    return under_load(place, candidate, parameters.promise)


def _promote(place: Place) -> Verdict:
    """On the running level, too, without a restart."""
    take_over(1)
    return promote(place, lambda move: place.say(IrisLevel(stack()).serve(move.after)))


def _add_options(parser: argparse.ArgumentParser) -> None:
    strength = "inverse strength of the regularisation (%(default)g)"
    parser.add_argument("--c", type=positive, default=INVERSE_REGULARISATION, help=strength)
    parser.add_argument("--as-of", default="", metavar="DAY", help="the day that a retraining stands for")
    add_promise(parser, _SLA)


def _parameters(options: argparse.Namespace) -> IrisRelease:
    return IrisRelease.now("iris", promise=Promise.of(options), c=options.c, as_of=options.as_of)


def _told(parameters: IrisRelease) -> str:
    return f"iris with c {parameters.c:g}, {parameters.against}"


PLAN = Plan(
    "Trains level 1's model, holds it against the champion, tries it under the SLA's load, and promotes it.",
    IrisRelease, _add_options, _parameters, steps, _told, note_end,
)  # fmt: skip

"""Level 3's release of a model: train, evaluate, optimise, gate, package, register, canary, promote."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from release.live_canary import canary
from release.plans import Plan
from release.promotion import Release, note_end, package, promote, register
from release.step import Place, Step, Verdict
from servekit.artefact_folder import MODEL
from servekit.json_file import write_json
from shop.artefact import Artefact, artefact_in
from shop.endpoints import MODELS
from shop.models.judging import CHOOSING, EvaluationError
from shop.models.openmp import OpenMpError
from shop.optimize.attempt import attempt_all, marks_of
from shop.optimize.calibration_set import CalibrationError
from shop.optimize.exams import read_exam
from shop.optimize.forms import forms_of
from shop.optimize.gate import ALLOWED_LOSS
from shop.optimize.latency import session
from shop.optimize.layers import GraphError
from shop.optimize.loss import bounded_losses
from shop.optimize.version import BASELINE, OPTIMISED, write_version
from shop.world.settings import WorldSettings
from workbench.arguments import positive
from workbench.registry.artefact import checked_card

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

__all__ = ["PLAN", "ShopRelease", "steps"]


_TROUBLES = (CalibrationError, EvaluationError, GraphError, OpenMpError)


class ShopRelease(Release, frozen=True, kw_only=True):
    """What a release of level 3 depends on.

    Attributes:
        world: the settings of the simulated shop.
        canary: options of the canary.
    """

    world: dict[str, int]
    canary: list[str]


def steps(trained: Callable[[WorldSettings, Path], None] | None = None) -> list[Step]:
    """The steps; a test gives another training."""
    return [
        Step("train", lambda place: _train(place, trained or _trained), troubles=_TROUBLES),
        Step("evaluate", _evaluate, ("train",), troubles=_TROUBLES),
        Step("optimise", _optimise, ("train",), ending="nothing to release", troubles=_TROUBLES),
        Step("gate", _gate, ("train", "optimise"), ending="refused", troubles=_TROUBLES),
        Step(
            "package",
            lambda place: package(artefact_in, place, place.of("optimise") / "challenger"),
            ("optimise", "gate"),
        ),
        Step(
            "register",
            partial(register, artefact_in),
            ("package", "gate"),
        ),
        Step("canary", canary, ("register",), ending="rolled back"),
        Step("promote", promote, ("register", "canary")),
    ]


def _trained(settings: WorldSettings, run_dir: Path) -> None:
    from shop.commands.train import train  # noqa: PLC0415 - LightGBM and SciPy are for who trains

    train(settings, run_dir, processes=2)


def _train(place: Place, trained: Callable[[WorldSettings, Path], None]) -> Verdict:
    """All three models, for they share a world and its features; the report goes to ``train.log``."""
    parameters: ShopRelease = place.parameters
    with (place.own / "train.log").open("w", encoding="utf-8") as log, contextlib.redirect_stdout(log):
        trained(WorldSettings.model_validate(parameters.world), place.own)
    card = Artefact.of(place.own / "models", parameters.model, BASELINE).card()
    return Verdict(
        "passed", f"{parameters.model}: {card.algorithm}: sha256 {card.sha256[:12]}…", {"sha256": card.sha256}
    )


def _evaluate(place: Place) -> Verdict:
    """The trained model, and what it was distilled from, on the period that no training sees."""
    parameters: ShopRelease = place.parameters
    exam = read_exam(place.of("train"), parameters.model)
    content = Artefact.of(place.of("train") / "models", parameters.model, BASELINE).onnx()
    quality = {name: round(value, 4) for name, value in marks_of(session(content), exam).quality.items()}
    write_json(place.own / "evaluation.json", quality)
    told = ", ".join(f"{name} {value:.4f}" for name, value in quality.items())
    return Verdict("passed", f"{told} on {len(exam.held_out):,} rows held out", quality)


def _optimise(place: Place) -> Verdict:
    """INT8 where its own gate lets it through, else FP32; what was chosen is left in ``challenger``."""
    parameters: ShopRelease = place.parameters
    model, run_dir = parameters.model, place.of("train")
    exam, practice = read_exam(run_dir, model), read_exam(run_dir, model, CHOOSING)
    models = place.own / "models"
    shutil.copytree(run_dir / "models" / model / BASELINE, models / model / BASELINE)
    content = Artefact.of(models, model, BASELINE).onnx()
    outcome = attempt_all(practice, exam, content, forms_of(model))
    chosen = OPTIMISED if write_version(models, exam, outcome) else BASELINE
    (models / model / chosen).rename(place.own / "challenger")
    shutil.rmtree(models)
    sha256 = checked_card(artefact_in(place.own / "challenger"))["sha256"]
    if parameters.champion and checked_card(artefact_in(Path(parameters.champion)))["sha256"] == sha256:
        return Verdict("failed", parameters.nothing_new)
    verdict = outcome.verdict
    reason = f"INT8 {verdict.form}: {verdict.speed_up.median:.2f}× as fast as FP32"
    if not verdict.passed:
        reason = f"FP32, for INT8 {verdict.form} was refused: {verdict.reasons[0]}"
    return Verdict("passed", reason, {"sha256": sha256, "quantisation": asdict(verdict)})


def _gate(place: Place) -> Verdict:
    """The challenger may lose no more against the champion than the gate of INT8 allows, with 95 % confidence.

    Where there is no champion, it must be better than what needs no model, the baseline of its own training.
    """
    parameters: ShopRelease = place.parameters
    exam = read_exam(place.of("train"), parameters.model)
    found = marks_of(session((place.of("optimise") / "challenger" / MODEL).read_bytes()), exam)
    if not parameters.champion:
        return _first(
            found.quality, Artefact.of(place.of("train") / "models", parameters.model, BASELINE).card().metrics
        )
    before = marks_of(session((Path(parameters.champion) / MODEL).read_bytes()), exam)
    losses = bounded_losses(before, found)
    reasons = [
        f"{name} {loss.after:.4f}: at most {loss.at_most:.4f} below the champion's {loss.before:.4f}, "
        f"expected at most {ALLOWED_LOSS * loss.before:.4f}"
        for name, loss in losses.items()
        if not loss.at_most <= ALLOWED_LOSS * loss.before
    ]
    told = "; ".join(f"{name} {loss.after:.4f}, champion {loss.before:.4f}" for name, loss in losses.items())
    return _gated(reasons, told, {name: asdict(loss) for name, loss in losses.items()})


def _first(quality: Mapping[str, float], metrics: Mapping[str, Any]) -> Verdict:
    least: dict[str, float] = metrics["baseline"]
    reasons = [
        f"{name} {value:.4f}, expected above the baseline's {least[name]:.4f}"
        for name, value in quality.items()
        if not value > least[name]
    ]
    return _gated(reasons, "the first, and better than the baseline", dict(quality))


def _gated(reasons: list[str], told: str, figures: Mapping[str, Any]) -> Verdict:
    return Verdict(
        "failed" if reasons else "passed",
        "; ".join(reasons) or told,
        {"passed": not reasons, "reasons": reasons, "figures": figures},
    )


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", choices=MODELS, default="ranking", help="which model (%(default)s)")
    parser.add_argument(
        "--traffic", type=positive, default=100, help="requests a second that are replayed (%(default)g)"
    )
    parser.add_argument("--margin", default="0.1", help="of the good outcomes that may be lost (%(default)s)")
    parser.add_argument("--error-margin", default="0.01", help="of the answers that may be errors (%(default)s)")
    parser.add_argument("--steps", default="1,5,25,50,100", help="shares of the canary's steps (%(default)s)")


def _parameters(options: argparse.Namespace) -> ShopRelease:
    canary = ["--traffic", f"{options.traffic:g}", "--margin", options.margin, "--error-margin", options.error_margin]
    return ShopRelease.now(
        options.model, world=WorldSettings().model_dump(), canary=[*canary, "--steps", options.steps]
    )


def _told(parameters: ShopRelease) -> str:
    return f"{parameters.model}, {parameters.against}"


PLAN = Plan(
    "Trains level 3's models, tries one beside the champion on live traffic, and promotes it.",
    ShopRelease, _add_options, _parameters, steps, _told, note_end,
)  # fmt: skip

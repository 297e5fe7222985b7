"""Level 3's release of a model: train, evaluate, optimise, gate, package, register, canary, promote."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from release.live_canary import canary
from release.plans import Plan
from release.promotion import champion_of, note_end, promote, register
from release.step import Place, Step, StepError, Verdict
from servekit.artefact_folder import MODEL
from servekit.json_file import write_json
from shop.artefact import Artefact, ArtefactError, artefact_in
from shop.endpoints import MODELS
from shop.models.judging import CHOOSING
from shop.optimize.attempt import attempt_all, marks_of
from shop.optimize.exams import read_exam
from shop.optimize.forms import forms_of
from shop.optimize.gate import ALLOWED_LOSS
from shop.optimize.latency import session
from shop.optimize.loss import bounded_losses
from shop.optimize.version import BASELINE, OPTIMISED, write_version
from shop.world.settings import WorldSettings
from workbench.arguments import positive
from workbench.registry.artefact import checked_card
from workbench.registry.lineage import lineage

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

__all__ = ["PLAN", "ShopRelease", "steps"]


class ShopRelease(msgspec.Struct, frozen=True):
    """What a release of level 3 depends on.

    Attributes:
        commit: the checkout, and whether files differ from it.
        lock_sha256: the digest of the pinned environment.
        model: which of the level's.
        world: the settings of the simulated shop.
        champion: the folder of the version that is served; empty where there is none yet.
        champion_version: its number in the registry; 0 where there is none.
        canary: options of the canary.
    """

    commit: str
    lock_sha256: str
    model: str
    world: dict[str, int]
    champion: str
    champion_version: int
    canary: list[str]


def steps(trained: Callable[[WorldSettings, Path], None] | None = None) -> list[Step]:
    """The steps; a test gives another training."""
    return [
        Step("train", lambda place: _train(place, trained or _trained)),
        Step("evaluate", _evaluate, ("train",)),
        Step("optimise", _optimise, ("train",), ending="nothing to release"),
        Step("gate", _gate, ("train", "optimise"), ending="refused"),
        Step("package", _package, ("optimise",)),
        Step("register", _register, ("package", "gate")),
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
    if parameters.champion and _card(parameters.champion)["sha256"] == sha256:
        return Verdict("failed", f"this very graph is the champion, {model} {parameters.champion_version}, already")
    verdict = outcome.verdict
    reason = f"INT8 {verdict.form}: {verdict.speed_up.median:.2f}× as fast as FP32"
    if not verdict.passed:
        reason = f"FP32, for INT8 {verdict.form} was refused: {verdict.reasons[0]}"
    return Verdict("passed", reason, {"sha256": sha256, "quantisation": asdict(verdict)})


def _gate(place: Place) -> Verdict:
    """The challenger may lose no more against the champion than the gate of INT8 allows, with 95 % confidence."""
    parameters: ShopRelease = place.parameters
    exam = read_exam(place.of("train"), parameters.model)
    found = marks_of(session((place.of("optimise") / "challenger" / MODEL).read_bytes()), exam)
    if not parameters.champion:
        return Verdict(
            "passed", "the first: there is no champion to be worse than", {"passed": True, "quality": found.quality}
        )
    before = marks_of(session((Path(parameters.champion) / MODEL).read_bytes()), exam)
    losses = bounded_losses(before, found)
    reasons = [
        f"{name} {loss.after:.4f}: at most {loss.at_most:.4f} below the champion's {loss.before:.4f}, "
        f"expected at most {ALLOWED_LOSS * loss.before:.4f}"
        for name, loss in losses.items()
        if not loss.at_most <= ALLOWED_LOSS * loss.before
    ]
    figures = {
        "passed": not reasons,
        "reasons": reasons,
        "losses": {name: asdict(loss) for name, loss in losses.items()},
    }
    if reasons:
        return Verdict("failed", "; ".join(reasons), figures)
    told = "; ".join(f"{name} {loss.after:.4f}, champion {loss.before:.4f}" for name, loss in losses.items())
    return Verdict("passed", told, figures)


def _package(place: Place) -> Verdict:
    """The artefact, whole and vouched for; nothing else is served."""
    shutil.copytree(place.of("optimise") / "challenger", place.own / "artefact")
    card = checked_card(artefact_in(place.own / "artefact"))
    return Verdict("passed", "whole: its files are those that model.json vouches for", {"created": card["created"]})


def _register(place: Place) -> Verdict:
    return register(place, artefact_in(place.of("package") / "artefact"))


def _card(folder: str) -> dict[str, Any]:
    try:
        return checked_card(artefact_in(Path(folder)))
    except ArtefactError as error:
        raise StepError(f"champion: {error}: promote another version") from None


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", choices=MODELS, default="ranking", help="which model (%(default)s)")
    parser.add_argument(
        "--traffic", type=positive, default=100, help="requests a second that are replayed (%(default)g)"
    )
    parser.add_argument("--margin", default="0.1", help="of the good outcomes that may be lost (%(default)s)")
    parser.add_argument("--error-margin", default="0.01", help="of the answers that may be errors (%(default)s)")
    parser.add_argument("--steps", default="1,5,25,50,100", help="shares of the canary's steps (%(default)s)")


def _parameters(options: argparse.Namespace) -> ShopRelease:
    champion, here = champion_of(options.model), lineage()
    canary = ["--traffic", f"{options.traffic:g}", "--margin", options.margin, "--error-margin", options.error_margin]
    return ShopRelease(
        commit=here["git_commit"],
        lock_sha256=here["lock_sha256"],
        model=options.model,
        world=WorldSettings().model_dump(),
        champion=str(champion.folder) if champion else "",
        champion_version=champion.number if champion else 0,
        canary=[*canary, "--steps", options.steps],
    )


def _told(parameters: ShopRelease) -> str:
    return f"{parameters.model}, champion {parameters.champion_version or 'none yet'}"


PLAN = Plan(
    "Trains level 3's models, tries one beside the champion on live traffic, and promotes it.",
    ShopRelease, _add_options, _parameters, steps, _told, note_end,
)  # fmt: skip

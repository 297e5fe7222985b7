"""Level 2's release: train, evaluate, gate, package, register, canary, promote.

The canary is a second pipeline, all three steps and the router, with the challenger in each: a step that prepares the
ratings of one model must not feed another.
"""

from __future__ import annotations

import shutil
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from recommender.adapters.artefact import artefact_in
from recommender.commands.serving import RecommenderLevel
from recommender.settings import RecommenderSettings
from recommender.training.judging import judge
from recommender.training.movielens import DataError, read_movielens
from release.canary import Promise, add_promise, judged
from release.level_command import called
from release.plans import Plan
from release.promotion import Release, note_end, package, promote, register
from release.step import Place, Step, Verdict
from servekit.json_file import write_json
from workbench.bench import free_block
from workbench.registry.artefact import checked_card
from workbench.versions import ROOT

if TYPE_CHECKING:
    import argparse

__all__ = ["PLAN", "FilmsRelease", "steps"]

LESS = {"ndcg_at_10": 0.005, "recall_at_20": 0.01}
"""By so much a measure may be lower than the champion's."""

FIRST = {"ndcg_at_10": 0.12, "recall_at_20": 0.2}
"""What the first version must reach, where there is no champion to hold it against."""

_SLA = ROOT / "02-intermediate-seldon-pipeline" / "sla.toml"
_VERSIONS = {"ease": "1", "als": "2"}
_PORTS = ("PORT", "VALKEY_PORT", "PREPROCESSOR_PORT", "MODEL_PORT", "SECOND_MODEL_PORT", "POSTPROCESSOR_PORT")


class FilmsRelease(Release, frozen=True, kw_only=True):
    """What a release of level 2 depends on.

    Attributes:
        promise: that the canary is held to.
        algorithm: ``ease`` or ``als``.
    """

    promise: Promise
    algorithm: str


def steps() -> list[Step]:
    """The steps."""
    return [
        Step("train", _train),
        Step("evaluate", _evaluate, ("train",), ending="nothing to release", troubles=(DataError,)),
        Step("gate", _gate, ("evaluate",), ending="refused"),
        Step("package", lambda place: package(artefact_in, place, _challenger(place)), ("train", "gate")),
        Step(
            "register",
            partial(register, artefact_in),
            ("package", "gate"),
        ),
        Step("canary", _canary, ("package", "register"), ending="rolled back"),
        Step("promote", _promote, ("register", "canary")),
    ]


def _train(place: Place) -> Verdict:
    """Both algorithms, as ``make train-2``; its report is in ``train.log``."""
    parameters: FilmsRelease = place.parameters
    environment = {"RECOMMENDER_MODELS_DIR": str(place.own / "models"), "MLFLOW_TRACKING_URI": "off"}
    called(place, "recommender.commands.train", environment=environment)
    card = checked_card(artefact_in(place.own / "models" / _VERSIONS[parameters.algorithm]))
    return Verdict("passed", f"{parameters.algorithm}: sha256 {card['sha256'][:12]}…", {"sha256": card["sha256"]})


def _challenger(place: Place) -> Path:
    return place.of("train") / "models" / _VERSIONS[place.parameters.algorithm]


def _evaluate(place: Place) -> Verdict:
    """The challenger and the champion on what users did later, each by its own graph."""
    parameters: FilmsRelease = place.parameters
    interactions, _ = read_movielens(RecommenderSettings().movielens_dir)
    found = {"challenger": asdict(judge(_challenger(place), interactions))}
    if parameters.champion:
        champion = Path(parameters.champion)
        if checked_card(artefact_in(champion))["sha256"] == place.figures["train"]["sha256"]:
            return Verdict("failed", parameters.nothing_new)
        found["champion"] = asdict(judge(champion, interactions))
    write_json(place.own / "evaluation.json", found)
    told = "; ".join(f"{name} NDCG@10 {each['ndcg_at_10']:.3f}" for name, each in found.items())
    return Verdict("passed", told, found)


def _gate(place: Place) -> Verdict:
    """The challenger may not be worse than the champion; where there is none, it must reach `FIRST`."""
    found: dict[str, dict[str, float]] = dict(place.figures["evaluate"])
    challenger, champion = found["challenger"], found.get("champion")
    least = {name: champion[name] - less for name, less in LESS.items()} if champion else FIRST
    reasons = [
        f"{name} {challenger[name]:.4f}, expected at least {value:.4f}"
        for name, value in least.items()
        if not challenger[name] >= value
    ]
    figures = {"passed": not reasons, "reasons": reasons, **found}
    if reasons:
        return Verdict("failed", "; ".join(reasons), figures)
    return Verdict("passed", "not worse than the champion" if champion else "good enough to be the first", figures)


def _canary(place: Place) -> Verdict:
    parameters: FilmsRelease = place.parameters
    site = place.own.resolve() / "site"
    for version in _VERSIONS.values():  # the pipeline serves version 1; the load's oracle asks for both
        shutil.copytree(place.of("package") / "artefact", site / "models" / version)
    (site / ".venvs").symlink_to(ROOT / ".venvs")
    first = free_block(40)
    ports = dict(zip(_PORTS, range(first, first + 6 * 5, 5), strict=True))
    environment = {f"RECOMMENDER_{name}": str(port) for name, port in ports.items()}
    environment |= {"RECOMMENDER_MODELS_DIR": str(site / "models"), "RECOMMENDER_LOGINS_DIR": str(site / "logins")}
    try:
        called(place, "recommender.commands.stack", "up", environment=environment, folder=site)
        url = f"http://127.0.0.1:{ports['PORT']}"
        return judged(place, url, parameters.promise, environment)
    finally:
        called(place, "recommender.commands.stack", "down", environment=environment, folder=site)


def _promote(place: Place) -> Verdict:
    """On the running level, too, without a lost request."""
    return promote(place, lambda move: place.say(RecommenderLevel().serve(move.after)))


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--algorithm", choices=_VERSIONS, default="ease", help="which (%(default)s)")
    add_promise(parser, _SLA)


def _parameters(options: argparse.Namespace) -> FilmsRelease:
    return FilmsRelease.now("recommender", promise=Promise.of(options), algorithm=options.algorithm)


def _told(parameters: FilmsRelease) -> str:
    return f"recommender by {parameters.algorithm}, {parameters.against}"


PLAN = Plan(
    "Trains level 2's model, holds it against the champion, tries a pipeline with it, and promotes it.",
    FilmsRelease, _add_options, _parameters, steps, _told, note_end,
)  # fmt: skip

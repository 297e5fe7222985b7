"""What level 2 serves: the champion of ``recommender``, or what RECOMMENDER_MODEL names. How it follows a promotion.

All three steps read the same artefact, each of them once, as it starts. So a promotion starts three new ones beside
those in service, on the spare ports, and the next promotion goes back to the usual ports. When the new ones are ready,
the router sends each request that begins from then on through them. The old ones end when nobody asks them any more.
Seldon's operator does the same in a cluster: it starts pods for a predictor that changed.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from graph_router.adapters.deployment_yaml import read_deployment
from graph_router.entrypoints.served_graph import digests
from recommender.adapters.artefact import Artefact, ArtefactError, artefact_in
from recommender.commands.operator import write
from recommender.commands.processes import GRAPH, SPARE, USUAL, placed, placed_last, stack_of
from recommender.settings import RecommenderSettings
from servekit.http_ask import ask
from workbench.registry import ModelVersion, Place, RegistryError, holds, put_in_place
from workbench.stack import StackError, find_started, hand_over, send, take_over
from workbench.terminal import make_console

if TYPE_CHECKING:
    from recommender.commands.operator import PlacedDeployment
    from workbench.stack import Stack

__all__ = ["CHAMPION", "RecommenderLevel", "RecommenderReference", "in_service", "place"]

CHAMPION = "RECOMMENDER_CHAMPION_DIR"
_TAKES_WITHIN_S = 30.0
_POLL_S = 0.05


class RecommenderReference(BaseSettings):
    """Which model the stable predictor of level 2 serves."""

    model_config = SettingsConfigDict(env_prefix="RECOMMENDER_")

    model: str = Field(
        "models:/recommender@champion", description="A registered model, as models:/NAME@ALIAS or models:/NAME/VERSION."
    )


def place(served: Path = USUAL) -> Place:
    """Where training writes, and where the steps read what was resolved."""
    return Place(artefact_in(RecommenderSettings().models_dir / "1"), served, "RECOMMENDER_MODEL")


def in_service() -> Path | None:
    """The folder with the champion of a level that is up; None for one that is not, or that serves another folder."""
    found = find_started(2)
    folder = Path(found.settings.get(CHAMPION, "")) if found else None
    return folder if folder in {USUAL, SPARE} else None


class RecommenderLevel:
    """Level 2, as a promotion knows it; this process goes on with the settings of the level that is up."""

    number = 2
    models: tuple[str, ...] = ("recommender",)

    def __init__(self) -> None:
        take_over(2)

    def serve(self, version: ModelVersion) -> str:
        """Brings a version that loads and predicts to a running level, and to where the next start finds it."""
        _check(version)
        now = in_service()
        if now is None and find_started(2) is not None:
            folder = RecommenderSettings().stable_dir
            return f"level 2 goes on with {folder}, which it was started with"
        if now is None:
            put_in_place(version, place())
            return "level 2 is not up; its next start serves it"
        if holds(place(now), version):
            return "level 2 serves it"
        try:
            self._move(version, USUAL if now == SPARE else SPARE)
        except (StackError, OSError) as error:
            raise RegistryError(f"level 2: {error}") from None
        put_in_place(version, place())
        return "level 2 serves it, without a lost request"

    def _move(self, version: ModelVersion, target: Path) -> None:
        put_in_place(version, place(target))
        settings = RecommenderSettings()
        old = placed_last(settings)
        if not any(step.stable for step in old.processes):
            raise StackError(
                "no container of its deployment names /models/recommender/1, which the champion stands for"
            )
        before, os.environ[CHAMPION] = os.environ.get(CHAMPION, ""), str(target)
        try:
            after = RecommenderSettings()
            new = placed(old.document, after)
            stack = stack_of(old, settings)
            hand_over(stack, stack_of(new, after), lambda: _switch(stack, old, new), make_console())
        except BaseException:
            os.environ[CHAMPION] = before
            raise


def _switch(stack: Stack, old: PlacedDeployment, new: PlacedDeployment) -> None:
    """Moves the router from one deployment to another, or back if that fails."""
    try:
        _route(stack, new)
    except BaseException:
        with suppress(StackError, OSError):
            _route(stack, old)
        raise


def _route(stack: Stack, deployment: PlacedDeployment) -> None:
    """Has the router serve a deployment; returns when no request is on its way through another.

    Raises:
        StackError: it does not, within half a minute; it goes on with the deployment that it has.
    """
    wanted = digests(read_deployment(deployment.document))
    write(deployment, GRAPH)
    send(stack, stack.processes[-1], "USR1")
    deadline = time.monotonic() + _TAKES_WITHIN_S
    while _served() != wanted:
        if time.monotonic() > deadline:
            raise StackError(f"the router does not serve it after {_TAKES_WITHIN_S:g} s: make logs-2 says why")
        time.sleep(_POLL_S)


def _served() -> set[tuple[str, str]]:
    """Version and digest of each graph that the router serves or has still requests in."""
    text = ask(f"http://127.0.0.1:{RecommenderSettings().port}/metrics", 5).body.decode()
    return {
        (sample.labels["version"], sample.labels["sha256"])
        for family in text_string_to_metric_families(text)
        if family.name == "serving_model_info"
        for sample in family.samples
        if sample.value
    }


def _check(version: ModelVersion) -> None:
    """Checks that all parts of an artefact load, and that its model scores.

    Raises:
        RegistryError: they do not.
    """
    # only who promotes needs the runtime, not who starts or looks
    from recommender.adapters.onnx_model import OnnxModel  # noqa: PLC0415

    artefact = Artefact(version.folder)
    try:
        model, items = OnnxModel(artefact), len(artefact.catalogue().items)
        artefact.normalisation(), artefact.histories()  # the other two steps' parts
        scores = model.scores(np.zeros((1, items), np.float32))
    except ArtefactError as error:
        raise RegistryError(f"{version.title}: cannot be served: {error}") from None
    if not np.isfinite(scores).all():
        raise RegistryError(f"{version.title}: cannot be served: its scores are not finite")

"""The rules for the version of a model that is served: the champion."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, NamedTuple

from servekit.artefact_folder import CARD, MODEL
from workbench.governance.card import LINEAGE, model_card
from workbench.governance.evidence import stale
from workbench.governance.text import CardError, texts_of
from workbench.governance.verdict import failed, met, not_applicable
from workbench.registry import CHAMPION, RegistryError
from workbench.registry.artefact import checked_folder
from workbench.registry.lineage import CHANGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.governance.evidence import Site
    from workbench.governance.rulebook import Rulebook
    from workbench.governance.verdict import Said
    from workbench.registry import ModelVersion

__all__ = ["MODEL_RULES", "Subject", "registered"]

_EXECUTABLE: Final = (".bin", ".h5", ".joblib", ".keras", ".pickle", ".pkl", ".pt", ".pth")


class Subject(NamedTuple):
    """A model with what it is held to."""

    level: int
    name: str
    site: Site
    rules: Rulebook

    @property
    def train(self) -> str:
        """The command that makes a version."""
        return f"make train-{self.level}"

    @property
    def champion(self) -> ModelVersion | None:
        """The version that is served; None where there is none.

        Raises:
            RegistryError: the alias points to a version that is gone.
        """
        model = self.site.models.get(self.name)
        return model.alias(CHAMPION) if model else None


def registered(subject: Subject) -> Said:
    """The model is in the registry, and an alias says which version is served."""
    try:
        champion = subject.champion
    except RegistryError as error:
        return failed(str(error), "make registry")
    if champion is None:
        return failed("no champion in the registry", f"{subject.train}, or make register-{subject.level}")
    return met(f"version {champion.number} is the champion")


def _lineage(subject: Subject, champion: ModelVersion) -> Said:
    """Where the version came from is known: commit, data, environment, command."""
    if missing := [name for name in LINEAGE if champion.tags.get(name, "") in {"", "unknown"}]:
        return failed(f"unknown: {', '.join(missing)}", f"{subject.train} in a git checkout, then promote it")
    commit = champion.tags["git_commit"]
    if subject.rules.clean_commit and commit.endswith(CHANGED):
        return failed(f"commit {commit}: files differed from it", f"commit, then {subject.train}")
    return met(f"commit {commit[:12]}")


def _packaged(_: Subject, champion: ModelVersion) -> Said:
    """It is an ONNX graph with a card, and nothing in its folder runs code when it is loaded."""
    try:
        names = [path.name for path in champion.folder.iterdir()]
    except (OSError, RegistryError) as error:
        return failed(str(error), "restore the registry's folder, or promote another version")
    if missing := [name for name in (MODEL, CARD) if name not in names]:
        return failed(f"{champion.folder} has no {', '.join(missing)}", "promote another version: make registry")
    if executable := [name for name in names if name.endswith(_EXECUTABLE)]:
        return failed(f"{champion.folder} holds {', '.join(executable)}", "export to ONNX, and register that")
    return met(f"{MODEL} and {CARD}")


def _bytes(subject: Subject, champion: ModelVersion) -> Said:
    """The files are those that were registered."""
    if _packaged(subject, champion).result == "failed":
        return not_applicable("the rule packaged fails: there are no files to compare")
    try:
        checked_folder(champion, subject.train, subject.rules.levels[str(subject.level)].keys)
    except RegistryError as error:
        return failed(str(error), "restore the registry's folder, or promote another version")
    return met(f"sha256 {champion.sha256[:12]}")


def _gate(subject: Subject, champion: ModelVersion) -> Said:
    """It passed a gate, not too long ago."""
    release = f"make release-{subject.level}"
    if "gate" not in champion.tags:
        return failed(f"{champion.title} was registered without a gate's report", release)
    try:
        report = dict(json.loads(champion.tags["gate"]))
    except (ValueError, TypeError):
        return failed("the gate's report is no JSON object", release)
    if not report:
        return failed("the gate's report is empty", release)
    if report.get("reasons") or report.get("passed") is False:
        return failed(f"refused: {'; '.join(report.get('reasons', [])) or 'no reason given'}", release)
    if old := stale(champion.created, subject.site, subject.rules.ages.of("gate")):
        return failed(f"passed, {old}", release)
    return met(f"passed on {champion.created:%Y-%m-%d}")


def _card(subject: Subject, _: ModelVersion) -> Said:
    """Its model card is complete, and its owner is known."""
    make = f"make model-card-{subject.level}"
    texts = texts_of(subject.level, subject.site.root)
    text = texts.get(subject.name)
    if text is None or isinstance(text, CardError):
        broken = [str(each) for each in texts.values() if isinstance(each, CardError)]
        return failed("; ".join(broken) or f"no model_card.toml for {subject.name}", f"write it, then {make}")
    if text.owner not in subject.rules.owners:
        return failed(f"owner {text.owner} is not among {', '.join(subject.rules.owners)}", "policy.toml: [owners]")
    try:
        model_card(text, subject.site.models.get(subject.name))
    except CardError as error:
        return failed("; ".join(str(error).splitlines()[:-1]), make)
    return met(f"complete, owner {text.owner}")


MODEL_RULES: Final[dict[str, Callable[[Subject, ModelVersion], Said]]] = {
    "lineage": _lineage,
    "packaged": _packaged,
    "bytes": _bytes,
    "gate": _gate,
    "model card": _card,
}
"""The rules for a champion, by name; `registered` comes before them."""
